"""A patient's own page: what a link opens, and what it can change."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from bookings import appointments
from bookings.actors import Actor
from bookings.models import Appointment, Notification, ScreeningRecord
from bookings.models.reservations import Reservation

from . import factories
from .patient import Visitor

pytestmark = pytest.mark.django_db
THURSDAY_10 = "2027-01-07T10:00:00+00:00"
FRIDAY_11 = "2027-01-08T11:00:00+00:00"
IN_TWO_WEEKS = "2027-01-21T10:00:00+00:00"
PAGES = [
    "appointment",
    "appointment-coming",
    "appointment-cancel",
    "appointment-move",
    "appointment-ics",
]


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as now:
        yield now


@pytest.fixture
def world():
    return factories.bookable_clinic(
        location={"directions": "Through the blue door.", "phone": "0117 496 0177"}
    )


@pytest.fixture
def visit(world):
    """An appointment on Thursday at ten, seen from another browser than it was booked in."""
    return Visitor(world).book(THURSDAY_10)


def at(name, appointment):
    return reverse(name, args=[appointment.token])


def move(client, appointment, start, **params):
    return client.post(at("appointment-move", appointment), {"start": start, **params})


# --- seeing -------------------------------------------------------------------------
def test_the_page_says_all_that_matters(client, visit):
    text = client.get(at("appointment", visit)).content.decode()
    for words in (
        "Thursday 7 January 2027, 10:00",
        "1 Quay Street",
        "Through the blue door.",
        "Ana Okafor",
        "£60",
        "Loose clothes.",
        visit.reference,
        "until Wednesday 6 January 2027, 10:00",
        "0117 496 0177",
        at("appointment-ics", visit),
    ):
        assert words in text


def test_the_page_shows_no_contact_data_and_no_health_answers(client, visit):
    text = client.get(at("appointment", visit)).content.decode()
    assert "pat@example.org" not in text and "020 7946" not in text


@pytest.mark.parametrize("name", PAGES)
def test_looking_changes_nothing(client, visit, name):
    before = Appointment.objects.values().get()
    mails = Notification.objects.count()
    for method in (client.get, client.head):
        assert method(at(name, visit)).status_code == 200
    assert Appointment.objects.values().get() == before
    assert Notification.objects.count() == mails


@pytest.mark.parametrize("name", PAGES)
def test_row_31_no_link_opens_what_it_does_not_name(client, visit, name):
    wrong = [
        visit.token[:-1],
        visit.token + "x",
        visit.token.swapcase(),
        visit.reference,
        "x" * 400,
    ]
    answers = {client.get(reverse(name, args=[t])).content for t in wrong}
    assert len(answers) == 1
    for token in wrong:
        assert client.get(reverse(name, args=[token])).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_links_stop_opening_ninety_days_after_the_visit(client, visit, name, monday):
    unknown = client.get(reverse(name, args=["nonsense"])).content
    monday.move_to(visit.ends_at + timedelta(days=90, minutes=1))
    response = client.get(at(name, visit))
    assert (response.status_code, response.content) == (404, unknown)


def test_row_31_the_link_of_a_hold_opens_nothing(client, world):
    held = Visitor(world).hold(THURSDAY_10)
    assert client.get(at("appointment", held)).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_row_31_every_page_of_it_is_private(client, visit, name):
    response = client.get(at(name, visit))
    assert response.headers["Cache-Control"] == "no-store, private"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "noindex" in response.headers["X-Robots-Tag"]


@pytest.mark.parametrize("name", ["appointment-coming", "appointment-cancel", "appointment-move"])
def test_row_33_changes_want_the_csrf_token(visit, name):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(at(name, visit), {"start": FRIDAY_11}).status_code == 403
    visit.refresh_from_db()
    assert visit.state == "booked" and visit.coming_at is None


# --- coming -------------------------------------------------------------------------
def test_saying_that_one_comes_is_noted_once(client, visit):
    for _n in range(2):
        assert client.post(at("appointment-coming", visit)).status_code == 303
    visit.refresh_from_db()
    assert visit.coming_at is not None
    assert visit.events.filter(verb="coming").count() == 1


# --- cancelling ------------------------------------------------------------------------
def test_cancelling_frees_the_time_and_tells_the_calendar(client, visit):
    response = client.post(at("appointment-cancel", visit), {"reason": "Away"})
    assert response.status_code == 303
    visit.refresh_from_db()
    assert (visit.state, visit.cancel_reason, visit.sequence) == ("cancelled", "Away", 1)
    assert not Reservation.objects.exists()
    assert Notification.objects.filter(kind="cancellation").count() == 1
    page = client.get(response.url).content.decode()
    assert "This appointment is cancelled" in page
    assert 'href="/book/"' in page and "who=returning" not in page


def test_row_31_cancelling_twice_leads_to_the_same_page(client, visit):
    first = client.post(at("appointment-cancel", visit))
    second = client.post(at("appointment-cancel", visit))
    assert first.url == second.url
    assert Notification.objects.filter(kind="cancellation").count() == 1


def test_a_cancelled_appointment_cannot_be_moved_or_confirmed(client, visit):
    client.post(at("appointment-cancel", visit))
    assert move(client, visit, FRIDAY_11).status_code == 409
    assert client.post(at("appointment-coming", visit)).status_code == 409
    visit.refresh_from_db()
    assert visit.state == "cancelled"


def test_after_the_deadline_the_page_says_to_call(client, visit, monday):
    monday.move_to("2027-01-06T10:00:00Z")
    for name in ("appointment", "appointment-cancel", "appointment-move"):
        text = client.get(at(name, visit)).content.decode()
        assert "less than 24 hours" in text and "0117 496 0177" in text
    assert client.post(at("appointment-cancel", visit)).status_code == 409
    assert move(client, visit, FRIDAY_11).status_code == 409
    visit.refresh_from_db()
    assert visit.state == "booked"


def test_until_the_last_second_it_can_be_cancelled(client, visit, monday):
    monday.move_to("2027-01-06T09:59:59Z")
    assert client.post(at("appointment-cancel", visit)).status_code == 303


def test_the_policy_is_the_one_that_was_shown(client, visit, world, monday):
    world.clinic.cancellation_hours = 72
    world.clinic.save()
    monday.move_to("2027-01-05T12:00:00Z")
    assert client.post(at("appointment-cancel", visit)).status_code == 303


# --- moving ----------------------------------------------------------------------------
def test_moving_keeps_the_old_time_until_the_new_one_is_theirs(client, visit):
    response = move(client, visit, FRIDAY_11)
    assert response.status_code == 303
    visit.refresh_from_db()
    assert visit.starts_at.isoformat() == "2027-01-08T11:00:00+00:00"
    assert visit.sequence == 1
    assert Notification.objects.filter(kind="change").count() == 1
    assert b"has been moved" in client.get(response.url).content


def test_after_moving_the_page_no_longer_says_that_it_was_just_booked(world):
    visitor = Visitor(world)
    visit = visitor.book(THURSDAY_10)
    assert b">Booked</h1>" in visitor.client.get(at("appointment", visit)).content
    page = visitor.client.get(move(visitor.client, visit, FRIDAY_11).url).content
    assert b"has been moved" in page and b">Booked</h1>" not in page


def test_moving_shows_old_and_new_before_it_is_done(client, visit):
    page = client.get(at("appointment-move", visit), {"start": FRIDAY_11}).content.decode()
    assert "Thursday 7 January 2027" in page and "Friday 8 January 2027" in page
    assert "gate-chest" not in page


def test_a_taken_time_leaves_the_appointment_as_it_was(client, visit, world):
    Visitor(world).book(FRIDAY_11, name="Zed Other", email="zed@example.org")
    response = move(client, visit, FRIDAY_11)
    assert response.status_code == 409
    text = response.content.decode()
    assert "just been taken" in text and "Your appointment is as it was" in text
    visit.refresh_from_db()
    assert visit.starts_at.isoformat() == THURSDAY_10


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (THURSDAY_10, 409),
        ("2027-01-03T10:00:00+00:00", 422),
        ("2027-01-08T11:05:00+00:00", 422),
        ("2027-01-08T23:00:00+00:00", 422),
        ("2027-02-30T10:00:00+00:00", 400),
        ("tomorrow", 400),
    ],
)
def test_a_time_that_will_not_do_is_refused_kindly(client, visit, start, status):
    response = move(client, visit, start)
    assert response.status_code == status
    visit.refresh_from_db()
    assert visit.starts_at.isoformat() == THURSDAY_10


def test_the_calendar_offers_times_that_only_their_own_visit_blocks(client, world):
    world.treatment.grid_minutes = 30
    world.treatment.save()
    visit = Visitor(world).book(THURSDAY_10)
    page = client.get(at("appointment-move", visit), {"date": "2027-01-07"})
    slots = [s for _part, slots in page.context["board"].parts for s in slots]
    wall = {s.choice.start.strftime("%H:%M"): bool(s.url) for s in slots}
    assert wall["09:30"] and wall["10:30"]
    assert wall["10:00"] is False


def test_the_calendar_of_a_move_opens_at_the_day_that_is_moved(client, visit, world):
    board = client.get(at("appointment-move", visit)).context["board"]
    assert board.day.date == visit.starts_at.date()
    far = Visitor(world).book("2027-02-03T10:00:00+00:00", name="Zed", email="zed@example.org")
    board = client.get(at("appointment-move", far)).context["board"]
    assert (board.month.first.month, board.day.date) == (2, far.starts_at.date())
    world.treatment.horizon_days = 10
    world.treatment.save()
    board = client.get(at("appointment-move", far)).context["board"]
    assert (board.month.first.month, board.day.date.day) == (1, 14)


def test_with_anyone_the_page_says_who_it_would_be(client, visit, world):
    other = world.another_practitioner(name="Ben Adeyemi")
    busy = factories.absence(
        factories.body(world.practitioner), visit.ends_at, visit.ends_at + timedelta(days=2)
    )
    mine = client.get(at("appointment-move", visit), {"date": "2027-01-08"})
    assert mine.context["board"].day.starts == []
    anyone = client.get(at("appointment-move", visit), {"date": "2027-01-08", "practitioner": ""})
    slot = anyone.context["board"].parts[0][1][0]
    assert f"practitioner={other.slug}" in slot.url
    assert b"Ben Adeyemi" in client.get(slot.url).content
    assert move(client, visit, FRIDAY_11, practitioner=other.slug).status_code == 303
    visit.refresh_from_db()
    assert visit.practitioner == other and busy


def test_far_away_times_ask_the_safety_questions_again(client, visit, world):
    before = ScreeningRecord.objects.count()
    page = client.get(at("appointment-move", visit), {"start": IN_TWO_WEEKS})
    assert b"gate-chest" in page.content
    assert move(client, visit, IN_TWO_WEEKS).status_code == 422
    answers = {f"gate-{code}": "no" for code in factories.all_no(world.screening)}
    assert move(client, visit, IN_TWO_WEEKS, **answers).status_code == 303
    assert ScreeningRecord.objects.count() == before + 1


def test_a_red_flag_stops_the_move_and_keeps_the_appointment(client, visit, world):
    answers = {f"gate-{code}": "no" for code in factories.all_no(world.screening)}
    response = move(client, visit, IN_TWO_WEEKS, **{**answers, "gate-numb": "unsure"})
    assert response.status_code == 303 and response.url.startswith("/book/help-now/")
    again = move(client, visit, IN_TWO_WEEKS, **answers)
    assert again.status_code == 302 and again.url.startswith("/book/help-now/")
    visit.refresh_from_db()
    assert (visit.state, visit.starts_at.isoformat()) == ("booked", THURSDAY_10)


# --- the calendar file ----------------------------------------------------------------------
def test_the_calendar_file_is_one_published_event(client, visit):
    response = client.get(at("appointment-ics", visit))
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(response.content)
    (event,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "PUBLISH"
    assert event["DTSTART"].dt.isoformat() == THURSDAY_10
    assert "Acupuncture" not in response.content.decode()


def test_the_calendar_file_of_a_cancelled_visit_says_so(client, visit):
    appointments.cancel(visit, by=Actor("staff"))
    (event,) = Calendar.from_ical(client.get(at("appointment-ics", visit)).content).walk("VEVENT")
    assert event["STATUS"] == "CANCELLED"


def test_changes_are_limited_like_bookings(client, visit, settings):
    settings.THROTTLES = {**settings.THROTTLES, "book": 1}
    client.post(at("appointment-coming", visit))
    assert client.post(at("appointment-cancel", visit)).status_code == 429
    visit.refresh_from_db()
    assert visit.state == "booked"
