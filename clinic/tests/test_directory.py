"""The directory and a profile: who is there, when they are free, and how to book them."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.test import Client

from bookings.models import Opening
from bookings.tests import factories as diary
from practitioners.tests import factories

pytestmark = pytest.mark.django_db

# A Monday in winter, before opening time: London's clock shows UTC.
MONDAY = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)


@pytest.fixture
def world():
    with time_machine.travel(MONDAY, tick=False):
        yield diary.bookable_clinic()


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


# --- the list -------------------------------------------------------------------
def test_a_card_says_who_what_and_when_and_leads_into_booking(client, world):
    found = page(client, "/practitioners/")
    assert "Ana Okafor" in found and "Physiotherapist" in found and "Acupuncture" in found
    assert "HCPC, checked" in found
    assert "Today, 10:00" in found
    assert (
        "/book/visit/details/?start=2026-11-23T10%3A00%3A00%2B00%3A00"
        "&amp;practitioner=ana-okafor&amp;location=tidewell-quayside" in found
    )


@pytest.mark.parametrize(
    "address",
    ["/", "/practitioners/", "/practitioners/ana-okafor/", "/therapies/acupuncture/", "/book/"],
)
def test_a_page_that_names_a_free_time_is_asked_for_each_time(client, world, address):
    answer = client.get(address)
    assert "10:00" in answer.content.decode()
    assert {"private", "no-cache"} <= set(answer["Cache-Control"].split(", "))


def test_whoever_is_free_first_comes_first(client, world):
    early = factories.practitioner(name="Zed Early", treatments=[world.treatment])
    diary.opening(world.location, diary.body(early))
    diary.absence(diary.body(world.practitioner), MONDAY, MONDAY + timedelta(days=1))
    factories.practitioner(name="Abe Never", treatments=[world.treatment])
    found = page(client, "/practitioners/")
    assert found.index("Zed Early") < found.index("Ana Okafor") < found.index("Abe Never")
    assert "Tomorrow, 09:00" in found


def test_somebody_without_a_free_time_is_shown_with_a_way_on(client, world):
    Opening.objects.all().delete()
    assert "Nothing free soon. Please call us." in page(client, "/practitioners/")


def test_the_next_free_time_is_one_of_the_therapy_that_was_asked_for(client, world):
    massage = factories.therapy(name="Massage")
    row = world.another_treatment(therapy=massage, name="Rub", slug="rub", notice_minutes=60 * 24)
    assert row.therapy == massage
    found = page(client, "/practitioners/?therapy=massage")
    assert "Tomorrow" in found and "/book/rub/details/" in found
    assert "/book/visit/details/" not in found


def test_a_location_shows_those_who_work_there(client, world):
    hilltop = factories.location(name="Tidewell Hilltop")
    person = factories.practitioner(name="Ben Hill")
    diary.opening(hilltop, diary.body(person))
    past = factories.practitioner(name="Cat Past")
    diary.opening(hilltop, diary.body(past), valid_until=datetime(2026, 10, 1).date())
    found = page(client, "/practitioners/?location=tidewell-hilltop")
    assert "Ben Hill" in found
    assert "Ana Okafor" not in found and "Cat Past" not in found


def test_filters_stay_in_the_form_and_in_the_next_pages_address(client, world):
    for _n in range(13):
        factories.practitioner(treatments=[world.treatment], gender="woman")
    found = page(client, "/practitioners/?gender=woman&q=robin")
    assert 'value="robin"' in found
    assert "?gender=woman&amp;q=robin&amp;page=2" in found
    assert "Page 1 of 2" in found


def test_nobody_fits_is_said_with_a_way_on(client, world):
    found = page(client, "/practitioners/?q=dentist")
    assert "Nobody fits all of that" in found and "Show everybody" in found


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999", "abc", "2", ""])
def test_an_odd_page_number_is_answered_with_a_page(client, world, number):
    assert "Ana Okafor" in page(client, f"/practitioners/?page={number}")


@pytest.mark.parametrize("what", ["therapy=gone", "location=gone", "gender=gone", "language=xx"])
def test_a_choice_that_is_gone_is_said_beside_the_field_and_all_are_shown(client, world, what):
    answer = client.get(f"/practitioners/?{what}")
    assert answer.status_code == 422
    found = answer.content.decode()
    assert "Please choose" in found and "Ana Okafor" in found


def test_search_words_are_shown_as_text(client, world):
    answer = client.get("/practitioners/", {"q": "<script>alert(1)</script>"})
    assert b"<script>alert" not in answer.content


def test_unprintable_search_words_are_refused_kindly(client, world):
    assert client.get("/practitioners/", {"q": "a\x01b"}).status_code == 400
    assert client.get("/practitioners/", {"q": "a" * 500}).status_code == 422


# --- one practitioner -----------------------------------------------------------
def test_a_profile_has_all_that_a_patient_wants_to_know(client, world):
    person = world.practitioner
    person.about = "I **listen** first."
    person.qualifications = "BSc Physiotherapy, 2009\n\nMSc Pain, 2015"
    person.save()
    found = page(client, "/practitioners/ana-okafor/")
    assert "<strong>listen</strong>" in found
    assert "<li>MSc Pain, 2015</li>" in found
    assert "Health and Care Professions Council" in found
    assert "We checked it on 5 January 2026" in found
    assert "Insured until 1 January 2035" in found
    assert "Tidewell Quayside" in found and "Monday" in found and "09:00–17:00" in found
    assert "£60" in found and "/book/visit/?practitioner=ana-okafor" in found
    assert "Today, 10:00" in found
    assert 'alt="Drawn portrait of Ana Okafor"' in found


def test_who_takes_no_new_patients_says_so_and_keeps_the_old_ones(client, world):
    world.practitioner.takes_new_patients = False
    world.practitioner.save()
    found = page(client, "/practitioners/")
    assert "No new patients now" in found and "Only for people who have been before" in found
    found = page(client, "/practitioners/ana-okafor/")
    assert "takes no new patients" in found and "For people who have been before" in found
    assert "Today, 10:00" in found


def test_alternate_weeks_and_single_days_are_said(client, world):
    body = diary.body(world.practitioner)
    Opening.objects.filter(resource=body).delete()
    diary.opening(world.location, body, days=[1], every_weeks=2)
    diary.opening(world.location, body, on_date=datetime(2026, 12, 5).date(), ends=time(12))
    diary.opening(world.location, body, on_date=datetime(2026, 11, 2).date(), ends=time(13))
    found = page(client, "/practitioners/ana-okafor/")
    assert "every other week" in found
    assert "Sat 5 Dec" in found and "09:00–12:00" in found
    assert "09:00–13:00" not in found


def test_names_from_anywhere_are_shown_as_they_are(client, world):
    factories.practitioner(name="Nguyễn Thị Ánh 👩‍⚕️ O’Neil", slug="nguyen")
    assert "Nguyễn Thị Ánh 👩‍⚕️ O’Neil" in page(client, "/practitioners/nguyen/")


def test_a_name_is_text_in_every_place(client, world):
    world.practitioner.name = '<img src=x onerror="alert(1)">'
    world.practitioner.save()
    for address in (
        "/",
        "/practitioners/",
        "/practitioners/ana-okafor/",
        "/therapies/acupuncture/",
    ):
        assert "<img src=x" not in page(client, address)


@pytest.mark.parametrize(
    "address",
    [
        "/practitioners/nobody/",
        "/practitioners/draft/",
        "/practitioners/lapsed/",
        "/therapies/nothing/",
        "/therapies/draft/",
        "/conditions/nothing/",
        "/conditions/draft/",
        "/practitioners/nobody/portrait.svg",
        "/nothing/at/all/",
    ],
)
def test_what_is_not_there_or_not_published_is_a_friendly_404(client, world, address):
    factories.practitioner(name="Draft", is_published=False)
    lapsed = factories.practitioner(name="Lapsed", registered=False)
    factories.registration(lapsed, status="lapsed")
    factories.therapy(name="Draft", is_published=False)
    factories.condition(name="Draft", is_published=False)
    answer = client.get(address)
    assert answer.status_code == 404
    found = answer.content.decode()
    assert "We cannot find that page" in found and "0117 496 0100" in found
