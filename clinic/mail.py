"""One mail to one person, as plain text and HTML, with a calendar entry where there is one."""

import selectors
from collections.abc import Callable
from email.headerregistry import Address
from email.utils import make_msgid, parseaddr
from types import TracebackType
from typing import Any, Self

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

from .text import is_one_address

_inliner = css_inline.CSSInliner(load_remote_stylesheets=False)


def sender_address() -> str:
    """The bare address that our messages come from."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def domain() -> str:
    """The domain our message ids and calendar entries are named in."""
    return sender_address().rpartition("@")[2] or "localhost"


class Line:
    """The way to the mail server for several messages, one after the other.

    One connection, made when it is first needed and again when the server has ended it. Leave the
    block to end it. `before_words` is called when all is said but the message itself: until then
    the server cannot have taken it.
    """

    def __init__(self, before_words: Callable[[], object] = lambda: None) -> None:
        self._before_words = before_words
        self._smtp: EmailBackend | None = None
        # Whether the server could not be reached, or did not let us in.
        self.is_away = False
        # Whether this connection has taken a message already.
        self.is_used = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def open(self) -> None:
        """See that there is a connection; raises what the mail backend raises."""
        if self._smtp and self._is_ended():
            self._close()
        self.is_used = self._smtp is not None
        if self._smtp:
            return
        backend = get_connection()
        # The others write a file or a list: there is nothing to keep open.
        if isinstance(backend, EmailBackend):
            try:
                backend.open()
            except Exception:
                self.is_away = True
                raise
            self._smtp = backend
            self._tell(backend.connection)

    def _tell(self, smtp: Any) -> None:
        send = smtp.data

        def data(words: Any) -> Any:
            self._before_words()
            return send(words)

        smtp.data = data

    def connection(self) -> BaseEmailBackend:
        """What `send` takes; after `open`."""
        if self._smtp is None:
            self._before_words()
        return self._smtp or get_connection()

    def _is_ended(self) -> bool:
        # Looked at before each message, for while one is handed over it can no longer be told
        # whether the server took it. A server that speaks unasked says goodbye, or has hung up.
        sock = self._smtp.connection.sock if self._smtp and self._smtp.connection else None
        if sock is None:
            return True
        with selectors.DefaultSelector() as waiting:
            waiting.register(sock, selectors.EVENT_READ)
            return bool(waiting.select(timeout=0))

    def _close(self) -> None:
        if self._smtp:
            self._smtp.fail_silently = True
            self._smtp.close()
            self._smtp = None


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
