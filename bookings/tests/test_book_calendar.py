"""Choosing a treatment, a day and a start: what the pages offer, and what they say to nonsense."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from bookings.models import Appointment
from clinic.clock import now
from practitioners.tests import factories as directory

from . import factories
from .patient import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def world():
    return factories.bookable_clinic()


def calendar(client, world, **params):
    return client.get(reverse("book-treatment", args=[world.treatment.slug]), params)


def day(response, date):
    found = response.context["board"].month.day(datetime.fromisoformat(date).date())
    return found.state


# --- /book/ ---------------------------------------------------------------------
def test_newcomers_are_offered_first_visits_and_returning_patients_follow_ups(client, world):
    world.another_treatment(name="First", slug="first", audience="new")
    world.another_treatment(name="Follow-up", slug="follow-up", audience="returning")
    new = client.get("/book/").content.decode()
    returning = client.get("/book/?who=returning").content.decode()
    assert "/book/first/" in new and "/book/follow-up/" not in new
    assert "/book/follow-up/" in returning and "/book/first/" not in returning
    assert "/book/visit/" in new and "/book/visit/" in returning


def test_a_treatment_shows_minutes_price_and_its_next_free_time(client, world):
    text = client.get("/book/").content.decode()
    assert "60 minutes" in text and "£60" in text and "Today, 10:00" in text


def test_the_list_can_be_narrowed_to_a_therapy_a_practitioner_a_location(client, world):
    other = directory.treatment(slug="other")
    for params in ({"therapy": "acupuncture"}, {"practitioner": "ana-okafor"}):
        text = client.get("/book/", params).content.decode()
        assert "/book/visit/" in text and f"/book/{other.slug}/" not in text
    text = client.get("/book/", {"location": "tidewell-quayside"}).content.decode()
    assert "/book/visit/?location=tidewell-quayside" in text


def test_unpublished_treatments_are_not_offered(client, world):
    world.another_treatment(slug="secret", is_published=False)
    assert "/book/secret/" not in client.get("/book/").content.decode()
    assert client.get("/book/secret/").status_code == 404


@pytest.mark.parametrize(
    "query", ["who=nobody", "therapy=nope", "practitioner=nope", "location=%27;drop"]
)
def test_an_unknown_choice_is_a_friendly_404(client, world, query):
    response = client.get(f"/book/?{query}")
    assert response.status_code == 404
    assert b"See all treatments" in response.content


# --- the calendar -----------------------------------------------------------------
def test_days_are_told_apart_in_words_not_only_in_colour(client, world):
    visitor = Visitor(world)
    for hour in range(9, 17):
        visitor.client.cookies.clear()
        visitor.hold(f"2027-01-05T{hour:02}:00:00+00:00")
    factories.absence(
        None,
        datetime(2027, 1, 7, tzinfo=UTC),
        datetime(2027, 1, 8, tzinfo=UTC),
        location=world.location,
    )
    response = calendar(client, world)
    assert [day(response, f"2027-01-0{n}") for n in (1, 3, 5, 6, 7)] == [
        "past",
        "past",
        "full",
        "free",
        "closed",
    ]
    text = response.content.decode()
    assert ">full<" in text and ">closed<" in text and ">past<" in text
    assert '8<span class="day__word">&nbsp;free' in text


def test_a_day_shows_its_starts_by_part_of_the_day(client, world):
    factories.opening(
        world.location, factories.body(world.practitioner), starts=time(17), ends=time(20)
    )
    factories.opening(world.location, starts=time(17), ends=time(20))
    parts = dict(calendar(client, world, date="2027-01-06").context["board"].parts)
    assert [len(parts[p]) for p in ("Morning", "Afternoon", "Evening")] == [3, 5, 3]


def test_a_start_leads_to_its_details_with_all_of_it_in_the_address(client, world):
    response = calendar(client, world, date="2027-01-06", practitioner="ana-okafor")
    slot = response.context["board"].parts[0][1][0]
    assert slot.url == (
        "/book/visit/details/?start=2027-01-06T09%3A00%3A00%2B00%3A00"
        "&practitioner=ana-okafor&location=tidewell-quayside"
    )


def test_without_a_day_the_first_free_one_is_shown(client, world, monday):
    assert calendar(client, world).context["board"].day.date.isoformat() == "2027-01-04"
    monday.move_to("2027-01-04T18:00:00Z")
    assert calendar(client, world).context["board"].day.date.isoformat() == "2027-01-05"


def test_a_calendar_without_a_free_day_opens_where_it_begins_to_be_free(client, world):
    away = datetime(2027, 2, 3, tzinfo=UTC)
    factories.absence(factories.body(world.practitioner), datetime(2027, 1, 1, tzinfo=UTC), away)
    assert calendar(client, world).context["board"].day.date.isoformat() == "2027-02-03"
    january = calendar(client, world, month="2027-01")
    assert january.status_code == 200
    text = january.content.decode()
    assert "Nothing is free in January" in text and "date=2027-02-03" in text


def test_with_nothing_at_all_there_is_the_phone_and_the_next_month(client, world):
    world.practitioner.treatments.clear()
    text = calendar(client, world).content.decode()
    assert "Nothing is free in January" in text
    assert "month=2027-02" in text and "0117 496 0100" in text


def test_months_reach_from_now_to_the_horizon_and_no_further(client, world):
    board = calendar(client, world).context["board"]
    assert (board.previous, board.following.isoformat()) == (None, "2027-02-01")
    last = calendar(client, world, month="2027-03").context["board"]
    assert (last.previous.isoformat(), last.following) == ("2027-02-01", None)
    assert calendar(client, world, month="2027-04").status_code == 404
    assert calendar(client, world, month="2026-12").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("date=2027-02-30", 400),
        ("date=yesterday", 400),
        ("date=9999-12-31", 404),
        ("date=0001-01-01", 404),
        ("month=2027-13", 400),
        ("month=2027-1", 400),
        ("month=-1", 400),
        ("practitioner=nobody", 404),
        ("location=nowhere", 404),
        ("start=soon", 400),
        ("date=%00", 400),
        ("practitioner=%F0%9F%92%A3", 404),
    ],
)
def test_nonsense_in_the_address_offers_the_calendar(client, world, query, status):
    response = client.get(f"/book/visit/?{query}")
    assert response.status_code == status
    if "%00" not in query:
        assert b'href="/book/visit/' in response.content


def test_an_unknown_treatment_is_a_friendly_404(client, world):
    response = client.get("/book/never-heard/")
    assert response.status_code == 404
    assert b"See all treatments" in response.content


def test_a_practitioner_whose_registration_lapsed_cannot_be_chosen(client, world):
    lapsed = world.another_practitioner(registered=False, slug="lapsed", name="Lapsed")
    assert calendar(client, world, practitioner=lapsed.slug).status_code == 404
    assert "Lapsed" not in calendar(client, world).content.decode()


def test_looking_takes_no_session_and_changes_nothing(client, world):
    client.get("/book/")
    calendar(client, world)
    client.get("/book/visit/details/?start=2027-01-05T10:00:00%2B00:00")
    assert not client.cookies.get("sessionid")
    assert not Appointment.objects.exists()


def test_a_start_says_where_it_is_unless_that_was_chosen(client, world):
    other = directory.location(name="Tidewell Hilltop")
    world.rooms.members.add(factories.room(other))
    factories.opening(other)
    person = directory.practitioner(treatments=[world.treatment])
    factories.opening(other, factories.body(person))
    text = calendar(client, world).content.decode()
    assert "<small>Tidewell Hilltop</small>" in text
    only = calendar(client, world, location="tidewell-hilltop").content.decode()
    assert "<small>Tidewell" not in only
    # Also where all that is free is at one of the two.
    factories.absence(factories.body(world.practitioner), now(), now() + timedelta(days=60))
    assert "<small>Tidewell Hilltop</small>" in calendar(client, world).content.decode()


# --- the two clock changes ---------------------------------------------------------
def night_clinic():
    return factories.bookable_clinic(starts=time(0), ends=time(6), grid_minutes=30, minutes=30)


def times_of(response):
    return [
        (slot.choice.start.isoformat(), slot.url)
        for _part, slots in response.context["board"].parts
        for slot in slots
    ]


def test_row_13_the_hour_that_the_clocks_skip_is_never_offered(client, monday):
    world = night_clinic()
    monday.move_to("2027-03-26T12:00:00Z")
    text = calendar(client, world, date="2027-03-28").content.decode()
    assert ">00:30<" in text and ">02:00<" in text
    assert ">01:00<" not in text and ">01:30<" not in text


def test_a_start_in_the_skipped_hour_is_another_instant_and_never_a_500(client, monday):
    night_clinic()
    monday.move_to("2027-03-26T12:00:00Z")
    naive = client.get("/book/visit/details/?start=2027-03-28T01:30:00")
    assert naive.status_code == 400


def test_row_14_the_hour_that_comes_twice_is_offered_twice_with_its_zone(client, monday):
    world = night_clinic()
    monday.move_to("2027-10-29T12:00:00Z")
    response = calendar(client, world, date="2027-10-31")
    text = response.content.decode()
    assert ">01:30 BST<" in text and ">01:30 GMT<" in text and ">02:00<" in text
    starts = [start for start, _url in times_of(response)]
    assert "2027-10-31T00:30:00+00:00" in starts and "2027-10-31T01:30:00+00:00" in starts


def test_row_14_both_of_the_repeated_times_can_be_booked(monday):
    world = night_clinic()
    monday.move_to("2027-10-29T12:00:00Z")
    first = Visitor(world).book("2027-10-31T01:30:00+01:00")
    second = Visitor(world).book(
        "2027-10-31T01:30:00+00:00", name="Zed Other", email="z@example.org"
    )
    assert (second.starts_at - first.starts_at).total_seconds() == 3600
    page = Client().get(second.get_absolute_url()).content.decode()
    assert "01:30 GMT" in page
