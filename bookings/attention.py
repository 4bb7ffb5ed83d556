"""What somebody at the desk has to look at. Questions only, a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.apps import apps
from django.db.models import Count, F, Model, Q, QuerySet, Window

from clinic import clock
from practitioners.models import Location, Practitioner

from .models import (
    Absence,
    Appointment,
    Audit,
    CalledOff,
    Kind,
    Notification,
    PatientMatch,
    State,
)

Row = TypeVar("Row", bound=Model)
# How long an unmarked visit or a failed message without a visit stays on the list.
LOOK_BACK = timedelta(days=14)
# The worker looks at the outbox each quarter of a minute: what is this late, nobody is sending.
STUCK_AFTER = timedelta(minutes=15)
# The auditor comes each night: after two without, nobody knows.
UNAUDITED_AFTER = timedelta(hours=50)
# No reservation is longer (models.reservations); the indexes are on the start.
LONGEST = timedelta(hours=12)


@dataclass(frozen=True)
class Some(Generic[Row]):
    """The first few of a list, and how many there are in all."""

    rows: list[Row]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Attention:
    """Everything that waits for a person."""

    called_off: Some[CalledOff]
    clashes: Some[Appointment]
    lapsed: Some[Appointment]
    unmarked: Some[Appointment]
    unconfirmed: Some[Appointment]
    failures: Some[Notification]
    matches: Some[PatientMatch]
    new_messages: int
    unsent: int
    # The last run, where it found something or is long ago.
    audit: Audit | None

    @property
    def total(self) -> int:
        """How many things there are to look at."""
        lists: tuple[Some[Any], ...] = (
            self.called_off,
            self.clashes,
            self.lapsed,
            self.unmarked,
            self.unconfirmed,
            self.failures,
            self.matches,
        )
        alone = self.new_messages + self.unsent + (self.audit is not None)
        return sum(some.total for some in lists) + alone


def attention(locations: Sequence[Location], *, now: datetime, at_most: int) -> Attention:
    """What waits, at these locations; each list at most so long. Some twenty queries."""
    here = Appointment.objects.with_people().filter(location__in=[p.pk for p in locations])
    return Attention(
        called_off=_some(_called_off(locations), at_most),
        clashes=_clashing(locations, now, at_most),
        lapsed=_some(_lapsed(here, now), at_most),
        unmarked=_some(_unmarked(here, locations, now), at_most),
        unconfirmed=_some(_unconfirmed(here, locations, now), at_most),
        failures=_with_phones(_some(_failures(now), at_most)),
        matches=_some(_matches(), at_most),
        new_messages=_new_messages(),
        unsent=_unsent(now),
        audit=_audit(now),
    )


def _some(found: QuerySet[Row], at_most: int) -> Some[Row]:
    counted = list(found.annotate(in_all=Window(Count("pk")))[:at_most])
    return Some(counted, getattr(counted[0], "in_all", 0) if counted else 0)


def _coming(here: QuerySet[Appointment], now: datetime) -> QuerySet[Appointment]:
    """Agreed visits that are not over: here already, or to come."""
    return here.filter(
        state__in=[State.BOOKED, State.ARRIVED],
        ends_at__gt=now,
        starts_at__gt=now - LONGEST,
    ).order_by("starts_at", "pk")


def _clashing(locations: Sequence[Location], now: datetime, at_most: int) -> Some[Appointment]:
    """Visits on an absence: of their practitioner, room or equipment, or of the location.

    Goes from the absences, which are few, to what they meet. Five queries.
    """
    places, live = [p.pk for p in locations], [State.BOOKED, State.ARRIVED]
    current, soon = Absence.objects.filter(ends_at__gt=now).order_by(), now - LONGEST
    closed = current.filter(
        location__in=places,
        location__appointments__state__in=live,
        location__appointments__starts_at__gt=soon,
        location__appointments__starts_at__lt=F("ends_at"),
        location__appointments__ends_at__gt=F("starts_at"),
    )
    # The part of the visit counts, with set-up and clean-up, not the visit from end to end.
    away = current.filter(
        resource__reservations__starts_at__gt=soon,
        resource__reservations__starts_at__lt=F("ends_at"),
        resource__reservations__ends_at__gt=F("starts_at"),
        resource__reservations__appointment__state__in=live,
        resource__reservations__appointment__starts_at__gt=soon,
        resource__reservations__appointment__location__in=places,
    )
    found: set[tuple[datetime, int]] = set()
    for met, visit in (
        (closed, "location__appointments"),
        (away, "resource__reservations__appointment"),
    ):
        times = met.values_list(f"{visit}__starts_at", visit, f"{visit}__ends_at")
        found |= {(start, pk) for start, pk, end in times if end > now}
    rows = _coming(Appointment.objects.with_people().with_places(), now)
    rows = rows.filter(pk__in=[pk for _start, pk in sorted(found)[:at_most]])
    return _with_absences(Some(list(rows), len(found)))


def _with_absences(some: Some[Appointment]) -> Some[Appointment]:
    """Tell each appointment what it clashes with, in `clash_with`. One query."""
    if not some.rows:
        return some
    absences = list(
        Absence.objects.filter(
            starts_at__lt=max(a.ends_at for a in some.rows) + LONGEST,
            ends_at__gt=min(a.starts_at for a in some.rows) - LONGEST,
        ).select_related("resource", "location")
    )
    for a in some.rows:
        taken = [(r.resource_id, r.starts_at, r.ends_at) for r in a.reservations.all()]
        a.clash_with = [  # type: ignore[attr-defined]
            absence
            for absence in absences
            if (
                absence.location_id == a.location_id
                and absence.starts_at < a.ends_at
                and absence.ends_at > a.starts_at
            )
            or any(
                absence.resource_id == resource
                and absence.starts_at < end
                and absence.ends_at > start
                for resource, start, end in taken
            )
        ]
    return some


def _lapsed(here: QuerySet[Appointment], now: datetime) -> QuerySet[Appointment]:
    """Visits on a day on which their practitioner may not see patients. Two queries more."""
    late = Q(pk__in=[])
    for practitioner in Practitioner.objects.prefetch_related("registrations"):
        until = practitioner.bookable_until()
        mine = Q(practitioner=practitioner.pk)
        if until is None:
            late |= mine
        elif until.year < 9000:
            # By UTC's midnight: a registration ends on a date, not at a location.
            late |= mine & Q(starts_at__gte=clock.midnight(until + timedelta(days=1), "UTC"))
    return _coming(here, now).filter(late)


def _unmarked(
    here: QuerySet[Appointment], locations: Sequence[Location], now: datetime
) -> QuerySet[Appointment]:
    """Visits of the last days of which nobody said how they ended."""
    before_today = Q(pk__in=[])
    for place in locations:
        midnight = clock.midnight(clock.local(now, place.time_zone).date(), place.time_zone)
        before_today |= Q(location=place.pk, starts_at__lt=midnight)
    return here.filter(
        before_today,
        state__in=[State.BOOKED, State.ARRIVED],
        starts_at__gte=now - LOOK_BACK,
        ends_at__lte=now,
    ).order_by("-starts_at", "pk")


def _unconfirmed(
    here: QuerySet[Appointment], locations: Sequence[Location], now: datetime
) -> QuerySet[Appointment]:
    """Tomorrow's visits whose patients have not said that they are coming."""
    tomorrow = Q(pk__in=[])
    for place in locations:
        day: date = clock.local(now, place.time_zone).date() + timedelta(days=1)
        tomorrow |= Q(
            location=place.pk,
            starts_at__gte=clock.midnight(day, place.time_zone),
            starts_at__lt=clock.midnight(day + timedelta(days=1), place.time_zone),
        )
    return here.filter(tomorrow, state=State.BOOKED, coming_at=None).order_by("starts_at", "pk")


def _called_off(locations: Sequence[Location]) -> QuerySet[CalledOff]:
    """Patients whose visit we cancelled and who have nothing instead, soonest first, for ever."""
    return (
        CalledOff.objects.filter(
            outcome=CalledOff.Outcome.OPEN, appointment__location__in=[p.pk for p in locations]
        )
        .select_related("appointment__patient", "appointment__location", "appointment__treatment")
        .order_by("appointment__starts_at", "pk")
    )


def undeliverable(now: datetime) -> QuerySet[Notification]:
    """Messages that could not be sent and that nobody has passed on: about a visit to come, of
    the last days, or an answer to somebody who wrote to us, whenever that was."""
    still_matters = (
        Q(appointment__ends_at__gt=now)
        | Q(due_at__gte=now - LOOK_BACK)
        | Q(kind=Kind.CONTACT_ANSWER)
    )
    failed = Notification.objects.filter(state=Notification.State.FAILED, reached=None)
    return failed.filter(still_matters)


def alarming(now: datetime) -> QuerySet[Notification]:
    """Of these, what can still reach somebody in time: a visit that is over needs a word, not an
    alarm."""
    return undeliverable(now).exclude(appointment__ends_at__lte=now)


def _failures(now: datetime) -> QuerySet[Notification]:
    people = ("appointment__patient", "appointment__location")
    return undeliverable(now).select_related(*people).order_by("-due_at", "pk")


def _with_phones(some: Some[Notification]) -> Some[Notification]:
    """Tell each message whom to ring, in `phone`. One query more where it answers a letter."""
    letters: dict[str, str] = {}
    written_to = [row.recipient for row in some.rows if row.appointment is None]
    if written_to:
        found = apps.get_model("clinic", "ContactMessage").objects.filter(email__in=written_to)
        letters = dict(found.order_by("created_at").values_list("email", "phone"))
    for row in some.rows:
        patient = row.appointment.patient if row.appointment else None
        row.phone = patient.phone if patient else letters.get(row.recipient, "")  # type: ignore[attr-defined]
    return some


def _audit(now: datetime) -> Audit | None:
    """The auditor's last run, where there is something to look at."""
    last = Audit.objects.order_by("-at").first()
    if last and (last.total or last.at < now - UNAUDITED_AFTER):
        return last
    return None


def _unsent(now: datetime) -> int:
    """How many messages should have gone out and wait still."""
    waiting = Notification.objects.filter(state=Notification.State.PENDING)
    return waiting.filter(due_at__lt=now - STUCK_AFTER).count()


def _matches() -> QuerySet[PatientMatch]:
    return (
        PatientMatch.objects.filter(state=PatientMatch.State.OPEN)
        .select_related("newer", "older")
        .order_by("-created_at", "pk")
    )


def _new_messages() -> int:
    """How many contact messages nobody has opened. The inbox stands above us in the house, so
    we ask for it by name."""
    return int(apps.get_model("clinic", "ContactMessage").objects.filter(state="new").count())
