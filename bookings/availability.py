"""The questions about free time, each in four queries whatever is asked and stored.

The answers are advice: the reservation constraint is the judge. Dates are local dates of the
locations; instants are aware and in UTC. A question spans 62 days at most (ValueError beyond).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property, partial
from itertools import islice
from operator import itemgetter
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from clinic.clock import local, now
from practitioners.models import Audience, Location, Practitioner, Therapy, Treatment

from .board import Board
from .freetime import spans_in, ticks_in
from .models import Appointment
from .rows import Wanted, load
from .ticks import Window, daily, dates, grid, wall_dates

LONGEST_DAYS = 62
# A day with as few starts as this is shown as nearly full.
FEW = 3


class Part(TextChoices):
    """A part of the day, by the hour on the wall at which a visit starts."""

    MORNING = "morning", _("Morning")
    AFTERNOON = "afternoon", _("Afternoon")
    EVENING = "evening", _("Evening")

    @property
    def hours(self) -> tuple[time, time]:
        """From, to; 00:00 is the next midnight."""
        noon, five = time(12), time(17)
        return {
            Part.MORNING: (time(0), noon),
            Part.AFTERNOON: (noon, five),
            Part.EVENING: (five, time(0)),
        }[self]

    @classmethod
    def of(cls, hour: time) -> "Part":
        """The one that an hour is in."""
        return next(part for part in cls if hour < part.hours[1] or part.hours[1] == time(0))


# A search over many people has thousands of these: they are cheap to make, and say who is free
# when somebody wants to know.
@dataclass(slots=True, unsafe_hash=True)
class Start:
    """A time at which a treatment can begin at a location, and with whom."""

    at: datetime
    location: Location
    who: Callable[[], tuple[Practitioner, ...]] = field(repr=False, compare=False)

    @property
    def practitioners(self) -> tuple[Practitioner, ...]:
        """In the directory's order."""
        return self.who()

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
    """One day of a calendar; `capacity` counts its starts if nobody had booked."""

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

    @property
    def taken_share(self) -> float:
        """How full the day is: 0 when nothing is booked, 1 when nothing is left or it is closed."""
        return 1 - min(len(self.starts) / self.capacity, 1) if self.capacity else 1


@dataclass(frozen=True)
class Month:
    """Days of one treatment, most often a month's; `first` is the first of them."""

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
    # Staff may go round notice, horizon and the number of first visits a day, and start off the
    # grid; never round what is taken.
    override: bool = False
    # The visit's length where it is not the treatment's own.
    minutes: int | None = None
    # Of the practitioner; a language by its code.
    gender: str = ""
    language: str = ""
    # The part of the day in which it starts, on the wall: from, to (00:00 is midnight).
    hours: tuple[time, time] | None = None

    def board(self, instant: datetime) -> Board:
        wanted = Wanted(
            [self.treatment],
            [self.practitioner.pk] if self.practitioner else None,
            gender=self.gender,
            language=self.language,
            moving=self.moving,
        )
        return _board(self.first, self.last, wanted, instant)

    def allowed(self, board: Board, place: Location, instant: datetime) -> int:
        """Ticks at which grid, dates, part of day, notice and horizon let a start be."""
        window, zone, treatment = board.window, place.time_zone, self.treatment
        mask = wall_dates(window, zone, self.first, self.last)
        if self.hours:
            mask &= daily(window, zone, *self.hours)
        if self.override:
            return mask & window.within(instant - timedelta(days=1), window.end)
        mask &= grid(window, zone, treatment.grid_minutes)
        earliest = instant + timedelta(minutes=treatment.notice_minutes)
        last_day = local(instant, zone).date() + timedelta(days=treatment.horizon_days)
        mask &= window.clip(max(window.ceil(earliest), 0), window.ticks)
        return mask & wall_dates(window, zone, min(self.first, last_day), last_day)

    def people(self, board: Board) -> list[int]:
        """Who may give it, in the directory's order."""
        fresh = self.new_patient or self.treatment.audience == Audience.NEW
        found = board.givers(self.treatment.pk)
        return [
            pk for pk in found if not fresh or self.override or board.person(pk).takes_new_patients
        ]

    def places(self, board: Board) -> list[Location]:
        return [
            p for p in board.locations.values() if self.location is None or p.pk == self.location.pk
        ]

    def masks(
        self, board: Board, instant: datetime, *, ignore_taken: bool = False
    ) -> Iterator[tuple[Location, int, int]]:
        """(location, practitioner's key, ticks at which it can start), one each."""
        counted = self.treatment.audience == Audience.NEW and not (ignore_taken or self.override)
        for place in self.places(board):
            allowed = self.allowed(board, place, instant)
            if not allowed:
                continue
            for person in self.people(board):
                mask = allowed & board.starts(
                    self.treatment.pk,
                    person,
                    place.pk,
                    minutes=self.minutes,
                    ignore_taken=ignore_taken,
                )
                if mask and counted:
                    mask &= board.has_room_for_first_visits(person, place.pk)
                if mask:
                    yield place, person, mask


def _board(first: date, last: date, wanted: Wanted, instant: datetime) -> Board:
    if not 0 <= (last - first).days < LONGEST_DAYS:
        raise ValueError("a question spans 1 to 62 days")
    window = Window.around(first, last)
    return Board(window, load(window, wanted, instant))


class _Crowd:
    """Who can start when, at one location."""

    def __init__(self) -> None:
        self.free: list[tuple[Practitioner, int]] = []
        self.any = 0
        self._bytes: list[tuple[Practitioner, bytes]] = []

    def add(self, person: Practitioner, mask: int) -> None:
        self.free.append((person, mask))
        self.any |= mask

    def at(self, tick: int) -> tuple[Practitioner, ...]:
        if not self._bytes:
            length = self.any.bit_length() // 8 + 1
            self._bytes = [(p, mask.to_bytes(length, "little")) for p, mask in self.free]
        byte, bit = tick >> 3, 1 << (tick & 7)
        return tuple([p for p, m in self._bytes if m[byte] & bit])


def _starts(query: Query, board: Board, instant: datetime, n: int | None = None) -> list[Start]:
    """The starts of a query, or the `n` earliest of them."""
    crowds: dict[int, _Crowd] = defaultdict(_Crowd)
    for place, person, mask in query.masks(board, instant):
        crowds[place.pk].add(board.person(person), mask)
    instant_of, locations = board.window.instant, board.locations
    # The locations come in their order, and sorting keeps it where two have the same tick.
    found = [
        (tick, Start(instant_of(tick), locations[place], partial(crowd.at, tick)))
        for place, crowd in sorted(crowds.items(), key=lambda item: list(locations).index(item[0]))
        for tick in islice(ticks_in(crowd.any), n)
    ]
    if len(crowds) > 1:
        found.sort(key=itemgetter(0))
    return [start for _tick, start in found[:n]]


def starts(treatment: Treatment, first: date, last: date, **wanted: Any) -> list[Start]:
    """Every start of a treatment on the local dates first..last, earliest first.

    `wanted` are fields of Query: practitioner, location, new_patient, moving, minutes, gender,
    language, hours.
    """
    query = Query(treatment, first, last, **wanted)
    instant = now()
    return _starts(query, query.board(instant), instant)


def earliest(
    treatment: Treatment, n: int = 10, *, days: int = LONGEST_DAYS - 2, **wanted: Any
) -> list[Start]:
    """The `n` earliest starts of a treatment within `days`, over all that `wanted` lets in."""
    instant = now()
    query = Query(treatment, *_coming(instant, days), **wanted)
    return _starts(query, query.board(instant), instant, n)


def _coming(instant: datetime, days: int) -> tuple[date, date]:
    """The local dates from now on, wherever: (first, last)."""
    first = instant.date() - timedelta(days=1)
    return first, first + timedelta(days=min(days + 1, LONGEST_DAYS - 1))


def by_day(found: Iterable[Start]) -> dict[date, list[Start]]:
    """Starts by their local date."""
    days: dict[date, list[Start]] = defaultdict(list)
    for start in found:
        days[start.local.date()].append(start)
    return dict(days)


def month(treatment: Treatment, first_of_month: date, **wanted: Any) -> Month:
    """A calendar month of a treatment: its starts and how full each day is."""
    first = first_of_month.replace(day=1)
    return calendar(
        treatment, first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1), **wanted
    )


def calendar(treatment: Treatment, first: date, last: date, **wanted: Any) -> Month:
    """The days first..last of a treatment: their starts, and how full each is."""
    query = Query(treatment, first, last, **wanted)
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
    people = [p.pk for p in practitioners]
    if not people:
        return {}
    wanted = Wanted(
        None, people, for_strangers=new_patient, therapy=therapy.pk if therapy else None
    )
    found: dict[int, NextFree] = {}
    for treatment, place, person, at in _firsts(wanted, days, new_patient, location):
        best = found.get(person.pk)
        if best is None or at < best.at:
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
    rows = list(treatments)
    if not rows:
        return {}
    wanted = Wanted(rows, [practitioner.pk] if practitioner else None)
    found: dict[int, Start] = {}
    for treatment, place, person, at in _firsts(wanted, days, False, location):
        best = found.get(treatment.pk)
        if best is None or at < best.at:
            found[treatment.pk] = Start(at, place, partial(tuple, (person,)))
    return found


def _firsts(
    wanted: Wanted,
    days: int,
    new_patient: bool,
    location: Location | None = None,
) -> Iterator[tuple[Treatment, Location, Practitioner, datetime]]:
    """The first start of every treatment with every practitioner at every location."""
    instant = now()
    first, last = _coming(instant, days)
    board = _board(first, last, wanted, instant)
    for treatment in board.treatments.values():
        query = Query(treatment, first, last, location=location, new_patient=new_patient)
        for place, person, mask in query.masks(board, instant):
            yield treatment, place, board.person(person), board.window.instant(_lowest(mask))


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def is_free(treatment: Treatment, start: datetime, **wanted: Any) -> bool:
    """Whether one start is still on offer. `wanted` as for `starts`."""
    day = start.date()
    query = Query(treatment, day - timedelta(days=1), day + timedelta(days=1), **wanted)
    instant = now()
    board = query.board(instant)
    tick = board.window.floor(start)
    if board.window.instant(tick) != start:
        return False
    return any(mask >> tick & 1 for _place, _who, mask in query.masks(board, instant))


def alternatives(
    treatment: Treatment,
    start: datetime,
    *,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
    n: int = 6,
    **wanted: Any,
) -> list[Start]:
    """The `n` free starts nearest to a wish, in the order of time.

    The same practitioner's come before others', those of the same day before the same weekday
    and hour of other weeks, and these before whatever else is near. From a week before the wish
    to four weeks after it.
    """
    first = start.date() - timedelta(days=7)
    query = Query(treatment, first, first + timedelta(days=36), location=location, **wanted)
    instant = now()
    found = _starts(query, query.board(instant), instant)
    wish = practitioner.pk if practitioner else None

    def distance(s: Start) -> tuple[int, timedelta]:
        away, there = abs(s.at - start), s.local
        wished = local(start, s.location.time_zone)
        if there.date() == wished.date():
            return 0, away
        same = (there.weekday(), there.time()) == (wished.weekday(), wished.time())
        return 1 if same else 2, away

    near = sorted(found, key=distance)
    if wish is not None:
        # Only as many are asked who is free as are needed.
        mine = islice((s for s in near if wish in {p.pk for p in s.practitioners}), n)
        chosen = list(mine)
        chosen += [s for s in near if s not in chosen][: n - len(chosen)]
    else:
        chosen = near[:n]
    return sorted(chosen, key=lambda s: s.at)


def free_spans(
    practitioner: Practitioner, first: date, last: date
) -> list[tuple[datetime, datetime, Location]]:
    """The gaps in a practitioner's hours: (from, to, location), earliest first."""
    instant = now()
    board = _board(first, last, Wanted(None, [practitioner.pk]), instant)
    if practitioner.pk not in board.rows.people:
        return []
    body = board.rows.people[practitioner.pk].body
    found = []
    for location in board.locations.values():
        mask = board.free(body, location.pk) & wall_dates(
            board.window, location.time_zone, first, last
        )
        for a, b in spans_in(mask):
            found.append((board.window.instant(a), board.window.instant(b), location))
    return sorted(found, key=lambda span: span[0])
