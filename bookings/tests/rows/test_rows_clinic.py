"""Rows 13, 18, 19, 29 and 30: the clock changes, somebody is ill, the disk or the mail fails."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from bookings import notifications
from bookings.attention import attention
from bookings.models import Appointment, CalledOff, Notification
from bookings.tests import cast, factories
from bookings.tests.factories import World
from bookings.tests.patient import Visitor
from clinic.clock import local, now
from clinic.tests import smtp

from .doors import THURSDAY_10, TUESDAY_10, TUESDAY_11, body, post

HOUR = timedelta(hours=1)


# --- 13: the hour that the clocks skip -----------------------------------------------------
@pytest.mark.django_db
def test_row_13_a_program_cannot_book_a_time_that_no_wall_shows(monday: Any):
    """A time without its offset could mean 01:30 on 28 March 2027, which London never had."""
    world = factories.bookable_clinic(starts=time(0), ends=time(0), grid_minutes=30)
    monday.move_to("2027-03-26T12:00:00Z")
    naive = post(body(start="2027-03-28T01:30:00"))
    assert naive.status_code == 422
    asked = {"treatment": "visit", "from": "2027-03-28", "to": "2027-03-28"}
    starts = Client().get("/api/v1/availability", asked).json()["starts"]
    walls = [
        local(datetime.fromisoformat(s["start"]), world.location.time_zone).time() for s in starts
    ]
    assert time(0, 30) in walls and time(2) in walls
    assert not [wall for wall in walls if wall.hour == 1]
    # 01:30 in UTC is 02:30 in London, a time like others: nothing is moved silently.
    booked = post(body(start="2027-03-28T01:30:00+00:00")).json()
    assert booked["start"] == "2027-03-28T01:30:00+00:00"


# --- 18 and 19: who cannot see patients ------------------------------------------------------
@pytest.mark.django_db
def test_row_18_of_a_practitioner_who_is_ill_every_visit_is_listed_until_it_has_an_outcome(
    world: World,
):
    opening = datetime(2027, 1, 5, 9, tzinfo=UTC)
    world.location.openings.update(ends=time(18))
    visits = [
        post(body(n, start=(opening + n * HOUR).isoformat())).json()["reference"] for n in range(9)
    ]
    factories.absence(factories.body(world.practitioner), opening, opening + 9 * HOUR)
    assert listed(world) == visits
    # Nobody new gets in.
    assert post(body(10, start=TUESDAY_10)).status_code == 422
    desk = Client()
    desk.force_login(cast.dora())
    for left in range(8, -1, -1):
        done = desk.post(f"/desk/{visits[8 - left]}/cancel/", {"reason": "Ana is ill"})
        assert done.status_code == 302
        assert len(listed(world)) == left
    told = Notification.objects.filter(kind="cancellation")
    assert sorted(told.values_list("recipient", flat=True)) == [
        f"guest{n}@example.org" for n in range(9)
    ]
    # Each is still a task of the desk: somebody owes the patient another time.
    owed = CalledOff.objects.filter(outcome=CalledOff.Outcome.OPEN)
    assert {row.appointment.reference for row in owed} == set(visits)


def listed(world: World) -> list[str]:
    """References of the visits that clash with an absence, in order of time."""
    clashes = attention([world.location], now=now(), at_most=99).clashes
    return [a.reference for a in clashes.rows]


@pytest.mark.django_db
def test_row_19_after_the_registration_ends_nothing_is_booked_and_what_was_is_listed(world: World):
    before, after = "2027-01-06T10:00:00+00:00", "2027-01-08T10:00:00+00:00"
    kept = post(body(1, start=after)).json()["reference"]
    world.practitioner.registrations.update(valid_until=date(2027, 1, 7))
    assert post(body(2, start="2027-01-08T11:00:00+00:00")).status_code == 422
    assert post(body(3, start=before)).status_code == 201
    lapsed = attention([world.location], now=now(), at_most=9).lapsed
    assert [a.reference for a in lapsed.rows] == [kept]


# --- 29: a database that takes nothing ---------------------------------------------------------
@contextmanager
def read_only() -> Iterator[None]:
    """For this connection the database is one that can only be read, as on a full disk."""
    on, off = (
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF")
        if connection.vendor == "sqlite"
        else ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off")
    )
    with connection.cursor() as cursor:
        cursor.execute(on)
        try:
            yield
        finally:
            cursor.execute(off)


@pytest.mark.django_db(transaction=True)
def test_row_29_a_database_that_can_only_be_read_is_a_503_and_no_mail(visitor: Visitor):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    data = {"form": form, "name": "Pat Example", "email": "pat@example.org", "of_age": "yes"}
    with read_only():
        refused = visitor.client.post(visitor.url("book-details", TUESDAY_10), data)
        by_api = post(body())
        # Whoever only looks still sees what is free.
        looked = Client().get("/book/visit/")
    assert refused.status_code == by_api.status_code == 503
    assert refused["Retry-After"] and by_api["Retry-After"]
    assert by_api["Content-Type"] == "application/problem+json"
    assert looked.status_code == 200
    assert not Notification.objects.exists()
    assert not Appointment.objects.filter(state="booked").exists()
    # When the disk has room again, the same form books the time that was kept.
    again = visitor.client.post(visitor.url("book-details", TUESDAY_10), data)
    assert again.status_code == 303
    assert Notification.objects.filter(kind="confirmation").count() == 1


# --- 30: a mail server that does not do its part ---------------------------------------------
@contextmanager
def silence() -> Iterator[int]:
    """The port of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        guests: list[socket.socket] = []

        def welcome() -> None:
            while True:
                try:
                    guests.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=welcome, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for guest in guests:
                guest.close()


@pytest.fixture
def by_smtp(settings: Any) -> Any:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    return settings


@pytest.mark.django_db
def test_row_30_a_mail_server_that_hangs_costs_its_time_limit_and_the_mail_goes_later(
    world: World, by_smtp: Any, monday: Any
):
    post(body())
    [claimed] = notifications.claim()
    by_smtp.EMAIL_TIMEOUT = 0.2
    with silence() as by_smtp.EMAIL_PORT:
        assert not notifications.deliver(*claimed)
    row = Notification.objects.get(kind="confirmation")
    assert (row.state, row.sent_at) == ("pending", None)
    # It waits before it tries again, and then it goes.
    assert notifications.claim() == []
    monday.shift(HOUR)
    with smtp.running() as server:
        by_smtp.EMAIL_PORT, by_smtp.EMAIL_TIMEOUT = server.port, 20
        [claimed] = notifications.claim()
        assert notifications.deliver(*claimed)
    assert [letter.recipients for letter in server.letters] == [["guest0@example.org"]]


@pytest.mark.django_db
def test_row_30_a_greylisting_server_gets_it_again_and_a_refused_address_is_a_task(
    world: World, by_smtp: Any, monday: Any
):
    post(body(1, start=TUESDAY_11))
    post(body(2, start=THURSDAY_10))
    with smtp.running() as server:
        by_smtp.EMAIL_PORT = server.port
        server.answers = {"RCPT": ["451 greylisted, come back later", "550 no such mailbox"]}
        assert [notifications.deliver(*one) for one in notifications.claim()] == [False, False]
        monday.shift(HOUR)
        assert [notifications.deliver(*one) for one in notifications.claim()] == [True]
    assert [letter.recipients for letter in server.letters] == [["guest1@example.org"]]
    waiting = attention([world.location], now=now(), at_most=9).failures
    assert [row.recipient for row in waiting.rows] == ["guest2@example.org"]
