"""Writes patients and stories in bulk, and the few rows that stand alone."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Max, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from bookings.attention import LOOK_BACK
from bookings.models import (
    Absence,
    Answer,
    Appointment,
    AppointmentEvent,
    CalledOff,
    Notification,
    Patient,
    PatientMatch,
    Resource,
    ScreeningForm,
    ScreeningRecord,
    State,
)
from bookings.models.appointments import AGREED
from bookings.models.reservations import Reservation
from bookings.patients import person_key

from .clients import Client
from .history import Story
from .patients import MATCHES

BATCH = 2000


def write_patients(clients: Sequence[Client]) -> list[Patient]:
    """A record and a body for each, in their order."""
    patients = [
        Patient(
            name=client.data.name,
            email=client.data.email,
            phone=client.data.phone,
            date_of_birth=client.born,
            access_needs=client.data.access_needs,
            staff_note=client.data.staff_note,
        )
        for client in clients
    ]
    bodies = Resource.objects.bulk_create(
        (
            Resource(
                kind="person",
                name="patient",
                person_key=person_key(p.name, p.email, p.phone, p.date_of_birth),
            )
            for p in patients
        ),
        batch_size=BATCH,
    )
    for patient, body in zip(patients, bodies, strict=True):
        patient.resource = body
    return Patient.objects.bulk_create(patients, batch_size=BATCH)


def write_matches(patients: Iterable[Patient]) -> None:
    """The pairs that staff have to decide about."""
    named: dict[str, Patient] = {}
    for patient in patients:
        named.setdefault(patient.name, patient)
    PatientMatch.objects.bulk_create(
        PatientMatch(newer=named[newer], older=named[older], because=because)
        for newer, older, because in MATCHES
    )


def write_stories(stories: Iterable[Story]) -> Iterable[int]:
    """Write them all, in batches; yields how many appointments are written so far."""
    stories, written = iter(stories), 0
    while batch := list(islice(stories, BATCH)):
        _write(batch)
        written += len(batch)
        yield written


def _write(batch: list[Story]) -> None:
    ScreeningRecord.objects.bulk_create(s.screening for s in batch if s.screening)
    for story in batch:
        story.appointment.screening = story.screening
    Appointment.objects.bulk_create(s.appointment for s in batch)
    for story in batch:
        belonging: list[Any] = [*story.events, *story.notifications, *story.answers]
        for row in belonging:
            row.appointment = story.appointment
    AppointmentEvent.objects.bulk_create(row for s in batch for row in s.events)
    Notification.objects.bulk_create(row for s in batch for row in s.notifications)
    Answer.objects.bulk_create(row for s in batch for row in s.answers)
    taken = [row for story in batch for row in _reservations(story)]
    Reservation.objects.bulk_create(sorted(taken, key=lambda r: (r.resource_id, r.starts_at)))


def _reservations(story: Story) -> list[Reservation]:
    """Rooms, equipment, the practitioner, and the patient from start to end."""
    row = story.appointment
    claims = list(story.claims)
    if row.patient and row.patient.resource_id and row.state != State.CANCELLED:
        claims.append((row.patient.resource_id, row.starts_at, row.ends_at))
    return [
        Reservation(resource_id=pk, starts_at=start, ends_at=end, appointment=row)
        for pk, start, end in claims
    ]


def set_dates(now: datetime) -> None:
    """Rows were made when they say they were, and not all this minute."""
    begun = AppointmentEvent.objects.filter(appointment=OuterRef("pk")).order_by("at").values("at")
    Appointment.objects.update(created_at=Subquery(begun[:1]))
    booked = Appointment.objects.filter(pk=OuterRef("appointment")).values("created_at")
    Notification.objects.filter(appointment__isnull=False).update(created_at=Subquery(booked))
    first = (
        Appointment.objects.filter(patient=OuterRef("pk"))
        .order_by()
        .values("patient")
        .annotate(first=Min("created_at"))
        .values("first")
    )
    Patient.objects.update(created_at=Coalesce(Subquery(first), now - timedelta(days=30)))


def write_stopped(form: ScreeningForm, now: datetime) -> None:
    """Safety checks that stopped somebody: without a name, as they are kept."""
    codes = [question.code for question in form.questions.all()]
    ScreeningRecord.objects.bulk_create(
        ScreeningRecord(
            form=form,
            at=now - timedelta(days=3 * n + 1, minutes=37 * n),
            answers={c: ("unsure" if n % 3 else "yes") if c == raised else "no" for c in codes},
            passed=False,
            door="contact" if n % 4 == 3 else "web",
        )
        for n, raised in enumerate(codes)
    )


def write_clash(now: datetime) -> Absence | None:
    """Somebody calls in sick for an afternoon with patients in it: the desk has to act."""
    soon = Appointment.objects.filter(
        state=State.BOOKED, starts_at__gt=now + timedelta(hours=20), treatment__is_group=False
    )
    row = (
        soon.filter(practitioner__slug__in=["mirela-stanbrook", "bartek-holloway"])
        .select_related("practitioner__resource")
        .order_by("starts_at", "pk")
        .first()
    )
    if row is None:
        return None
    return Absence.objects.create(
        resource=row.practitioner.resource,
        starts_at=row.starts_at,
        ends_at=row.starts_at + timedelta(hours=3),
        reason="sick",
        note="Called in this morning",
    )


def write_outcomes(now: datetime, desk: Any) -> None:
    """What became of the visits that the clinic called off: some patients still wait."""
    past = [
        (CalledOff.Outcome.OFFERED, ""),
        (CalledOff.Outcome.CLOSED, "Left two messages; will ring us when back from holiday"),
        (CalledOff.Outcome.REFUNDED, "Paid at the last visit"),
    ]
    called_off = (
        Appointment.objects.filter(state=State.CANCELLED, cancelled_by_clinic=True)
        .select_related("treatment")
        .order_by("starts_at", "reference")
    )
    at = dict(called_off.annotate(at=Max("events__at")).values_list("pk", "at"))
    used: set[int] = set()
    for number, visit in enumerate(called_off):
        row = CalledOff(appointment=visit)
        again = _booked_again(visit, at[visit.pk]).exclude(pk__in=used).first()
        if again:
            used.add(again.pk)
            row.outcome, row.replacement = CalledOff.Outcome.REBOOKED, again
            row.noted_at, row.noted_by = again.booked_at, "patient"
        elif visit.starts_at <= now or number % 3 == 0:
            row.outcome, row.reason = past[number % len(past)]
            row.noted_at, row.noted_by, row.user = at[visit.pk], "reception", desk
        row.save()
        CalledOff.objects.filter(pk=row.pk).update(created_at=at[visit.pk])


def _booked_again(visit: Appointment, since: datetime) -> "QuerySet[Appointment]":
    return Appointment.objects.filter(
        patient=visit.patient_id,
        treatment__therapy=visit.treatment.therapy_id,
        state__in=AGREED,
        booked_at__gt=since,
    ).order_by("starts_at", "reference")


def write_failure(now: datetime) -> None:
    """One message that no server would take; its visit is over, so that /readyz is "ready"."""
    over = Notification.objects.filter(
        state=Notification.State.SENT, appointment__ends_at__lte=now, due_at__gt=now - LOOK_BACK
    ).order_by("-due_at", "pk")
    row = over.filter(recipient__startswith="mailbox-full@").first() or over.first()
    if row:
        row.state, row.sent_at, row.attempts = Notification.State.FAILED, None, 1
        row.last_error = "552 mailbox is full"
        row.save(update_fields=["state", "sent_at", "attempts", "last_error"])
