"""The words of every message: standard texts, the clinic's own, placeholders, preview.

A message about an appointment says where, when and with whom, never what for: no therapy, no
condition, no profession. Placeholders stand in braces; anything else in braces stays as it is.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clinic import clock, mail
from practitioners.models import Clinic, Condition, Practitioner, Therapy

from . import ics
from .models import Appointment, Kind, MessageTemplate, Notification

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Words of a therapy's or a profession's name that by themselves say nothing.
_SAYS_NOTHING = re.compile(
    "and|class|clinical|for|leader|medicine|of|sports|teacher|technique|the|therapist|therapy|"
    "treatment|with"
)

ABOUT_A_VISIT = (
    "name",
    "when",
    "date",
    "time",
    "until",
    "practitioner",
    "location",
    "address",
    "reference",
    "cancel_until",
    "changing",
    "clinic",
    "phone",
    "manage_url",
)
PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    Kind.CONFIRMATION: ABOUT_A_VISIT,
    Kind.REMINDER: ABOUT_A_VISIT,
    Kind.CHANGE: ABOUT_A_VISIT,
    Kind.CANCELLATION: ABOUT_A_VISIT,
    Kind.CODE: ("code", "clinic", "phone"),
    Kind.CONTACT_CLINIC: (
        "name",
        "email",
        "phone",
        "subject",
        "message",
        "reply_by",
        "best_time",
        "clinic",
    ),
    Kind.CONTACT_RECEIPT: ("name", "clinic", "phone", "answers_within"),
    Kind.CONTACT_ANSWER: ("name", "answer", "clinic", "phone"),
}
STANDARD: dict[str, tuple[Any, Any]] = {
    Kind.CONFIRMATION: (
        gettext_lazy("Your appointment on {date} at {time}"),
        gettext_lazy(
            "Hello {name},\n\nYour appointment is booked. The details are below, and a calendar "
            "entry is attached.\n\n{changing}\n\nWe look forward to seeing you.\n{clinic}"
        ),
    ),
    Kind.REMINDER: (
        gettext_lazy("Reminder: {date} at {time}"),
        gettext_lazy(
            "Hello {name},\n\nThis is a reminder of your appointment. Please tell us that you are "
            "coming. If you can’t come, please tell us too: somebody else may be waiting for the "
            "time.\n\n{changing}\n\n{clinic}"
        ),
    ),
    Kind.CHANGE: (
        gettext_lazy("Your appointment has moved to {date} at {time}"),
        gettext_lazy(
            "Hello {name},\n\nYour appointment has a new time. The details are below; the attached "
            "calendar entry replaces the old one.\n\n{changing}\n\n{clinic}"
        ),
    ),
    Kind.CANCELLATION: (
        gettext_lazy("Your appointment on {date} is cancelled"),
        gettext_lazy(
            "Hello {name},\n\nYour appointment on {when} is cancelled. The attached calendar entry "
            "removes it from your calendar.\n\nTo make a new appointment, visit our site or call "
            "us on {phone}.\n\n{clinic}"
        ),
    ),
    Kind.CODE: (
        gettext_lazy("Your code: {code}"),
        gettext_lazy(
            "Your code is {code}.\n\nType it on our booking page within ten minutes. If you did "
            "not ask for it, you need not do anything.\n\n{clinic}"
        ),
    ),
    Kind.CONTACT_CLINIC: (
        gettext_lazy("Message from {name}"),
        gettext_lazy(
            "{name} wrote through the contact form.\n\nSubject: {subject}\nMail: {email}\n"
            "Phone: {phone}\nReach them: {reply_by} {best_time}\n\n{message}"
        ),
    ),
    Kind.CONTACT_RECEIPT: (
        gettext_lazy("We have your message"),
        gettext_lazy(
            "Hello {name},\n\nThank you for your message. We answer within {answers_within}.\n\n"
            "If it is urgent, please call us on {phone}. In an emergency call 999; for urgent "
            "medical advice call NHS 111.\n\n{clinic}"
        ),
    ),
    Kind.CONTACT_ANSWER: (
        gettext_lazy("Our answer to your message"),
        gettext_lazy("Hello {name},\n\n{answer}\n\n{clinic}\n{phone}"),
    ),
}
# What each kind of message does to the entry in the patient's calendar.
_CALENDAR = {
    Kind.CONFIRMATION: ics.REQUEST,
    Kind.CHANGE: ics.REQUEST,
    Kind.CANCELLATION: ics.CANCEL,
}


@dataclass(frozen=True)
class Rendered:
    """A message ready to go: one line of subject, plain text, HTML, maybe a calendar entry."""

    subject: str
    text: str
    html: str
    calendar: bytes = b""
    method: str = ""


def check_placeholders(kind: str, *texts: str) -> list[str]:
    """The placeholders in `texts` that this kind of message does not know."""
    found = {name for text in texts for name in _PLACEHOLDER.findall(text)}
    return sorted(found - set(PLACEHOLDERS[kind]))


def telling_words(*texts: str) -> list[str]:
    """Therapies, conditions and professions that `texts` would give away. Three queries.

    Of a therapy's or a profession's name each word tells by itself: "your laser session".
    """
    names: set[str] = set()
    for model, fields in (
        (Therapy, ("name", "also_called")),
        (Condition, ("name", "also_called")),
        (Practitioner, ("profession",)),
    ):
        rows: type[Model] = model
        for row in rows._default_manager.values_list(*fields):
            names.update(part.strip() for text in row for part in text.split(","))
            if model is not Condition:
                words = re.findall(r"\w+", row[0])
                names.update(w for w in words if not _SAYS_NOTHING.fullmatch(w.casefold()))
    written = " ".join(texts).casefold()
    return sorted(
        name
        for name in names
        if len(name) > 2 and re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", written)
    )


def fill(text: str, values: dict[str, str]) -> str:
    """`text` with its known placeholders filled; what is filled in is never looked at again."""
    return _PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)


def visit_values(appointment: Appointment, clinic: Clinic) -> dict[str, str]:
    """What the placeholders of a message about `appointment` stand for. Reads its relations."""
    start, end = appointment.starts_local, appointment.ends_local
    free_until = clock.local(appointment.free_until, appointment.location.time_zone)
    cancel_until = f"{_day(free_until)}, {_time(free_until)}"
    phone = appointment.location.phone or clinic.phone
    return {
        "name": appointment.patient.name if appointment.patient else "",
        "when": f"{_day(start)}, {_time(start)}",
        "date": _day(start),
        "time": _time(start),
        "until": _time(end),
        "practitioner": appointment.practitioner.name,
        "location": appointment.location.name,
        "address": appointment.location.address,
        "reference": appointment.reference,
        "cancel_until": cancel_until,
        "changing": _changing(cancel_until, phone, over=clock.now() >= free_until),
        "clinic": clinic.name,
        "phone": phone,
        "manage_url": url("appointment", appointment.token),
    }


def _changing(until: str, phone: str, *, over: bool) -> str:
    """How to move or cancel it, as it is when the message goes out."""
    if over:
        return _(
            "The time for moving or cancelling it online is over. If you can’t come, please call "
            "us on %(phone)s."
        ) % {"phone": phone}
    return _(
        "You can move or cancel it online free of charge until %(until)s. After that, please call "
        "us on %(phone)s."
    ) % {"until": until, "phone": phone}


def url(name: str, *args: str) -> str:
    return settings.SITE_URL + reverse(name, args=args)


def _day(at: datetime) -> str:
    return formats.date_format(at, "l j F Y")


def _time(at: datetime) -> str:
    """The wall's time; with the zone's letters where the clock shows it twice that day."""
    text = formats.date_format(at, "H:i")
    twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    return f"{text} {at.tzname()}" if twice else text


@dataclass(frozen=True)
class Letterhead:
    """What many messages share: the clinic, and its own words by kind."""

    clinic: Clinic
    own: dict[str, tuple[str, str]]

    @classmethod
    def load(cls) -> "Letterhead":
        """As it is now. Two queries."""
        rows = MessageTemplate.objects.values_list("kind", "subject", "body")
        return cls(Clinic.current(), {kind: (subject, body) for kind, subject, body in rows})


def render(notification: Notification, letterhead: Letterhead | None = None) -> Rendered:
    """The message as it would go out now."""
    letterhead = letterhead or Letterhead.load()
    clinic = letterhead.clinic
    if notification.appointment is not None:
        values = visit_values(notification.appointment, clinic)
    else:
        values = {"clinic": clinic.name, "phone": clinic.phone, **notification.payload}
    own = letterhead.own.get(notification.kind, ("", ""))
    return _render(notification.kind, own, values, notification.appointment, clinic)


def preview(kind: str, subject: str, body: str) -> Rendered:
    """The message with sample values, for the admin."""
    clinic = Clinic.current()
    start = datetime.now(UTC).replace(hour=10, minute=0) + timedelta(days=7)
    cancel_until = f"{_day(start - timedelta(days=1))}, 10:00"
    values = {
        "name": _("Alex Example"),
        "when": f"{_day(start)}, 10:00",
        "date": _day(start),
        "time": "10:00",
        "until": "11:00",
        "practitioner": _("Robin Sample"),
        "location": clinic.name,
        "address": "1 Example Street",
        "reference": "K7MP4QXR",
        "cancel_until": cancel_until,
        "changing": _changing(cancel_until, clinic.phone, over=False),
        "clinic": clinic.name,
        "phone": clinic.phone,
        "manage_url": f"{settings.SITE_URL}/appointments/…/",
        "code": "123456",
        "email": "alex@example.org",
        "subject": _("A question"),
        "message": _("Do you have parking?"),
        "reply_by": _("by mail"),
        "best_time": "",
        "answers_within": clinic.answers_within,
        "answer": _("Yes, behind the house."),
    }
    return _render(kind, (subject, body), values, None, clinic, sample=kind in _SHOWS_VISIT)


_SHOWS_VISIT = (Kind.CONFIRMATION, Kind.REMINDER, Kind.CHANGE, Kind.CANCELLATION)


def _render(
    kind: str,
    own: tuple[str, str],
    values: dict[str, str],
    appointment: Appointment | None,
    clinic: Clinic,
    *,
    sample: bool = False,
) -> Rendered:
    standard = STANDARD[kind]
    subject = " ".join(fill(own[0] or str(standard[0]), values).split())
    body = fill(own[1] or str(standard[1]), values)
    links: dict[str, str] = {}
    if appointment is not None and kind != Kind.CANCELLATION:
        links["appointment"] = url("appointment", appointment.token)
        if clock.now() < appointment.free_until:
            for name in ("move", "cancel"):
                links[name] = url(f"appointment-{name}", appointment.token)
        if kind == Kind.REMINDER:
            links["coming"] = url("appointment-coming", appointment.token)
    elif sample and kind != Kind.CANCELLATION:
        links = dict.fromkeys(("appointment", "move", "cancel"), values["manage_url"])
        if kind == Kind.REMINDER:
            links["coming"] = values["manage_url"]
    context = {
        "subject": subject,
        "body": body,
        "links": links,
        "clinic": clinic,
        "v": values,
        "site": settings.SITE_URL,
        "is_cancelled": kind == Kind.CANCELLATION,
        "visit": values if appointment is not None or sample else None,
    }
    method = _CALENDAR.get(Kind(kind), "") if appointment is not None else ""
    entry = b""
    if method and appointment is not None:
        entry = ics.calendar([calendar_entry(appointment, clinic)], method)
    return Rendered(
        subject,
        render_to_string("mail/message.txt", context),
        render_to_string("mail/message.html", context),
        entry,
        method,
    )


def calendar_entry(appointment: Appointment, clinic: Clinic) -> ics.Entry:
    """The appointment as a calendar entry for its patient. Reads its relations."""
    values = visit_values(appointment, clinic)
    patient = appointment.patient
    cancelled = appointment.state == "cancelled"
    words = [
        _("With %(who)s. Reference %(ref)s.")
        % {
            "who": values["practitioner"],
            "ref": values["reference"],
        },
        _("To see, move or cancel it: %(url)s") % {"url": values["manage_url"]},
        _("Phone: %(phone)s") % {"phone": values["phone"]},
    ]
    return ics.Entry(
        uid=f"{appointment.reference}@{mail.domain()}",
        sequence=appointment.sequence,
        stamp=clock.now(),
        starts_at=appointment.starts_at.astimezone(UTC),
        ends_at=appointment.ends_at.astimezone(UTC),
        summary=_("Appointment, %(clinic)s") % {"clinic": clinic.name},
        location=f"{values['location']}, {values['address']}",
        description="\n".join(words),
        url=values["manage_url"],
        organizer=(mail.sender_address(), clinic.name),
        attendee=(patient.email, patient.name) if patient and patient.email else ("", ""),
        alarm_minutes=60,
        cancelled=cancelled,
    )
