"""Taking and freeing resources: the only writer of reservations. See docs/locking.md.

The rule: in one transaction, expired holds in the way go, then every row of the appointment is
written in one INSERT in resource order. The overlap constraint decides races.
"""

import logging
import random
import time
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

from clinic import metrics
from clinic.clock import now

from .availability import Query, alternatives
from .errors import PatientBusy, StartTaken
from .groups import mates, of_the_group
from .models import Appointment, AppointmentEvent, Resource, State
from .models.reservations import Reservation
from .ways import Placement, place

log = logging.getLogger(__name__)
Verb = TypeVar("Verb", bound=Callable[..., Any])

TRIES = 4
# How often a booking looks for another way before it gives up: more than a pool has members.
LOOKS = 100
# Serialization failure and deadlock on PostgreSQL; the others are SQLite's "somebody is writing".
_TRANSIENT = ("40001", "40P01", "55P03", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_BUSY_SNAPSHOT")


class LostRace(Exception):  # noqa: N818  an event between two transactions, caught here
    """Somebody else's reservation came first."""


def is_transient(error: Exception) -> bool:
    """Whether the same transaction may well succeed when it is tried again."""
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return code in _TRANSIENT


def retried(verb: Verb) -> Verb:
    """Run a verb that is one transaction again after a deadlock or a busy database.

    Inside somebody else's transaction there is nothing to run again: the error goes through.
    """

    @wraps(verb)
    def run(*args: Any, **kwargs: Any) -> Any:
        for attempt in range(1, TRIES + 1):
            try:
                return verb(*args, **kwargs)
            except OperationalError as error:
                if attempt == TRIES or connection.in_atomic_block or not is_transient(error):
                    raise
                log.info("trying %s again after %s", verb.__name__, error.__cause__)
                metrics.count(metrics.transaction_retries, verb.__name__)
                time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 jitter
        raise AssertionError("unreachable")

    return run  # type: ignore[return-value]


def is_overlap(error: IntegrityError) -> bool:
    """Whether it was the overlap constraint that refused."""
    diag = getattr(error.__cause__, "diag", None)
    if diag is not None:
        return diag.constraint_name == "reservation_no_overlap"
    # SQLite's trigger has words of its own for spans that are none.
    return str(error) == "reservation_no_overlap: overlap"


def secure(query: Query, start: datetime, take: Callable[[Placement], Appointment]) -> Appointment:
    """Find a way to take `start` and let `take` write it; the caller is in a transaction.

    Looks again after every lost race, for as long as anything is left: each of them was lost to
    somebody who got something, so it ends. Raises StartTaken (without alternatives: the
    transaction is still open) or StartNotOffered.
    """
    locked: set[int] = set()
    for attempt in range(LOOKS):
        ways = place(query, start)
        if not ways:
            break
        # The best one first; who lost a race steps aside, or the whole crowd would try the next
        # best one together as well.
        way = random.choice(ways) if attempt else ways[0]  # noqa: S311  no secret
        if way.is_guarded and way.practitioner.pk not in locked:
            # What the constraint can't hold is looked at again while nobody else can book them.
            Resource.objects.select_for_update().get(practitioner=way.practitioner)
            locked.add(way.practitioner.pk)
            continue
        try:
            with transaction.atomic():
                return take(way)
        except LostRace:
            metrics.count(metrics.conflicts, "lost_race")
    raise StartTaken


def with_alternatives(query: Query, start: datetime) -> StartTaken:
    """The refusal for a taken start, with free starts near it. Call it outside the transaction."""
    metrics.count(metrics.conflicts, "start_taken")
    near = alternatives(
        query.treatment,
        start,
        practitioner=query.practitioner,
        location=query.location,
        moving=query.moving,
        minutes=query.minutes,
    )
    return StartTaken(near)


def take(appointment: Appointment, way: Placement) -> None:
    """Write the reservations of a placement (LostRace when somebody was faster)."""
    if way.joins and not _lock_group(appointment):
        raise LostRace
    drop_expired(way.claims, appointment)
    rows = [
        Reservation(resource_id=pk, starts_at=start, ends_at=end, appointment=appointment)
        for pk, start, end in way.claims
    ]
    _insert(rows)


def take_body(appointment: Appointment, body: Resource) -> None:
    """Reserve the patient for the visit itself (PatientBusy when they are elsewhere)."""
    row = Reservation(
        resource=body,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        appointment=appointment,
    )
    try:
        with transaction.atomic():
            _insert([row])
    except LostRace:
        metrics.count(metrics.conflicts, "patient_busy")
        raise PatientBusy from None


def _insert(rows: list[Reservation]) -> None:
    try:
        Reservation.objects.bulk_create(sorted(rows, key=lambda r: (r.resource_id, r.starts_at)))
    except IntegrityError as error:
        if is_overlap(error):
            raise LostRace from error
        raise


def drop_expired(
    claims: list[tuple[int, datetime, datetime]], taker: Appointment | None = None
) -> None:
    """Expire the holds that are over and stand in the way of these claims of `taker`."""
    if not claims:
        return
    stale = Appointment.objects.expired_holds(now()).filter(
        reservations__resource__in=[pk for pk, _start, _end in claims],
        reservations__starts_at__lt=max(end for _pk, _start, end in claims),
        reservations__ends_at__gt=min(start for _pk, start, _end in claims),
    )
    # In one order, or two bookings that meet the same holds lock each other out.
    for hold in stale.distinct().order_by("pk"):
        expire(hold, taker)


def expire(hold: Appointment, taker: Appointment | None = None) -> bool:
    """A hold that is over becomes expired and frees what it took; False if it was not one.

    `taker` is about to write its own claims and inherits nothing.
    """
    changed = (
        Appointment.objects.filter(pk=hold.pk)
        .expired_holds(now())
        .update(state=State.EXPIRED, held_until=None)
    )
    if changed:
        free(hold, taker)
        AppointmentEvent.objects.create(
            appointment=hold,
            at=now(),
            verb="expire",
            actor="system",
            from_state=State.HELD,
            to_state=State.EXPIRED,
        )
    return bool(changed)


def free(appointment: Appointment, taker: Appointment | None = None) -> None:
    """Give back what an appointment took. What a group shares passes to the next in the group."""
    if appointment.treatment.is_group:
        _hand_over(appointment, taker)
    Reservation.objects.filter(appointment=appointment).delete()


def _lock_group(appointment: Appointment) -> bool:
    """Lock the others of a group's start; False when none of them holds it any more."""
    others = list(mates(appointment).select_for_update(of=("self",)))
    return Reservation.objects.filter(
        appointment__in=others, resource__practitioner=appointment.practitioner_id
    ).exists()


def _hand_over(appointment: Appointment, taker: Appointment | None) -> None:
    # The row itself is locked first, like _lock_group's: whoever joins waits until this is done.
    group = mates(appointment) | Appointment.objects.filter(pk=appointment.pk)
    locked = list(group.order_by("pk").select_for_update(of=("self",)))
    instant, leaving = now(), {appointment.pk, taker.pk if taker else None}
    heirs = [
        other
        for other in locked
        # A hold that is over inherits nothing: it blocks nobody.
        if other.pk not in leaving and not (other.held_until and other.held_until <= instant)
    ]
    if not heirs:
        return
    shared = Reservation.objects.filter(of_the_group(), appointment=appointment)
    shared.update(appointment=heirs[0])
