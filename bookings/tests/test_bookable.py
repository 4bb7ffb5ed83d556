"""What is missing before a practitioner or a treatment can be booked is said, in the admin too."""

from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings.bookable import practitioner_lacks, treatment_lacks, with_missing, with_needs
from bookings.models import Opening
from practitioners.models import Practitioner, Treatment

from . import factories
from .factories import World

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 23)
YESTERDAY = date(2026, 11, 22)


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


def person_lacks() -> list[str]:
    found = with_missing(Practitioner.objects.all(), TODAY).get()
    return list(practitioner_lacks(found, TODAY))


def visit_lacks() -> list[str]:
    return list(treatment_lacks(with_needs(Treatment.objects.all()).get()))


def test_who_can_be_booked_and_what_can_be_booked_lacks_nothing(world: World) -> None:
    assert person_lacks() == visit_lacks() == []


def registration(**fields: object) -> Callable[[World], object]:
    return lambda w: w.practitioner.registrations.update(**fields)


def person(**fields: object) -> Callable[[World], object]:
    return lambda w: Practitioner.objects.update(**fields)


def hours(**fields: object) -> Callable[[World], object]:
    return lambda w: Opening.objects.filter(resource__kind="practitioner").update(**fields)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.practitioner.registrations.all().delete(), "No required registration"),
        (registration(is_required=False), "No required registration"),
        (registration(status="lapsed"), "has lapsed"),
        (registration(valid_until=YESTERDAY), "expired on 22 Nov 2026"),
        (person(insured_until=None), "No insurance date"),
        (person(insured_until=YESTERDAY), "The insurance expired on 22 Nov 2026"),
        (person(is_published=False), "Not published"),
        (person(takes_new_patients=False), "Takes no new patients"),
        (lambda w: w.practitioner.treatments.clear(), "No published treatment"),
        (lambda w: Treatment.objects.update(is_published=False), "No published treatment"),
        (lambda w: w.practitioner.resource.openings.all().delete(), "No hours"),
        (hours(valid_until=YESTERDAY), "No hours"),
        (hours(weekday=None, on_date=YESTERDAY), "No hours"),
        (lambda w: type(w.location).objects.update(is_published=False), "No hours"),
        (lambda w: type(w.room).objects.update(is_active=False), "Switched off"),
    ],
)
def test_a_practitioner_is_told_the_one_thing_that_is_missing(
    world: World, change: Callable[[World], object], said: str
) -> None:
    change(world)
    (sentence,) = person_lacks()
    assert said in sentence


def test_hours_on_one_day_to_come_are_hours(world: World) -> None:
    hours(weekday=None, on_date=TODAY)(world)
    assert person_lacks() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: Treatment.objects.update(is_published=False), "Not published"),
        (lambda w: type(w.therapy).objects.update(is_published=False), "Its therapy"),
        (lambda w: w.treatment.needs.filter(pool=None).delete(), "needs no practitioner"),
        (lambda w: w.rooms.members.clear(), "“Treatment room” has too few"),
        (lambda w: w.rooms.members.update(is_active=False), "“Treatment room” has too few"),
        (
            lambda w: w.treatment.needs.exclude(pool=None).update(quantity=2),
            "“Treatment room” has too few",
        ),
        (lambda w: w.practitioner.treatments.clear(), "Nobody"),
        (person(is_published=False), "Nobody"),
    ],
)
def test_a_treatment_says_the_one_thing_that_is_missing(
    world: World, change: Callable[[World], object], said: str
) -> None:
    change(world)
    (sentence,) = visit_lacks()
    assert said in sentence


@pytest.mark.parametrize("model", ["practitioner", "treatment"])
def test_what_is_missing_stands_in_the_list_and_on_the_page(
    world: World, client: Client, model: str
) -> None:
    row = getattr(world, model)
    type(row).objects.update(is_published=False)
    client.force_login(User.objects.create_superuser("olive"))
    name = f"admin:practitioners_{model}"
    for url in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])):
        assert "Not published." in client.get(url).content.decode()
    assert "once the" in client.get(reverse(f"{name}_add")).content.decode()
