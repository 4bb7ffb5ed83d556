"""Somebody books on the phone in the admin: what to ask, where free times are, what was booked."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings.models import Appointment, ScreeningForm

from . import factories
from .factories import World

pytestmark = pytest.mark.django_db

ADD = "admin:bookings_appointment_add"
START = datetime(2027, 1, 11, 10, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("dora"))
    return client


def page(staff: Client, **query: object) -> str:
    return staff.get(reverse(ADD), query).content.decode()


def test_a_booking_is_read_back_with_who_where_and_when(world: World, staff: Client) -> None:
    form = {
        "treatment": world.treatment.pk,
        "location": world.location.pk,
        "day": "2027-01-11",
        "time": "10:00",
        "patient": factories.patient().pk,
        "asked": "on",
    }
    said = [str(m) for m in staff.post(reverse(ADD), form, follow=True).context["messages"]]
    assert Appointment.objects.get().starts_at == START
    assert "Booked with Ana Okafor at Tidewell Quayside: Mon 11 Jan 2027, 10:00." in said


def test_the_form_shows_the_published_questions_with_what_a_yes_means(
    world: World, staff: Client
) -> None:
    draft = factories.screening_form(published_at=None)
    draft.questions.update(text="Only a draft?")
    found = page(staff)
    assert "Do you have pain in your chest?" in found and "If yes: call 999 now" in found
    assert "Only a draft?" not in found


def test_without_published_questions_the_form_says_that_nobody_can_be_booked(
    world: World, staff: Client
) -> None:
    ScreeningForm.objects.update(published_at=None)
    assert "nobody can be booked until there are" in page(staff)


def test_the_safety_questions_of_the_chosen_therapy_are_listed(world: World, staff: Client) -> None:
    factories.safety_question(world.therapy, text="Are you afraid of needles?")
    factories.safety_question(
        world.therapy, text="Is it full moon?", effect="block", reason="Needles jump."
    )
    other = factories.directory.therapy(name="Massage")
    factories.safety_question(other, text="Do you bruise easily?")
    found = page(staff, treatment=world.treatment.pk)
    assert "the safety questions of Acupuncture" in found
    assert "Are you afraid of needles?" in found
    assert "A yes stops online booking. Needles jump." in found
    assert "Do you bruise easily?" not in found


def test_a_form_that_comes_back_lists_those_of_the_treatment_that_was_typed(
    world: World, staff: Client
) -> None:
    factories.safety_question(world.therapy, text="Are you afraid of needles?")
    again = staff.post(reverse(ADD), {"treatment": world.treatment.pk})
    assert "Are you afraid of needles?" in again.content.decode()


@pytest.mark.parametrize("typed", ["", "abc", "²", "-1", "0", "9" * 40])
def test_without_a_treatment_the_form_leads_to_all_safety_questions(
    world: World, staff: Client, typed: str
) -> None:
    found = page(staff, treatment=typed)
    assert reverse("admin:bookings_safetyquestion_changelist") + '">Safety questions by' in found


def test_free_times_are_a_link_away(world: World, staff: Client) -> None:
    link = '<a href="{}">See free times</a>'.format
    calendar, why = link(world.treatment.get_absolute_url()), link(reverse("desk-why"))
    assert calendar in page(staff, treatment=world.treatment.pk)
    assert why in page(staff)
    type(world.treatment).objects.update(is_published=False)
    assert why in page(staff, treatment=world.treatment.pk)
