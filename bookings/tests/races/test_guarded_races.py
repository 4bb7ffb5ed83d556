"""What no constraint can hold, a journey and a number of first visits, holds under a crowd too."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from bookings import placing
from bookings.errors import StartTaken
from bookings.models import Appointment, Journey
from practitioners.tests import factories as directory

from .. import factories
from .arena import lost, race, won
from .test_booking_races import NINE, _a_week_before, booking, check_nothing_is_taken_twice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]
__all__ = ["_a_week_before"]


def first_visits(limit: int):
    """Somebody who sees `limit` new patients a day, and six who want one hour each of it."""
    world = factories.bookable_clinic(audience="new", practitioner={"first_visits_a_day": limit})
    return [booking(world, n, NINE + timedelta(hours=n)) for n in range(6)]


def two_ends():
    """One person, 40 minutes apart from themselves an hour later."""
    world = factories.bookable_clinic()
    far = directory.location(name="Tidewell Hill")
    world.rooms.members.add(factories.room(far, name="Hill room"))
    factories.opening(far)
    factories.opening(far, world.practitioner.resource)
    Journey.objects.create(one=world.location, other=far, minutes=40)
    return [
        booking(world, 1, NINE, location=world.location),
        booking(world, 2, NINE + timedelta(hours=1), location=far),
        booking(world, 3, NINE + timedelta(hours=2), location=world.location),
    ]


def test_no_more_first_visits_than_the_day_has():
    outcomes = race(*first_visits(2))
    assert len(won(outcomes)) == 2
    assert {type(refusal) for refusal in lost(outcomes)} == {StartTaken}
    check_nothing_is_taken_twice()


def test_nobody_is_booked_at_both_ends_of_a_journey():
    race(*two_ends())
    places = {a.starts_at.hour: a.location.name for a in Appointment.objects.all()}
    # Either the two at the quay, or the one on the hill.
    assert sorted(places) in ([9, 11], [10])


@pytest.fixture
def all_look_first(monkeypatch):
    """Nobody takes anything before everybody has looked once."""
    real, seen = placing.place, threading.local()

    def arm(crowd: int, *, guarded: bool) -> None:
        gate = threading.Barrier(crowd, timeout=20)

        def look(query, start):
            ways = real(query, start)
            if not getattr(seen, "once", False):
                seen.once = True
                gate.wait()
            return ways if guarded else [replace(way, is_guarded=False) for way in ways]

        monkeypatch.setattr(placing, "place", look)

    return arm


one_at_a_time = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite lets one in at a time: nobody looks meanwhile"
)


@one_at_a_time
@pytest.mark.parametrize(("crowd", "most"), [(lambda: first_visits(2), 2), (two_ends, 2)])
def test_a_second_look_under_the_lock_decides(all_look_first, crowd, most):
    calls = crowd()
    all_look_first(len(calls), guarded=True)
    assert 1 <= len(won(race(*calls))) <= most


@one_at_a_time
@pytest.mark.parametrize(("crowd", "most"), [(lambda: first_visits(2), 2), (two_ends, 2)])
def test_control_without_the_lock_the_same_race_breaks_the_rule(all_look_first, crowd, most):
    calls = crowd()
    all_look_first(len(calls), guarded=False)
    assert len(won(race(*calls))) > most
