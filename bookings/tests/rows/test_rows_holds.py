"""Rows 10, 12 and 21: a hold is short, there are few of them, and nothing else ends it early."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site

from bookings import appointments, notifications
from bookings.attention import attention
from bookings.models import Appointment, Notification, Opening
from bookings.tests import factories
from bookings.tests.factories import World
from bookings.tests.patient import Visitor
from clinic.clock import now

from .doors import TUESDAY_10, TUESDAY_11, body, post

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def day(hour: int, date: str = "2027-01-06") -> str:
    return f"{date}T{hour:02}:00:00+00:00"


def held() -> int:
    return Appointment.objects.filter(state="held").count()


# --- 10: somebody keeps many times ----------------------------------------------------
@pytest.fixture
def three_at_once(settings: Any) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "hold": 3}


def test_row_10_one_address_keeps_so_many_times_and_no_more(world: World, three_at_once: None):
    """A new session for each: forgetting one's cookies buys no further hold."""
    for hour in (9, 10, 11):
        Visitor(world).hold(day(hour))
    refused = Visitor(world).answer(day(12))
    assert (refused.status_code, held()) == (429, 3)
    assert 0 < int(refused["Retry-After"]) <= site.HOLD_MINUTES * 60
    assert b"try again in a few minutes" in refused.content and b"Call" in refused.content


def test_row_10_others_hardly_notice(world: World, three_at_once: None, monday: Any):
    for hour in (9, 10, 11):
        Visitor(world).hold(day(hour))
    # Elsewhere, by a program, and at the desk: everything goes on.
    Visitor(world, REMOTE_ADDR="203.0.113.7").book(day(12))
    assert post(body(start=day(13))).status_code == 201
    # The times themselves are back after ten minutes, and so is the address.
    monday.shift(10 * MINUTE)
    Visitor(world).book(day(9), name="Zed Later", email="zed@example.org")


def test_row_10_a_crowd_behind_one_address_books_on(world: World, three_at_once: None):
    """A waiting room shares one address: what is booked or let go counts no longer."""
    for n, hour in enumerate((9, 10, 11, 12)):
        Visitor(world).book(day(hour), name=f"Guest {n}", email=f"guest{n}@example.org")
    undecided = Visitor(world)
    for _n in range(4):
        undecided.hold(day(14))
        undecided.client.post(undecided.url("book-let-go", day(14)))
    # A third one lets the first go.
    for hour in (14, 15, 16, 14):
        undecided.hold(day(hour))
    assert held() == 2


# --- 12: the server's clock is set back -------------------------------------------------
def test_row_12_a_hold_outlives_a_clock_that_steps_back_by_no_more_than_the_step(
    world: World, visitor: Visitor, monday: Any
):
    kept = visitor.hold(TUESDAY_10)
    monday.shift(9 * MINUTE)
    monday.shift(-5 * MINUTE)
    # Nobody else gets it meanwhile, and it is not made longer by that.
    assert Visitor(world).answer(TUESDAY_10).status_code == 409
    monday.shift(6 * MINUTE)
    assert appointments.expire_holds() == 1
    kept.refresh_from_db()
    assert kept.state == "expired"
    # What is over stays over when the clock steps back once more.
    monday.shift(-5 * MINUTE)
    Visitor(world).book(TUESDAY_10, name="Zed Faster", email="zed@example.org")
    kept.refresh_from_db()
    assert kept.state == "expired"


def test_row_12_a_clock_that_steps_back_sends_nothing_twice(
    world: World, visitor: Visitor, monday: Any
):
    visitor.book(TUESDAY_10)
    claimed = notifications.claim()
    assert claimed
    monday.shift(-5 * MINUTE)
    assert notifications.claim() == []
    assert all(notifications.deliver(*one) for one in claimed)
    monday.shift(-5 * MINUTE)
    assert not any(notifications.deliver(*one) for one in claimed)
    assert Notification.objects.filter(state="sent").count() == len(claimed)


def test_row_12_a_retry_after_a_step_back_is_still_a_retry(world: World, monday: Any):
    first = post(body(), key="a")
    monday.shift(-5 * MINUTE)
    assert post(body(), key="a").json() == first.json()
    assert Appointment.objects.count() == 1


# --- 21: the hours change while times are kept ------------------------------------------
def test_row_21_hours_that_change_leave_what_is_held_and_offer_no_more(
    world: World, visitor: Visitor
):
    visitor.hold(TUESDAY_10)
    Opening.objects.all().delete()
    assert post(body(start=TUESDAY_11)).status_code == 422
    assert visitor.send(TUESDAY_10).status_code == 303
    assert Appointment.objects.get().state == "booked"


def test_row_21_an_absence_leaves_what_is_held_and_the_desk_reads_of_it(
    world: World, visitor: Visitor
):
    kept = visitor.hold(TUESDAY_10)
    away = kept.starts_at - 3 * timedelta(hours=1), kept.starts_at + 12 * timedelta(hours=1)
    factories.absence(factories.body(world.practitioner), *away)
    assert visitor.send(TUESDAY_10).status_code == 303
    kept.refresh_from_db()
    assert kept.state == "booked"
    # It was honoured, so somebody has to look at it.
    waiting = attention([world.location], now=now(), at_most=9)
    assert [a.pk for a in waiting.clashes.rows] == [kept.pk]


def test_row_21_an_old_hold_is_not_taken_again_outside_the_new_hours(
    world: World, visitor: Visitor, monday: Any
):
    """Too late is too late: then the hours of now count, and what was typed is kept."""
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    Opening.objects.all().delete()
    monday.shift(11 * MINUTE)
    refused = visitor.send(TUESDAY_10, form=form)
    assert refused.status_code in (409, 422)
    assert b'value="Pat Newcomer"' in refused.content
    assert not Appointment.objects.filter(state="booked").exists()
