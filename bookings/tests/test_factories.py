"""The clinic that other tests stand on is whole."""

import pytest

from . import factories


@pytest.mark.django_db
def test_a_bookable_clinic_has_all_that_a_booking_needs():
    world = factories.bookable_clinic(minutes=45)
    assert world.treatment.minutes == 45
    assert world.treatment.needs.count() == 2
    assert world.practitioner.resource.openings.count() == 7
    assert world.practitioner.bookable_until()
    assert factories.all_no(world.screening) == {"chest": "no", "numb": "no", "fever": "no"}
