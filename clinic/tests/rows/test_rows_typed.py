"""What people type: rows 40 to 50 where no page's own test holds them."""

import ast
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core import mail
from django.db import models
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from bookings import notifications
from bookings.models import Patient
from bookings.tests.patient import Visitor
from clinic.phones import clean_phone
from clinic.text import clean_line, clean_mail

pytestmark = pytest.mark.django_db
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
API = "/api/v1/appointments"
FORM = "application/x-www-form-urlencoded"


def booking(**changes: Any) -> dict[str, Any]:
    patient = {"name": "Pat Example", "email": "pat@example.org", **changes.pop("patient", {})}
    what = {"treatment": "visit", "start": TUESDAY_10, "screening": {}}
    return {**what, "patient": patient, **changes}


def book_by_api(**changes: Any) -> Any:
    return Client().post(API, json.dumps(booking(**changes)), content_type="application/json")


# --- 40: too much -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"message=" + b"%0a" * 100_000, FORM),
        (b"&".join(b"f%d=1" % n for n in range(10_000)), FORM),
        (b"x" * 5_000_000, "multipart/form-data; boundary=x"),
        (b"--x\r\n" * 50_000, "multipart/form-data; boundary=x"),
        (b"[" * 200_000, "application/json"),
        (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "application/json"),
        (b'{"screening":' + b"9" * 200_000 + b"}", "application/json"),
    ],
)
@pytest.mark.parametrize("door", ["/contact/", "/book/visit/details/", API])
def test_row_40_too_much_of_anything_is_refused_fast(
    world: Any, door: str, body: bytes, kind: str
) -> None:
    began = time.process_time()
    answer = Client().post(door, body, content_type=kind)
    assert 400 <= answer.status_code < 500
    assert time.process_time() - began < 3


# --- 41: what is no text --------------------------------------------------------------
@pytest.mark.parametrize("bad", ["\0", "\x1b[2J", "\ud800", "\x85", "\ufffd"])
@pytest.mark.parametrize("field", ["name", "email", "phone", "note", "reason"])
def test_row_41_the_api_names_the_field_that_holds_no_text(
    world: Any, field: str, bad: str
) -> None:
    text = f"Some {bad} words"
    if field == "reason":
        token = book_by_api().json()["token"]
        data = json.dumps({"reason": text})
        answer = Client().post(f"{API}/{token}/cancel", data, content_type="application/json")
    else:
        answer = book_by_api(**({"note": text} if field == "note" else {"patient": {field: text}}))
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"].endswith(field)


# --- 42: names ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["Null", "O’Neil", "名前", "👩‍👩‍👧", "X", "Jіll", "-- none --", "undefined", "Ñ" * 200]
)
def test_row_42_a_name_is_stored_as_it_is_written(world: Any, name: str) -> None:
    assert book_by_api(patient={"name": name}).status_code == 201
    assert Patient.objects.get().name == name


@pytest.mark.parametrize("name", ["\ufb2c" * 200, "\u0958" * 150])
def test_row_42_a_name_that_composing_makes_too_long_is_refused_beside_it(
    world: Any, name: str
) -> None:
    answer = book_by_api(patient={"name": name})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "patient.name"


def test_row_42_nothing_is_cut_inside_a_letter() -> None:
    family = "👩‍👩‍👧"
    assert clean_line(family * 40) == family * 40
    assert clean_line("Z" + "\u0351" * 60 + "oë") == "Z" + "\u0351" * 4 + "oë"


def test_row_42_a_name_that_turns_the_direction_leaves_its_surroundings_alone(
    world: Any, visitor: Visitor, monday: Any
) -> None:
    visitor.book(TUESDAY_10, name="\u202eгруппа\u2066 שלום")
    desk = Client()
    desk.force_login(User.objects.create_superuser("dora"))
    page = desk.get("/desk/?date=2027-01-05").content.decode()
    assert "<bdi>группа שלום</bdi>" in page
    assert not set("\u202e\u2066") & set(page)


def test_row_42_who_types_a_practitioners_name_is_shown_to_nobody_as_one(world: Any) -> None:
    token = book_by_api(patient={"name": world.practitioner.name}).json()["token"]
    (row, attempt), *_more = notifications.claim()
    assert notifications.deliver(row, attempt)
    assert world.practitioner.name not in mail.outbox[0].from_email
    page = Client().get("/practitioners/").content.decode()
    assert page.count(f">{world.practitioner.name}<") <= 1
    assert token not in page


# --- 43, 44, 45 ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("pat@bücher.example", "pat@xn--bcher-kva.example"),
        ("pat+clinic@EXAMPLE.org", "pat+clinic@example.org"),
        ('"pat"@example.org', '"pat"@example.org'),
        ("pat@example.org.", None),
        ("pat@example.org\nBcc: x@example.org", None),
        ("a@example.org,b@example.org", None),
        ("a@example.org b@example.org", None),
        ("p" * 250 + "@example.org", None),
        ("p" * 40 + "@" + ("ü" * 50 + ".") * 4 + "org", None),
    ],
)
def test_row_43_an_address_is_one_that_a_mail_can_go_to_or_is_refused(
    world: Any, typed: str, kept: str | None
) -> None:
    answer = book_by_api(patient={"email": typed})
    if kept is None:
        assert answer.status_code in (400, 422)
        assert answer.json()["errors"][0]["field"] == "patient.email"
        return
    assert answer.status_code == 201
    assert Patient.objects.get().email == clean_mail(typed) == kept
    (row, attempt), *_more = notifications.claim()
    assert notifications.deliver(row, attempt)
    assert mail.outbox[0].recipients() == [kept]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("+44 (0)117 496 0123", "+441174960123"),
        ("+1 415 555 2671", "+14155552671"),
        ("٠١١٧ ٤٩٦ ٠١٢٣", "+441174960123"),
        ("0117 496 0123 ext. 5", None),
        ("0909 879 0123", None),
        ("+44 909 879 0123", None),
        ("999", None),
        ("+999 123 456", None),
    ],
)
def test_row_44_a_number_is_kept_in_one_form_or_refused_with_a_reason(
    world: Any, typed: str, kept: str | None
) -> None:
    answer = book_by_api(patient={"phone": typed})
    if kept is None:
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "patient.phone"
    else:
        assert answer.status_code == 201
        assert Patient.objects.get().phone == clean_phone(typed) == kept


@pytest.mark.parametrize(
    ("born", "status"),
    [
        ("2011-01-05", 201),  # sixteen today
        ("2011-01-06", 422),
        ("2027-01-05", 422),
        ("3000-01-01", 422),
        ("1900-01-01", 422),
        ("1980-02-30", 422),
        ("1980-02-29", 201),
        ("0001-01-01", 422),
        (0, 422),
        ("315532800", 422),
        ("1980-02-29T00:00:00", 422),
    ],
)
def test_row_45_a_program_gives_a_date_of_birth_that_can_be_one(
    world: Any, born: Any, status: int
) -> None:
    world.treatment.asks_birth_date = True
    world.treatment.save()
    assert book_by_api(patient={"date_of_birth": born}).status_code == status


# --- 46, 47: words that would like to be code ---------------------------------------------
TAG = "<img src=x onerror=alert(1)>"
WORDS = f"{TAG} {{{{7*7}}}} ${{7*7}} %n %s {{name}} </script>"


@pytest.fixture
def evil(visitor: Visitor) -> Any:
    return visitor.book(TUESDAY_10, name=WORDS, note=WORDS, access_needs=WORDS, phone="")


def test_row_46_markup_is_inert_on_every_page_that_shows_it(world: Any, evil: Any) -> None:
    owner = Client()
    owner.force_login(User.objects.create_superuser("dora"))
    world.practitioner.user = User.objects.get()
    world.practitioner.save()
    patient = evil.patient
    pages = [
        evil.get_absolute_url(),
        "/desk/?date=2027-01-05",
        "/desk/print/?date=2027-01-05",
        "/desk/attention/",
        f"/desk/search/?{urlencode({'q': TAG})}",
        f"/desk/{evil.reference}/cancel/",
        reverse("admin:bookings_appointment_changelist"),
        reverse("admin:bookings_appointment_change", args=[evil.pk]),
        reverse("admin:bookings_patient_changelist"),
        reverse("admin:bookings_patient_change", args=[patient.pk]),
        reverse("admin:bookings_patient_history", args=[patient.pk]),
        reverse("admin:bookings_notification_changelist"),
    ]
    shown = 0
    for page in pages:
        answer = owner.get(page)
        assert answer.status_code == 200, page
        assert TAG not in answer.content.decode(), page
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        shown += "&lt;img src=x" in answer.content.decode()
    assert shown >= 6


def test_row_46_row_47_words_come_by_mail_and_calendar_as_they_were_typed(evil: Any) -> None:
    for row, attempt in notifications.claim():
        assert notifications.deliver(row, attempt)
    assert mail.outbox
    for letter in mail.outbox:
        html = next(str(a.content) for a in letter.alternatives if a.mimetype == "text/html")
        assert TAG not in html and "49" not in letter.subject
        assert "{{7*7}}" in letter.body or WORDS not in letter.body
        assert "\n" not in letter.subject
    file = Client().get(reverse("appointment-ics", args=[evil.token])).content
    assert len(Calendar.from_ical(file).walk("VEVENT")) == 1


@pytest.mark.parametrize("words", ["{{7*7}}", "${7*7}", "%n%s%(name)s", "{name}", "{0.__class__}"])
def test_row_47_a_name_that_looks_like_a_template_is_a_name(visitor: Visitor, words: str) -> None:
    visitor.book(TUESDAY_10, name=words)
    for row, attempt in notifications.claim():
        assert notifications.deliver(row, attempt)
    assert any(words in letter.body for letter in mail.outbox)


# --- 48 -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "%2f%2fevil.example",
        "http://testserver@evil.example/",
    ],
)
def test_row_48_no_way_back_leads_off_the_site(world: Any, visitor: Visitor, onward: str) -> None:
    booked = visitor.book(TUESDAY_10)
    user = User.objects.create_superuser("dora", password="a-password-of-nobody")
    login = {"username": "dora", "password": "a-password-of-nobody", "next": onward}
    desk = Client()
    desk.force_login(user)
    answers = [
        Client().post("/login/", login),
        Client().get(f"/admin/login/?{urlencode({'next': onward})}"),
        Client().post(reverse("safety-advice"), {"next": onward}),
        Client().post(reverse("book-returning"), {"email": "a@example.org", "next": onward}),
        desk.post(f"/desk/{booked.reference}/arrived/", {"back": onward}),
        desk.post(f"/desk/{booked.reference}/cancel/", {"back": onward, "reason": "x"}),
    ]
    for answer in answers:
        assert answer.status_code in (302, 303), answer.request
        # As a browser reads it: backslashes are slashes, tabs are nothing.
        where = answer.headers["Location"].replace("\\", "/").replace("\t", "")
        assert urlsplit(urljoin("http://testserver/login/", where)).netloc == "testserver", where


# --- 50, 51, 52: what is not there ----------------------------------------------------------
def test_row_50_nothing_exports_a_table() -> None:
    """When somebody adds one, this row wants a test of its formulas."""
    actions = {str(a) for page in admin.site._registry.values() for a in page.actions or []}
    assert not {name for name in actions if "export" in name or "csv" in name}
    assert not {"csv", "openpyxl", "xlsxwriter"} & _imports()


def test_row_51_row_52_nothing_takes_a_file_or_fetches_an_address() -> None:
    for model in apps.get_models():
        assert not [f for f in model._meta.get_fields() if isinstance(f, models.FileField)], model
    assert not {"requests", "httpx", "http.client"} & _imports()
    # `make demo` asks its own site whether it is up.
    assert "urllib.request" not in _imports(without="demo.py")


def _imports(without: str = "") -> set[str]:
    """What the site's own code imports, tests left out."""
    found: set[str] = set()
    root = Path(__file__).resolve().parents[3]
    for app in ("bookings", "clinic", "practitioners"):
        for file in (root / app).rglob("*.py"):
            if "tests" in file.parts or file.name == without:
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    found |= {name.name for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found |= {node.module, *(f"{node.module}.{n.name}" for n in node.names)}
    return found


# --- 69 -------------------------------------------------------------------------------------
def test_row_69_mail_leaves_by_one_function_alone() -> None:
    """clinic.mail.send, which takes one address: nothing else can write to two people at once."""
    makers = {
        "EmailMessage",
        "EmailMultiAlternatives",
        "send_mail",
        "send_mass_mail",
        "mail_admins",
    }
    assert {f"django.core.mail.{m}" for m in makers} & _imports() == {
        "django.core.mail.EmailMultiAlternatives"
    }
