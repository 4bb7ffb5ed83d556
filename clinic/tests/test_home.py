"""The start page: who we are, the ways in, and what is free next."""

import re
from datetime import UTC, datetime

import pytest
import time_machine

from bookings.tests import factories as diary
from practitioners.tests import factories

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)


@pytest.fixture
def world():
    with time_machine.travel(MONDAY, tick=False):
        yield diary.bookable_clinic()


def test_an_empty_clinic_has_a_start_page(client, db):
    answer = client.get("/")
    assert answer.status_code == 200
    assert b'href="/book/"' in answer.content and b'href="/practitioners/"' in answer.content


def test_it_shows_the_ways_in_and_what_is_free_next(client, world):
    factories.condition(name="Sciatica")
    found = client.get("/").content.decode()
    for words in (
        "Tidewell Clinic",
        "Today, 10:00",
        "/book/visit/details/?start=2026-11-23T10%3A00%3A00%2B00%3A00",
        "Sciatica",
        "Tidewell Quayside",
        "tel:01174960100",
    ):
        assert words in found


def test_a_therapy_stands_there_once_with_its_first_start(client, world):
    world.another_treatment(name="Long", slug="long", minutes=90, grid_minutes=30)
    other = factories.therapy(name="Massage")
    world.another_treatment(therapy=other, name="Rub", slug="rub")
    found = client.get("/").content.decode()
    assert len(re.findall(r'class="soon__item"', found)) == 2
    assert "/book/long/details/" in found and "/book/visit/details/" not in found


def test_it_shows_times_by_the_locations_clock(client, world):
    world.location.time_zone = "Europe/Paris"
    world.location.save()
    with time_machine.travel(datetime(2026, 11, 23, 4, tzinfo=UTC), tick=False):
        found = client.get("/").content.decode()
    assert "Today, 09:00" in found
    assert "start=2026-11-23T09%3A00%3A00%2B01%3A00" in found


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/practitioners/",
        "/practitioners/ana-okafor/",
        "/therapies/",
        "/therapies/acupuncture/",
        "/conditions/",
        "/conditions/sciatica/",
        "/contact/",
    ],
)
def test_every_page_has_its_own_title_description_and_address(client, world, settings, address):
    settings.SITE_URL = "https://clinic.example.org"
    factories.condition(name="Sciatica")
    found = client.get(address, {"utm": "x"}).content.decode()
    title = re.search(r"<title>(.*?) – Tidewell Clinic</title>", found)
    description = re.search(r'<meta name="description" content="([^"]+)">', found)
    assert title and len(title[1]) > 5
    assert description and 40 < len(description[1]) < 320
    assert f'<link rel="canonical" href="https://clinic.example.org{address}">' in found
    assert len(re.findall(r"<h1[ >]", found)) == 1


def test_no_two_pages_share_a_title(client, world):
    factories.condition(name="Sciatica")
    addresses = [
        "/",
        "/practitioners/",
        "/practitioners/ana-okafor/",
        "/therapies/",
        "/therapies/acupuncture/",
        "/conditions/",
        "/conditions/sciatica/",
        "/contact/",
    ]
    pages = [client.get(address).content.decode() for address in addresses]
    titles = {re.search(r"<title>(.*?)</title>", found)[1] for found in pages}
    descriptions = {re.search(r'"description" content="(.*?)"', found)[1] for found in pages}
    assert len(titles) == len(descriptions) == len(addresses)


@pytest.mark.parametrize("address", ["/", "/practitioners/", "/therapies/", "/conditions/"])
def test_public_pages_take_no_post(client, world, address):
    assert client.post(address).status_code == 405
