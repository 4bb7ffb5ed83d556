"""A practitioner's private calendar: who holds the address reads it, and learns little."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import vobject
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from icalendar import Calendar

from bookings import appointments, feeds
from bookings.actors import Actor
from bookings.models import FeedToken, State
from bookings.tests import cast, factories
from bookings.tests.factories import World
from practitioners.tests import factories as directory

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
NOW = MONDAY + timedelta(hours=10, minutes=30)


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return MONDAY + timedelta(days=days, hours=hour, minutes=minute)


@pytest.fixture(autouse=True)
def monday_half_past_ten() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


@pytest.fixture
def ana(world: World) -> User:
    return cast.ana(world)


def address(world: World, detail: str = "initials") -> str:
    _feed, token = feeds.make(world.practitioner, detail=detail)
    return reverse("schedule-feed", args=[token])


def read(client: Client, where: str) -> Calendar:
    response = client.get(where)
    assert response.status_code == 200
    return Calendar.from_ical(response.content)


def events(calendar: Calendar) -> list:
    return list(calendar.walk("VEVENT"))


# --- making and revoking -----------------------------------------------------------
def test_a_new_address_is_shown_once_and_kept_as_a_digest(client: Client, ana: User, world: World):
    client.force_login(ana)
    response = client.post(reverse("schedule-feeds"), {"detail": "busy", "label": "My phone"})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    html = response.content.decode()
    [token] = set(re.findall(r"/schedule/feed/([\w-]+)\.ics", html))
    assert len(token) == 32  # 192 bits
    row = FeedToken.objects.get()
    assert (row.practitioner, row.detail, row.label) == (world.practitioner, "busy", "My phone")
    assert token not in row.digest
    assert token not in client.get(reverse("schedule-feeds")).content.decode()
    assert client.get(f"/schedule/feed/{token}.ics").status_code == 200


def test_every_address_is_another(world: World):
    assert address(world) != address(world)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"detail": "everything"}, 422),
        ({}, 422),
        ({"detail": "busy", "label": "x" * 61}, 422),
        ({"detail": "busy", "label": "a\x07b"}, 400),
    ],
)
def test_bad_input_makes_no_address(client: Client, ana: User, data: dict[str, str], status: int):
    client.force_login(ana)
    assert client.post(reverse("schedule-feeds"), data).status_code == status
    assert not FeedToken.objects.exists()


def test_ten_addresses_are_enough(client: Client, ana: User, world: World):
    client.force_login(ana)
    for _i in range(10):
        address(world)
    response = client.post(reverse("schedule-feeds"), {"detail": "busy"})
    assert response.status_code == 422
    assert "Please revoke one" in response.content.decode()
    assert FeedToken.objects.count() == 10


def test_a_revoked_address_is_over_at_once(client: Client, ana: User, world: World):
    where = address(world)
    client.force_login(ana)
    response = client.post(reverse("schedule-feed-revoke", args=[FeedToken.objects.get().pk]))
    assert response.status_code == 302
    assert client.get(where).status_code == 404
    assert "No address yet" in client.get(reverse("schedule-feeds")).content.decode()


def test_row_34_revoking_needs_a_post_and_the_owner(client: Client, ana: User, world: World):
    where = address(world)
    revoke = reverse("schedule-feed-revoke", args=[FeedToken.objects.get().pk])
    assert client.post(revoke).status_code == 302  # to the login
    client.force_login(cast.ben(world))
    assert client.post(revoke).status_code == 404
    client.force_login(cast.dora())
    assert client.post(revoke).status_code == 403
    client.force_login(ana)
    assert client.get(revoke).status_code == 405
    client.logout()
    assert client.get(where).status_code == 200


# --- who may read --------------------------------------------------------------------
def test_row_34_unknown_and_revoked_addresses_look_the_same(
    client: Client, ana: User, world: World
):
    where = address(world)
    feeds.revoke(FeedToken.objects.get())
    revoked, unknown = client.get(where), client.get("/schedule/feed/" + "x" * 32 + ".ics")
    assert revoked.status_code == unknown.status_code == 404
    assert revoked.content == unknown.content
    # Each request has an id of its own.
    assert {**revoked.headers, "X-Request-ID": ""} == {**unknown.headers, "X-Request-ID": ""}


@pytest.mark.parametrize("token", ["", "../admin", "x" * 5000, "%00", "%ED%A0%80"])
def test_odd_tokens_are_refused(client: Client, token: str):
    assert client.get(f"/schedule/feed/{token}.ics").status_code in (400, 404)


def test_the_address_ends_with_the_login(client: Client, ana: User, world: World):
    where = address(world)
    ana.is_active = False
    ana.save()
    assert client.get(where).status_code == 404


def test_the_address_ends_with_the_role(client: Client, ana: User, world: World):
    where = address(world)
    ana.groups.clear()
    assert client.get(where).status_code == 404


def test_row_34_only_ones_own_visits_are_in_it(client: Client, ana: User, world: World):
    ben = world.another_practitioner()
    cast.visit(world, at(11), practitioner=ben)
    assert events(read(client, address(world))) == []


# --- what it says ----------------------------------------------------------------------
def test_a_visit_is_an_event_in_two_parsers(client: Client, ana: User, world: World):
    visit = cast.visit(world, at(11), patient=factories.patient(name="Pat van der Example"))
    where = address(world)
    [event] = events(read(client, where))
    assert event["SUMMARY"] == "PE"
    assert event["LOCATION"] == "Tidewell Quayside"
    assert event["CLASS"] == "PRIVATE"
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (at(11), at(12))
    assert event.decoded("DTSTAMP").tzinfo is not None
    other = vobject.readOne(client.get(where).content.decode())
    assert other.vevent.summary.value == "PE"
    assert other.vevent.dtstart.value == visit.starts_at
    assert not hasattr(other.vevent, "valarm")


def test_the_file_is_made_as_the_standard_says(client: Client, ana: User, world: World):
    cast.visit(world, at(11))
    raw = client.get(address(world)).content
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert raw.startswith(b"BEGIN:VCALENDAR")


def test_nothing_names_a_patient_a_therapy_or_a_treatment(client: Client, ana: User, world: World):
    pat = factories.patient(name="Pat Example", access_needs="Wheelchair")
    visit = cast.visit(world, at(11), patient=pat, note="Sciatica since May")
    for detail in ("initials", "busy"):
        raw = client.get(address(world, detail)).content.decode()
        for word in (
            "Example",
            "Acupuncture",
            "Visit",
            "Sciatica",
            "Wheelchair",
            pat.email,
            pat.phone,
            visit.reference,
            visit.token,
        ):
            assert word not in raw


def test_busy_says_only_that(client: Client, ana: User, world: World):
    cast.visit(world, at(11))
    [event] = events(read(client, address(world, "busy")))
    assert event["SUMMARY"] == "Busy"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Pat Example", "PE"),
        ("Pat", "P"),
        ("pat van der example", "PE"),
        ("O’Neil-Sørensen Ødegård", "OØ"),
        ("محمد العربي", "ما"),
        ("🦊 Fox", "F"),
        ("🦊", "–"),
        ("  ", "–"),
    ],
)
def test_initials(name: str, short: str):
    assert feeds.initials(name) == short


def test_a_class_is_one_event(client: Client, ana: User, world: World):
    course = directory.treatment(therapy=world.therapy, name="Strength class", is_group=True)
    for _i in range(3):
        cast.visit(world, at(17), treatment=course, room=world.room)
    where = address(world)
    [event] = events(read(client, where))
    assert event["SUMMARY"] == "Group, 3 people"
    cast.visit(world, at(17), treatment=course, room=world.room)
    [again] = events(read(client, where))
    assert again["UID"] == event["UID"]


def test_only_what_is_agreed_is_in_it(client: Client, ana: User, world: World):
    cast.visit(world, at(11), state=State.CANCELLED)
    cast.visit(world, at(12), state=State.HELD, held_until=NOW + timedelta(minutes=9))
    cast.visit(world, at(13), state=State.EXPIRED)
    assert events(read(client, address(world))) == []


def test_a_month_back_and_half_a_year_ahead(client: Client, ana: User, world: World):
    for days in (-31, -29, 179, 181):
        cast.visit(world, at(11, days=days))
    starts = [e.decoded("DTSTART") for e in events(read(client, address(world)))]
    assert starts == [at(11, days=-29), at(11, days=179)]


def test_a_moved_visit_keeps_its_uid_and_grows_its_sequence(
    client: Client, ana: User, world: World
):
    visit = appointments.book(
        treatment=world.treatment,
        start=at(14),
        practitioner=world.practitioner,
        location=world.location,
        details=appointments.Details(name="Pat Real", email="real@example.org"),
        by=Actor("staff"),
        source="desk",
    )
    where = address(world)
    [before] = events(read(client, where))
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        appointments.reschedule(visit, start=at(15), by=Actor("staff"))
        [after] = events(read(client, where))
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]
    assert after.decoded("DTSTAMP") > before.decoded("DTSTAMP")
    assert after.decoded("DTSTART") == at(15)


def test_two_feeds_agree_on_the_uid(client: Client, ana: User, world: World):
    cast.visit(world, at(11))
    one, two = (events(read(client, address(world)))[0] for _i in range(2))
    assert one["UID"] == two["UID"]


# --- how it travels -----------------------------------------------------------------------
def test_an_unchanged_diary_is_a_304(client: Client, ana: User, world: World):
    cast.visit(world, at(11))
    where = address(world)
    first = client.get(where)
    with time_machine.travel(NOW + timedelta(minutes=20), tick=False):
        same = client.get(where, headers={"If-None-Match": first["ETag"]})
        weak = client.get(where, headers={"If-None-Match": f'"x", W/{first["ETag"]}'})
        cast.visit(world, at(12))
        changed = client.get(where, headers={"If-None-Match": first["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same["ETag"] == first["ETag"]
    assert weak.status_code == 304
    assert changed.status_code == 200


def test_row_57_no_cache_and_no_search_engine_keeps_it(client: Client, ana: User, world: World):
    response = client.get(address(world))
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert "private" in response["Cache-Control"]
    assert "noindex" in response["X-Robots-Tag"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in response


def test_reading_is_noted_once_an_hour(client: Client, ana: User, world: World):
    where = address(world)
    client.get(where)
    assert FeedToken.objects.get().used_at == NOW
    with time_machine.travel(NOW + timedelta(minutes=30), tick=False):
        client.get(where)
    assert FeedToken.objects.get().used_at == NOW
    with time_machine.travel(NOW + timedelta(minutes=61), tick=False):
        client.get(where)
    assert FeedToken.objects.get().used_at == NOW + timedelta(minutes=61)


def test_row_53_too_many_requests_are_slowed(client: Client, ana: User, world: World, settings):
    settings.THROTTLES = {**settings.THROTTLES, "api": 2}
    where = address(world)
    assert [client.get(where).status_code for _i in range(3)] == [200, 200, 429]


def test_the_number_of_queries_is_constant(
    client: Client, ana: User, world: World, django_assert_num_queries
):
    where = address(world)
    for i in range(3):
        cast.visit(world, at(11, days=i))
    client.get(where)
    with CaptureQueriesContext(connection) as few:
        client.get(where)
    for i in range(3, 43):
        cast.visit(world, at(11, days=i))
    with django_assert_num_queries(len(few)):
        client.get(where)
    assert len(few) <= 4
