"""The verbs: the one way in which an appointment comes to be and changes its state.

    held -> booked -> arrived -> completed;  booked -> cancelled | no_show;  held -> expired
    On its day a slip is taken back: arrived | no_show -> booked (bookings/day.py)
    What the desk did a moment ago is taken back: cancelled -> booked (bookings/undo.py)

Each verb is one transaction, leaves an audit row, and writes the notifications that follow
from it. Verbs raise subclasses of clinic.errors.Refused and change nothing then. Instants are
aware, in UTC. `by` says who does it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from clinic import metrics
from clinic.clock import now
from practitioners.models import Clinic, Location, Practitioner, Treatment

from . import notifications, outcomes, placing, policy, screening, steps, undo
from .actors import Actor
from .availability import Query
from .day import check_in, coming, complete, no_show, reopen
from .errors import HoldExpired, StartNotOffered, StartTaken, WrongState
from .models import Answer, Appointment, Patient, ScreeningRecord, State, Undo
from .patients import Details, add_guest, body_of, current
from .undo import take_back
from .ways import Placement

__all__ = [
    "Details",
    "book",
    "cancel",
    "check_in",
    "coming",
    "complete",
    "confirm",
    "expire_holds",
    "extend_hold",
    "hold",
    "no_show",
    "release",
    "reopen",
    "reschedule",
    "take_back",
]


# --- taking a start -------------------------------------------------------------
def hold(
    *,
    treatment: Treatment,
    start: datetime,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
    minutes: int | None = None,
    screening: ScreeningRecord | None,
    proved: Patient | None = None,
    instead_of: Iterable[Appointment] = (),
    by: Actor,
    source: str = Appointment.Source.WEB,
) -> Appointment:
    """Keep a start for HOLD_MINUTES, while the patient fills in the details.

    `minutes` is another length that the treatment comes in. The holds of `instead_of` are given up
    for it in the same transaction: where it cannot be had, they are kept. Raises ScreeningNeeded
    or RedFlag (the gate), NeedsProof or NeedsAssessment, StartNotOffered, StartTaken with
    alternatives.
    """
    _gate(screening, by)
    policy.check_audience(treatment, proved, start)
    length = policy.length_of(treatment, minutes)
    query = _query(treatment, start, practitioner, location, minutes=length[0])

    def swap() -> Appointment:
        for old in instead_of:
            _release(old, by)
        return _hold(query, start, length, screening, proved, by, source)

    return _taking(query, start, swap)


def book(
    *,
    treatment: Treatment,
    start: datetime,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
    minutes: int | None = None,
    screening: ScreeningRecord | None = None,
    details: Details,
    by: Actor,
    source: str,
    override: bool = False,
) -> Appointment:
    """Hold and confirm in one transaction: for the API, the desk and the admin.

    With `override` staff go round notice, horizon and grid, and who the treatment is for; never
    round what is taken.
    """
    _gate(screening, by)
    if not override:
        policy.check_audience(treatment, details.patient, start)
    length = policy.length_of(treatment, minutes)
    query = _query(treatment, start, practitioner, location, override=override, minutes=length[0])

    def both() -> Appointment:
        held = _hold(query, start, length, screening, details.patient, by, source)
        return _confirm(held, details, by, must_answer=not by.is_clinic)

    return _taking(query, start, both)


def confirm(appointment: Appointment, *, details: Details, by: Actor) -> Appointment:
    """Turn a hold into an appointment; the same one again where that has happened already.

    A hold that is over is taken again if its start is still free, else StartTaken with
    alternatives. Raises Refused with the field for details that won't do, Blocked for an answer
    that a practitioner has to talk about first, PatientBusy.
    """
    query = _query(
        appointment.treatment,
        appointment.starts_at,
        appointment.practitioner,
        appointment.location,
        override=True,
        minutes=appointment.minutes,
    )

    def once() -> Appointment:
        locked = steps.lock(appointment)
        if locked.state == State.EXPIRED or (
            locked.state == State.HELD and locked.held_until and locked.held_until <= now()
        ):
            _take_again(locked, query, by)
        return locked if locked.state != State.HELD else _confirm(locked, details, by)

    confirmed = _taking(query, appointment.starts_at, once)
    if confirmed.state in (State.CANCELLED, State.EXPIRED):
        raise HoldExpired
    return confirmed


@placing.retried
@transaction.atomic
def extend_hold(appointment: Appointment, *, by: Actor) -> Appointment:
    """Ten minutes more, once (WrongState the second time, HoldExpired when it is over)."""
    locked, instant = steps.lock(appointment), now()
    if locked.state != State.HELD or locked.held_until is None or locked.held_until <= instant:
        raise HoldExpired
    if locked.hold_extended:
        raise WrongState(_("We can keep a time longer only once."), code="extended_already")
    locked.held_until += timedelta(minutes=settings.HOLD_MINUTES)
    locked.hold_extended = True
    locked.save(update_fields=["held_until", "hold_extended"])
    steps.note(locked, "extend", by, State.HELD)
    return locked


@placing.retried
@transaction.atomic
def release(appointment: Appointment, *, by: Actor) -> None:
    """Give up a hold; nothing happens when it is none any more."""
    _release(appointment, by)


def expire_holds(limit: int = 500) -> int:
    """Expire the holds that are over; returns how many. An expired hold blocks nobody before."""
    count = 0
    expire = placing.retried(transaction.atomic(placing.expire))
    for row in Appointment.objects.expired_holds(now()).select_related("treatment")[:limit]:
        count += expire(row)
    return count


# --- changing it ----------------------------------------------------------------
def reschedule(
    appointment: Appointment,
    *,
    start: datetime,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
    by: Actor,
    override: bool = False,
) -> Appointment:
    """Move a booked appointment; the old time is kept until the new one is secured.

    Without a practitioner or a location those of the appointment stay. Raises PolicyRefused
    past the deadline, TooYoung, NeedsAssessment, WrongState, StartNotOffered, StartTaken with
    alternatives, PatientBusy.
    """
    query = _query(
        appointment.treatment,
        start,
        practitioner or appointment.practitioner,
        location or appointment.location,
        override=override,
        moving=appointment,
        minutes=appointment.minutes,
    )

    def once() -> Appointment:
        locked = steps.lock(appointment)
        steps.must_be(locked, State.BOOKED)
        if (start, query.practitioner, query.location) == _when_and_where(locked):
            # Pressed twice at once: the other one has moved it there.
            return locked
        policy.check_may_change(locked, by)
        policy.check_still_fits(locked, start, query.location or locked.location, by)
        before = {"start": locked.starts_at.isoformat(), "practitioner": locked.practitioner_id}
        way_back = undo.before(locked, Undo.Verb.RESCHEDULE, by)

        def take(way: Placement) -> Appointment:
            _put(locked, way, start)
            placing.take(locked, way)
            return locked

        placing.secure(query, start, take)
        if locked.patient:
            placing.take_body(locked, body_of(locked.patient))
        locked.sequence += 1
        locked.coming_at = None
        locked.save()
        steps.note(locked, "reschedule", by, State.BOOKED, before)
        notifications.write_moved(locked, undo.keep(way_back, locked))
        notifications.nudge_after_commit()
        return locked

    if (start, query.practitioner, query.location) == _when_and_where(appointment):
        raise WrongState(_("This is the time you have already."), code="same_start")
    return _taking(query, start, once)


@placing.retried
@transaction.atomic
def cancel(
    appointment: Appointment, *, reason: str = "", by: Actor, override: bool = False
) -> Appointment:
    """Cancel a booked appointment and free what it took (PolicyRefused past the deadline)."""
    locked = steps.lock(appointment)
    steps.must_be(locked, State.BOOKED)
    if not override:
        policy.check_may_change(locked, by)
    way_back = undo.before(locked, Undo.Verb.CANCEL, by)
    steps.change(
        locked,
        "cancel",
        State.CANCELLED,
        by,
        {"reason": reason} if reason else {},
        cancel_reason=reason[:200],
        cancelled_by_clinic=by.is_clinic,
        sequence=locked.sequence + 1,
    )
    placing.free(locked)
    if by.is_clinic:
        outcomes.call_off(locked)
    notifications.write_cancelled(locked, undo.keep(way_back, locked))
    notifications.nudge_after_commit()
    return locked


# --- how ------------------------------------------------------------------------
def _gate(record: ScreeningRecord | None, by: Actor) -> None:
    """Everybody goes through the safety questions; staff may have asked them on the phone."""
    if record is not None or not by.is_clinic:
        screening.require(record)


def _query(
    treatment: Treatment,
    start: datetime,
    practitioner: Practitioner | None,
    location: Location | None,
    *,
    override: bool = False,
    moving: Appointment | None = None,
    minutes: int | None = None,
) -> Query:
    if not override and not (treatment.is_published and treatment.therapy.is_published):
        raise StartNotOffered("not_bookable")
    day = start.date()
    return Query(
        treatment,
        day,
        day,
        practitioner,
        location,
        moving=moving,
        override=override,
        minutes=minutes,
    )


@placing.retried
def _in_one_transaction(work: Any) -> Appointment:
    with transaction.atomic():
        return work()


def _taking(query: Query, start: datetime, work: Any) -> Appointment:
    """Run `work` as one transaction; a start that is taken comes back with alternatives."""
    try:
        return _in_one_transaction(work)
    except StartTaken:
        raise placing.with_alternatives(query, start) from None


def _hold(
    query: Query,
    start: datetime,
    length: tuple[int, int],
    record: ScreeningRecord | None,
    patient: Patient | None,
    by: Actor,
    source: str,
) -> Appointment:
    treatment = query.treatment

    def take(way: Placement) -> Appointment:
        row = Appointment(
            treatment=treatment,
            treatment_name=str(treatment),
            minutes=length[0],
            price_pence=length[1],
            cancellation_hours=Clinic.current().cancellation_hours,
            state=State.HELD,
            held_until=now() + timedelta(minutes=settings.HOLD_MINUTES),
            patient=patient,
            screening=record,
            source=source,
        )
        _put(row, way, start)
        row.save()
        placing.take(row, way)
        return row

    row = placing.secure(query, start, take)
    if patient is not None:
        row.patient = current(patient)
        row.save(update_fields=["patient"])
    steps.note(row, "hold", by, "")
    return row


def _release(appointment: Appointment, by: Actor) -> None:
    locked = steps.lock(appointment)
    if locked.state == State.HELD:
        steps.change(locked, "release", State.EXPIRED, by, held_until=None)
        placing.free(locked)


def _when_and_where(row: Appointment) -> tuple[datetime, Practitioner, Location]:
    return row.starts_at, row.practitioner, row.location


def _put(row: Appointment, way: Placement, start: datetime) -> None:
    row.practitioner, row.location = way.practitioner, way.location
    row.starts_at, row.ends_at = start, start + timedelta(minutes=row.minutes)


def _take_again(row: Appointment, query: Query, by: Actor) -> None:
    """A hold that is over gets its start back if nobody else has it."""
    before = row.state
    row.state, row.held_until = State.HELD, now() + timedelta(minutes=1)
    row.save(update_fields=["state", "held_until"])
    again = replace(query, moving=row)

    def take(way: Placement) -> Appointment:
        placing.take(row, way)
        return row

    if row.starts_at < now():
        raise StartNotOffered("past")
    placing.secure(again, row.starts_at, take)
    steps.note(row, "hold", by, before)


def _confirm(
    row: Appointment, details: Details, by: Actor, *, must_answer: bool = True
) -> Appointment:
    treatment = row.treatment
    patient = row.patient or details.patient
    if patient is not None:
        patient = current(patient)
    policy.check_details(details if patient is None else Details(patient=patient))
    # What the clinic knows counts before what is typed: of a family, a child is proved too.
    born = (patient.date_of_birth if patient else None) or details.date_of_birth
    if must_answer:
        policy.check_age(treatment, born, row.starts_at, row.location)
    answers = policy.check_answers(
        policy.questions_of(treatment),
        details.answers,
        must_answer=must_answer and treatment.audience != "returning",
    )
    row.patient = patient or add_guest(details)
    placing.take_body(row, body_of(row.patient))
    row.note = _note_of(details, known=patient is not None)
    row.wants_chaperone = details.wants_chaperone
    row.held_until, row.booked_at = None, now()
    steps.change(row, "book", State.BOOKED, by)
    row.save()
    Answer.objects.bulk_create(_of(row, answers))
    outcomes.note_rebooking(row, by)
    notifications.write_booked(row)
    notifications.nudge_after_commit()
    metrics.count_after_commit(metrics.bookings, by.kind)
    return row


def _note_of(details: Details, *, known: bool) -> str:
    """What the patient wrote; a known patient's record is not changed by what is typed online."""
    if known and details.access_needs:
        needs = _("Access needs: %(needs)s") % {"needs": details.access_needs}
        return f"{details.note}\n{needs}".strip()
    return details.note


def _of(row: Appointment, answers: list[Answer]) -> list[Answer]:
    for answer in answers:
        answer.appointment = row
    return answers
