"""The factories make rows that the site would show."""

import pytest

from practitioners.models import Clinic, Practitioner

from . import factories

pytestmark = pytest.mark.django_db


def test_a_practitioner_of_the_factory_may_be_booked():
    person = factories.practitioner(treatments=[factories.treatment()])
    assert person in Practitioner.objects.published()
    assert person.bookable_until() == factories.LONG_VALID


def test_asking_twice_gives_two():
    assert factories.treatment().slug != factories.treatment().slug
    assert factories.location().name != factories.location().name


def test_there_is_one_clinic_however_often_one_asks():
    factories.clinic_row()
    factories.clinic_row(name="Another name")
    assert [c.name for c in Clinic.objects.all()] == ["Another name"]
