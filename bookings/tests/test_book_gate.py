"""The safety gate: no address, field or order of steps goes round it."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from bookings.models import Appointment, ScreeningForm, ScreeningRecord
from clinic import clock

from . import factories
from .patient import TYPED, Visitor

pytestmark = pytest.mark.django_db
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
TUESDAY_11 = "2027-01-05T11:00:00+00:00"


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as now:
        yield now


@pytest.fixture
def world():
    return factories.bookable_clinic()


@pytest.fixture
def visitor(world):
    return Visitor(world)


def test_a_chosen_start_first_shows_the_questions_with_nothing_preselected(visitor):
    response = visitor.get_details(TUESDAY_10)
    text = response.content.decode()
    assert response.status_code == 200
    assert text.count('type="radio"') == 9 and "checked" not in text
    assert not Appointment.objects.exists()


def test_no_to_every_question_holds_the_start(visitor):
    held = visitor.hold(TUESDAY_10)
    assert held.held_until == clock.now() + timedelta(minutes=10)
    assert held.screening.passed
    assert "Until <b>08:10</b> we are keeping" in visitor.get_details(TUESDAY_10).content.decode()


@pytest.mark.parametrize("answer", ["yes", "unsure"])
def test_yes_and_not_sure_stop_the_booking_and_say_where_to_get_help(visitor, answer):
    response = visitor.answer(TUESDAY_10, chest=answer)
    assert response.status_code == 303
    advice = visitor.client.get(response.url)
    text = advice.content.decode()
    assert "Call 999 now" in text and "Do you have pain in your chest?" in text
    assert "0117 496 0100" in text and "data-print" in text
    assert not Appointment.objects.exists()
    assert ScreeningRecord.objects.get().passed is False


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("chest", "Call 999 now."),
        ("numb", "Go to A&amp;E now."),
        ("fever", "Speak to your GP today."),
    ],
)
def test_the_advice_is_that_of_the_most_urgent_answer(visitor, code, sentence):
    response = visitor.answer(TUESDAY_10, **{"fever": "yes", code: "yes"})
    assert sentence in visitor.client.get(response.url).content.decode()


def test_the_advice_page_needs_no_login_and_no_answers(client, world):
    response = client.get("/book/help-now/")
    assert response.status_code == 200
    assert "999" in response.content.decode()


def test_an_unanswered_question_is_asked_again_with_the_rest_kept(visitor):
    response = visitor.client.post(
        visitor.url("book-safety", TUESDAY_10), {"gate-chest": "no", "gate-numb": "no"}
    )
    assert response.status_code == 422
    text = response.content.decode()
    assert "There is a problem" in text and text.count("checked") == 2
    assert not ScreeningRecord.objects.exists()


def test_an_invented_answer_is_refused(visitor):
    assert visitor.answer(TUESDAY_10, chest="maybe").status_code == 422
    assert not Appointment.objects.exists()


# --- going round it ------------------------------------------------------------------
def test_row_38_details_sent_without_a_hold_get_409_and_the_questions(visitor):
    response = visitor.client.post(
        visitor.url("book-details", TUESDAY_10), {**TYPED, "of_age": "yes", "form": "made-up"}
    )
    assert response.status_code == 409
    assert b"gate-chest" in response.content
    assert not Appointment.objects.exists()


def test_row_38_a_hold_asked_for_without_the_questions_is_refused(visitor):
    response = visitor.client.post(visitor.url("book-hold", TUESDAY_10))
    assert response.status_code == 409
    assert not Appointment.objects.exists()


def test_row_38_after_a_stop_the_questions_cannot_simply_be_sent_again(visitor):
    visitor.answer(TUESDAY_10, chest="yes")
    again = visitor.answer(TUESDAY_10)
    assert again.status_code == 302
    assert not Appointment.objects.exists()
    assert ScreeningRecord.objects.count() == 1
    shown = visitor.client.get(again.url)
    assert shown.status_code == 302 and shown.url.startswith("/book/help-now/")


def test_after_a_stop_a_hold_leads_to_the_advice(visitor):
    visitor.answer(TUESDAY_10, chest="yes")
    response = visitor.client.post(visitor.url("book-hold", TUESDAY_10))
    assert response.status_code == 302 and response.url.startswith("/book/help-now/")
    assert not Appointment.objects.exists()


def test_who_has_read_the_advice_may_answer_again(visitor):
    stopped = visitor.answer(TUESDAY_10, chest="yes")
    page = visitor.client.get(stopped.url)
    asked = visitor.client.post("/book/help-now/", {"next": page.context["next"]})
    assert asked.status_code == 303
    assert b"gate-chest" in visitor.client.get(asked.url).content
    assert visitor.hold(TUESDAY_10)


def test_row_38_a_stop_takes_back_an_earlier_pass(visitor):
    visitor.hold(TUESDAY_10)
    visitor.answer(TUESDAY_11, numb="yes")
    response = visitor.client.post(visitor.url("book-hold", TUESDAY_11))
    assert response.status_code == 302
    assert Appointment.objects.count() == 1


def test_row_38_answers_to_an_older_version_are_asked_again(visitor, world):
    visitor.hold(TUESDAY_10)
    newer = factories.screening_form()
    assert ScreeningForm.objects.first() == newer
    assert visitor.client.post(visitor.url("book-hold", TUESDAY_11)).status_code == 409


def test_answers_of_yesterday_are_asked_again(visitor, monday):
    visitor.hold(TUESDAY_10)
    monday.shift(timedelta(hours=24, minutes=1))
    wednesday = "2027-01-06T10:00:00+00:00"
    assert visitor.client.post(visitor.url("book-hold", wednesday)).status_code == 409
    assert b"gate-chest" in visitor.get_details(wednesday).content


def test_a_version_without_questions_books_nobody_and_shows_the_advice(visitor, world):
    world.screening.questions.all().delete()
    response = visitor.get_details(TUESDAY_10)
    assert response.status_code == 503
    assert b"999" in response.content
    assert visitor.client.post(visitor.url("book-safety", TUESDAY_10)).status_code == 503


def test_row_38_one_sessions_pass_opens_nothing_for_another(visitor, world):
    visitor.hold(TUESDAY_10)
    stranger = Visitor(world)
    assert stranger.client.post(stranger.url("book-hold", TUESDAY_11)).status_code == 409


# --- while it is fresh ------------------------------------------------------------------
def test_a_fresh_pass_leaves_one_button(visitor):
    visitor.book(TUESDAY_10)
    text = visitor.get_details(TUESDAY_11).content.decode()
    assert "Keep this time for me" in text and "gate-chest" not in text
    response = visitor.client.post(visitor.url("book-hold", TUESDAY_11))
    assert response.status_code == 303
    assert Appointment.objects.filter(state="held").count() == 1


def test_for_somebody_else_the_questions_can_be_had_again(visitor):
    visitor.book(TUESDAY_10)
    link = visitor.get_details(TUESDAY_11).context["choice"].again_url
    assert b"gate-chest" in visitor.client.get(link).content


@pytest.mark.parametrize("name", ["book-safety", "book-hold", "book-longer", "book-let-go"])
def test_row_33_every_step_wants_the_csrf_token(world, name):
    strict = Visitor(world, enforce_csrf_checks=True)
    assert strict.client.post(strict.url(name, TUESDAY_10)).status_code == 403


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_the_way_on_from_the_advice_stays_on_the_site(wanted, world):
    response = Client().post("/book/help-now/", {"next": wanted})
    assert response.url == reverse("book")
