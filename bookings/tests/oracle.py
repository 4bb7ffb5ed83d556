"""The slow, obvious answer to "when can it start?", for tests to hold the engine against.

It shares nothing with the engine but the rows of the database: every five minutes, every
practitioner and location are tried, every minute of every need is looked at by itself, on the
wall clock as zoneinfo tells it, and resources are handed out by trying all the ways.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations, product
from zoneinfo import ZoneInfo

from bookings.models import Absence, Appointment, Journey, Need, Opening, Resource
from bookings.models.reservations import Reservation
from practitioners.models import Location, Practitioner, Treatment

MINUTE = timedelta(minutes=1)
FIVE = timedelta(minutes=5)

# (start, location id, practitioner id)
Answer = tuple[datetime, int, int]


def wall(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone))


def shows(instant: datetime, zone: str, day: date, starts: time, ends: time) -> bool:
    """Whether the wall shows `day` and a time in [starts, ends) at this instant."""
    there = wall(instant, zone)
    if there.date() != day or there.time() < starts:
        return False
    return ends == time() or there.time() < ends


def every_five_minutes(first: date, last: date) -> Iterator[datetime]:
    """Every instant that could be on one of these dates anywhere on earth."""
    at = datetime.combine(first - timedelta(days=1), time(), UTC)
    while at < datetime.combine(last + timedelta(days=2), time(), UTC):
        yield at
        at += FIVE


class Oracle:
    """The rows as they are in the database now, and what can be concluded from them."""

    def __init__(self, now: datetime, *, without: Appointment | None = None):
        self.now = now
        self.without = without
        self.openings = list(Opening.objects.all())
        self.absences = list(Absence.objects.all())
        self.reservations = list(
            Reservation.objects.select_related("appointment__treatment", "resource")
        )
        self.locations = {place.pk: place for place in Location.objects.all()}
        self.appointments = list(Appointment.objects.select_related("treatment"))
        self.journeys = {
            frozenset((row.one_id, row.other_id)): row.minutes for row in Journey.objects.all()
        }
        self._hours: dict[tuple[int, int], list[Opening]] = {}
        self._needs: dict[int, list[Need]] = {}
        self._members: dict[int, list[Resource]] = {}
        self._known: dict[tuple[int, int, datetime, bool], bool] = {}

    # --- one resource, one minute ---------------------------------------------
    def usable(self, who: Resource, place: Location, minute: datetime, taken: bool = True) -> bool:
        """Whether a resource can be used for the whole of this minute at this place.

        With `taken` off, reservations do not count.
        """
        key = (who.pk, place.pk, minute, taken)
        if key not in self._known:
            self._known[key] = (
                self.is_open(who, place, minute)
                and not self.is_away(who, place, minute)
                and self.is_registered(who, place, minute)
                and not (taken and self.is_taken(who, minute))
                and not (taken and self.is_on_the_way(who, place, minute))
            )
        return self._known[key]

    def is_open(self, who: Resource, place: Location, minute: datetime) -> bool:
        if who.location_id not in (None, place.pk):
            return False
        rows = self.hours_of(who, place)
        return any(self.opens(row, place.time_zone, minute) for row in rows)

    def hours_of(self, who: Resource, place: Location) -> list[Opening]:
        """A thing without hours of its own has the location's."""
        key = (who.pk, place.pk)
        if key not in self._hours:
            own = [row for row in self.openings if row.resource_id == who.pk]
            if not own and who.location_id is not None:
                own = [row for row in self.openings if row.resource_id is None]
            self._hours[key] = [row for row in own if row.location_id == place.pk]
        return self._hours[key]

    def opens(self, row: Opening, zone: str, minute: datetime) -> bool:
        day = wall(minute, zone).date()
        if row.on_date:
            if day != row.on_date:
                return False
        else:
            if day.weekday() != row.weekday or day < row.valid_from:
                return False
            if row.valid_until and day > row.valid_until:
                return False
            monday = day - timedelta(days=day.weekday())
            first_monday = row.valid_from - timedelta(days=row.valid_from.weekday())
            if (monday - first_monday).days % (7 * row.every_weeks):
                return False
        return shows(minute, zone, day, row.starts, row.ends)

    def is_away(self, who: Resource, place: Location, minute: datetime) -> bool:
        return any(
            row.starts_at < minute + MINUTE and row.ends_at > minute
            for row in self.absences
            if row.resource_id == who.pk or row.location_id == place.pk
        )

    def is_registered(self, who: Resource, place: Location, minute: datetime) -> bool:
        if who.practitioner_id is None:
            return True
        day = wall(minute, place.time_zone).date()
        person = who.practitioner
        required = [r for r in person.registrations.all() if r.is_required]
        return (
            bool(required)
            and person.insured_until is not None
            and day <= person.insured_until
            and all(r.status != "lapsed" and day <= r.valid_until for r in required)
        )

    def is_over(self, row: Appointment) -> bool:
        """Whether it is a hold that ended."""
        return row.state == "held" and row.held_until is not None and row.held_until <= self.now

    def counts(self, row: Reservation) -> bool:
        """A hold that is over blocks nobody, except with what its group shares and still uses."""
        owner = row.appointment
        if self.without is not None and owner.pk == self.without.pk:
            return False
        if not self.is_over(owner):
            return True
        if not owner.treatment.is_group or not self.group(owner):
            return False
        return any(
            row.resource in need.pool.members.all()
            if need.pool
            else row.resource.practitioner_id == owner.practitioner_id
            for need in owner.treatment.needs.all()
            if need.is_shared
        )

    def group(self, row: Appointment) -> list[Appointment]:
        """Who else comes to the same start of a group."""
        return [
            other
            for other in self.appointments
            if other.pk != row.pk
            and other.state in ("held", "booked", "arrived", "completed", "no_show")
            and not self.is_over(other)
            and (other.treatment_id, other.practitioner_id, other.location_id, other.starts_at)
            == (row.treatment_id, row.practitioner_id, row.location_id, row.starts_at)
        ]

    def is_taken(self, who: Resource, minute: datetime) -> bool:
        return any(
            row.resource_id == who.pk
            and row.starts_at < minute + MINUTE
            and row.ends_at > minute
            and self.counts(row)
            for row in self.reservations
        )

    def is_on_the_way(self, who: Resource, place: Location, minute: datetime) -> bool:
        """Whether a practitioner can't have come from elsewhere, or has to leave for it."""
        if who.practitioner_id is None:
            return False
        for row in self.reservations:
            pair = frozenset((row.appointment.location_id, place.pk))
            if row.resource_id != who.pk or len(pair) == 1 or pair not in self.journeys:
                continue
            # Rounded up to five minutes, as everything is.
            way = timedelta(minutes=(self.journeys[pair] + 4) // 5 * 5)
            near = row.starts_at - way < minute + MINUTE and row.ends_at + way > minute
            if near and self.counts(row):
                return True
        return False

    def sees_another_new_patient(
        self, person: Practitioner, place: Location, start: datetime
    ) -> bool:
        if person.first_visits_a_day is None:
            return True
        day = wall(start, place.time_zone).date()
        there = [
            row
            for row in self.appointments
            if row.practitioner_id == person.pk
            and row.treatment.audience == "new"
            and row.state in ("held", "booked", "arrived", "completed", "no_show")
            and not self.is_over(row)
            and (self.without is None or row.pk != self.without.pk)
            and wall(row.starts_at, self.locations[row.location_id].time_zone).date() == day
        ]
        return len(there) < person.first_visits_a_day

    @staticmethod
    def span(need: Need, treatment: Treatment, minutes: int | None) -> tuple[int, int]:
        """From which to which minute of a visit of `minutes` a need goes."""
        longer = (minutes or treatment.minutes) - treatment.minutes
        start, end = need.from_minute, need.to_minute
        if need.follows_end:
            return start + longer, end + longer
        return (
            start + longer if start >= treatment.minutes else start,
            end + longer if end >= treatment.minutes else end,
        )

    @staticmethod
    def whole(treatment: Treatment) -> Treatment:
        """The treatment with everything that is read here, so that a test ends today."""
        return Treatment.objects.prefetch_related(
            "needs__pool__members",
            "practitioners__resource",
            "practitioners__registrations",
        ).get(pk=treatment.pk)

    # --- one start ------------------------------------------------------------
    def fits(
        self,
        treatment: Treatment,
        person: Practitioner,
        place: Location,
        start: datetime,
        *,
        shared: bool = True,
        taken: bool = True,
        minutes: int | None = None,
    ) -> bool:
        """Whether all needs can be met at once (without the group's own where `shared` is off)."""
        needs = [n for n in self.needs(treatment) if shared or not n.is_shared]
        ways, spans = [], []
        for need in needs:
            candidates = self.candidates(need) or [person.resource]
            first, last = self.span(need, treatment, minutes)
            moments = [start + timedelta(minutes=m) for m in range(first, last)]
            free = [c for c in candidates if all(self.usable(c, place, m, taken) for m in moments)]
            if len(free) < need.quantity:
                return False
            ways.append(list(combinations(free, need.quantity)))
            spans.append((first, last))
        of_rooms = [self.is_of_rooms(need, place) for need in needs]
        return any(self.goes_together(way, spans, of_rooms) for way in product(*ways))

    @staticmethod
    def goes_together(
        way: tuple[tuple[Resource, ...], ...], spans: list[tuple[int, int]], of_rooms: list[bool]
    ) -> bool:
        """Whether nothing is used twice at once, and what lives in a room is used there."""
        used = [(who, n) for n, members in enumerate(way) for who in members]

        def meet(n: int, m: int) -> bool:
            return spans[n][0] < spans[m][1] and spans[m][0] < spans[n][1]

        for (one, n), (other, m) in combinations(used, 2):
            if one.pk == other.pk and meet(n, m):
                return False
        for who, n in used:
            for m in range(len(way)):
                if who.lives_in_id and m != n and of_rooms[m] and meet(n, m):
                    if who.lives_in_id not in {room.pk for room in way[m]}:
                        return False
        return True

    def needs(self, treatment: Treatment) -> list[Need]:
        if treatment.pk not in self._needs:
            self._needs[treatment.pk] = list(treatment.needs.all())
        return self._needs[treatment.pk]

    def candidates(self, need: Need) -> list[Resource]:
        """The members of a need's pool; none where it is of the practitioner."""
        if need.pk not in self._members:
            members = need.pool.members.all() if need.pool else []
            self._members[need.pk] = [m for m in members if m.is_active]
            # A pool that has nothing: a thing that is nowhere stands for it.
            if need.pool and not self._members[need.pk]:
                self._members[need.pk] = [Resource(pk=-1, location_id=-1)]
        return self._members[need.pk]

    def is_of_rooms(self, need: Need, place: Location) -> bool:
        here = [m for m in self.candidates(need) if m.location_id == place.pk]
        return need.pool is not None and all(m.kind == "room" for m in here)

    def can_start(
        self,
        treatment: Treatment,
        person: Practitioner,
        place: Location,
        start: datetime,
        minutes: int | None = None,
    ) -> bool:
        if not self.needs(treatment):
            return False
        if treatment.audience == "new" and not self.sees_another_new_patient(person, place, start):
            return False
        if self.fits(treatment, person, place, start, minutes=minutes):
            return True
        if not treatment.is_group:
            return False
        there = Appointment(
            treatment=treatment, practitioner=person, location=place, starts_at=start
        )
        return (
            bool(self.group(there))
            and self.fits(treatment, person, place, start, shared=False, minutes=minutes)
            and self.fits(treatment, person, place, start, taken=False, minutes=minutes)
        )

    def may_start(self, treatment: Treatment, place: Location, start: datetime) -> bool:
        """Grid, notice and horizon."""
        there = wall(start, place.time_zone)
        if (there.hour * 60 + there.minute) % treatment.grid_minutes or there.second:
            return False
        if start < self.now + timedelta(minutes=treatment.notice_minutes):
            return False
        furthest = wall(self.now, place.time_zone).date() + timedelta(days=treatment.horizon_days)
        return there.date() <= furthest

    def starts(
        self,
        treatment: Treatment,
        first: date,
        last: date,
        *,
        practitioner: Practitioner | None = None,
        location: Location | None = None,
        new_patient: bool = False,
        minutes: int | None = None,
    ) -> set[Answer]:
        """Everything that is on offer on the local dates first..last."""
        found = set()
        treatment = self.whole(treatment)
        people = [
            p
            for p in treatment.practitioners.all()
            if p.is_published
            and p.resource.is_active
            and (practitioner is None or p == practitioner)
            and (p.takes_new_patients or not (new_patient or treatment.audience == "new"))
        ]
        for place in self.locations.values():
            if not place.is_published or location not in (None, place):
                continue
            for start in every_five_minutes(first, last):
                if not first <= wall(start, place.time_zone).date() <= last:
                    continue
                if not self.may_start(treatment, place, start):
                    continue
                for person in people:
                    if self.can_start(treatment, person, place, start, minutes):
                        found.add((start, place.pk, person.pk))
        return found
