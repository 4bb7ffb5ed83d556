"""From a start back to the calendar as it was, and how it shows what a visitor holds already."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Appointment
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


def test_a_refused_move_shows_its_calendar_as_it_was(client, world, hilltop):
    booked = Visitor(world).book("2027-01-07T10:00:00+00:00")
    address = reverse("appointment-move", args=[booked.token])
    looked = {"view": "week", "date": WEDNESDAY, "part": "morning", "gender": "man"}
    looked |= {"language": "cy", "practitioner": "", "location": ""}
    shown = client.get(first_slot(client.get(address, looked).context["board"]).url)
    sent, form = shown.context["choice"].params(), shown.content.decode()
    action = unescape(re.search(r'method="post" action="([^"]+/move/[^"]*)"', form)[1])
    patient = {"name": "Zed Other", "email": "zed@example.org", "phone": "020 7946 0199"}
    faster = {"treatment": world.treatment.slug, "patient": patient, "screening": {}}
    faster |= {name: sent[name] for name in ("start", "practitioner", "location")}
    taken = client.post("/api/v1/appointments", faster, content_type="application/json")
    refused = client.post(action, sent)
    assert (taken.status_code, refused.status_code) == (201, 409)
    assert refused.context["board"].state == looked
    # And so does the back button, which asks for the address of what was sent.
    assert client.get(action).context["board"].state == looked
    # What no calendar shows has no day to open at.
    answers = {f"gate-{code}": no for code, no in factories.all_no(world.screening).items()}
    far = client.post(address, {**sent, **answers, "start": "2031-01-08T10:00:00+00:00"})
    assert far.status_code == 422
    assert {**far.context["board"].state, "date": WEDNESDAY} == looked


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


# --- what a visitor holds ------------------------------------------------------------
TEN = f"{WEDNESDAY}T10:00:00+00:00"


def times(response):
    """The chosen day's starts: at which hours, and which is said to be kept for them."""
    slots = [slot for _name, part in response.context["board"].parts for slot in part]
    return [s.choice.start.hour for s in slots], [s.choice.start.hour for s in slots if s.is_held]


@pytest.fixture
def holder(world):
    """A visitor who holds an hour at ten on Wednesday, of a treatment that can be longer."""
    world.treatment.lengths.create(minutes=90, price_pence=8500)
    visitor = Visitor(world)
    visitor.hold(TEN)
    return visitor


@pytest.mark.parametrize("minutes", ["", "90"])
def test_what_i_hold_hides_no_time_from_me_and_is_marked(client, holder, world, minutes):
    free = times(see(Visitor(world).client, world, date="2027-01-07", minutes=minutes))[0]
    mine = see(holder.client, world, date=WEDNESDAY, minutes=minutes)
    assert times(mine) == (free, [10])
    text = mine.content.decode()
    assert "kept for you" in text and "2027 at 10:00 for you until 08:10" in text
    stranger = see(client, world, date=WEDNESDAY, minutes=minutes)
    assert 10 not in times(stranger)[0] and "for you" not in stranger.content.decode()


def test_every_time_my_own_hold_stands_in_the_way_of_can_be_had_in_its_place(holder, world):
    overlapping = f"{WEDNESDAY}T09:00:00+00:00"
    asks = holder.get_details(overlapping, minutes="90")
    assert "we let that one go" in asks.content.decode()
    assert holder.client.post(holder.url("book-hold", overlapping, minutes="90")).status_code == 303
    held = Appointment.objects.get(state="held")
    assert (held.starts_at.hour, held.minutes) == (9, 90)


def test_what_i_hold_stays_where_it_is_not_in_the_way(holder):
    elsewhere = f"{WEDNESDAY}T14:00:00+00:00"
    assert "we let that one go" not in holder.get_details(elsewhere).content.decode()
    assert holder.client.post(holder.url("book-hold", elsewhere)).status_code == 303
    assert Appointment.objects.filter(state="held").count() == 2


def test_a_hold_costs_the_calendar_one_query_and_a_session(client, holder, world):
    def count(who, **headers):
        with CaptureQueriesContext(connection) as seen:
            assert see(who, world, date=WEDNESDAY, headers=headers).status_code == 200
        return len([q for q in seen if "session" not in (q["sql"] or "")])

    count(client)
    part = {"HX-Request": "true"}
    assert count(holder.client, **part) - count(client, **part) == 1


def test_no_cache_keeps_a_calendar(client, holder, world):
    for response in (see(client, world), see(holder.client, world)):
        assert set(response["Cache-Control"].split(", ")) == {"private", "no-store"}
