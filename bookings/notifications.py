"""The outbox: write what is due, claim it with a lease, hand it to the mail server, mark it.

A notification is written in the transaction that makes it due and found by a scan, so nothing
depends on a message that waits in the broker. Claims are fenced by the number of attempts: a
task that comes twice, or too late, finds its claim gone and does nothing.
"""

import logging
import random
import threading
from datetime import datetime, timedelta
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q
from django.utils.crypto import salted_hmac
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from clinic import fuse, mail, metrics
from clinic.clock import now, same_wall_time_days_before
from clinic.errors import Refused
from clinic.phones import readable
from practitioners.models import Clinic

from .messages import render
from .models import Appointment, Kind, Notification, Patient, ReminderRule, State

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 8
# A process hands over one mail at a time: whoever kills it between the mail server's yes and the
# mark makes one message come twice, not one a thread.
_handing_over = threading.Lock()
A_DAY = 24 * 60


# --- writing --------------------------------------------------------------------
def write_booked(appointment: Appointment) -> None:
    """A confirmation now and the reminders to come, for a patient who has a mail address."""
    _write(appointment, Kind.CONFIRMATION)
    write_reminders(appointment)


def write_moved(appointment: Appointment) -> None:
    """What was still to be sent about the old start is dropped; the new start is announced."""
    drop_pending(appointment)
    _write(appointment, Kind.CHANGE)
    write_reminders(appointment)


def write_cancelled(appointment: Appointment) -> None:
    drop_pending(appointment)
    _write(appointment, Kind.CANCELLATION)


def write_reminders(appointment: Appointment) -> None:
    """One row a reminder whose time has not passed yet. One query, and one to write."""
    instant = now()
    rows = []
    for minutes in reminder_minutes(appointment.treatment_id):
        due = reminder_due(appointment, minutes)
        if due > instant:
            rows.append(_row(appointment, Kind.REMINDER, due, minutes))
    Notification.objects.bulk_create(r for r in rows if r.recipient)


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
        state=Notification.State.DROPPED, lease_until=None
    )


def bring_back(appointment: Appointment) -> None:
    """Reminders that were dropped are due again, where their time has not passed yet."""
    appointment.notifications.filter(
        kind=Kind.REMINDER,
        state=Notification.State.DROPPED,
        start_version=appointment.sequence,
        due_at__gt=now(),
    ).update(state=Notification.State.PENDING)


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
    """The confirmation once more (Refused without a mail address or when it is not booked)."""
    if appointment.state != State.BOOKED:
        raise Refused(_("Only a booked appointment can be confirmed again."), code="wrong_state")
    if not appointment.patient or not appointment.patient.email:
        raise Refused(_("This patient has no mail address."), code="no_mail")
    copies = appointment.notifications.filter(kind=Kind.CONFIRMATION).aggregate(n=Max("copy"))
    row = _row(appointment, Kind.CONFIRMATION, now(), 0)
    row.copy = -1 if copies["n"] is None else copies["n"]
    row.copy += 1
    row.save()
    nudge_after_commit()
    return row


def send_again(notification: Notification) -> None:
    """Try a failed message once more, from the start."""
    Notification.objects.filter(pk=notification.pk, state=Notification.State.FAILED).update(
        state=Notification.State.PENDING, attempts=0, lease_until=None, last_error=""
    )
    nudge_after_commit()


def enqueue(kind: str, recipient: str, payload: dict[str, str]) -> Notification:
    """A message that belongs to no appointment; its words are filled from `payload`."""
    row = Notification.objects.create(kind=kind, recipient=recipient, payload=payload, due_at=now())
    nudge_after_commit()
    return row


def _write(appointment: Appointment, kind: Kind) -> None:
    row = _row(appointment, kind, now(), 0)
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


def claim(limit: int = 50) -> list[tuple[int, int]]:
    """Lease what is due: (id, attempt) pairs. No other claim gets them for five minutes."""
    instant = now()
    due = (
        Notification.objects.filter(state=Notification.State.PENDING, due_at__lte=instant)
        .filter(Q(lease_until=None) | Q(lease_until__lte=instant))
        .order_by("due_at")
    )
    # SQLite ignores the row lock; its IMMEDIATE transaction is the lock.
    with transaction.atomic():
        ids = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        claimed = Notification.objects.filter(pk__in=ids)
        claimed.update(lease_until=instant + LEASE, attempts=F("attempts") + 1)
        return list(claimed.order_by("due_at").values_list("pk", "attempts"))


def deliver(pk: int, attempt: int) -> bool:
    """Send one claimed notification; True when the mail server took it.

    A temporary failure leaves it for a later scan, a permanent one marks it failed; what is no
    longer true (cancelled, moved, past) is dropped.
    """
    claimed = Notification.objects.filter(
        pk=pk, state=Notification.State.PENDING, attempts=attempt, lease_until__gt=now()
    )
    row = claimed.select_related(
        "appointment__patient", "appointment__location", "appointment__practitioner"
    ).first()
    if row is None:
        return False
    if is_stale(row):
        claimed.update(state=Notification.State.DROPPED, lease_until=None)
        return False
    if row.appointment and row.appointment.patient:
        row.recipient = row.appointment.patient.email
    with _handing_over:
        if row.lease_until is None or row.lease_until <= now():
            return False  # it ended while we waited for our turn: somebody else sends it
        try:
            _send(row)
        except Exception as error:
            _failed(row, error)
            return False
        metrics.count(metrics.mails, "sent")
        claimed.update(
            state=Notification.State.SENT,
            sent_at=now(),
            lease_until=None,
            last_error="",
            recipient=row.recipient,
            # A code has done its work; it need not lie about.
            payload={} if row.kind == Kind.CODE else row.payload,
        )
    return True


def is_stale(row: Notification) -> bool:
    """Whether what the message says is no longer so, or comes too late to be of use."""
    instant, appointment = now(), row.appointment
    if row.kind == Kind.CODE:
        return instant > row.due_at + timedelta(minutes=10)
    if appointment is None:
        return False
    if row.kind == Kind.CANCELLATION:
        return appointment.state != State.CANCELLED or appointment.ends_at <= instant
    if appointment.state != State.BOOKED or appointment.starts_at <= instant:
        return True
    if row.start_version != appointment.sequence:
        return True
    late = instant - row.due_at
    return row.kind == Kind.REMINDER and late > timedelta(minutes=row.minutes_before) / 2


def message_id(row: Notification) -> str:
    """The same for every attempt, so that a mail server or reader can drop a duplicate."""
    digest = salted_hmac("bookings.message-id", str(row.pk), secret=settings.SECRET_KEY).hexdigest()
    return f"<{digest[:32]}@{mail.domain()}>"


def _send(row: Notification) -> None:
    message = render(row)
    clinic = Clinic.current()
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
    )


def _failed(row: Notification, error: Exception) -> None:
    final = is_permanent(error) or row.attempts >= MOST_ATTEMPTS
    wait = min(30 * 2**row.attempts, 3600) * random.uniform(0.75, 1.25)  # noqa: S311 jitter
    log.warning("notification %s: attempt %s: %s", row.pk, row.attempts, type(error).__name__)
    metrics.count(metrics.mails, "failed" if final else "put_off")
    # Fenced like success: a worker that was stuck must not undo the claim of its successor.
    Notification.objects.filter(
        pk=row.pk, state=Notification.State.PENDING, attempts=row.attempts
    ).update(
        state=Notification.State.FAILED if final else Notification.State.PENDING,
        lease_until=None if final else now() + timedelta(seconds=wait),
        last_error=f"{type(error).__name__}: {error}"[:200],
    )


def is_permanent(error: Exception) -> bool:
    """Whether trying again can't help: a 5xx answer to this message, or an address that is none."""
    if isinstance(error, SMTPAuthenticationError | SMTPConnectError | SMTPHeloError):
        return False  # the server refuses us, not the message: somebody mends that
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _text in error.recipients.values())
    if isinstance(error, SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, ValueError) and not isinstance(error, SMTPException)
