"""The verbs of the day of the visit: who is coming, who has come, who did not."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from clinic.clock import now, today

from . import notifications, placing, steps
from .actors import Actor
from .errors import WrongState
from .models import Appointment, State


@placing.retried
@transaction.atomic
def coming(appointment: Appointment, *, by: Actor) -> Appointment:
    """The patient says that they will be there; saying it twice is no harm."""
    locked = steps.lock(appointment)
    steps.must_be(locked, State.BOOKED)
    if locked.coming_at is None:
        locked.coming_at = now()
        locked.save(update_fields=["coming_at"])
        steps.note(locked, "coming", by, State.BOOKED)
    return locked


@placing.retried
@transaction.atomic
def check_in(appointment: Appointment, *, by: Actor) -> Appointment:
    """The patient has arrived (WrongState before the day of the visit)."""
    return _step(appointment, "check_in", State.BOOKED, State.ARRIVED, by)


@placing.retried
@transaction.atomic
def complete(appointment: Appointment, *, by: Actor, outcome: str = "") -> Appointment:
    """The visit took place; `outcome` says whether it found the patient suitable."""
    fields = {"outcome": Appointment.Outcome(outcome)} if outcome else {}
    return _step(appointment, "complete", State.ARRIVED, State.COMPLETED, by, **fields)


@placing.retried
@transaction.atomic
def no_show(appointment: Appointment, *, by: Actor) -> Appointment:
    """The patient did not come (WrongState before the day of the visit)."""
    return _step(appointment, "no_show", State.BOOKED, State.NO_SHOW, by)


@placing.retried
@transaction.atomic
def reopen(appointment: Appointment, *, by: Actor) -> Appointment:
    """Take back "arrived" or "did not come", on the day of the visit: it is booked again."""
    locked = steps.lock(appointment)
    steps.must_be(locked, State.ARRIVED, State.NO_SHOW)
    if locked.starts_local.date() != today(locked.location.time_zone):
        raise WrongState(_("This can be taken back only on the day of the visit."))
    steps.change(locked, "reopen", State.BOOKED, by)
    notifications.bring_back(locked)
    return locked


def _step(
    appointment: Appointment, verb: str, expected: State, to: State, by: Actor, **fields: Any
) -> Appointment:
    locked = steps.lock(appointment)
    steps.must_be(locked, expected)
    # Later is fine: the desk clears up what nobody noted on the day.
    if expected == State.BOOKED and today(locked.location.time_zone) < locked.starts_local.date():
        raise WrongState(_("This can be noted on the day of the visit, not before."))
    if to == State.NO_SHOW:
        notifications.drop_pending(locked)
    steps.change(locked, verb, to, by, **fields)
    return locked
