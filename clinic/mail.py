"""One mail to one person, as plain text and HTML, with a calendar entry where there is one."""

from email.headerregistry import Address
from email.utils import make_msgid, parseaddr

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from .text import is_one_address

_inliner = css_inline.CSSInliner(load_remote_stylesheets=False)


def sender_address() -> str:
    """The bare address that our messages come from."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def domain() -> str:
    """The domain our message ids and calendar entries are named in."""
    return sender_address().rpartition("@")[2] or "localhost"


def send(
    *,
    to: str,
    subject: str,
    text: str,
    html: str = "",
    sender_name: str = "",
    reply_to: str = "",
    message_id: str = "",
    calendar: bytes = b"",
    calendar_method: str = "",
    connection: BaseEmailBackend | None = None,
) -> None:
    """Hand one message to the mail server.

    `to` is exactly one address (ValueError else), `calendar` an iCalendar object in UTF-8 whose
    METHOD is `calendar_method`. Raises what the mail backend raises (SMTPException, OSError).
    """
    if not is_one_address(to):
        raise ValueError("a message goes to exactly one address")
    sender = sender_address()
    if sender_name:
        sender = str(Address(sender_name, addr_spec=sender))
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=text,
        from_email=sender,
        to=[to],
        reply_to=[reply_to] if reply_to else None,
        headers={
            "Message-ID": message_id or make_msgid(domain=domain()),
            # No out-of-office answers, no unsubscribe guesses: this is a service message.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
        connection=connection or get_connection(),
    )
    if html:
        message.attach_alternative(_inliner.inline(html), "text/html")
    if calendar:
        kind = f"text/calendar; method={calendar_method}"
        message.attach_alternative(calendar.decode(), kind)
        message.attach("appointment.ics", calendar.decode(), kind)
    message.send()
