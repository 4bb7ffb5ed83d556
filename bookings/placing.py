"""Taking and freeing resources: the only writer of reservations. See docs/locking.md.

The rule: in one transaction, what a visit takes is locked in one order, holds that are over go, and
every row of the appointment is written in one INSERT. The overlap constraint decides races.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q

from clinic import metrics
from clinic.clock import now

from .availability import Query, alternatives
from .errors import Busy, PatientBusy, StartTaken
from .groups import mates, of_the_group
from .models import Appointment, AppointmentEvent, Resource, State
from .models.reservations import Reservation
from .ways import Placement, place

log = logging.getLogger(__name__)
Verb = TypeVar("Verb", bound=Callable[..., Any])

TRIES = 4
# Nobody looks at a page for longer: after so many seconds it is not tried again.
PATIENCE = 10
# How often a booking looks for another way before it gives up: more than a pool has members.
LOOKS = 100
# Serialization failure and deadlock on PostgreSQL; the others are SQLite's "somebody is writing".
_TRANSIENT = ("40001", "40P01", "55P03", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_BUSY_SNAPSHOT")
# PostgreSQL's statement timeout: it has waited long enough.
_TOO_LONG = "57014"


class LostRace(Exception):  # noqa: N818  an event between two transactions, caught here
    """Somebody else's reservation came first."""


def _code(error: Exception) -> str:
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or ""


def is_transient(error: Exception) -> bool:
    """Whether the same transaction may well succeed when it is tried again."""
    return _code(error) in _TRANSIENT


def retried(verb: Verb) -> Verb:
    """Run a verb that is one transaction again after a deadlock or a busy database; Busy when it
    still is after TRIES times or PATIENCE seconds.

    Inside somebody else's transaction there is nothing to run again: the error goes through.
    """

    @wraps(verb)
    def run(*args: Any, **kwargs: Any) -> Any:
        begin = time.monotonic()
        for attempt in range(1, TRIES + 1):
            try:
                return verb(*args, **kwargs)
            except OperationalError as error:
                may_pass = is_transient(error)
                if connection.in_atomic_block or not (may_pass or _code(error) == _TOO_LONG):
                    raise
                if not may_pass or attempt == TRIES or time.monotonic() - begin > PATIENCE:
                    log.warning("gave up %s after %s: %s", verb.__name__, attempt, _code(error))
                    raise Busy from error
                log.info("trying %s again after %s", verb.__name__, _code(error))
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
    for attempt in range(LOOKS):
        ways = place(query, start)
        if not ways:
            break
        # The best one first; who lost a race steps aside, or the whole crowd would try the next
        # best one together as well.
        way = random.choice(ways) if attempt else ways[0]  # noqa: S311  no secret
        try:
            with transaction.atomic():
                _clear(way, query.moving)
                # What the constraint can't hold is looked at again while nobody else can book them.
                if way.is_guarded and way not in place(query, start):
                    raise LostRace
                return take(way)
        except LostRace:
            metrics.count(metrics.conflicts, "lost_race")
    raise StartTaken


def insist(
    way: Placement, moving: Appointment, take: Callable[[Placement], Appointment]
) -> Appointment:
    """Let `take` write this very way, whatever the hours say; StartTaken where it is not free."""
    try:
        with transaction.atomic():
            _clear(way, moving)
            return take(way)
    except LostRace:
        raise StartTaken from None


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
    if way.joins and not _has_group(appointment):
        raise LostRace
    rows = [
        Reservation(resource_id=pk, starts_at=start, ends_at=end, appointment=appointment)
        for pk, start, end in way.claims
    ]
    _insert(rows)


def take_body(appointment: Appointment, body: Resource) -> None:
    """Reserve the patient for the visit itself (PatientBusy when they are elsewhere)."""
    _lock([body.pk])
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


def _clear(way: Placement, moving: Appointment | None) -> None:
    """Lock what a placement takes, and free what stands in its way: holds that are over, and what
    the appointment that moves had.

    Everybody locks in one order, so that who wants the same things queues: holds that are over,
    then resources.
    """
    instant = now()
    in_the_way = Reservation.objects.filter(
        resource__in=[pk for pk, _start, _end in way.claims],
        starts_at__lt=max((end for _pk, _start, end in way.claims), default=instant),
        ends_at__gt=min((start for _pk, start, _end in way.claims), default=instant),
    )
    over = list(
        Appointment.objects.expired_holds(instant)
        .filter(pk__in=in_the_way.values("appointment"))
        .select_related("treatment")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    taken = {pk for pk, _start, _end in way.claims}
    # Who leads a group is locked by whoever joins or leaves it.
    people = {row.practitioner_id for row in over if row.treatment.is_group}
    if way.joins or way.is_guarded:
        people.add(way.practitioner.pk)
    if moving is not None:
        taken.update(_resources_of(moving))
        if moving.treatment.is_group:
            people.add(Appointment.objects.values_list("practitioner").get(pk=moving.pk)[0])
    if people:
        bodies = Resource.objects.filter(practitioner__in=people)
        taken.update(bodies.values_list("pk", flat=True))
    _lock(taken)
    for hold in over:
        expire(hold, moving)
    if moving is not None:
        free(moving)


def _resources_of(appointment: Appointment) -> Iterable[int]:
    rows = Reservation.objects.filter(appointment=appointment)
    return rows.values_list("resource", flat=True)


def _lock(resources: Iterable[int]) -> None:
    """Let nobody else take or free these until the transaction ends.

    Two who write overlapping rows at one moment would each wait for the other: PostgreSQL takes a
    second to see that. Practitioners, rooms and equipment come before patients' bodies.
    """
    is_body = ExpressionWrapper(Q(kind=Resource.Kind.PERSON), output_field=BooleanField())
    rows = Resource.objects.filter(pk__in=list(resources)).order_by(is_body, "pk")
    # No key: a reservation's reference to its resource does not wait for it.
    list(rows.select_for_update(no_key=True).values_list("pk", flat=True))


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


def _has_group(appointment: Appointment) -> bool:
    """Whether the others of a group's start still have what it shares."""
    return Reservation.objects.filter(
        appointment__in=mates(appointment), resource__practitioner=appointment.practitioner_id
    ).exists()


def _hand_over(appointment: Appointment, taker: Appointment | None) -> None:
    row = Appointment.objects.get(pk=appointment.pk)
    # Whoever joins or leaves waits here until this is done.
    _lock(Resource.objects.filter(practitioner=row.practitioner_id).values_list("pk", flat=True))
    # A hold that is over inherits nothing: it blocks nobody.
    heirs = mates(row).exclude(held_until__lte=now())
    if taker is not None:
        heirs = heirs.exclude(pk=taker.pk)
    heir = heirs.first()
    if heir is not None:
        shared = Reservation.objects.filter(of_the_group(), appointment=row)
        shared.update(appointment=heir)
