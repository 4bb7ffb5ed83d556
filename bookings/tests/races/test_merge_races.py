"""Somebody books for a record while staff merge it: the visit ends on the record that was kept."""

from functools import partial

import pytest

from bookings import appointments, patients
from bookings.actors import Actor
from bookings.models import Appointment, Patient

from .. import factories
from .arena import race, won
from .test_booking_races import _a_week_before, booking, check_nothing_is_taken_twice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]
__all__ = ["_a_week_before"]


def two_records() -> tuple[Patient, Patient]:
    return factories.patient(name="Pat"), factories.patient(name="Patricia")


def merging(keep: Patient, duplicate: Patient):
    return partial(patients.merge, keep=keep, duplicate=duplicate, by=Actor("staff"))


@pytest.mark.parametrize("_round", range(3))
def test_a_visit_of_a_record_that_is_being_merged_ends_on_the_one_that_is_kept(_round):
    world = factories.bookable_clinic()
    keep, duplicate = two_records()
    details = appointments.Details(patient=duplicate)
    outcomes = race(booking(world, 1, details=details), merging(keep, duplicate))
    assert len(won(outcomes)) == 2
    made = Appointment.objects.get()
    assert made.patient == keep
    assert made.reservations.filter(resource=keep.resource).count() == 1
    check_nothing_is_taken_twice()


def test_control_who_trusts_the_form_books_for_a_record_that_is_gone(monkeypatch):
    world = factories.bookable_clinic()
    keep, duplicate = two_records()
    monkeypatch.setattr(appointments, "current", lambda patient: patient)
    merging(keep, duplicate)()
    made = booking(world, 1, details=appointments.Details(patient=duplicate))()
    assert made.patient == duplicate
