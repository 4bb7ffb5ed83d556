"""When a message comes too late, or is no longer true: what becomes of it, and why.

| kind | goes out at the latest | else |
| --- | --- | --- |
| reminder | half of its own time before the visit late | dropped |
| confirmation, change | before the visit begins | failed: a person rings |
| cancellation | before the visit would have ended | failed: a person rings |
| answer to a contact message | any time | - |
| receipt, contact message to the clinic | any time | - |
| code | ten minutes, whoever sends it again | dropped |

And none of them later than MAIL_OLDEST_HOURS after it was due: what a patient had to be told has
then failed, and stands at the desk; the others are dropped. Each carries its reason.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from clinic.clock import now

from .models import Appointment, Kind, Notification, State

# What a person has to tell a patient when the mail did not.
MATTERS = (Kind.CONFIRMATION, Kind.CHANGE, Kind.CANCELLATION, Kind.CONTACT_ANSWER)
CODE_MINUTES = 10

OVER = _("The code was no longer good.")
NOT_SO = _("It was no longer so: the appointment had changed.")
LATE_REMINDER = _("It was too late to remind.")
TOO_OLD = _("It could not be sent for too long.")
BEGAN = _("It could not be sent before the visit began.")


@dataclass(frozen=True)
class Verdict:
    """What becomes of a message that is not sent, and the sentence for staff."""

    state: Notification.State
    reason: Promise


def _dropped(reason: Promise) -> Verdict:
    return Verdict(Notification.State.DROPPED, reason)


def _failed(reason: Promise) -> Verdict:
    return Verdict(Notification.State.FAILED, reason)


def verdict(row: Notification) -> Verdict | None:
    """None where the message is to be sent now. Reads its appointment."""
    late = now() - row.due_at
    if row.kind == Kind.CODE:
        # Sent again by a person it is due anew, and no better for it.
        age = now() - min(row.due_at, row.created_at)
        return _dropped(OVER) if age > timedelta(minutes=CODE_MINUTES) else None
    found = _about_a_visit(row, row.appointment, late) if row.appointment else None
    if found is None and late > timedelta(hours=settings.MAIL_OLDEST_HOURS):
        return _failed(TOO_OLD) if row.kind in MATTERS else _dropped(TOO_OLD)
    return found


def _about_a_visit(row: Notification, visit: Appointment, late: timedelta) -> Verdict | None:
    instant = now()
    if row.kind == Kind.CANCELLATION:
        if visit.state != State.CANCELLED:
            return _dropped(NOT_SO)
        return _failed(BEGAN) if visit.ends_at <= instant else None
    if row.start_version != visit.sequence:
        return _dropped(NOT_SO)
    if row.kind == Kind.REMINDER:
        if visit.state != State.BOOKED:
            return _dropped(NOT_SO)
        half = timedelta(minutes=row.minutes_before) / 2
        return _dropped(LATE_REMINDER) if visit.starts_at <= instant or late > half else None
    if visit.state != State.BOOKED:
        return _dropped(NOT_SO)
    return _failed(BEGAN) if visit.starts_at <= instant else None
