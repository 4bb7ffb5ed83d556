"""Mail as it goes over the wire: to one address, readable in two ways, and telling nothing.

The walk sends every kind of message about every treatment of the demo clinic, which has all the
therapies there are, and reads all of it: headers, plain text, HTML and the calendar entry.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import time_machine
from django.core import mail as django_mail
from django.db import transaction
from django.forms import modelform_factory
from icalendar import Calendar

from bookings import messages, notifications, proofs
from bookings.admin.messages import MessageTemplateForm
from bookings.models import Appointment, Kind, MessageTemplate, Notification
from bookings.tests import factories
from clinic import contact, mail
from clinic.demo import world
from clinic.models import ContactMessage
from clinic.tests import smtp
from practitioners.models import Condition, Location, Practitioner, Therapy, Treatment

pytestmark = pytest.mark.django_db

MONDAY = datetime(2027, 1, 4, 8, tzinfo=UTC)
VISIT_KINDS = (Kind.CONFIRMATION, Kind.REMINDER, Kind.CHANGE, Kind.CANCELLATION)
# Beginnings of words that no message may contain.
STEMS = (
    r"acc?upun|needl|cupping|moxi|herb|chines|mass?ag|masseu|myofasc|tissue|stones?\b|remedial|idd\b"
    r"|spin(e|al)|decompress|traction|discs?\b|la[sz]er|light.therap|osteop|chiropr|manipul|adjust"
    r"|joint|exc?ercis|strength|postur|stretch|alexander|coach|supervis|physio|therap|patholog|tcm\b"
    r"|sciatic|stenos|spondyl|prolap|slipped|lumb|vertebr|arthrit|spasm|pelvi|pain|surg|nerve|clinical"
    r"|neck.pain|back.(pain|ache|class|school)|pregnan|cancer|bladder|depress|fertil|sexual"
)


# --- the walk -------------------------------------------------------------------------
@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock(), transaction.atomic():
        with time_machine.travel(MONDAY, tick=False):
            world.build(date(2027, 1, 4), 1)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def clinic(built: None, db: None) -> Iterator[None]:
    with time_machine.travel(MONDAY, tick=False):
        yield


def forbidden() -> list[str]:
    """What no message may say, as patterns: the stems, and every name that the directory knows."""
    names = {str(treatment) for treatment in Treatment.objects.select_related("therapy")}
    for rows, fields in (
        (Therapy.objects, ("name", "also_called")),
        (Condition.objects, ("name", "also_called")),
        (Practitioner.objects, ("profession",)),
    ):
        for row in rows.values_list(*fields):
            names.update(part.strip() for text in row for part in text.split(","))
    whole = [rf"{re.escape(name)}(?!\w)" for name in sorted(filter(None, names))]
    return [rf"(?<!\w){pattern}" for pattern in [rf"({STEMS})\w*", *whole]]


def told(text: str, patterns: list[str]) -> list[str]:
    found = (re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    return [match[0] for match in found if match]


def said_by(message: EmailMessage) -> str:
    """All that a mail says to anybody who looks: headers, file names, every part, decoded."""
    said = []
    for part in message.walk():
        said += [f"{name}: {value}" for name, value in part.items()]
        if part.is_multipart():
            continue
        text = part.get_content()
        text = text.decode() if isinstance(text, bytes) else text
        said.append(text)
        if part.get_content_type() == "text/calendar":
            # Folded lines are put together, and escapes undone.
            for component in Calendar.from_ical(text).walk():
                # The RFC's own word for "not for others", not the clinic's for a group.
                items = (i for i in component.property_items(recursive=False) if i[0] != "CLASS")
                said += [f"{name}: {value}" for name, value in items]
    return re.sub("CLASS:PRIVATE", "", "\n".join(said))


def visits() -> list[Appointment]:
    """One of each treatment, with health data wherever a visit has room for it."""
    places = list(Location.objects.all())
    patient = factories.patient(name="Pat Sample", access_needs="Pelvic pain", staff_note="IDD")
    rows = []
    for n, treatment in enumerate(Treatment.objects.select_related("therapy").order_by("pk")):
        start = MONDAY + timedelta(days=7 + n)
        rows.append(
            Appointment.objects.create(
                treatment=treatment,
                practitioner=treatment.practitioners.first(),
                location=places[n % len(places)],
                patient=patient,
                starts_at=start,
                ends_at=start + timedelta(minutes=treatment.minutes),
                treatment_name=str(treatment),
                minutes=treatment.minutes,
                price_pence=treatment.price_pence,
                cancellation_hours=24,
                state="booked",
                note="Sciatica since May",
                staff_note="Ask about the laser",
                cancel_reason="Neck pain is worse",
                # Letters at random could spell a word.
                token=f"{n:032d}",
                reference=f"{n:08d}",
            )
        )
    return rows


def sent() -> list[EmailMessage]:
    """What the outbox sends now, as it goes over the wire."""
    before = len(django_mail.outbox)
    while claimed := notifications.claim():
        assert all(notifications.deliver(*claim) for claim in claimed)
    raw = [m.message().as_bytes(linesep="\r\n") for m in django_mail.outbox[before:]]
    return [message_from_bytes(r, policy=policy.default) for r in raw]  # type: ignore[misc]


def every_message() -> list[EmailMessage]:
    rows = visits()
    for kind in VISIT_KINDS:
        Notification.objects.bulk_create(
            Notification(
                kind=kind,
                appointment=row,
                recipient="pat@example.org",
                due_at=MONDAY,
                start_version=row.sequence,
                minutes_before=120 if kind == Kind.REMINDER else 0,
            )
            for row in rows
            if kind != Kind.CANCELLATION
        )
    letters = sent()
    Appointment.objects.update(state="cancelled", sequence=1)
    Notification.objects.bulk_create(
        Notification(
            kind=Kind.CANCELLATION, appointment=row, recipient="pat@example.org", due_at=MONDAY
        )
        for row in rows
    )
    proofs.send_code("pat@example.org")
    asked = contact.receive(
        ContactMessage(
            name="Pat Sample", email="pat@example.org", subject="Parking", message="Is there any?"
        )
    )
    contact.answer(asked, "Behind the house.", by=None)
    letters += sent()
    assert len(letters) == len(rows) * len(VISIT_KINDS) + 4
    assert {n.kind for n in Notification.objects.filter(state="sent")} == set(Kind)
    return letters


def test_no_message_names_a_therapy_a_condition_or_a_speciality(clinic):
    assert Therapy.objects.count() >= 9
    patterns = forbidden()
    for letter in every_message():
        assert told(said_by(letter), patterns) == [], letter["Subject"]


def typed(kind: str, **words: str) -> MessageTemplateForm:
    """The admin's form for the clinic's own words, with `words` typed into it."""
    form = modelform_factory(MessageTemplate, MessageTemplateForm, fields=["subject", "body"])
    return form({"subject": "", "body": "", **words}, instance=MessageTemplate(kind=kind))


def test_every_placeholder_that_is_offered_tells_nothing_either(clinic):
    for kind, names in messages.PLACEHOLDERS.items():
        everything = " ".join(f"{{{name}}}" for name in names)
        form = typed(kind, subject=everything[:120].rpartition("}")[0] + "}", body=everything)
        assert form.is_valid(), form.errors
        form.save()
    patterns = forbidden()
    letters = every_message()
    for letter in letters:
        assert told(said_by(letter), patterns) == [], letter["Subject"]
    assert not any("{" in str(letter["Subject"]) for letter in letters)


@pytest.mark.parametrize(
    "words",
    [
        "Your IDD session",
        "See you for acupuncture",
        "your Laser",
        "spinal decompression",
        "A massage for you",
        "joint adjustment",
        "your osteopath",
        "Chinese herbs",
        "your herbalist",
        "Alexander lesson",
        "for your sciatica",
        "Slipped disc",
        "sports massage therapist",
        "physiotherapist",
    ],
)
def test_the_admin_refuses_words_that_tell(clinic, words):
    for field in ("subject", "body"):
        form = typed(Kind.REMINDER, **{field: words})
        assert "what a patient comes for" in form.errors[field][0]


def test_control_the_walk_catches_a_message_that_tells(clinic):
    MessageTemplate.objects.create(kind=Kind.REMINDER, body="See you at the laser.")
    caught = [letter for letter in every_message() if told(said_by(letter), forbidden())]
    assert len(caught) == Treatment.objects.count()
    assert {str(letter["Subject"]).split(":")[0] for letter in caught} == {"Reminder"}


def test_the_standard_words_pass_the_check_of_the_admin(clinic):
    for kind, (subject, body) in messages.STANDARD.items():
        form = typed(kind, subject=str(subject), body=str(body))
        assert form.is_valid(), form.errors


@pytest.mark.parametrize(
    "name",
    ["treatment", "therapy", "condition", "profession", "room", "price", "note", "staff_note"],
)
def test_no_placeholder_for_what_a_patient_comes_for_is_offered(clinic, name):
    for kind in Kind:
        form = typed(kind, subject=f"{{{name}}}", body=f"{{{name}}}")
        assert set(form.errors) == {"subject", "body"}


# --- parts ------------------------------------------------------------------------------
@pytest.fixture
def letter(clinic) -> EmailMessage:
    row = visits()[0]
    Notification.objects.create(
        kind=Kind.CONFIRMATION, appointment=row, recipient="pat@example.org", due_at=MONDAY
    )
    [letter] = sent()
    return letter


def test_a_mail_is_plain_text_first_then_html_then_the_invitation(letter):
    [alternatives, attached] = letter.iter_parts()
    assert alternatives.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in alternatives.iter_parts()] == [
        "text/plain",
        "text/html",
        "text/calendar",  # last: what Gmail and Outlook show, with its buttons
    ]
    assert attached.get_content_disposition() == "attachment"  # what Apple Mail opens
    assert attached.get_filename() == "appointment.ics"


def test_the_invitation_says_its_method_and_charset_where_mail_programs_look(letter):
    entries = [p for p in letter.walk() if p.get_content_type() == "text/calendar"]
    assert len(entries) == 2
    for part in entries:
        kind = part["Content-Type"]
        assert (kind.params["method"], kind.params["charset"].lower()) == ("REQUEST", "utf-8")
        assert Calendar.from_ical(part.get_content())["METHOD"] == "REQUEST"
    inline, attached = (part.get_content() for part in entries)
    assert inline.split() == attached.split()


def test_a_service_message_wants_no_automatic_answer(letter):
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["X-Auto-Response-Suppress"] == "All"
    assert letter["From"].addresses[0].display_name == "Tidewell Clinic"
    assert letter["Reply-To"] == "hello@example.org"


def test_the_html_has_its_style_inline_and_loads_nothing(letter):
    html = letter.get_body(("html",)).get_content()
    assert re.search(r'<a [^>]*style="[^"]*padding', html)
    assert not re.search(r"<(img|script|link|iframe|form|object)\b|url\(|@import", html)


# --- over a real server -------------------------------------------------------------------
@pytest.fixture
def post(settings) -> Iterator[smtp.Server]:
    with smtp.running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield server


LETTER = {"to": "pat@example.org", "subject": "Hello", "text": "Hello"}
INJECTED = "Pat\r\nBcc: evil@example.org\r\n\r\n<b>Read this</b>\r\n.\r\nMAIL FROM:<x@example.org>"


@pytest.mark.parametrize("field", ["sender_name", "reply_to", "message_id", "to"])
def test_row_39_a_line_break_in_a_header_is_refused(post, field):
    with pytest.raises(ValueError):
        mail.send(**{**LETTER, field: INJECTED})
    assert post.letters == []


@pytest.mark.parametrize("field", ["subject", "text"])
def test_row_39_a_line_break_in_words_smuggles_in_no_header_and_no_recipient(post, field):
    mail.send(**{**LETTER, field: INJECTED})
    [letter] = post.letters
    assert letter.recipients == ["pat@example.org"]
    assert letter.message["Bcc"] is None
    head = letter.raw.partition(b"\r\n\r\n")[0]
    assert not re.search(rb"(?im)^(bcc|mail from)", head)


@pytest.mark.parametrize("to", ["", "pat", "a@b.example, c@d.example", "a@b.example;c@d.example"])
def test_row_69_a_mail_goes_to_exactly_one_address(post, to):
    with pytest.raises(ValueError, match="exactly one address"):
        mail.send(**{**LETTER, "to": to})
    assert post.letters == []


@pytest.mark.parametrize("name", ["Clinic, “The” Quay; <Sea> 🌊", "مركز العلاج", "Ö" * 20])
def test_the_clinics_name_arrives_whole_whatever_it_is_called(post, name):
    mail.send(**LETTER, sender_name=name)
    [sender] = post.letters[0].message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, mail.sender_address())


def test_emoji_and_right_to_left_text_arrive_whole(post):
    words = "Héllo 👩‍👩‍👧 محمد, see you\n.\nat ten"
    entry = Calendar.new(subcomponents=[]).to_ical()
    mail.send(
        **{**LETTER, "subject": "Für 👩‍👩‍👧 " + "محمد " * 30, "text": words},
        html=f"<p>{words}</p>",
        calendar=entry,
        calendar_method="REQUEST",
    )
    message = post.letters[0].message
    assert message["Subject"].strip() == "Für 👩‍👩‍👧 " + ("محمد " * 30).strip()
    assert message.get_body(("plain",)).get_content().split() == words.split()
    assert "محمد" in message.get_body(("html",)).get_content()
    assert max(map(len, post.letters[0].raw.split(b"\r\n"))) <= 998
