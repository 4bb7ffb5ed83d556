"""Nobody falls through: what follows from a visit that the clinic called off.

The row is written in the transaction that cancels, and is a task of the desk until it has an
outcome. A booking by the same person for the same therapy is one by itself.
"""

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from clinic.clock import now
from clinic.errors import Refused

from .actors import Actor
from .models import Appointment, CalledOff, Notification, Reached

Outcome = CalledOff.Outcome
# What can still become something better: whoever was offered a time may take it.
UNSETTLED = (Outcome.OPEN, Outcome.OFFERED)


class Settled(Refused):
    code = "settled"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("Somebody has noted this already."))


def call_off(appointment: Appointment) -> None:
    """The clinic has just cancelled it: somebody owes the patient another time."""
    CalledOff.objects.create(appointment=appointment)


def take_back(appointment: Appointment) -> None:
    """The cancellation was taken back: there is nothing to make good."""
    CalledOff.objects.filter(appointment=appointment).delete()


def note_rebooking(appointment: Appointment, by: Actor) -> None:
    """The patient has booked again: the oldest visit of the same therapy that was called off has
    its outcome. One query where there was none."""
    if appointment.patient is None:
        return
    waiting = _of_the_same_person(appointment).filter(
        outcome__in=UNSETTLED,
        appointment__treatment__therapy=appointment.treatment.therapy_id,
    )
    for row in waiting.order_by("appointment__starts_at", "pk"):
        if _write(row, Outcome.REBOOKED, by, replacement=appointment):
            return


def replacements(row: CalledOff) -> QuerySet[Appointment]:
    """Later visits of the same person that can be the one instead, soonest first."""
    visit = row.appointment
    if visit.patient is None:
        return Appointment.objects.none()
    return (
        Appointment.objects.with_people()
        .agreed()
        .filter(
            patient__resource=visit.patient.resource_id,
            booked_at__gte=row.created_at,
            replaces=None,
        )
        .order_by("starts_at", "pk")
    )


def settle(
    row: CalledOff,
    outcome: str,
    *,
    by: Actor,
    reason: str = "",
    replacement: Appointment | None = None,
) -> None:
    """A person says what became of it. Refused without the reason or the visit that it needs,
    and when a colleague was faster."""
    if by.user is None:
        raise Refused(_("Somebody has to stand for it."), code="nobody")
    if outcome == Outcome.CLOSED and not reason:
        raise Refused(_("Please say why."), code="reason_missing", field="reason")
    if (outcome == Outcome.REBOOKED) != (replacement is not None):
        raise Refused(_("Please choose the new visit."), code="replacement", field="outcome")
    try:
        with transaction.atomic():
            done = _write(row, Outcome(outcome), by, reason=reason, replacement=replacement)
    except IntegrityError:
        done = False  # the new visit stands in for another one since a moment ago
    if not done:
        raise Settled


def reached(notification: Notification, *, by: Actor) -> None:
    """Somebody told the patient what a failed mail could not. Twice is no harm."""
    if by.user is None or notification.state != Notification.State.FAILED:
        raise Refused(_("This message has not failed."), code="wrong_state")
    Reached.objects.get_or_create(
        notification=notification,
        defaults={"at": now(), "by": by.user.get_username(), "user": by.user},
    )


def _of_the_same_person(appointment: Appointment) -> "QuerySet[CalledOff]":
    """By the body: a guest who books again has a new record and the same body."""
    body = appointment.patient.resource_id if appointment.patient else None
    return CalledOff.objects.filter(appointment__patient__resource=body).exclude(
        appointment=appointment
    )


def _write(
    row: CalledOff,
    outcome: CalledOff.Outcome,
    by: Actor,
    *,
    reason: str = "",
    replacement: Appointment | None = None,
) -> bool:
    """Guarded by what it was; False when somebody was faster."""
    return bool(
        CalledOff.objects.filter(pk=row.pk, outcome__in=UNSETTLED).update(
            outcome=outcome,
            reason=reason[:200],
            replacement=replacement,
            noted_at=now(),
            noted_by=by.user.get_username() if by.user else by.kind,
            user=by.user,
        )
    )
