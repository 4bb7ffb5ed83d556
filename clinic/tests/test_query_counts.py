"""Every public page asks the database as often for a large clinic as for a small one."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.tests import cast, factories
from bookings.tests.patient import Visitor
from clinic import clock
from practitioners.tests import factories as directory

pytestmark = pytest.mark.django_db
MONDAY = "2027-01-04T08:00:00Z"
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
THURSDAY_10 = "2027-01-07T10:00:00+00:00"

PAGES = [
    "/",
    "/practitioners/",
    "/practitioners/?therapy=acupuncture&location=tidewell-quayside",
    "/practitioners/ana-okafor/",
    "/therapies/",
    "/therapies/acupuncture/",
    "/conditions/",
    "/conditions/sciatica/",
    "/contact/",
    "/contact/thanks/",
    "/privacy/",
    "/login/",
    "/book/",
    "/book/?who=returning&therapy=acupuncture&location=tidewell-quayside",
    "/book/returning/",
    "/book/help-now/",
    "/book/visit/",
    "/book/visit/?practitioner=ana-okafor&location=tidewell-quayside&date=2027-01-12",
    f"/book/visit/details/?start={TUESDAY_10.replace('+', '%2B')}",
    "/api/v1/locations",
    "/api/v1/therapies",
    "/api/v1/treatments",
    "/api/v1/practitioners",
    "/api/v1/availability?treatment=visit&from=2027-01-04&to=2027-01-31",
]
OWN_PAGES = [
    "appointment",
    "appointment-coming",
    "appointment-cancel",
    "appointment-move",
    "appointment-ics",
]


class Town:
    """A clinic that grows in every direction at once."""

    def __init__(self) -> None:
        self.world = factories.bookable_clinic()
        self.condition = directory.condition(name="Sciatica", therapies=[self.world.therapy])
        self.hour = clock.now() + timedelta(days=1, hours=2)

    def grow(self, times: int) -> None:
        world = self.world
        for _n in range(times):
            place = directory.location()
            factories.opening(place)
            room = factories.room(place)
            world.rooms.members.add(room)
            person = world.another_practitioner(languages=[directory.language()])
            factories.opening(place, factories.body(world.practitioner), on_date=date(2027, 2, 1))
            directory.registration(person, body="AACP", is_required=False)
            factories.absence(room, self.hour, self.hour + timedelta(hours=3))
            factories.safety_question(world.therapy)
            world.another_treatment()
            therapy = directory.therapy()
            world.another_treatment(therapy=therapy).lengths.create(minutes=90, price_pence=1)
            world.another_treatment().lengths.create(minutes=90, price_pence=1)
            work = directory.reference()
            for row in (therapy, world.therapy):
                directory.claim(therapy=row, references=[work])
            directory.condition(therapies=[world.therapy, therapy])
            self.condition.therapies.add(therapy)
            # Two a day, so that no day of the calendar is full.
            for when in (self.hour, self.hour + timedelta(hours=5)):
                cast.visit(world, when)
            self.hour += timedelta(days=1)


@pytest.fixture
def town():
    with time_machine.travel(MONDAY, tick=False):
        town = Town()
        town.grow(2)
        yield town


def queries(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return [query["sql"] for query in seen]


def assert_asks_no_more(client: Client, address: str, town: Town) -> None:
    queries(client, address)  # what is read once and kept
    few = queries(client, address)
    town.grow(12)
    many = queries(client, address)
    assert len(many) == len(few), "\n".join(many)


@pytest.mark.parametrize("address", PAGES)
def test_a_public_page(client, town, address):
    assert_asks_no_more(client, address, town)


def test_the_details_of_a_held_start(town):
    visitor = Visitor(town.world)
    visitor.hold(THURSDAY_10)
    assert_asks_no_more(visitor.client, visitor.url("book-details", THURSDAY_10), town)


@pytest.mark.parametrize("name", OWN_PAGES)
def test_a_patients_own_page(client, town, name):
    visit = cast.visit(town.world, clock.now() + timedelta(days=3))
    assert_asks_no_more(client, reverse(name, args=[visit.token]), town)
