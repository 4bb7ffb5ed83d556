"""The outbox: write what is due, claim it with a lease, hand it to the mail server, mark it.

A notification is written in the transaction that makes it due and found by a scan, so nothing
depends on a message that waits in the broker. Claims are fenced by the number of attempts: a
task that comes twice, or too late, finds its claim gone and does nothing.
"""

import logging
import random
import threading
import time
from datetime import datetime, timedelta
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils.crypto import salted_hmac
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from clinic import fuse, mail, metrics
from clinic.clock import now, same_wall_time_days_before
from clinic.errors import Refused
from clinic.phones import readable

from . import pace
from .messages import Letterhead, render
from .models import Appointment, Kind, Notification, Patient, ReminderRule, State
from .staleness import NOT_SO, verdict

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
MOST_REFUSALS = 8
BATCH = 50
URGENT = [kind for kind in Kind if kind != Kind.REMINDER]
# Runs a process has at once: what one waits for the mail server, another uses.
_runs = threading.BoundedSemaphore(settings.SENDERS)
# A process hands over one mail at a time: whoever kills it between the mail server's yes and the
# mark makes one message come twice, not one a thread.
_handing_over = threading.Lock()
A_DAY = 24 * 60


# --- writing --------------------------------------------------------------------
def write_booked(appointment: Appointment) -> None:
    """A confirmation now and the reminders to come, for a patient who has a mail address."""
    _write(appointment, Kind.CONFIRMATION)
    write_reminders(appointment)


def write_moved(appointment: Appointment, due: datetime | None = None) -> None:
    """What was still to be sent about the old start is dropped; the new start is announced.

    Nothing leaves before `due`, an instant: until then the desk may take the move back.
    """
    drop_pending(appointment)
    _write(appointment, Kind.CHANGE, due)
    write_reminders(appointment, due)


def write_cancelled(appointment: Appointment, due: datetime | None = None) -> None:
    """As `write_moved`: what was waiting is dropped, the cancellation told from `due` on."""
    drop_pending(appointment)
    _write(appointment, Kind.CANCELLATION, due)


def write_reminders(
    appointment: Appointment, earliest: datetime | None = None, *, missing_only: bool = False
) -> None:
    """One row a reminder whose time has not passed yet. One query, and one to write."""
    instant = now()
    rows = []
    for minutes in reminder_minutes(appointment.treatment_id):
        due = reminder_due(appointment, minutes)
        if due > instant:
            rows.append(_row(appointment, Kind.REMINDER, max(due, earliest or due), minutes))
    to_write = (r for r in rows if r.recipient)
    Notification.objects.bulk_create(to_write, ignore_conflicts=missing_only)


def reminder_minutes(treatment_id: int) -> list[int]:
    """Minutes before a visit at which to remind: the treatment's own, else the clinic's."""
    rules = ReminderRule.objects.filter(Q(treatment=treatment_id) | Q(treatment=None))
    pairs = list(rules.values_list("treatment_id", "minutes_before"))
    own = [minutes for treatment, minutes in pairs if treatment is not None]
    return sorted(own or [minutes for _none, minutes in pairs], reverse=True)


def reminder_due(appointment: Appointment, minutes: int) -> datetime:
    """When a reminder is due: whole days earlier at the same time on the wall, else exactly."""
    if minutes % A_DAY == 0:
        zone = appointment.location.time_zone
        return same_wall_time_days_before(appointment.starts_at, minutes // A_DAY, zone)
    return appointment.starts_at - timedelta(minutes=minutes)


def drop_pending(appointment: Appointment) -> None:
    """Whatever is waiting about this appointment is no longer due."""
    appointment.notifications.filter(state=Notification.State.PENDING).update(
        state=Notification.State.DROPPED, lease_until=None, last_error=str(NOT_SO)
    )


def bring_back(appointment: Appointment) -> None:
    """What was dropped since the latest change is due again, of the reminders those whose time has
    not passed yet; what a person dropped stays so."""
    dropped = appointment.notifications.filter(
        ~Q(kind=Kind.REMINDER) | Q(due_at__gt=now()),
        state=Notification.State.DROPPED,
        start_version=appointment.sequence,
    ).exclude(payload__has_key="dropped_by")
    dropped.update(state=Notification.State.PENDING, last_error="")


# What an undo asks (bookings/undo.py).
def waiting(appointment: Appointment) -> list[int]:
    """Ids of what is still to be sent about an appointment."""
    rows = appointment.notifications.filter(state=Notification.State.PENDING)
    return list(rows.values_list("pk", flat=True))


def hold_back(appointment: Appointment) -> bool:
    """Drop what is about to be told of the latest change; False when it is being told already."""
    rows = appointment.notifications.filter(start_version=appointment.sequence)
    rows.filter(state=Notification.State.PENDING, attempts=0).update(
        state=Notification.State.DROPPED, last_error=str(_("Taken back by the desk."))
    )
    return not rows.exclude(state=Notification.State.DROPPED).exists()


def wait_again(appointment: Appointment, ids: list[int]) -> None:
    """What was waiting before the latest change waits again, about the start as it is now."""
    appointment.notifications.filter(pk__in=ids, state=Notification.State.DROPPED).update(
        state=Notification.State.PENDING, start_version=appointment.sequence, last_error=""
    )


def how_told(patient: Patient) -> SafeString:
    """For staff who move or cancel a visit: that a mail goes out, or that it is up to them."""
    if patient.email:
        return format_html("{}", _("The patient is told by mail."))
    if not patient.phone:
        words = _("No mail goes out: this patient has no mail address, and no phone.")
        return format_html("{}", words)
    link = format_html('<a href="tel:{}">{}</a>', patient.phone, readable(patient.phone))
    words = _("No mail goes out: this patient has no mail address. Please ring {phone}.")
    return format_html(str(words), phone=link)


def resend_confirmation(appointment: Appointment) -> Notification:
    """The confirmation once more, and reminders where there are none: the address may be new.

    Refused without a mail address, or when it is not booked.
    """
    if appointment.state != State.BOOKED:
        raise Refused(_("Only a booked appointment can be confirmed again."), code="wrong_state")
    if not appointment.patient or not appointment.patient.email:
        raise Refused(_("This patient has no mail address."), code="no_mail")
    copies = appointment.notifications.filter(kind=Kind.CONFIRMATION).aggregate(n=Max("copy"))
    row = _row(appointment, Kind.CONFIRMATION, now(), 0)
    row.copy = -1 if copies["n"] is None else copies["n"]
    row.copy += 1
    row.save()
    write_reminders(appointment, missing_only=True)
    nudge_after_commit()
    return row


def send_again(notification: Notification) -> bool:
    """Try a failed message once more, from the start: a person has decided that it is not too
    late. Claims are counted on, so that a worker that was stuck since finds its own gone.

    False where it had not failed, or somebody else was faster.
    """
    failed = Notification.objects.filter(pk=notification.pk, state=Notification.State.FAILED)
    again = failed.update(
        state=Notification.State.PENDING,
        due_at=now(),
        refusals=0,
        lease_until=None,
        last_error="",
    )
    if again:
        nudge_after_commit()
    return bool(again)


def enqueue(kind: str, recipient: str, payload: dict[str, str]) -> Notification:
    """A message that belongs to no appointment; its words are filled from `payload`."""
    row = Notification.objects.create(kind=kind, recipient=recipient, payload=payload, due_at=now())
    nudge_after_commit()
    return row


def _write(appointment: Appointment, kind: Kind, due: datetime | None = None) -> None:
    row = _row(appointment, kind, due or now(), 0)
    if row.recipient:
        row.save()


def _row(appointment: Appointment, kind: Kind, due: datetime, minutes: int) -> Notification:
    return Notification(
        kind=kind,
        appointment=appointment,
        start_version=appointment.sequence,
        minutes_before=minutes,
        due_at=due,
        recipient=appointment.patient.email if appointment.patient else "",
    )


# --- sending --------------------------------------------------------------------
def nudge_after_commit() -> None:
    """Once this transaction is in, ask the worker to look at the outbox now."""
    # A named function and robust: a broker that is down must not turn a booking that exists
    # into an error page (docs/decisions/outbox.md).
    transaction.on_commit(nudge, robust=True)


def nudge() -> None:
    """Ask the worker to look; when the broker is away, the next scan finds the rows anyway."""
    from celery import current_app

    if fuse.broker.is_blown:
        return
    try:
        current_app.send_task("bookings.tasks.send_due", retry=False)
    except Exception as error:
        fuse.broker.blow(error)


class Line(mail.Line):
    """One way to the mail server, which waits for its turn with each message's words."""

    def __init__(self) -> None:
        super().__init__(self._wait_for_turn)
        self._has_turn = False

    def _wait_for_turn(self) -> None:
        _handing_over.acquire()
        self._has_turn = True

    def let_the_next(self) -> None:
        """What was handed over is marked now."""
        if self._has_turn:
            self._has_turn = False
            _handing_over.release()


def send_due() -> None:
    """Send what is due, for SEND_SECONDS at most; the rest is another run's, after other tasks.

    A process has a few runs at once; one too many returns, for the others find its rows too.
    """
    if not _runs.acquire(blocking=False):
        return
    try:
        with Line() as line:
            _send_until(time.monotonic() + settings.SEND_SECONDS, line)
    finally:
        _runs.release()


def _send_until(deadline: float, line: Line) -> None:
    is_first = True
    while pace.wait(deadline):
        claimed = claim(1 if pace.is_set() else BATCH)
        if not claimed:
            return
        if is_first and len(claimed) == BATCH:
            nudge()  # more than one run can do: ask for another one beside it
        is_first = False
        letterhead = Letterhead.load()
        while claimed and time.monotonic() < deadline and not line.is_away:
            deliver(*claimed.pop(0), line=line, letterhead=letterhead)
        for pk, attempt in claimed:
            _let_go(pk, attempt)
        if line.is_away:
            return  # trying the others would wear out a server that is coming back
    if not is_first:
        nudge()  # else the next turn is further off than a run is long: beat asks again


def claim(limit: int = BATCH) -> list[tuple[int, int]]:
    """Lease what is due: (id, attempt) pairs. No other claim gets them for five minutes.

    Somebody waits for a code or a confirmation, so they come before reminders, of which a
    fourth of the places is kept where there are so many others.
    """
    instant = now()
    due = (
        Notification.objects.filter(state=Notification.State.PENDING, due_at__lte=instant)
        .filter(Q(lease_until=None) | Q(lease_until__lte=instant))
        .order_by("due_at")
        .values_list("pk", "attempts")
    )
    kept = limit // 4 if limit > 1 else int(pace.is_reminders_turn())
    # SQLite ignores the row lock; its IMMEDIATE transaction is the lock.
    with transaction.atomic():
        free = due.select_for_update(skip_locked=True)
        urgent = list(free.filter(kind__in=URGENT)[:limit])
        room = limit - min(len(urgent), limit - kept)
        reminders = list(free.filter(kind=Kind.REMINDER)[:room]) if room else []
        rows = [*urgent[: limit - len(reminders)], *reminders]
        Notification.objects.filter(pk__in=[pk for pk, _attempts in rows]).update(
            lease_until=instant + LEASE, attempts=F("attempts") + 1
        )
    return [(pk, attempts + 1) for pk, attempts in rows]


def deliver(
    pk: int,
    attempt: int,
    *,
    line: Line | None = None,
    letterhead: Letterhead | None = None,
) -> bool:
    """Send one claimed notification; True when the mail server took it.

    A temporary failure leaves it for a later scan, a permanent one marks it failed; what is no
    longer true (cancelled, moved, past) or comes too late is dropped or failed, with the reason.
    """
    if line is None:
        with Line() as line:
            return deliver(pk, attempt, line=line, letterhead=letterhead)
    row = (
        Notification.objects.filter(
            pk=pk, state=Notification.State.PENDING, attempts=attempt, lease_until__gt=now()
        )
        .select_related(
            "appointment__patient", "appointment__location", "appointment__practitioner"
        )
        .first()
    )
    if row is None:
        return False
    if found := verdict(row):
        _mine(row).update(state=found.state, lease_until=None, last_error=str(found.reason)[:200])
        return False
    if row.appointment and row.appointment.patient:
        row.recipient = row.appointment.patient.email
    try:
        if not _hand_over(row, line, letterhead or Letterhead.load()):
            return False
        _mine(row).update(
            state=Notification.State.SENT,
            sent_at=now(),
            lease_until=None,
            last_error="",
            recipient=row.recipient,
            # A code has done its work; it need not lie about.
            payload={} if row.kind == Kind.CODE else row.payload,
        )
    finally:
        line.let_the_next()
    metrics.count(metrics.mails, "sent")
    return True


def message_id(row: Notification) -> str:
    """The same for every attempt, so that a mail server or reader can drop a duplicate."""
    digest = salted_hmac("bookings.message-id", str(row.pk), secret=settings.SECRET_KEY).hexdigest()
    return f"<{digest[:32]}@{mail.domain()}>"


def _hand_over(row: Notification, line: Line, letterhead: Letterhead) -> bool:
    try:
        line.open()
    except Exception as error:
        _put_off(row, error)
        return False
    if not pace.take_turn():
        _let_go(row.pk, row.attempts)  # another worker took the turn
        return False
    try:
        _send(row, line, letterhead)
    except SMTPSenderRefused as error:
        if error.smtp_code != 421:
            _failed(row, error)
        elif line.is_used:
            _let_go(row.pk, row.attempts)  # enough over one connection: the next one takes it
        else:
            line.is_away = True
            _put_off(row, error)
        return False
    except Exception as error:
        _failed(row, error)
        return False
    return True


def _send(row: Notification, line: Line, letterhead: Letterhead) -> None:
    message = render(row, letterhead)
    clinic = letterhead.clinic
    # An answer to the contact form's mail should reach the person who wrote.
    reply_to = row.payload.get("email", "") if row.kind == Kind.CONTACT_CLINIC else clinic.email
    mail.send(
        to=row.recipient,
        subject=message.subject,
        text=message.text,
        html=message.html,
        sender_name=clinic.name,
        reply_to=reply_to,
        message_id=message_id(row),
        calendar=message.calendar,
        calendar_method=message.method,
        connection=line.connection(),
    )


# --- what did not go out ----------------------------------------------------------
def _mine(row: Notification) -> QuerySet[Notification]:
    """The row while the claim is ours: a worker that was stuck must not undo its successor's."""
    return Notification.objects.filter(
        pk=row.pk,
        state=Notification.State.PENDING,
        attempts=row.attempts,
        lease_until=row.lease_until,
    )


def _let_go(pk: int, attempt: int) -> None:
    """Anybody may claim it at once."""
    Notification.objects.filter(pk=pk, state=Notification.State.PENDING, attempts=attempt).update(
        lease_until=None
    )


def _put_off(row: Notification, error: Exception) -> None:
    """The mail server is away or refuses us: no fault of the message, which waits some minutes."""
    log.warning("the mail server: %s", type(error).__name__)
    metrics.count(metrics.mails, "put_off")
    _mine(row).update(lease_until=_after(min(30 * 2**row.attempts, 300)), last_error=_words(error))


def _failed(row: Notification, error: Exception) -> None:
    """The mail server did not take this message: later again, each time after a longer wait."""
    refusals = row.refusals + 1
    final = is_permanent(error) or refusals >= MOST_REFUSALS
    log.warning("notification %s: attempt %s: %s", row.pk, row.attempts, type(error).__name__)
    metrics.count(metrics.mails, "failed" if final else "put_off")
    _mine(row).update(
        state=Notification.State.FAILED if final else Notification.State.PENDING,
        refusals=refusals,
        lease_until=None if final else _after(min(30 * 2**refusals, 3600)),
        last_error=_words(error),
    )


def _after(seconds: float) -> datetime:
    return now() + timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311 jitter


def _words(error: Exception) -> str:
    """What the mail server answered, as it says it; else what went wrong."""
    said: bytes | str
    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        code, said = next(iter(error.recipients.values()))
    elif isinstance(error, SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return f"{type(error).__name__}: {error}"[:200]
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return "".join(c if c.isprintable() else " " for c in f"{code} {text}")[:200]


def is_permanent(error: Exception) -> bool:
    """Whether trying again can't help: a 5xx answer to this message, or an address that is none."""
    if isinstance(error, SMTPAuthenticationError | SMTPConnectError | SMTPHeloError):
        return False  # the server refuses us, not the message: somebody mends that
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _text in error.recipients.values())
    if isinstance(error, SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, ValueError) and not isinstance(error, SMTPException)
