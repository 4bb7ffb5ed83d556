"""The rows that a question about free time needs: four queries, whatever is asked and stored.

1. who gives the treatments   2. what these need, and out of which pools
3. hours, with their locations   4. all that stands in the way, in one statement

Instants come as ticks of the window, counted by the database: with tens of thousands of
reservations, turning text or numbers into datetimes costs more than finding them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from typing import Any

from django.db.models import Case, Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from practitioners.models import Audience, Location, Practitioner, Treatment

from .models import LIVE, Absence, Appointment, Journey, Need, Opening, State
from .models.reservations import Reservation
from .ticks import MINUTES, Window

_SECONDS = MINUTES * 60
# No reservation is longer: the lower bound lets the index do the work.
_LONGEST = timedelta(hours=12)
REASONS: list[str] = list(Absence.Reason.values)


class What(IntEnum):
    """What a row of the fourth query is; a number above zero is a group's treatment."""

    TAKEN = 0
    FIRST_VISIT = -1
    JOURNEY = -2
    CLOSED = -3
    # -10 and below: an absence, one number for each reason.
    ABSENT = -10


@dataclass(frozen=True)
class Thing:
    """A resource, as far as free time is concerned."""

    pk: int
    name: str
    kind: str
    location: int | None
    lives_in: int | None = None


@dataclass(frozen=True)
class Person:
    """Who gives a treatment, and the last day on which they may (None: not at all)."""

    practitioner: Practitioner
    body: int
    until: date | None


@dataclass(frozen=True)
class Required:
    """A need: of the practitioner where `pool` is None. Minutes count as in the model."""

    pool: int | None
    pool_name: str
    start: int
    end: int
    quantity: int
    is_shared: bool
    follows_end: bool


@dataclass(frozen=True)
class Hours:
    """An opening; `resource` is None for a location's own."""

    resource: int | None
    location: int
    weekday: int | None
    on_date: date | None
    starts: time
    ends: time
    every: int
    valid_from: date
    valid_until: date | None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for hours that are the same at the same location, whosever they are."""
        return (
            *(self.location, self.weekday, self.on_date, self.starts, self.ends),
            *(self.every, self.valid_from, self.valid_until),
        )


# (what, who, where, from tick, to tick); an absence of a whole location has nobody as who.
Busy = tuple[int, int, int, int, int]


@dataclass
class Rows:
    """All of it, as it is in the database."""

    people: dict[int, Person] = field(default_factory=dict)
    # Treatment -> who gives it, in the directory's order.
    givers: dict[int, list[int]] = field(default_factory=dict)
    treatments: dict[int, Treatment] = field(default_factory=dict)
    needs: dict[int, list[Required]] = field(default_factory=dict)
    # Pool -> its members that are in use, in their order (a dict, for each comes once a need).
    members: dict[int, dict[int, None]] = field(default_factory=dict)
    things: dict[int, Thing] = field(default_factory=dict)
    hours: list[Hours] = field(default_factory=list)
    locations: dict[int, Location] = field(default_factory=dict)
    busy: list[Busy] = field(default_factory=list)


def load(
    window: Window,
    treatments: Sequence[Treatment] | None,
    now: datetime,
    *,
    who: Q | None = None,
    moving: Appointment | None = None,
) -> Rows:
    """All that decides when `treatments` can start; without any, all that `who` give.

    `who` narrows the rows of practitioner and treatment. What `moving` took is thought away.
    Four queries, one where nobody gives what is wanted.
    """
    rows = Rows()
    _load_people(rows, treatments, who or Q())
    if rows.people:
        _load_needs(rows)
        _load_hours(rows, window)
        _load_busy(rows, window, now, moving)
    return rows


# --- 1: people --------------------------------------------------------------------
def _load_people(rows: Rows, treatments: Sequence[Treatment] | None, who: Q) -> None:
    given = Practitioner.treatments.through.objects.filter(
        who, practitioner__is_published=True, practitioner__resource__is_active=True
    )
    if treatments is None:
        given = given.filter(
            treatment__is_published=True, treatment__therapy__is_published=True
        ).select_related("practitioner__resource", "treatment__therapy")
    else:
        rows.treatments = {t.pk: t for t in treatments}
        given = given.filter(treatment__in=list(rows.treatments)).select_related(
            "practitioner__resource"
        )
    given = given.annotate(registered_until=Practitioner.registered_until("practitioner"))
    for row in given.order_by("practitioner__position", "practitioner__name"):
        person = row.practitioner
        if person.pk not in rows.people:
            body, until = person.resource, _earlier(person.insured_until, row.registered_until)
            rows.people[person.pk] = Person(person, body.pk, until)
            rows.things[body.pk] = Thing(body.pk, person.name, body.kind, None)
        if treatments is None:
            rows.treatments.setdefault(row.treatment_id, row.treatment)
        rows.givers.setdefault(row.treatment_id, []).append(person.pk)


def _earlier(one: date | None, other: date | None) -> date | None:
    return min(one, other) if one and other else None


# --- 2: needs ---------------------------------------------------------------------
def _load_needs(rows: Rows) -> None:
    member = "pool__members"
    found = (
        Need.objects.filter(treatment__in=list(rows.givers))
        .order_by("from_minute", "pk", f"{member}__position", f"{member}__name", f"{member}__pk")
        .values_list(
            *("pk", "treatment_id", "pool_id", "pool__name"),
            *("from_minute", "to_minute", "quantity"),
            *("is_shared", "follows_end", f"{member}__pk", f"{member}__is_active"),
            *(f"{member}__name", f"{member}__kind", f"{member}__location", f"{member}__lives_in"),
        )
    )
    needs: dict[int, Required] = {}
    for pk, treatment, pool, name, start, end, quantity, shared, follows, *thing in found:
        if pk not in needs:
            needs[pk] = Required(pool, name or "", start, end, quantity, shared, follows)
            rows.needs.setdefault(treatment, []).append(needs[pk])
        resource, is_active, *rest = thing
        if is_active:
            members = rows.members.setdefault(pool, {})
            members[resource] = None
            rows.things[resource] = Thing(resource, *rest)


# --- 3: hours ---------------------------------------------------------------------
_PLACE = [f.attname for f in Location._meta.concrete_fields]
_HOURS = (
    *("resource_id", "location_id", "weekday", "on_date", "starts", "ends"),
    *("every_weeks", "valid_from", "valid_until"),
)


def _load_hours(rows: Rows, window: Window) -> None:
    """Hours that reach into the window, at published locations.

    A room with hours of its own, be they long past, has not the location's: all of a room's come.
    """
    last = window.first + timedelta(days=window.days)
    touches = Q(on_date__range=(window.first, last)) | Q(
        Q(valid_until=None) | Q(valid_until__gte=window.first), on_date=None, valid_from__lte=last
    )
    bodies = {p.body for p in rows.people.values()}
    found = Opening.objects.filter(
        Q(touches, Q(resource__in=bodies) | Q(resource=None))
        | Q(resource__in=[pk for pk in rows.things if pk not in bodies]),
        location__is_published=True,
    ).order_by("location__position", "location__name")
    places = [f"location__{name}" for name in _PLACE]
    for values in found.values_list(*_HOURS, *places):
        hours = Hours(*values[: len(_HOURS)])
        rows.hours.append(hours)
        if hours.location not in rows.locations:
            place = Location.from_db(found.db, _PLACE, values[len(_HOURS) :])
            rows.locations[hours.location] = place


# --- 4: what stands in the way ----------------------------------------------------
class Tick(Func):
    """The tick of a window that an instant lies in, or with `up` the first one not before it."""

    output_field = IntegerField()

    def __init__(self, instant: str, window: Window, *, up: bool = False) -> None:
        super().__init__(F(instant))
        self.origin, self.up = int(window.origin.timestamp()), up

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        # Text, with a fraction only where there is one. Division cuts towards zero, which for
        # ticks before the window makes no difference: they are clipped to it.
        seconds = f"CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) - {self.origin}"
        if self.up:
            seconds += f" + {_SECONDS - 1} + (%(expressions)s LIKE '%%%%.%%%%')"
        return self.as_sql(compiler, connection, template=f"({seconds}) / {_SECONDS}", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        rounded = "CEIL" if self.up else "FLOOR"
        seconds = f"EXTRACT(EPOCH FROM %(expressions)s) - {self.origin}"
        template = f"CAST({rounded}(({seconds}) / {_SECONDS}) AS integer)"
        return self.as_sql(compiler, connection, template=template, **extra)


def _load_busy(rows: Rows, window: Window, now: datetime, moving: Appointment | None) -> None:
    """One statement sees one moment: read apart, a group could have its instructor taken and
    nobody in it, because the last of it left in between."""
    arms = [_absences(rows, window)]
    travellers = _travellers(rows)
    taken = _taken(window, now, moving)
    arms += [
        _columns(taken.filter(resource__in=set(rows.things) - travellers), window, "resource_id"),
        _columns(_left_over(window, now).filter(resource__in=rows.things), window, "resource_id"),
    ]
    if travellers:
        there = taken.filter(resource__in=travellers)
        arms += [_columns(there, window, "resource_id", "appointment__location_id"), _journeys()]
    if groups := [pk for pk, t in rows.treatments.items() if t.is_group]:
        joined = _others(now, moving).filter(treatment__in=groups, starts_at__gte=window.origin)
        arms.append(_visits(joined, window, F("treatment_id")))
    if limited := _limited(rows):
        first = _others(now, moving).filter(
            practitioner__in=limited,
            treatment__audience=Audience.NEW,
            starts_at__gte=window.origin - _LONGEST,
        )
        arms.append(_visits(first, window, Value(int(What.FIRST_VISIT))))
    rows.busy = list(arms[0].union(*arms[1:], all=True))


def _travellers(rows: Rows) -> set[int]:
    """Bodies of those who have hours at several locations."""
    at: dict[int, set[int]] = {}
    for hours in rows.hours:
        if hours.resource and rows.things[hours.resource].location is None:
            at.setdefault(hours.resource, set()).add(hours.location)
    return {body for body, places in at.items() if len(places) > 1}


def _limited(rows: Rows) -> list[int]:
    """Who sees a limited number of new patients a day, where one of the treatments is for them."""
    if not any(t.audience == Audience.NEW for t in rows.treatments.values()):
        return []
    return [pk for pk, p in rows.people.items() if p.practitioner.first_visits_a_day is not None]


def _columns(
    found: QuerySet[Any], window: Window, who: str, where: str = "", what: Any = What.TAKEN
) -> QuerySet[Any, Any]:
    what = Value(int(what)) if isinstance(what, int) else what
    return (
        found.order_by()
        .annotate(
            what=what,
            who=F(who),
            place=F(where) if where else Value(0),
            a=Tick("starts_at", window),
            b=Tick("ends_at", window, up=True),
        )
        .values_list("what", "who", "place", "a", "b")
    )


def _visits(found: QuerySet[Appointment], window: Window, what: Any) -> QuerySet[Any, Any]:
    within = found.filter(starts_at__lt=window.end)
    return _columns(within, window, "practitioner_id", "location_id", what)


def _absences(rows: Rows, window: Window) -> QuerySet[Any, Any]:
    away = Absence.objects.filter(
        Q(resource__in=rows.things) | Q(location__in=rows.locations),
        starts_at__lt=window.end,
        ends_at__gt=window.origin,
    ).annotate(body=Coalesce("resource_id", Value(0)), at=Coalesce("location_id", Value(0)))
    why = [When(reason=r, then=Value(int(What.ABSENT) - n)) for n, r in enumerate(REASONS)]
    return _columns(away, window, "body", "at", Case(*why, default=Value(int(What.ABSENT))))


def _taken(window: Window, now: datetime, moving: Appointment | None) -> QuerySet[Reservation]:
    found = Reservation.objects.filter(
        starts_at__gte=window.origin - _LONGEST, starts_at__lt=window.end, ends_at__gt=window.origin
    ).exclude(appointment__in=Appointment.objects.expired_holds(now))
    if moving is None:
        return found
    own = Q(appointment=moving)
    if moving.treatment.is_group:
        own &= ~of_the_group() | ~Exists(attending(mates(moving), now))
    return found.exclude(own)


def _left_over(window: Window, now: datetime) -> QuerySet[Reservation]:
    """What a hold that is over took for a group, and others of the group still use."""
    others = Appointment.objects.filter(
        treatment=OuterRef("appointment__treatment"),
        practitioner=OuterRef("appointment__practitioner"),
        location=OuterRef("appointment__location"),
        starts_at=OuterRef("appointment__starts_at"),
        state__in=LIVE,
    ).exclude(pk=OuterRef("appointment"))
    return Reservation.objects.filter(
        of_the_group(),
        Exists(attending(others, now)),
        appointment__state=State.HELD,
        appointment__held_until__lte=now,
        appointment__treatment__is_group=True,
        starts_at__lt=window.end,
        ends_at__gt=window.origin,
    )


def _others(now: datetime, moving: Appointment | None) -> QuerySet[Appointment]:
    found = attending(Appointment.objects.filter(state__in=LIVE), now)
    return found.exclude(pk=moving.pk) if moving else found


def _journeys() -> QuerySet[Any, Any]:
    return (
        Journey.objects.order_by()
        .annotate(what=Value(int(What.JOURNEY)), b=Value(0))
        .values_list("what", "one_id", "other_id", "minutes", "b")
    )


def attending(rows: QuerySet[Appointment], at: datetime) -> QuerySet[Appointment]:
    """Those of `rows` that are no holds which are over."""
    return rows.filter(Q(held_until=None) | Q(held_until__gt=at))


def of_the_group() -> Q:
    """Of a group's reservations those that are taken once for all: the instructor, the studio."""
    shared = Need.objects.filter(
        treatment=OuterRef("appointment__treatment"),
        is_shared=True,
        pool__members=OuterRef("resource"),
    )
    return Q(resource__practitioner__isnull=False) | Q(Exists(shared))


def mates(appointment: Appointment) -> "QuerySet[Appointment]":
    """The others who share a group's start with `appointment`, oldest first, as a queryset."""
    return (
        Appointment.objects.filter(
            treatment=appointment.treatment_id,
            practitioner=appointment.practitioner_id,
            location=appointment.location_id,
            starts_at=appointment.starts_at,
            state__in=LIVE,
        )
        .exclude(pk=appointment.pk)
        .order_by("pk")
    )
