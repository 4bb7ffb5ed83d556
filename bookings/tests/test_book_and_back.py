"""From a start back to the calendar as it was, and how it shows what a visitor holds already."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.urls import reverse

from practitioners.tests import factories as directory

from . import factories
from .patient import Visitor

pytestmark = pytest.mark.django_db
WEDNESDAY = "2027-01-06"


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def world():
    return factories.bookable_clinic(practitioner={"gender": "woman"})


@pytest.fixture
def ben(world):
    """A man who speaks Welsh, in on Wednesdays only."""
    welsh = directory.language("cy", "Welsh")
    person = directory.practitioner(
        name="Ben Rhys", treatments=[world.treatment], gender="man", languages=[welsh]
    )
    factories.opening(world.location, factories.body(person), days=[2])
    return person


def see(client, world, **params):
    headers = params.pop("headers", {})
    address = reverse("book-treatment", args=[world.treatment.slug])
    return client.get(address, params, headers=headers)


def board(client, world, **params):
    return see(client, world, **params).context["board"]


# --- from a start and back ----------------------------------------------------------
@pytest.fixture
def hilltop(world, ben):
    """Another location, at which Ben is in on Thursdays; he gives it in 90 minutes, too."""
    place = directory.location(name="Hilltop", slug="hilltop")
    world.rooms.members.add(factories.room(place))
    factories.opening(place)
    factories.opening(place, factories.body(ben), days=[3])
    world.treatment.lengths.create(minutes=90, price_pence=8500)
    return place


def asked(address):
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}


def first_slot(shown):
    return (shown.parts or [part[:2] for rest in shown.first_available for part in rest.parts])[0][
        1
    ][0]


@pytest.mark.parametrize(
    "looked",
    [
        {},
        {"view": "week", "part": "afternoon"},
        {"view": "list", "gender": "man", "language": "cy"},
        {"part": "morning", "gender": "man", "practitioner": "ben-rhys", "location": "hilltop"},
        {"view": "week", "practitioner": "ben-rhys", "minutes": "90"},
    ],
)
def test_choosing_another_time_leads_back_to_the_calendar_as_it_was(client, world, hilltop, looked):
    slot = first_slot(board(client, world, **looked))
    gate = client.get(slot.url)
    link = re.search(r'href="([^"]+)">Choose another time', gate.content.decode())
    day = slot.start.local.date().isoformat()
    assert asked(unescape(link[1])) == {**looked, "date": day}


def test_the_way_back_stays_known_through_questions_hold_details_and_refusals(world, ben):
    visitor = Visitor(world)
    looked = {"view": "week", "part": "afternoon", "gender": "man"}
    slot = first_slot(board(visitor.client, world, **looked, date=WEDNESDAY))
    questions = visitor.client.get(slot.url).context["choice"].safety_url
    answers = {f"gate-{code}": no for code, no in factories.all_no(world.screening).items()}
    page = visitor.client.post(questions, answers)
    details = visitor.client.get(page["Location"])
    other = details.context["choice"]
    refused = Visitor(world).client.get(other.details_url)
    assert refused.status_code == 409
    let_go = visitor.client.post(other.let_go_url)
    for back in (other.calendar_url, refused.context["choice"].calendar_url, let_go["Location"]):
        assert asked(back) == {**looked, "date": WEDNESDAY}


def test_a_move_leads_back_to_its_calendar_as_it_was(client, world, hilltop):
    booked = Visitor(world).book("2027-01-07T10:00:00+00:00")
    address = reverse("appointment-move", args=[booked.token])
    looked = {
        "view": "week",
        "date": WEDNESDAY,
        "gender": "man",
        "practitioner": "",
        "location": "",
    }
    slot = first_slot(client.get(address, looked).context["board"])
    page = client.get(slot.url).content.decode()
    link = unescape(re.search(r'href="([^"]+)">Choose another time', page)[1])
    assert parse_qs(urlsplit(link).query, keep_blank_values=True) == {
        name: [value] for name, value in looked.items()
    }


@pytest.mark.parametrize(
    "nonsense",
    [
        {"view": "//evil.example", "part": "night", "gender": "x"},
        {"language": "<script>", "any": "start http://evil.example"},
        {"next": "https://evil.example/", "back": "//evil.example"},
    ],
)
def test_only_what_a_calendar_says_is_taken_along(client, world, nonsense):
    said = {"start": "2027-01-05T10:00:00+00:00", **nonsense}
    page = client.get(reverse("book-details", args=[world.treatment.slug]), said)
    assert page.status_code == 200
    assert asked(page.context["choice"].calendar_url) == {"date": "2027-01-05"}
    assert "evil.example" not in page.content.decode().replace(page.request["QUERY_STRING"], "")


def test_a_calendar_that_nobody_could_look_at_is_not_led_back_to(client, world):
    refused = see(client, world, language="tlh", part="morning")
    assert refused.status_code == 404
    assert 'href="/book/visit/"' in refused.content.decode()
