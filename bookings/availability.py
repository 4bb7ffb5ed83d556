"""The questions about free time, each in a constant number of queries.

The answers are advice: the reservation constraint is the judge. Dates are local dates of the
locations; instants are aware and in UTC. A question spans 62 days at most (ValueError beyond).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from clinic.clock import local, now
from practitioners.models import Audience, Location, Practitioner, Therapy, Treatment

from .board import Board
from .errors import StartNotOffered
from .freetime import assign, spans_in, ticks_in
from .models import Appointment
from .ticks import Window, dates, grid, wall_dates

LONGEST_DAYS = 62
# A day with as few starts as this is shown as nearly full.
FEW = 3


@dataclass(frozen=True)
class Start:
    """A time at which a treatment can begin at a location, and with whom."""

    at: datetime
    location: Location
    practitioners: tuple[Practitioner, ...]

    @property
    def local(self) -> datetime:
        return local(self.at, self.location.time_zone)


@dataclass(frozen=True)
class NextFree:
    """The earliest start of a practitioner, and of which treatment."""

    at: datetime
    location: Location
    treatment: Treatment

    @property
    def local(self) -> datetime:
        return local(self.at, self.location.time_zone)


@dataclass(frozen=True)
class Day:
    """One day of a month's calendar; `capacity` counts its starts if nobody had booked."""

    date: date
    starts: list[Start]
    capacity: int
    is_past: bool

    @property
    def state(self) -> str:
        if self.is_past:
            return "past"
        if not self.capacity and not self.starts:
            return "closed"
        if not self.starts:
            return "full"
        return "few" if len(self.starts) <= FEW else "free"


@dataclass(frozen=True)
class Month:
    """A month of one treatment, day by day."""

    first: date
    days: list[Day]

    @cached_property
    def _by_date(self) -> dict[date, Day]:
        return {d.date: d for d in self.days}

    def day(self, day: date) -> Day | None:
        return self._by_date.get(day)

    @property
    def starts(self) -> list[Start]:
        return [s for d in self.days for s in d.starts]


@dataclass(frozen=True)
class Query:
    """Which starts are wanted: of which treatment, on which local dates, with whom, where."""

    treatment: Treatment
    first: date
    last: date
    practitioner: Practitioner | None = None
    location: Location | None = None
    new_patient: bool = False
    moving: Appointment | None = None
    # Staff may go round notice and horizon, and start off the grid; never round what is taken.
    override: bool = False

    def board(self, instant: datetime, treatments: Sequence[Treatment] = ()) -> Board:
        if not 0 <= (self.last - self.first).days < LONGEST_DAYS:
            raise ValueError("a question spans 1 to 62 days")
        return Board(
            Window.around(self.first, self.last),
            treatments or [self.treatment],
            now=instant,
            practitioner=self.practitioner,
            moving=self.moving,
        )

    def allowed(self, board: Board, place: Location, instant: datetime) -> int:
        """Ticks at which grid, dates, notice and horizon let a start be."""
        window, zone, treatment = board.window, place.time_zone, self.treatment
        mask = wall_dates(window, zone, self.first, self.last)
        if self.override:
            return mask & window.within(instant - timedelta(days=1), window.end)
        mask &= grid(window, zone, treatment.grid_minutes)
        earliest = instant + timedelta(minutes=treatment.notice_minutes)
        last_day = local(instant, zone).date() + timedelta(days=treatment.horizon_days)
        mask &= window.clip(max(window.ceil(earliest), 0), window.ticks)
        return mask & wall_dates(window, zone, min(self.first, last_day), last_day)

    def people(self, board: Board) -> list[Practitioner]:
        """Who may give it, in the directory's order."""
        fresh = self.new_patient or self.treatment.audience == Audience.NEW
        found = (board.people[pk] for pk in board.givers[self.treatment.pk])
        return [p for p in found if p.takes_new_patients or not fresh or self.override]

    def places(self, board: Board) -> list[Location]:
        return [
            p for p in board.locations.values() if self.location is None or p.pk == self.location.pk
        ]

    def masks(
        self, board: Board, instant: datetime, *, ignore_taken: bool = False
    ) -> Iterator[tuple[Location, Practitioner, int]]:
        """(location, practitioner, ticks at which it can start), one each."""
        for place in self.places(board):
            allowed = self.allowed(board, place, instant)
            if not allowed:
                continue
            for person in self.people(board):
                mask = allowed & board.starts(
                    self.treatment.pk, person.pk, place.pk, ignore_taken=ignore_taken
                )
                if mask:
                    yield place, person, mask


def _starts(query: Query, board: Board, instant: datetime) -> list[Start]:
    who: dict[tuple[int, int], list[Practitioner]] = defaultdict(list)
    for place, person, mask in query.masks(board, instant):
        for tick in ticks_in(mask):
            who[tick, place.pk].append(person)
    return [
        Start(board.window.instant(tick), board.locations[place], tuple(people))
        for (tick, place), people in sorted(who.items(), key=lambda item: item[0])
    ]


def starts(
    treatment: Treatment,
    first: date,
    last: date,
    *,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
    new_patient: bool = False,
    moving: Appointment | None = None,
) -> list[Start]:
    """Every start of a treatment on the local dates first..last, earliest first."""
    query = Query(treatment, first, last, practitioner, location, new_patient, moving)
    instant = now()
    return _starts(query, query.board(instant), instant)


def by_day(found: Iterable[Start]) -> dict[date, list[Start]]:
    """Starts by their local date."""
    days: dict[date, list[Start]] = defaultdict(list)
    for start in found:
        days[start.local.date()].append(start)
    return dict(days)


def month(
    treatment: Treatment,
    first_of_month: date,
    *,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
    moving: Appointment | None = None,
) -> Month:
    """A calendar month of a treatment: its starts and how full each day is."""
    first = first_of_month.replace(day=1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    query = Query(treatment, first, last, practitioner, location, moving=moving)
    instant = now()
    board = query.board(instant)
    free = by_day(_starts(query, board, instant))
    capacity: dict[date, int] = defaultdict(int)
    merged: dict[int, int] = defaultdict(int)
    for place, _person, mask in query.masks(board, instant, ignore_taken=True):
        merged[place.pk] |= mask
    for pk, mask in merged.items():
        zone = board.locations[pk].time_zone
        for day in dates(first, last):
            capacity[day] += (mask & wall_dates(board.window, zone, day, day)).bit_count()
    places = query.places(board)
    today = min((local(instant, p.time_zone).date() for p in places), default=first)
    days = [Day(day, free.get(day, []), capacity[day], day < today) for day in dates(first, last)]
    return Month(first, days)


def next_free(
    practitioners: Iterable[Practitioner],
    *,
    days: int = 28,
    new_patient: bool = True,
    therapy: Therapy | None = None,
    location: Location | None = None,
) -> dict[int, NextFree]:
    """The earliest start of each practitioner within `days`, over what a stranger may book.

    Treatments for returning patients, and those that need an assessment first, count only with
    `new_patient` off. `therapy` and `location` narrow it to treatments of one and to one place.
    """
    people = {p.pk: p for p in practitioners}
    if not people:
        return {}
    wanted = Treatment.objects.bookable().filter(practitioners__in=list(people)).distinct()
    if new_patient:
        wanted = wanted.exclude(audience=Audience.RETURNING).filter(requires=None)
    if therapy:
        wanted = wanted.filter(therapy=therapy)
    found: dict[int, NextFree] = {}
    for treatment, place, person, at in _earliest(list(wanted), days, new_patient, location):
        best = found.get(person.pk)
        if person.pk in people and (best is None or at < best.at):
            found[person.pk] = NextFree(at, place, treatment)
    return found


def next_for_treatments(
    treatments: Iterable[Treatment],
    *,
    days: int = 28,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
) -> dict[int, Start]:
    """The earliest start of each treatment within `days`, with and at whom it is asked for."""
    found: dict[int, Start] = {}
    for treatment, place, person, at in _earliest(list(treatments), days, False, location):
        if practitioner not in (None, person):
            continue
        best = found.get(treatment.pk)
        if best is None or at < best.at:
            found[treatment.pk] = Start(at, place, (person,))
    return found


def _earliest(
    treatments: list[Treatment],
    days: int,
    new_patient: bool,
    location: Location | None = None,
) -> Iterator[tuple[Treatment, Location, Practitioner, datetime]]:
    """The first start of every treatment with every practitioner at every location."""
    if not treatments:
        return
    instant = now()
    first = instant.date() - timedelta(days=1)
    last = first + timedelta(days=min(days + 1, LONGEST_DAYS - 1))
    board = Query(treatments[0], first, last).board(instant, treatments)
    for treatment in treatments:
        query = Query(treatment, first, last, location=location, new_patient=new_patient)
        for place, person, mask in query.masks(board, instant):
            yield treatment, place, person, board.window.instant(next(ticks_in(mask)))


def alternatives(
    treatment: Treatment,
    start: datetime,
    *,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
    n: int = 6,
    moving: Appointment | None = None,
) -> list[Start]:
    """The `n` free starts nearest to a wish within a week: the same practitioner's first."""
    first = start.date() - timedelta(days=7)
    query = Query(treatment, first, first + timedelta(days=14), location=location, moving=moving)
    instant = now()
    found = _starts(query, query.board(instant), instant)
    wanted = practitioner.pk if practitioner else None

    def distance(s: Start) -> tuple[bool, timedelta]:
        other = wanted is not None and wanted not in {p.pk for p in s.practitioners}
        return other, abs(s.at - start)

    return sorted(sorted(found, key=distance)[:n], key=lambda s: s.at)


# --- taking one start -----------------------------------------------------------
@dataclass(frozen=True)
class Placement:
    """What a start takes: (resource id, from, to) a row, sorted by resource; and with whom."""

    practitioner: Practitioner
    location: Location
    claims: list[tuple[int, datetime, datetime]]
    # The start joins a group whose shared resources somebody else has taken already.
    joins: bool


def place(query: Query, start: datetime) -> list[Placement]:
    """The ways to take one start, best first; raises StartNotOffered with the reason.

    An empty list means that the start would be offered, but is taken. With "anyone", the
    practitioner with the least to do that day comes first.
    """
    instant = now()
    if start < instant and not query.override:
        raise StartNotOffered("past")
    # Before any arithmetic: the ends of the calendar leave no room for a window around them.
    if abs((start.date() - instant.date()).days) > 730:
        raise StartNotOffered("beyond_horizon" if start > instant else "past")
    day = local(start, query.location.time_zone).date() if query.location else start.date()
    query = Query(
        query.treatment,
        day - timedelta(days=1),
        day + timedelta(days=1),
        query.practitioner,
        query.location,
        query.new_patient,
        query.moving,
        query.override,
    )
    board = query.board(instant)
    tick = board.window.floor(start)
    if board.window.instant(tick) != start:
        raise StartNotOffered("off_grid")
    ways = [
        (
            board.taken(person.resource.pk).bit_count(),
            n,
            _placement(query, board, tick, loc, person),
        )
        for n, (loc, person, mask) in enumerate(query.masks(board, instant))
        if mask >> tick & 1
    ]
    if not ways:
        _say_why(query, board, tick, instant)
    return [way for _busy, _n, way in sorted(ways, key=lambda w: w[:2])]


def _placement(
    query: Query, board: Board, tick: int, location: Location, person: Practitioner
) -> Placement:
    window, treatment = board.window, query.treatment
    joins = board.is_joinable(treatment.pk, person.pk, location.pk, tick)
    parts = board.parts(treatment.pk, person.pk, location.pk, shared=not joins)
    chosen = assign(parts, board.free_map(parts, location.pk), tick) or []
    claims = [
        (member, window.instant(tick + part.start), window.instant(tick + part.end))
        for part, members in zip(parts, chosen, strict=True)
        for member in members
    ]
    return Placement(person, location, sorted(claims), joins)


def _say_why(query: Query, board: Board, tick: int, instant: datetime) -> None:
    """Raise StartNotOffered where the start would not be offered in an empty diary either."""
    treatment, start = query.treatment, board.window.instant(tick)
    if start < instant and not query.override:
        raise StartNotOffered("past")
    if not board.people or not query.people(board):
        raise StartNotOffered("not_given" if query.practitioner else "not_bookable")
    if any(mask >> tick & 1 for _l, _p, mask in query.masks(board, instant, ignore_taken=True)):
        return
    if not query.override:
        places = query.places(board)
        if start < instant + timedelta(minutes=treatment.notice_minutes):
            raise StartNotOffered("too_soon")
        zones = [p.time_zone for p in places] or ["UTC"]
        furthest = timedelta(days=treatment.horizon_days)
        if all(local(start, z).date() > local(instant, z).date() + furthest for z in zones):
            raise StartNotOffered("beyond_horizon")
        if not any(grid(board.window, z, treatment.grid_minutes) >> tick & 1 for z in zones):
            raise StartNotOffered("off_grid")
    raise StartNotOffered("closed")


def free_spans(
    practitioner: Practitioner, first: date, last: date
) -> list[tuple[datetime, datetime, Location]]:
    """The gaps in a practitioner's hours: (from, to, location), earliest first."""
    given = list(practitioner.treatments.all()[:1])
    if not given:
        return []
    instant = now()
    board = Query(given[0], first, last, practitioner).board(instant)
    if practitioner.pk not in board.people:
        return []
    pk = board.people[practitioner.pk].resource.pk
    found = []
    for location in board.locations.values():
        mask = board.free(pk, location.pk) & wall_dates(
            board.window, location.time_zone, first, last
        )
        for a, b in spans_in(mask):
            found.append((board.window.instant(a), board.window.instant(b), location))
    return sorted(found, key=lambda span: span[0])
