"""Taking back what the desk has just done, while the patient has not been told.

A cancellation or a move by the clinic's people leaves how it was before (a row, in the same
transaction), and its messages leave when UNDO_SECONDS are over. Taken back, the patient never
hears of it. What patients do themselves is told at once and has no way back.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from clinic.clock import now
from clinic.errors import Refused
from practitioners.models import Location

from . import notifications, outcomes, placing, steps
from .actors import Actor
from .availability import Query
from .errors import StartNotOffered, StartTaken, WrongState
from .explain import explain
from .models import Appointment, Resource, State, Undo
from .patients import body_of
from .ways import Placement

# What an appointment is after each, if nothing else has happened to it.
AFTER = {Undo.Verb.CANCEL: State.CANCELLED, Undo.Verb.RESCHEDULE: State.BOOKED}


class TakenMeanwhile(Refused):
    """The old time cannot be had any more; the sentence says why."""

    code = "taken_meanwhile"
    status = 409


# --- remembering ------------------------------------------------------------------
def before(appointment: Appointment, verb: Undo.Verb, by: Actor) -> Undo | None:
    """How it is before `verb`, not saved yet; None where there will be no way back. Two queries."""
    if not by.is_clinic or not settings.UNDO_SECONDS:
        return None
    things = appointment.reservations.exclude(resource__kind=Resource.Kind.PERSON)
    return Undo(
        verb=verb,
        user=by.user,
        starts_at=appointment.starts_at,
        practitioner=appointment.practitioner,
        location=appointment.location,
        coming_at=appointment.coming_at,
        claims=[
            (pk, start.isoformat(), end.isoformat())
            for pk, start, end in things.values_list("resource", "starts_at", "ends_at")
        ],
        waiting=notifications.waiting(appointment),
    )


def keep(was: Undo | None, appointment: Appointment) -> datetime:
    """Save what was before, now that the appointment has changed; when its messages may leave."""
    if was is None:
        return now()
    was.appointment, was.sequence = appointment, appointment.sequence
    was.until = now() + timedelta(seconds=settings.UNDO_SECONDS)
    was.save(force_insert=True)
    return was.until


def still_open(locations: Sequence[Location], *, at: datetime) -> QuerySet[Undo]:
    """What can still be taken back at these locations, what ends first first. One query."""
    as_left = Q()
    for verb, state in AFTER.items():
        as_left |= Q(verb=verb, appointment__state=state)
    # Who said that they are coming to a new time keeps it.
    kept = Q(verb=Undo.Verb.RESCHEDULE, appointment__coming_at__isnull=False)
    return Undo.objects.filter(
        as_left,
        ~kept,
        until__gt=at,
        sequence=F("appointment__sequence"),
        appointment__location__in=[place.pk for place in locations],
    ).select_related("appointment__patient", "appointment__location", "location")


def of(appointment: Appointment) -> Undo | None:
    """The way back of one appointment, if there is one now."""
    found = still_open([appointment.location], at=now()).filter(appointment=appointment)
    return found.first()


# --- taking back ------------------------------------------------------------------
def take_back(appointment: Appointment, *, by: Actor) -> Appointment:
    """Undo the last cancellation or move by the desk: as it was, and nobody is told.

    Raises WrongState when it is too late, TakenMeanwhile with the reason, or PatientBusy; the
    appointment then stays as it is.
    """
    try:
        return _take_back(appointment, by)
    except (StartTaken, StartNotOffered):
        row = Undo.objects.filter(appointment=appointment).last()
        lines = explain(**_asked(appointment, row)).lines if row else []
        why = " ".join(str(line.sentence) for line in lines)
        raise TakenMeanwhile(
            _("It cannot be taken back: the old time is taken meanwhile. %(why)s") % {"why": why}
        ) from None


@placing.retried
@transaction.atomic
def _take_back(appointment: Appointment, by: Actor) -> Appointment:
    row = steps.lock(appointment)
    was = Undo.objects.filter(appointment=row, sequence=row.sequence, until__gt=now()).first()
    if was is None:
        raise WrongState(_("It is too late to take this back."))
    steps.must_be(row, AFTER[Undo.Verb(was.verb)])
    if was.verb == Undo.Verb.RESCHEDULE and row.coming_at:
        raise WrongState(_("It is too late: the patient has said that they are coming."))
    if not notifications.hold_back(row):
        raise WrongState(_("It is too late: the patient has just been told."))
    state, since = row.state, row.starts_at.isoformat()
    _put_back(row, was)
    row.coming_at, row.state = was.coming_at, State.BOOKED
    row.cancel_reason, row.cancelled_by_clinic = "", False
    # Calendars may have seen the change: what they are told next has a higher number.
    row.sequence += 1
    row.save()
    outcomes.take_back(row)
    notifications.wait_again(row, was.waiting)
    steps.note(row, "take_back", by, state, {"what": was.verb, "start": since})
    was.delete()
    notifications.nudge_after_commit()
    return row


def _put_back(row: Appointment, was: Undo) -> None:
    """Time, place and reservations as they were: the same things, else others that do.

    StartTaken where there are none.
    """
    claims = [(pk, _instant(start), _instant(end)) for pk, start, end in was.claims]

    def take(way: Placement) -> Appointment:
        row.starts_at, row.ends_at = was.starts_at, was.starts_at + timedelta(minutes=row.minutes)
        row.practitioner, row.location = was.practitioner, was.location
        if not row.treatment.is_group and way.claims != claims:
            try:
                with transaction.atomic():
                    placing.take(row, replace(way, claims=claims))
                return row
            except placing.LostRace:
                pass
        placing.take(row, way)
        return row

    asked = _asked(row, was)
    day = was.starts_at.date()
    start, treatment = asked.pop("start"), asked.pop("treatment")
    try:
        placing.secure(Query(treatment, day, day, **asked), start, take)
    except StartNotOffered:
        # An absence, or other hours: what stood there before may stand there again.
        joins = row.treatment.is_group and was.practitioner.resource.pk not in {
            pk for pk, _start, _end in claims
        }
        way = Placement(was.practitioner, was.location, claims, joins, is_guarded=False)
        placing.insist(way, row, take)
    if row.patient:
        placing.take_body(row, body_of(row.patient))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _asked(row: Appointment, was: Undo) -> dict[str, Any]:
    """The question about the old time, as `explain` and the engine take it."""
    return {
        "treatment": row.treatment,
        "start": was.starts_at,
        "practitioner": was.practitioner,
        "location": was.location,
        "minutes": row.minutes,
        "override": True,
        "moving": row,
    }
