"""Who asks for a longer visit keeps the shorter one until the longer one is theirs."""

from datetime import timedelta
from functools import partial

import pytest

from bookings import appointments
from bookings.actors import PATIENT
from bookings.errors import StartTaken
from bookings.models import Appointment

from .. import factories
from .arena import lost, race, won
from .test_booking_races import NINE, _a_week_before, booking, check_nothing_is_taken_twice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]
__all__ = ["_a_week_before"]
TEN = NINE + timedelta(hours=1)


@pytest.fixture
def world() -> factories.World:
    made = factories.bookable_clinic()
    made.treatment.lengths.create(minutes=90, price_pence=8500)
    return made


def holding(world: factories.World, **wanted: object) -> Appointment:
    record = factories.passed_screening(world.screening)
    return appointments.hold(
        treatment=world.treatment, start=NINE, screening=record, by=PATIENT, **wanted
    )


@pytest.mark.parametrize("_round", range(5))
def test_a_longer_visit_and_a_strangers_next_hour_go_to_one_of_them(world, _round):
    held = holding(world)
    outcomes = race(partial(holding, world, minutes=90, instead_of=[held]), booking(world, 1, TEN))
    assert len(won(outcomes)) == 1
    assert {type(refusal) for refusal in lost(outcomes)} == {StartTaken}
    mine = Appointment.objects.get(state="held")
    longer = not Appointment.objects.filter(state="booked").exists()
    assert mine.minutes == (90 if longer else 60)
    assert (mine.pk == held.pk) is not longer
    check_nothing_is_taken_twice()


def test_control_who_gives_up_the_shorter_one_first_is_left_with_nothing(world):
    held = holding(world)
    booking(world, 1, TEN)()
    appointments.release(held, by=PATIENT)
    with pytest.raises(StartTaken):
        holding(world, minutes=90)
    assert not Appointment.objects.filter(state="held").exists()
