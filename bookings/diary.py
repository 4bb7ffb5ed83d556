"""What is in the diary: the day at a location, a practitioner's week, and finding a patient.

Questions only. Each costs a fixed number of queries, whatever the count of appointments.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.utils.functional import cached_property
from django.utils.translation import ngettext

from clinic import clock
from practitioners.models import Location, Practitioner, Treatment

from . import availability
from .models import Absence, Answer, Appointment, Need, Patient, Resource, State
from .models.appointments import AGREED

# A gap shorter than this is a breather, not a gap.
GAP_MINUTES = 15
LATE_AFTER = timedelta(minutes=5)
FOUND_AT_MOST = 20
FIND_AT_LEAST = 2
_DIGITS_OF_A_PHONE = 3


@dataclass(frozen=True)
class Entry:
    """One line of a diary: an appointment, or all who joined the same class."""

    appointments: tuple[Appointment, ...]
    now: datetime
    # How many may join the class there; 0 when it is no class, or not known.
    capacity: int = 0

    @property
    def first(self) -> Appointment:
        return self.appointments[0]

    @property
    def is_class(self) -> bool:
        return self.first.treatment.is_group

    @property
    def starts_at(self) -> datetime:
        return self.first.starts_at

    @property
    def ends_at(self) -> datetime:
        return self.first.ends_at

    @property
    def location(self) -> Location:
        return self.first.location

    @property
    def state(self) -> str:
        """The state of the appointment; of a class, "class"."""
        return "class" if self.is_class else self.first.state

    @property
    def places_taken(self) -> int:
        return len(self.appointments)

    @cached_property
    def places(self) -> list[Resource]:
        """The rooms and equipment taken; of a class its room, not everybody's mat."""
        kinds = (
            [Resource.Kind.ROOM] if self.is_class else [Resource.Kind.ROOM, Resource.Kind.EQUIPMENT]
        )
        taken = [r.resource for a in self.appointments for r in a.reservations.all()]
        found = dict.fromkeys(r for r in taken if r.kind in kinds)
        return sorted(found, key=lambda r: (r.kind != Resource.Kind.ROOM, r.name))

    @property
    def is_now(self) -> bool:
        """Whether it is going on."""
        live = any(a.state in (State.BOOKED, State.ARRIVED) for a in self.appointments)
        return live and self.starts_at <= self.now < self.ends_at

    @property
    def is_late(self) -> bool:
        """Whether it should have begun and nobody came yet."""
        return self.first.state == State.BOOKED and self.starts_at + LATE_AFTER <= self.now

    @property
    def has_begun(self) -> bool:
        return self.starts_at <= self.now


@dataclass(frozen=True)
class Gap:
    """A time in which a practitioner is at a location and free."""

    starts_at: datetime
    ends_at: datetime
    location: Location
    # While a patient rests, and the practitioner is not needed.
    is_in_visit: bool = False

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    @property
    def length(self) -> str:
        """“25 minutes”, “4 hours”, “1 hour 30 minutes”."""
        hours, minutes = divmod(self.minutes, 60)
        parts = []
        if hours:
            parts.append(ngettext("%d hour", "%d hours", hours) % hours)
        if minutes:
            parts.append(ngettext("%d minute", "%d minutes", minutes) % minutes)
        return " ".join(parts)


@dataclass(frozen=True)
class LocationDay:
    """One location on one of its local dates."""

    location: Location
    day: date
    # Agreed appointments and live holds, in order.
    entries: list[Entry]
    cancelled: list[Appointment]

    @cached_property
    def lines(self) -> list[Entry | Gap]:
        """The entries, and between them the times to come in which nobody is booked here."""
        lines: list[Entry | Gap] = []
        end = None
        for entry in self.entries:
            if end and end > entry.now and entry.starts_at - end >= timedelta(minutes=GAP_MINUTES):
                lines.append(Gap(end, entry.starts_at, self.location))
            lines.append(entry)
            end = max(end or entry.ends_at, entry.ends_at)
        return lines

    @cached_property
    def tally(self) -> Counter[str]:
        """How many appointments are in each state, and in all (`total`, holds not counted)."""
        states = [str(a.state) for e in self.entries for a in e.appointments]
        agreed = sum(state in AGREED for state in states)
        return Counter(states) + Counter(total=agreed, cancelled=len(self.cancelled))


@dataclass(frozen=True)
class PractitionerDay:
    """One date of a practitioner, each line by the wall clock of its location."""

    day: date
    entries: list[Entry] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)

    @property
    def lines(self) -> list[Entry | Gap]:
        return sorted([*self.entries, *self.gaps], key=lambda line: line.starts_at)

    @property
    def people(self) -> int:
        return sum(len(e.appointments) for e in self.entries)

    @property
    def free_minutes(self) -> int:
        return sum(gap.minutes for gap in self.gaps)


@dataclass(frozen=True)
class Found:
    """A patient somebody looked for, with their next visit and the last one before now."""

    patient: Patient
    next_visit: Appointment | None
    last_visit: Appointment | None


def rows() -> QuerySet[Appointment]:
    """Appointments with all a diary shows: three queries, whatever the count.

    Adds `is_first_visit`, `needs_look` (a safety answer does) and `says_outcome` (another
    treatment is open only to those for whom this one ends with “suitable”).
    """
    earlier = Appointment.objects.filter(
        patient=OuterRef("patient"),
        starts_at__lt=OuterRef("starts_at"),
        state__in=[State.BOOKED, State.ARRIVED, State.COMPLETED],
    )
    answers = Answer.objects.filter(appointment=OuterRef("pk"), needs_look=True)
    opens = Treatment.objects.filter(requires=OuterRef("treatment"))
    return (
        Appointment.objects.with_people()
        .with_places()
        .annotate(
            is_first_visit=~Exists(earlier), needs_look=Exists(answers), says_outcome=Exists(opens)
        )
        .order_by("starts_at", "location__position", "practitioner__name", "treatment", "pk")
    )


def days_at(locations: Sequence[Location], day: date, *, now: datetime) -> list[LocationDay]:
    """The date `day` at each location by its own clock. At most five queries."""
    spans = {place.pk: _span(day, day, place.time_zone) for place in locations}
    if not spans:
        return []
    found = [
        a
        for a in rows()
        .filter(location__in=spans)
        .filter(
            starts_at__gte=min(s for s, _e in spans.values()),
            starts_at__lt=max(e for _s, e in spans.values()),
        )
        .filter(
            Q(state__in=[*AGREED, State.CANCELLED]) | Q(state=State.HELD, held_until__gt=now),
        )
        if spans[a.location_id][0] <= a.starts_at < spans[a.location_id][1]
    ]
    places = _class_places({a.treatment_id for a in found if a.treatment.is_group})
    return [
        LocationDay(
            location=place,
            day=day,
            entries=_entries(
                (a for a in found if a.location_id == place.pk and a.state != State.CANCELLED),
                now,
                places,
            ),
            cancelled=[
                a for a in found if a.location_id == place.pk and a.state == State.CANCELLED
            ],
        )
        for place in locations
    ]


def away_on(locations: Sequence[Location], day: date) -> list[Absence]:
    """Who and what is away on `day`: practitioners, and what is at these locations. One query."""
    spans = [_span(day, day, place.time_zone) for place in locations]
    if not spans:
        return []
    places = [place.pk for place in locations]
    return list(
        Absence.objects.filter(
            Q(location__in=places)
            | Q(resource__location__in=places)
            | Q(resource__kind=Resource.Kind.PRACTITIONER),
            starts_at__lt=max(end for _s, end in spans),
            ends_at__gt=min(start for start, _e in spans),
        )
        .select_related("resource", "location")
        .order_by("resource__kind", "resource__name", "location__name", "starts_at")
    )


def days_of(
    practitioner: Practitioner, first: date, last: date, *, now: datetime
) -> list[PractitionerDay]:
    """The practitioner's days from `first` to `last`, both counted, at all locations.

    With the safety answers that need a look in `appointment.looks`, the gaps in their hours that
    are not over yet, and their absences.
    """
    # A day begins at most 14 hours before and 12 after UTC's, wherever it is.
    start = clock.midnight(first, "UTC") - timedelta(hours=14)
    end = clock.midnight(last, "UTC") + timedelta(hours=36)
    found = list(
        _with_looks(rows()).filter(
            practitioner=practitioner, state__in=AGREED, starts_at__gte=start, starts_at__lt=end
        )
    )
    away = list(
        Absence.objects.filter(
            resource__practitioner=practitioner, starts_at__lt=end, ends_at__gt=start
        ).order_by("starts_at")
    )
    places = _class_places({a.treatment_id for a in found if a.treatment.is_group})
    gaps = [
        Gap(start, end, location, any(a.starts_at <= start < a.ends_at for a in found))
        for start, end, location in availability.free_spans(practitioner, first, last)
        if end > now and end - start >= timedelta(minutes=GAP_MINUTES)
    ]
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [
        PractitionerDay(
            day,
            _entries((a for a in found if a.starts_local.date() == day), now, places),
            [g for g in gaps if clock.local(g.starts_at, g.location.time_zone).date() == day],
            [a for a in away if _touches(a, day)],
        )
        for day in days
    ]


def next_of(practitioner: Practitioner, *, now: datetime) -> Entry | None:
    """Who comes next, or is here: the first visit that is not over and not closed."""
    coming = _with_looks(rows()).filter(
        practitioner=practitioner,
        state__in=[State.BOOKED, State.ARRIVED],
        ends_at__gt=now,
        # No visit is longer; the index is on the start.
        starts_at__gt=now - timedelta(hours=12),
    )
    first = coming.first()
    if first is None:
        return None
    if not first.treatment.is_group:
        return Entry((first,), now)
    together = coming.filter(
        treatment=first.treatment, location=first.location, starts_at=first.starts_at
    )
    places = _class_places({first.treatment_id})
    return _entries(together, now, places)[0]


def find(typed: str) -> list[Found]:
    """Patients by name, mail, phone or a visit's reference; FOUND_AT_MOST. Two queries."""
    typed = " ".join(typed.split())
    if len(typed) < FIND_AT_LEAST:
        return []
    name = Q()
    for word in typed.split():
        # SQLite folds the case of ASCII only: Élodie is looked for as élodie and as Élodie.
        name &= Q(name__icontains=word) | Q(name__contains=word.title())
    match = name | Q(email__icontains=typed)
    reference = re.sub(r"[\s-]", "", typed).upper()
    match |= Q(pk__in=Appointment.objects.filter(reference=reference).values("patient"))
    digits = _digits(typed)
    if digits:
        match |= Q(phone__contains=digits)
    now = clock.now()
    visits = Appointment.objects.filter(patient=OuterRef("pk"), state__in=AGREED)
    found = list(
        Patient.objects.filter(match, merged_into=None).annotate(
            next_id=Subquery(visits.filter(ends_at__gt=now).order_by("starts_at").values("pk")[:1]),
            last_id=Subquery(
                visits.filter(ends_at__lte=now).order_by("-starts_at").values("pk")[:1]
            ),
        )[:FOUND_AT_MOST]
    )
    ids = {i for p in found for i in (p.next_id, p.last_id) if i}
    visits_by_id = Appointment.objects.with_people().in_bulk(ids)
    return [Found(p, visits_by_id.get(p.next_id), visits_by_id.get(p.last_id)) for p in found]


def _digits(typed: str) -> str:
    """The part of a phone number that is stored the same however typed; empty if too little."""
    if not re.fullmatch(r"[\d\s()+./-]+", typed):
        return ""
    digits = re.sub(r"\D", "", typed.replace("(0)", ""))
    if typed.startswith(("+", "00")):
        digits = digits.lstrip("0")
    else:
        digits = digits.removeprefix("0")
    return digits if len(digits) >= _DIGITS_OF_A_PHONE else ""


def _with_looks(found: QuerySet[Appointment]) -> QuerySet[Appointment]:
    """Health data: for the practitioner who treats, never for the desk's list."""
    answers = Answer.objects.filter(needs_look=True).order_by("pk")
    return found.prefetch_related(Prefetch("answers", queryset=answers, to_attr="looks"))


def _span(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    return clock.midnight(first, zone), clock.midnight(last + timedelta(days=1), zone)


def _touches(absence: Absence, day: date) -> bool:
    """Whether an absence reaches into a date, by the clinic's own clock: leave has no location."""
    start, end = _span(day, day, settings.TIME_ZONE)
    return absence.starts_at < end and absence.ends_at > start


def _entries(
    found: Iterable[Appointment], now: datetime, places: dict[tuple[int, int], int]
) -> list[Entry]:
    """Lines of a diary, in the order of `found`; people in the same class share one."""

    def line(a: Appointment) -> tuple[object, ...]:
        # A hold in a class is not a name yet: it stands alone.
        joins = a.treatment.is_group and a.state != State.HELD
        who = (a.practitioner.name, a.practitioner_id, a.location_id, a.treatment_id)
        return (a.starts_at, *who, joins, 0 if joins else a.pk)

    together = groupby(sorted(found, key=line), key=line)
    return [
        Entry(
            tuple(people),
            now,
            places.get((people[0].treatment_id, people[0].location_id), 0),
        )
        for people in (list(group) for _key, group in together)
    ]


def _class_places(treatments: set[int]) -> dict[tuple[int, int], int]:
    """How many can join a class: (treatment, location) -> members of the pool each person takes."""
    if not treatments:
        return {}
    own = Need.objects.filter(treatment__in=treatments, is_shared=False, pool__isnull=False)
    places: dict[tuple[int, int], int] = {}
    for need in own.select_related("pool").prefetch_related("pool__members"):
        if need.pool is None:
            continue
        there = Counter(m.location_id for m in need.pool.members.all() if m.is_active)
        for location_id, count in there.items():
            if location_id is not None:
                key = (need.treatment_id, location_id)
                each = count // need.quantity
                places[key] = min(places.get(key, each), each)
    return places
