"""What a message says, twice over, and where its links lead: nothing changes by following them.

clinic/tests/test_mail.py reads every message for words that tell what a patient comes for.
"""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bookings import appointments, messages, notifications
from bookings.actors import Actor
from bookings.messages import Rendered
from bookings.models import Appointment, Kind, MessageTemplate, Notification
from clinic.tests import smtp

from . import factories
from .factories import World

pytestmark = pytest.mark.django_db

DESK = Actor("staff")
SITE = "https://clinic.example.org"
THURSDAY = datetime(2027, 1, 7, 10, tzinfo=UTC)
VISIT_KINDS = [Kind.CONFIRMATION, Kind.REMINDER, Kind.CHANGE, Kind.CANCELLATION]
INJECTED = "Pat\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script>\r\n.\r\nRSET"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def site(settings) -> None:
    settings.SITE_URL = SITE
    settings.ALLOWED_HOSTS = ["clinic.example.org"]


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic(location={"phone": "0117 496 0177"})


def booked(world: World, start: datetime = THURSDAY, **details: str) -> Appointment:
    return appointments.book(
        treatment=world.treatment,
        start=start,
        details=appointments.Details(**{"name": "Pat O’Dé", "email": "pat@example.org", **details}),
        by=DESK,
        source="desk",
        override=True,
    )


def message(appointment: Appointment, kind: str) -> Rendered:
    row = Notification(kind=kind, appointment=appointment, minutes_before=120, recipient="p@x.org")
    return messages.render(row)


class _Reader(HTMLParser):
    """What somebody sees of an HTML mail, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: set[str] = set()
        self.feed(html.partition("<body")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links.update(value for name, value in attrs if name == "href" and value)

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def links_of(text: str) -> set[str]:
    return set(re.findall(r"https?://\S+", text))


# --- twice the same -----------------------------------------------------------------------
@pytest.mark.parametrize("kind", VISIT_KINDS)
def test_text_and_html_say_the_same_facts(world, kind):
    visit = booked(world)
    said = message(visit, kind)
    seen = _Reader(said.html)
    in_html, in_text = " ".join(seen.words), " ".join(said.text.split())
    body = said.text.partition("\nWhen: ")[0]
    for fact in (
        " ".join(body.split()),
        "Pat O’Dé",
        "Thursday 7 January 2027, 10:00",
        "Tidewell Quayside",
        "1 Quay Street",
        "Ana Okafor",
        visit.reference,
        "Tidewell Clinic",
    ):
        assert fact in in_html
        assert fact in in_text
    assert links_of(said.text) == seen.links


@pytest.mark.parametrize(
    "kind", [Kind.CODE, Kind.CONTACT_CLINIC, Kind.CONTACT_RECEIPT, Kind.CONTACT_ANSWER]
)
def test_messages_about_no_visit_say_the_same_in_both_as_well(world, kind):
    values = {name: f"the {name}" for name in messages.PLACEHOLDERS[kind]}
    said = messages.render(Notification(kind=kind, payload=values, recipient="pat@example.org"))
    body = " ".join(said.text.partition("\n-- ")[0].split())
    assert body in " ".join(_Reader(said.html).words)
    assert body in " ".join(said.text.split())
    assert not re.search(r"\{\w+\}", said.subject + said.text + said.html)


@pytest.mark.parametrize("kind", VISIT_KINDS)
def test_every_offered_placeholder_is_filled(world, kind):
    visit = booked(world)
    words = "\n".join(f"{name}={{{name}}}" for name in messages.ABOUT_A_VISIT)
    MessageTemplate.objects.create(kind=kind, subject="{date} {time}", body=words)
    said = message(visit, kind)
    assert said.subject == "Thursday 7 January 2027 10:00"
    filled = dict(line.split("=", 1) for line in said.text.split("\n\n")[0].splitlines())
    assert filled == {
        "name": "Pat O’Dé",
        "when": "Thursday 7 January 2027, 10:00",
        "date": "Thursday 7 January 2027",
        "time": "10:00",
        "until": "11:00",
        "practitioner": "Ana Okafor",
        "location": "Tidewell Quayside",
        "address": visit.location.address,
        "reference": visit.reference,
        "cancel_until": "Wednesday 6 January 2027, 10:00",
        "changing": "You can move or cancel it online free of charge until Wednesday 6 January "
        "2027, 10:00. After that, please call us on 0117 496 0177.",
        "clinic": "Tidewell Clinic",
        "phone": "0117 496 0177",
        "manage_url": f"{SITE}/appointments/{visit.token}/",
    }


@pytest.mark.parametrize("kind", [Kind.CONFIRMATION, Kind.REMINDER, Kind.CHANGE])
def test_no_message_offers_to_change_online_what_can_only_be_changed_by_phone(world, clock, kind):
    visit = booked(world)
    clock.move_to(visit.free_until)
    said = message(visit, kind)
    for words in (said.text, said.html):
        assert "free of charge" not in words
        assert "/move/" not in words
        assert "/cancel/" not in words
        assert "please call us on 0117 496 0177" in " ".join(words.split())
    assert f"/appointments/{visit.token}/" in said.text


@pytest.mark.parametrize("kind", VISIT_KINDS)
def test_a_preview_has_the_buttons_of_the_message(world, kind):
    buttons = ["I’m coming", "Move it", "Cancel it"]
    shown, sent = messages.preview(kind, "", "").html, message(booked(world), kind).html
    assert [b in shown for b in buttons] == [b in sent for b in buttons]


def test_an_hour_that_comes_twice_is_told_apart(world):
    visit = booked(world)
    for instant, said in (("2027-10-31T00:30Z", "01:30 BST"), ("2027-10-31T01:30Z", "01:30 GMT")):
        visit.starts_at = datetime.fromisoformat(instant)
        visit.ends_at = visit.starts_at + timedelta(hours=2)
        assert (
            message(visit, Kind.REMINDER).subject == f"Reminder: Sunday 31 October 2027 at {said}"
        )


# --- what people write --------------------------------------------------------------------
def test_row_47_a_name_is_never_taken_for_a_placeholder_or_for_html(world):
    visit = booked(world, name="{manage_url} <script>alert(1)</script> & Söhne")
    said = message(visit, Kind.CONFIRMATION)
    assert "Hello {manage_url} <script>alert(1)</script> & Söhne," in said.text
    assert "Hello {manage_url} &lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne," in said.html
    assert "<script" not in said.html


def test_markup_in_the_clinics_own_words_is_shown_and_not_run(world):
    MessageTemplate.objects.create(
        kind=Kind.REMINDER, body="<img src=x onerror=alert(1)> {% now %}"
    )
    said = message(booked(world), Kind.REMINDER)
    assert "<img" not in said.html
    assert "{% now %}" in said.text and "{% now %}" in said.html


@pytest.mark.parametrize("kind", VISIT_KINDS)
def test_row_39_line_breaks_in_names_and_subjects_inject_nothing(world, settings, kind):
    """Forms refuse them; a row that has some all the same does no harm on the wire."""
    visit = booked(world)
    for row in (visit.patient, visit.practitioner, visit.location):
        row.name = INJECTED
        row.save()
    words = "{name} {practitioner} {location}\r\nBcc: evil@example.org"
    MessageTemplate.objects.create(kind=kind, subject=words, body=words)
    visit.notifications.all().delete()
    Appointment.objects.update(state="cancelled" if kind == Kind.CANCELLATION else "booked")
    Notification.objects.create(
        kind=kind,
        appointment=visit,
        minutes_before=120,
        recipient="pat@example.org",
        due_at=datetime.now(UTC),
    )
    with smtp.running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        assert [notifications.deliver(*claim) for claim in notifications.claim()] == [True]
    [letter] = server.letters
    assert letter.recipients == ["pat@example.org"]
    assert letter.message["Bcc"] is None and letter.message["To"] == "pat@example.org"
    assert "Bcc: evil@example.org" in letter.message["Subject"]  # a word of the subject, no more
    assert "<script" not in letter.message.get_body(("html",)).get_content()
    for part in letter.message.walk():
        if part.get_content_type() == "text/calendar":
            assert not re.search(r"(?m)^(Bcc|<script|RSET)", part.get_content())


# --- links --------------------------------------------------------------------------------
LEADS_TO = {
    Kind.CONFIRMATION: ["", "move/", "cancel/"],
    Kind.REMINDER: ["", "coming/", "move/", "cancel/"],
    Kind.CHANGE: ["", "move/", "cancel/"],
    Kind.CANCELLATION: [],
}


@pytest.mark.parametrize("kind", VISIT_KINDS)
def test_links_begin_with_the_sites_address_and_carry_the_token(world, kind):
    visit = booked(world)
    page = f"{SITE}/appointments/{visit.token}/"
    assert links_of(message(visit, kind).text) == {SITE, *(page + end for end in LEADS_TO[kind])}


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("kind", [Kind.CONFIRMATION, Kind.REMINDER, Kind.CHANGE])
def test_row_32_a_mail_scanner_that_follows_every_link_writes_nothing(world, method, kind):
    said = message(booked(world), kind)
    follow = getattr(Client(HTTP_HOST="clinic.example.org"), method)
    for link in links_of(said.text) | _Reader(said.html).links:
        with CaptureQueriesContext(connection) as queries:
            answer = follow(link.removeprefix(SITE) or "/")
        assert answer.status_code == 200, link
        assert not answer.cookies.get("sessionid")
        verbs = {query["sql"].lstrip("(").split()[0] for query in queries}
        assert verbs <= {"SELECT"}, link


def test_control_the_button_behind_the_link_does_write(world):
    visit = booked(world)
    link = next(x for x in links_of(message(visit, Kind.REMINDER).text) if x.endswith("coming/"))
    with CaptureQueriesContext(connection) as queries:
        Client(HTTP_HOST="clinic.example.org").post(link.removeprefix(SITE))
    assert any(query["sql"].startswith("UPDATE") for query in queries)
    visit.refresh_from_db()
    assert visit.coming_at
