"""/dev/mail/: the mail folder in the browser, while DEBUG is on and mail goes to a folder."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import wraps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

# How many files the list reads; a demo that ran for weeks has thousands.
NEWEST = 100
# Django's file backend writes this line after each message.
SEPARATOR = b"\n" + b"-" * 79 + b"\n"
FILE_NAME = re.compile(r"[A-Za-z0-9._-]+\.log")

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Letter:
    """One message of the folder: where it stands, and what it is."""

    file: str
    index: int
    written_at: datetime
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["subject"] or "")

    @property
    def to(self) -> str:
        return str(self.message["to"] or "")

    @property
    def headers(self) -> list[tuple[str, str]]:
        shown = ("From", "To", "Reply-To", "Date", "Subject", "Message-ID")
        return [(name, str(self.message[name])) for name in shown if self.message[name]]

    def body(self, kind: str) -> str:
        """The `plain` or `html` body as text, or an empty string."""
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""

    @property
    def attachments(self) -> list[EmailMessage]:
        """Every part that is neither the text nor the HTML body, calendar entries included."""
        bodies = (self.message.get_body(("plain",)), self.message.get_body(("html",)))
        return [
            part
            for part in self.message.walk()
            if isinstance(part, EmailMessage) and not part.is_multipart() and part not in bodies
        ]

    @property
    def files(self) -> list[tuple[int, str, str]]:
        """The attachments as (number, name, type), for a list of links."""
        return [
            (number, part.get_filename() or f"part-{number + 1}", part.get_content_type())
            for number, part in enumerate(self.attachments)
        ]


def read(path: Path) -> list[Letter]:
    """Return the messages of one file, in the order in which they were sent."""
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    parsed = [
        message_from_bytes(raw, policy=policy.default)
        for raw in path.read_bytes().split(SEPARATOR)
        if raw.strip()
    ]
    return [Letter(path.name, n, written_at, message) for n, message in enumerate(parsed)]


def newest() -> list[Letter]:
    """Return the messages of the newest files, newest first."""
    files = sorted(Path(settings.MAIL_DIR).glob("*.log"), key=lambda f: f.stat().st_mtime)
    return [letter for file in reversed(files[-NEWEST:]) for letter in reversed(read(file))]


def find(file: str, index: int) -> Letter:
    """Return one message, or raise Http404; `file` is a name in the folder, never a path."""
    path = Path(settings.MAIL_DIR) / file
    if not FILE_NAME.fullmatch(file) or not path.is_file():
        raise Http404
    letters = read(path)
    if index >= len(letters):
        raise Http404
    return letters[index]


def development_only(view: View) -> View:
    """Hide a page unless DEBUG is on: the folder holds patients' letters."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DEBUG:
            raise Http404
        return view(request, *args, **kwargs)

    return require_safe(never_cache(guarded))


@development_only
def folder(request: HttpRequest) -> HttpResponse:
    """List what was sent."""
    return render(request, "clinic/devmail.html", {"letters": newest(), "newest": NEWEST})


@development_only
def letter(request: HttpRequest, file: str, index: int) -> HttpResponse:
    """Show one message: headers, text, and links to its HTML and attachments."""
    found = find(file, index)
    return render(
        request,
        "clinic/devmail_letter.html",
        {"letter": found, "text": found.body("plain"), "has_html": bool(found.body("html"))},
    )


@development_only
def html(request: HttpRequest, file: str, index: int) -> HttpResponse:
    """Serve the HTML body as a page of its own that may neither run nor load anything."""
    content = find(file, index).body("html")
    if not content:
        raise Http404
    response = HttpResponse(content)
    # Mail carries its style inline, which our own pages forbid; so it gets its own policy.
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "sandbox allow-popups allow-popups-to-escape-sandbox "
        "allow-top-navigation-by-user-activation"
    )
    return response


@development_only
def attachment(request: HttpRequest, file: str, index: int, number: int) -> HttpResponse:
    """Hand one attachment over for download."""
    parts = find(file, index).attachments
    if number >= len(parts):
        raise Http404
    part = parts[number]
    content = part.get_payload(decode=True)
    return HttpResponse(
        content if isinstance(content, bytes) else b"",
        content_type=part.get_content_type(),
        headers={
            "Content-Disposition": f'attachment; filename="{download_name(part, number)}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


def download_name(part: EmailMessage, number: int) -> str:
    """A file name that cannot end the header it stands in."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", part.get_filename() or "")
    return name or ("appointment.ics" if part.get_content_subtype() == "calendar" else f"{number}")
