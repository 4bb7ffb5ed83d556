"""What every verb does with an appointment's row: lock it, look at its state, move it, note it."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from clinic.clock import now

from .actors import Actor
from .errors import WrongState
from .models import Appointment, AppointmentEvent, State


def lock(appointment: Appointment) -> Appointment:
    """The row as it is now, locked until the transaction ends."""
    return (
        Appointment.objects.select_for_update(of=("self",))
        .select_related("treatment__therapy", "practitioner", "location", "patient__resource")
        .get(pk=appointment.pk)
    )


_SAYS = {
    State.HELD: _("This time is kept, but not booked yet."),
    State.ARRIVED: _("The patient has arrived already."),
    State.COMPLETED: _("This visit has taken place."),
    State.CANCELLED: _("This appointment is cancelled already."),
    State.NO_SHOW: _("This appointment was missed."),
    State.EXPIRED: _("This time was not booked."),
    State.BOOKED: _("The patient has not arrived yet."),
}


def must_be(row: Appointment, *states: State) -> None:
    if row.state not in states:
        raise WrongState(_SAYS[State(row.state)])


def change(
    row: Appointment,
    verb: str,
    to: State,
    by: Actor,
    detail: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Change the state, guarded by the state it was in, and leave the audit row."""
    before = row.state
    fields["state"] = to
    if to != State.HELD:
        fields["held_until"] = None
    if row.patient_id:
        fields["patient"] = row.patient_id
    changed = Appointment.objects.filter(pk=row.pk, state=before).update(**fields)
    if not changed:
        raise WrongState(_("Somebody else has just changed this appointment."))
    for name, value in fields.items():
        setattr(row, f"{name}_id" if name == "patient" else name, value)
    note(row, verb, by, before, detail)


def note(
    row: Appointment, verb: str, by: Actor, before: str, detail: dict[str, Any] | None = None
) -> None:
    AppointmentEvent.objects.create(
        appointment=row,
        at=now(),
        verb=verb,
        actor=by.kind,
        user=by.user,
        from_state=before,
        to_state=row.state,
        detail=detail or {},
    )
