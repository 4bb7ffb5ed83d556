"""“Been here before” is proved by a code; typing an address proves and reveals nothing."""

from datetime import timedelta

import pytest
import time_machine

from bookings.models import Appointment, Notification, State
from clinic import clock

from . import factories
from .patient import TYPED, Visitor

pytestmark = pytest.mark.django_db
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
NEXT = "/book/visit/details/?start=2027-01-05T10%3A00%3A00%2B00%3A00"


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as now:
        yield now


@pytest.fixture
def world():
    return factories.bookable_clinic(audience="returning")


@pytest.fixture
def visitor(world):
    return Visitor(world)


def been_here(world, **fields):
    """A patient with a completed visit a month ago."""
    patient = factories.patient(**{"email": "ana.family@example.org", **fields})
    start = "2026-12-01T10:00:00+00:00"
    Appointment.objects.create(
        patient=patient,
        treatment=world.treatment,
        practitioner=world.practitioner,
        location=world.location,
        starts_at=start,
        ends_at="2026-12-01T11:00:00+00:00",
        treatment_name="Visit",
        minutes=60,
        price_pence=6000,
        cancellation_hours=24,
        state=State.COMPLETED,
    )
    return patient


def ask(visitor, email, **extra):
    return visitor.client.post("/book/returning/", {"email": email, "next": NEXT, **extra})


def code_of(email):
    return Notification.objects.filter(recipient=email, kind="code").latest("pk").payload["code"]


def prove(visitor, email):
    asked = ask(visitor, email)
    return visitor.client.post(asked.url, {"code": code_of(email), "next": NEXT}, follow=True)


def test_a_follow_up_asks_for_proof_and_comes_back(visitor, world):
    response = visitor.get_details(TUESDAY_10)
    assert response.status_code == 302
    assert response.url.startswith("/book/returning/?next=%2Fbook%2Fvisit%2Fdetails%2F%3Fstart")


def test_a_follow_up_cannot_be_held_without_proof(visitor, world):
    assert visitor.answer(TUESDAY_10).status_code == 302
    response = visitor.client.post(visitor.url("book-hold", TUESDAY_10))
    assert response.status_code in (302, 409)
    assert not Appointment.objects.exists()


def test_row_37_known_and_unknown_addresses_get_the_same_answer(world):
    been_here(world)
    known, unknown = Visitor(world), Visitor(world)
    a = ask(known, "ana.family@example.org")
    b = ask(unknown, "stranger@example.org")
    assert (a.status_code, a.url) == (b.status_code, b.url)
    page_a = known.client.get(a.url).content.replace(b"ana.family", b"stranger")
    page_b = unknown.client.get(b.url).content
    hide = [c.client.cookies["csrftoken"].value for c in (known, unknown)]
    assert len(page_a) == len(page_b) and hide
    assert Notification.objects.filter(kind="code").count() == 2


def test_the_right_code_opens_follow_ups(visitor, world):
    patient = been_here(world, name="Ana Family")
    response = prove(visitor, "ana.family@example.org")
    assert response.request["PATH_INFO"] == "/book/visit/details/"
    visitor.hold(TUESDAY_10)
    text = visitor.get_details(TUESDAY_10).content.decode()
    assert "Ana Family" in text
    assert patient.phone not in text and "ana.family@example.org" not in text
    assert visitor.send(TUESDAY_10).status_code == 303
    assert Appointment.objects.latest("pk").patient == patient


def test_what_is_typed_does_not_change_the_record_behind_the_proof(visitor, world):
    patient = been_here(world, name="Ana Family")
    prove(visitor, "ana.family@example.org")
    visitor.hold(TUESDAY_10)
    visitor.send(TUESDAY_10, name="Mallory", email="m@example.org", access_needs="Hearing loop")
    patient.refresh_from_db()
    assert (patient.name, patient.email) == ("Ana Family", "ana.family@example.org")
    assert "Hearing loop" in Appointment.objects.latest("pk").note


def test_staff_see_that_the_address_was_proved(visitor, world):
    patient, stranger = been_here(world), factories.patient()
    ask(visitor, patient.email)
    patient.refresh_from_db()
    assert patient.email_proved_at is None
    prove(visitor, patient.email)
    patient.refresh_from_db()
    stranger.refresh_from_db()
    assert patient.email_proved_at == clock.now()
    assert stranger.email_proved_at is None


def test_a_family_chooses_who_comes_and_sees_names_only_after_proof(visitor, world):
    been_here(world, name="Ana Family")
    been_here(world, name="Bo Family")
    asked = ask(visitor, "ana.family@example.org")
    assert b"Bo Family" not in visitor.client.get(asked.url).content
    page = visitor.client.post(
        asked.url, {"code": code_of("ana.family@example.org"), "next": NEXT}, follow=True
    )
    text = page.content.decode()
    assert "Ana Family" in text and "Bo Family" in text
    nobody = visitor.client.post("/book/returning/who/", {"patient": "999999", "next": NEXT})
    assert nobody.status_code == 422
    bo = Appointment.objects.get(patient__name="Bo Family").patient
    chosen = visitor.client.post("/book/returning/who/", {"patient": bo.pk, "next": NEXT})
    assert (chosen.status_code, chosen.url) == (303, NEXT)
    visitor.hold(TUESDAY_10)
    assert Appointment.objects.get(state="held").patient == bo


def test_an_address_that_we_do_not_know_gets_a_kind_page_after_proof(visitor, world):
    text = prove(visitor, "stranger@example.org").content.decode()
    assert "We do not know this address yet" in text
    assert "Book a first visit" in text and "0117 496 0100" in text


def test_a_wrong_code_proves_nothing(visitor, world):
    been_here(world)
    asked = ask(visitor, "ana.family@example.org")
    wrong = "000000" if code_of("ana.family@example.org") != "000000" else "111111"
    response = visitor.client.post(asked.url, {"code": wrong})
    assert response.status_code == 422
    assert visitor.client.get("/book/returning/who/").status_code == 303


def test_a_code_runs_out_and_works_once(visitor, world, monday):
    been_here(world)
    asked = ask(visitor, "ana.family@example.org")
    code = code_of("ana.family@example.org")
    monday.shift(timedelta(minutes=11))
    assert visitor.client.post(asked.url, {"code": code}).status_code == 422
    asked = ask(visitor, "ana.family@example.org")
    code = code_of("ana.family@example.org")
    assert visitor.client.post(asked.url, {"code": code}).status_code == 303
    other = Visitor(world)
    asked = ask(other, "ana.family@example.org")
    assert other.client.post(asked.url, {"code": code}).status_code == 422


def test_a_code_for_one_address_proves_no_other(world):
    been_here(world)
    mine = Visitor(world)
    asked = ask(mine, "mine@example.org")
    code = code_of("mine@example.org")
    ask(mine, "ana.family@example.org")
    if code == code_of("ana.family@example.org"):
        pytest.skip("one chance in a million: both codes are the same")
    assert mine.client.post(asked.url, {"code": code}).status_code == 422


def test_proof_lasts_an_hour(visitor, world, monday):
    been_here(world)
    prove(visitor, "ana.family@example.org")
    monday.shift(timedelta(minutes=61))
    assert visitor.get_details(TUESDAY_10).status_code == 302


def test_row_36_asking_for_codes_is_limited(visitor, world, settings):
    settings.THROTTLES = {**settings.THROTTLES, "code": 2}
    answers = [ask(visitor, f"a{n}@example.org").status_code for n in range(3)]
    assert answers == [303, 303, 429]


@pytest.mark.parametrize("email", ["", "nobody", "a@example.org\r\nBcc: b@example.org"])
def test_a_bad_address_is_said_beside_the_field(visitor, email):
    response = ask(visitor, email)
    assert response.status_code in (400, 422)
    assert not Notification.objects.exists()


@pytest.mark.parametrize("wanted", ["//evil.example/", "https://evil.example", "/\\evil.example"])
def test_the_way_on_stays_on_the_site(visitor, world, wanted):
    asked = ask(visitor, "a@example.org", next=wanted)
    assert "evil" not in asked.url


def test_a_guest_who_types_a_known_address_sees_nothing_of_it(world):
    been_here(world, name="Ana Family")
    world.treatment.audience = "all"
    world.treatment.save()
    guest = Visitor(world)
    booked = guest.book(TUESDAY_10, email="ana.family@example.org")
    page = guest.client.get(booked.get_absolute_url()).content.decode()
    assert "Ana Family" not in page
    assert booked.patient.name == TYPED["name"]
