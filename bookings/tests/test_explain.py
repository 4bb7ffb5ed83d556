"""Staff are told why a time is not offered, in a sentence that names what stands in the way."""

from datetime import UTC, date, datetime, time

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.explain import explain
from bookings.models import Absence, BankHoliday, Journey, Opening
from practitioners.models import Registration
from practitioners.tests import factories as directory

from . import factories
from .test_availability import book
from .test_group import NINE, a_class

pytestmark = pytest.mark.django_db

# It is Monday 4 January 2027, 08:00; the starts asked for are on Monday the 11th.
MONDAY = date(2027, 1, 11)


def at(hour: int, minute: int = 0, day: int = 11) -> datetime:
    return datetime(2027, 1, day, hour, minute, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _early_in_january():
    with time_machine.travel(datetime(2027, 1, 4, 8, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def world():
    return factories.bookable_clinic(practitioner={"name": "Ana Okafor"})


def said(world, start: datetime, **wanted) -> str:
    return str(explain(world.treatment, start, **wanted))


def test_a_free_time_is_said_to_be_free(world):
    answer = explain(world.treatment, at(9))
    assert answer.is_offered
    assert str(answer) == "This time is free."


def test_what_is_taken_is_named_with_its_end(world):
    other = world.another_practitioner(name="Ben Adeyemi")
    second = factories.room(world.location, name="Room 2")
    world.rooms.members.add(second)
    book(world, at(9), practitioner=world.practitioner)
    book(world, at(9), practitioner=other, name="Sam Example")
    third = world.another_practitioner(name="Cai Lloyd")
    assert third
    assert said(world, at(9)) == "Room 1 and Room 2 are taken until 10:00."
    assert said(world, at(9), practitioner=other) == (
        "Ben Adeyemi is taken until 10:00. Room 1 and Room 2 are taken until 10:00."
    )


def test_a_table_in_repair_says_until_which_day(world):
    table = factories.equipment(world.location, name="The IDD table")
    factories.need(world.treatment, factories.pool(table))
    factories.absence(table, at(0), at(0, day=15), reason="repair")
    assert said(world, at(9)) == "The IDD table is in repair until Friday."


def test_an_absence_that_ends_long_after_is_said_with_its_date(world):
    factories.absence(world.practitioner.resource, at(0), datetime(2027, 2, 3, 9, tzinfo=UTC))
    assert said(world, at(9)) == "Ana Okafor is away until 3 February 2027 09:00 (leave)."


def test_a_bank_holiday_closes_the_place(world):
    BankHoliday.on(MONDAY, world.location).save()
    assert said(world, at(9)) == "Tidewell Quayside is closed until Tuesday (bank holiday)."


def test_hours_are_said_with_the_next_beginning(world):
    Opening.objects.filter(resource=world.practitioner.resource).update(starts=time(11))
    assert said(world, at(9)) == "Ana Okafor is not in until 11:00."


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (at(7, day=4), "That time is over."),
        (at(9, day=4), "Online it has to be booked 2 hours ahead: from 10:00 on."),
        (datetime(2027, 4, 1, 8, tzinfo=UTC), "60 days ahead, now until 5 March 2027."),
        (at(9, 10), "Its starts are every 60 minutes on the clock."),
        (datetime(2199, 1, 1, tzinfo=UTC), "That is years away."),
    ],
)
def test_the_treatments_own_rules_are_said(world, start, words):
    assert words in said(world, start)


def test_who_may_not_or_will_not_is_said(world):
    Registration.objects.update(valid_until=date(2027, 1, 10))
    assert "may not be booked on that day" in said(world, at(9))
    Registration.objects.update(valid_until=date(2030, 1, 1))
    world.practitioner.takes_new_patients = False
    world.practitioner.save()
    assert said(world, at(9), new_patient=True) == "Ana Okafor takes no new patients."
    stranger = directory.practitioner(name="Dee Marsh")
    assert said(world, at(9), practitioner=stranger) == "Dee Marsh does not give this treatment."


def test_the_number_of_first_visits_is_said():
    world = factories.bookable_clinic(
        audience="new", practitioner={"first_visits_a_day": 1, "name": "Ana Okafor"}
    )
    book(world, at(9))
    assert said(world, at(12)) == "Ana Okafor sees no more new patients that day."


def test_a_journey_is_said(world):
    far = directory.location(name="Tidewell Hill")
    room = factories.room(far, name="Hill room")
    world.rooms.members.add(room)
    factories.opening(far)
    factories.opening(far, world.practitioner.resource)
    Journey.objects.create(one=world.location, other=far, minutes=40)
    book(world, at(9), location=far)
    assert said(world, at(10), location=world.location) == (
        "Ana Okafor is booked at Tidewell Hill and can be here at 10:40."
    )
    book(world, at(14), location=far, name="Sam Example")
    assert said(world, at(13), location=world.location) == (
        "Ana Okafor has to leave for Tidewell Hill at 13:20."
    )
    assert explain(world.treatment, at(10), location=far).is_offered
    assert explain(world.treatment, at(11), location=world.location).is_offered


def test_a_location_without_what_is_needed_says_so(world):
    far = directory.location(name="Tidewell Hill")
    factories.opening(far, world.practitioner.resource)
    assert said(world, at(9), location=far) == (
        "Tidewell Hill has no “Treatment room” for this treatment, or too few."
    )


def test_what_is_free_in_the_wrong_room_says_so(world):
    second = factories.room(world.location, name="Room 2")
    world.rooms.members.add(second)
    table = factories.equipment(world.location, lives_in=second)
    factories.need(world.treatment, factories.pool(table))
    factories.absence(second, at(8), at(12), reason=Absence.Reason.REPAIR)
    assert said(world, at(9)) == "Enough is free, but not in the rooms where it is needed."
    assert explain(world.treatment, at(12)).is_offered


def test_an_explanation_costs_what_an_answer_costs(world):
    book(world, at(9))
    with CaptureQueriesContext(connection) as seen:
        explain(world.treatment, at(9))
    assert len(seen) == 4


def test_what_begins_during_the_visit_is_said_with_its_beginning():
    world = factories.bookable_clinic(grid_minutes=30, practitioner={"name": "Ana Okafor"})
    book(world, at(10))
    said_of = said(world, at(9, 30))
    assert "Ana Okafor is taken from 10:00 to 11:00." in said_of
    assert "Room 1 is taken from 10:00 to 11:00." in said_of
    assert "Ana Okafor is in only until 17:00." in said(world, at(16, 30))
    assert "Room 1 can be used only until 17:00." in said(world, at(16, 30))


def test_a_full_class_says_how_many_have_booked_it():
    pilates = a_class(mats=2)
    for n in "12":
        pilates.book(f"Guest {n}")
    answer = explain(pilates.world.treatment, NINE)
    assert [line.code for line in answer.lines] == ["class_full"]
    assert "is full: 2 have booked it." in str(answer)


@pytest.mark.parametrize("what", ["treatment", "therapy", "practitioner", "location"])
def test_what_is_not_published_is_said(world, what):
    row = getattr(world, what)
    row.is_published = False
    row.save()
    world.treatment.refresh_from_db()
    asked = {what: row} if what in ("practitioner", "location") else {}
    assert "is not published." in said(world, at(9), **asked)


def test_filters_that_leave_nobody_say_so(world):
    assert "gender or language" in said(world, at(9), language="cy")
    evening = (time(17), time(0))
    assert said(world, at(9), hours=evening) == (
        "It is not in the part of the day that was asked for."
    )


def test_closed_days_that_follow_each_other_are_one(world):
    for day in (MONDAY, date(2027, 1, 12)):
        BankHoliday.on(day, world.location).save()
    assert "is closed until Wednesday" in said(world, at(9))


def test_what_holds_everywhere_is_said_once(world):
    far = directory.location(name="Tidewell Hill")
    world.rooms.members.add(factories.room(far))
    factories.opening(far)
    factories.opening(far, world.practitioner.resource)
    factories.absence(world.practitioner.resource, at(0), at(0, day=12), reason="sick")
    answer = explain(world.treatment, at(9))
    assert [(line.location, line.sentence) for line in answer.lines] == [
        (None, "Ana Okafor is away until Tuesday (sick).")
    ]


def test_what_is_over_or_far_off_is_not_explained_further(world):
    book(world, at(9))
    with time_machine.travel(at(12), tick=False):
        assert said(world, at(9)) == "That time is over."


def test_a_limit_of_none_takes_no_new_patients():
    world = factories.bookable_clinic(
        audience="new", practitioner={"first_visits_a_day": 0, "name": "Ana Okafor"}
    )
    assert said(world, at(9)) == "Ana Okafor takes no new patients."
