"""What becomes of a message from the contact form: it is received, answered and closed.

Nobody else writes a ContactMessage's state or its mails.
"""

import re
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, QuerySet, Value, When
from django.utils.translation import gettext as _

from bookings import notifications
from bookings.models import Kind
from clinic.clock import now
from clinic.errors import Refused
from clinic.models import ContactMessage
from clinic.phones import readable
from clinic.text import clean_block
from practitioners.models import Clinic

_ADVERTISES = re.compile(r"[/@:]|\w\.\w|\d{5}")


class AlreadyAnswered(Refused):
    code = "already_answered"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("Somebody has answered this message already."), field="answer")


def receive(message: ContactMessage) -> ContactMessage:
    """Keep an unsaved message and tell the clinic and the sender, in one transaction.

    A form that arrives twice (a double click, a reload) is one message: the second call
    returns the first one's.
    """
    clinic = Clinic.current()
    try:
        with transaction.atomic():
            message.save(force_insert=True)
            if clinic.email:
                notifications.enqueue(Kind.CONTACT_CLINIC, clinic.email, _for_clinic(message))
            notifications.enqueue(
                Kind.CONTACT_RECEIPT,
                message.email,
                {"name": greeting(message.name), "answers_within": clinic.answers_within},
            )
    except IntegrityError:
        earlier = ContactMessage.objects.filter(form_token=message.form_token).first()
        if message.form_token is None or earlier is None:
            raise
        return earlier
    return message


def answer(message: ContactMessage, text: str, by: Any) -> ContactMessage:
    """Send `text` to the sender and mark the message answered by the user `by`.

    Raises Refused when the text is empty or cannot be sent, AlreadyAnswered when a colleague
    was faster.
    """
    text = clean_block(text)
    if not text:
        raise Refused(_("Please write an answer."), code="empty", field="answer")
    with transaction.atomic():
        instant = now()
        changed = (
            ContactMessage.objects.filter(pk=message.pk)
            .exclude(state=ContactMessage.State.ANSWERED)
            .update(
                state=ContactMessage.State.ANSWERED,
                answer=text,
                answered_at=instant,
                answered_by=by,
            )
        )
        if not changed:
            raise AlreadyAnswered
        words = {"name": greeting(message.name), "answer": text}
        notifications.enqueue(Kind.CONTACT_ANSWER, message.email, words)
    message.refresh_from_db()
    return message


def greeting(name: str) -> str:
    """How our mail calls the sender: the name, unless it may be an advertisement.

    Anybody can type anybody's address: what we mail there must not carry a stranger's words.
    """
    looks_like_a_name = len(name) <= 60 and not _ADVERTISES.search(name)
    return name if looks_like_a_name else _("there")


def close(messages: QuerySet[ContactMessage]) -> list[ContactMessage]:
    """Nothing more to do: returns those that were not closed before."""
    found = list(messages.exclude(state=ContactMessage.State.CLOSED))
    messages.filter(pk__in=[m.pk for m in found]).update(state=ContactMessage.State.CLOSED)
    return found


def reopen(messages: QuerySet[ContactMessage]) -> list[ContactMessage]:
    """Closed ones become what they were, answered or new; returns those."""
    closed = messages.filter(state=ContactMessage.State.CLOSED)
    found = list(closed)
    # One statement: after a first update, the second would not find its rows.
    closed.update(
        state=Case(
            When(answered_at=None, then=Value(ContactMessage.State.NEW)),
            default=Value(ContactMessage.State.ANSWERED),
        )
    )
    return found


def _for_clinic(message: ContactMessage) -> dict[str, str]:
    """What the clinic's own mail says; the message stands in the inbox, too."""
    return {
        "name": message.name,
        "email": message.email,
        "phone": readable(message.phone) if message.phone else _("none given"),
        "reply_by": str(message.get_reply_by_display()),
        "best_time": message.best_time,
        "subject": message.subject,
        "message": message.message,
    }
