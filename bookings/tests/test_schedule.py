"""What a practitioner sees: their own day and week, and nobody else's."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings import diary
from bookings.models import Answer, Appointment, State
from bookings.tests import cast, factories
from bookings.tests.factories import World
from clinic.access import PRACTITIONER
from practitioners.tests import factories as directory

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
NOW = MONDAY + timedelta(hours=10, minutes=30)


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return MONDAY + timedelta(days=days, hours=hour, minutes=minute)


@pytest.fixture(autouse=True)
def monday_half_past_ten() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


@pytest.fixture
def ana(world: World) -> User:
    return cast.ana(world)


@pytest.fixture
def schedule(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def page(schedule: Client, **query: str) -> str:
    response = schedule.get(reverse("schedule"), query)
    assert response.status_code == 200
    return response.content.decode()


def press(client: Client, visit: Appointment, verb: str, **data: str):
    return client.post(reverse("schedule-action", args=[visit.reference, verb]), data)


# --- who may -----------------------------------------------------------------------
@pytest.mark.parametrize("name", ["schedule", "schedule-feeds"])
def test_strangers_are_sent_to_the_login(client: Client, name: str):
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("name", ["schedule", "schedule-feeds"])
def test_the_desk_and_people_without_a_role_are_refused(client: Client, name: str):
    for user in (cast.dora(), cast.zed(), cast.olga()):
        client.force_login(user)
        assert client.get(reverse(name)).status_code == 403


@pytest.mark.parametrize("name", ["schedule", "schedule-feeds"])
def test_a_login_that_nobody_linked_gets_a_clear_page(client: Client, name: str):
    client.force_login(cast.login("mira", PRACTITIONER))
    response = client.get(reverse(name))
    assert response.status_code == 200
    assert "not linked to a practitioner" in response.content.decode()


def test_the_page_is_never_kept(schedule: Client):
    assert "no-store" in schedule.get(reverse("schedule"))["Cache-Control"]


def test_row_34_nobody_sees_the_schedule_of_another(schedule: Client, client: Client, world: World):
    cast.visit(world, at(11), patient=factories.patient(name="Anas Patient"))
    assert "Anas Patient" in page(schedule)
    client.force_login(cast.ben(world))
    html = page(client)
    assert "Anas Patient" not in html
    assert "Nobody is booked with you after this" in html


def test_row_34_anothers_appointment_is_not_there(client: Client, world: World):
    visit = cast.visit(world, at(10))
    client.force_login(cast.ben(world))
    for verb in ("arrived", "completed", "no-show", "undo"):
        assert press(client, visit, verb).status_code == 404
    visit.refresh_from_db()
    assert visit.state == State.BOOKED


def test_the_desk_has_no_part_in_a_practitioners_verbs(client: Client, world: World):
    visit = cast.visit(world, at(10))
    client.force_login(cast.dora())
    assert press(client, visit, "arrived").status_code == 403


# --- the day -------------------------------------------------------------------------
def test_the_day_tells_what_a_practitioner_needs(schedule: Client, world: World):
    pat = factories.patient(name="Pat Example", access_needs="Hearing loop")
    visit = cast.visit(world, at(11), room=world.room, patient=pat, note="Since May")
    Answer.objects.create(
        appointment=visit,
        code="a",
        question="Do you bleed easily?",
        value="unsure",
        needs_look=True,
    )
    Answer.objects.create(appointment=visit, code="b", question="Are you pregnant?", value="no")
    html = page(schedule)
    for words in (
        "11:00",
        "Pat Example",
        "Acupuncture: Visit",
        "Room 1",
        "Tidewell Quayside",
        "Hearing loop",
        "Since May",
        "Do you bleed easily?",
        "Not sure",
        "First visit",
    ):
        assert words in html
    assert "Are you pregnant?" not in html


def test_the_next_patient_stands_on_top(schedule: Client, world: World):
    cast.visit(world, at(9), state=State.COMPLETED, patient=factories.patient(name="Was Here"))
    cast.visit(world, at(11), patient=factories.patient(name="Comes Next"))
    cast.visit(world, at(13), patient=factories.patient(name="Comes Later"))
    html = page(schedule)
    assert html.index("Comes Next") < html.index("Was Here") < html.index("Comes Later")
    assert ">Next<" in html


def test_who_is_here_now_is_on_top(schedule: Client, world: World):
    cast.visit(world, at(10), state=State.ARRIVED, patient=factories.patient(name="Is Here"))
    html = page(schedule)
    assert ">Now<" in html
    assert html.index("Is Here") < html.index("diary__gap")


def test_after_the_last_visit_the_next_one_of_another_day_is_shown(schedule: Client, world: World):
    cast.visit(world, at(9, days=8), patient=factories.patient(name="Next Week"))
    html = page(schedule)
    assert "Next Week" in html
    assert "Tue 1 Dec" in html


def test_gaps_between_visits_are_free_times(schedule: Client, world: World):
    cast.visit(world, at(12), room=world.room)
    html = page(schedule)
    # Open from 9 to 17 with a visit from 12 to 13.
    assert "Free 09:00–12:00 (3 hours), Tidewell Quayside" in html
    assert "Free 13:00–17:00 (4 hours)" in html


def test_gaps_of_the_past_are_no_news(schedule: Client, world: World):
    assert "diary__gap" not in page(schedule, date="2026-11-16")


def test_a_rest_with_the_needles_in_is_a_gap(schedule: Client, world: World):
    visit = cast.visit(world, at(12), room=world.room)
    body = factories.body(world.practitioner)
    visit.reservations.filter(resource=body).delete()
    for start, end in ((at(12), at(12, 20)), (at(12, 45), at(13))):
        visit.reservations.create(resource=body, starts_at=start, ends_at=end)
    assert "Free 12:20–12:45 (25 minutes)" in page(schedule)
    printed = " ".join(page(schedule, view="print").split())
    assert "Free (while a patient rests), Tidewell Quayside" in printed


def test_leave_is_shown(schedule: Client, world: World):
    factories.absence(factories.body(world.practitioner), at(9, days=1), at(17, days=1))
    assert "Leave, 24 Nov 09:00 – 24 Nov 17:00" in page(schedule, date="2026-11-24")


def test_the_week_shows_every_day_with_its_visits(schedule: Client, world: World):
    cast.visit(world, at(9, days=4), patient=factories.patient(name="Friday Person"))
    cast.visit(world, at(9, days=7), patient=factories.patient(name="Later Person"))
    html = page(schedule)
    assert "Friday Person" in html
    assert "Later Person" not in html.replace("Next", "", 0).split("Week of")[1]
    assert "Later Person" in page(schedule, date="2026-11-30")


@pytest.mark.parametrize("typed", ["2027-02-30", "soon", "9999-12-31", "0001-01-01"])
def test_a_day_that_does_not_exist_is_not_found(schedule: Client, typed: str):
    assert schedule.get(reverse("schedule"), {"date": typed}).status_code == 404


def test_the_empty_day_says_so(schedule: Client, world: World):
    world.practitioner.treatments.clear()
    assert "Nobody is booked with you on this day" in page(schedule)


def test_holds_and_cancelled_visits_are_not_shown(schedule: Client, world: World):
    cast.visit(world, at(12), state=State.CANCELLED, patient=factories.patient(name="Gone Away"))
    cast.visit(world, at(13), state=State.HELD, held_until=NOW + timedelta(minutes=9))
    html = page(schedule)
    assert "Gone Away" not in html
    assert "0 visits" in html


def test_a_class_is_one_line_with_all_names(schedule: Client, world: World):
    course = directory.treatment(therapy=world.therapy, name="Strength class", is_group=True)
    for name in ("Ada", "Bea"):
        cast.visit(
            world, at(11), treatment=course, room=world.room, patient=factories.patient(name=name)
        )
    html = page(schedule)
    assert "Ada" in html and "Bea" in html
    assert html.count("Acupuncture: Strength class: 2") == 1
    assert "2 visits" in html


def test_each_visit_shows_the_clock_of_its_location(schedule: Client, world: World):
    york = directory.location(name="Tidewell York", time_zone="America/New_York")
    cast.visit(world, at(20), location=york, patient=factories.patient(name="Far Away"))
    assert "15:00" in page(schedule)


def test_a_day_of_another_zone_is_that_zones_day(world: World):
    york = directory.location(name="Tidewell York", time_zone="America/New_York")
    cast.visit(world, at(2, days=1), location=york)
    days = diary.days_of(
        world.practitioner, MONDAY.date(), MONDAY.date() + timedelta(days=6), now=NOW
    )
    assert [d.people for d in days] == [1, 0, 0, 0, 0, 0, 0]


def test_the_day_and_the_week_print(schedule: Client, world: World):
    visit = cast.visit(world, at(11), patient=factories.patient(name="Pat Example"))
    Answer.objects.create(
        appointment=visit, code="a", question="Do you bleed easily?", value="yes", needs_look=True
    )
    html = page(schedule, view="print")
    assert "Pat Example" in html
    assert "Do you bleed easily?" in html
    assert "Week of 23 November" in html


# --- the verbs --------------------------------------------------------------------------
def test_arrived_completed_and_who_did_it(schedule: Client, world: World, ana: User):
    visit = cast.visit(world, at(10))
    response = press(schedule, visit, "arrived", back="/schedule/?date=2026-11-23")
    assert response["Location"] == f"/schedule/?date=2026-11-23#visit-{visit.reference}"
    press(schedule, visit, "completed")
    visit.refresh_from_db()
    assert visit.state == State.COMPLETED
    event = visit.events.last()
    assert (event.actor, event.user) == ("practitioner", ana)


def test_did_not_come(schedule: Client, world: World):
    visit = cast.visit(world, at(9))
    press(schedule, visit, "no-show")
    visit.refresh_from_db()
    assert visit.state == State.NO_SHOW


@pytest.mark.parametrize("state", [State.ARRIVED, State.NO_SHOW])
def test_a_slip_is_undone(schedule: Client, world: World, ana: User, state: str):
    visit = cast.visit(world, at(9), state=state)
    assert reverse("schedule-action", args=[visit.reference, "undo"]) in page(schedule)
    press(schedule, visit, "undo")
    visit.refresh_from_db()
    assert (visit.state, visit.events.last().user) == (State.BOOKED, ana)


@pytest.mark.parametrize("state", [State.ARRIVED, State.NO_SHOW])
def test_another_days_visit_has_no_undo(schedule: Client, world: World, state: str):
    cast.visit(world, at(9, days=-7), state=state)
    assert ">Undo<" not in page(schedule, date="2026-11-16")


def test_a_button_on_the_card_leads_back_to_the_card(schedule: Client, world: World):
    """In the list below, the visit on top has no buttons."""
    visit = cast.visit(world, at(10))
    card = page(schedule).partition('class="next-visit"')[2].partition("</section>")[0]
    assert 'id="next-head"' in card
    back = re.search(r'name="back" value="([^"]+)"', card)
    response = press(schedule, visit, "arrived", back=back[1])
    assert response["Location"] == "/schedule/#next-head"


def test_an_assessment_ends_with_an_outcome(schedule: Client, world: World):
    world.another_treatment(name="Session", requires=world.treatment)
    visit = cast.visit(world, at(10), state=State.ARRIVED)
    html = page(schedule)
    assert "Completed: suitable" in html
    assert "Completed: not suitable" in html
    press(schedule, visit, "completed", outcome="suitable")
    visit.refresh_from_db()
    assert (visit.state, visit.outcome) == (State.COMPLETED, "suitable")


def test_other_treatments_ask_for_no_outcome(schedule: Client, world: World):
    cast.visit(world, at(10), state=State.ARRIVED)
    assert "Completed: suitable" not in page(schedule)


def test_an_invented_outcome_is_refused(schedule: Client, world: World):
    visit = cast.visit(world, at(10), state=State.ARRIVED)
    assert press(schedule, visit, "completed", outcome="cured").status_code == 404
    visit.refresh_from_db()
    assert visit.state == State.ARRIVED


def test_a_refusal_is_told(schedule: Client, world: World):
    visit = cast.visit(world, at(10))
    response = press(schedule, visit, "completed")
    assert "not arrived yet" in str(list(response.wsgi_request._messages)[0])


def test_cancelling_is_the_desks(schedule: Client, world: World):
    visit = cast.visit(world, at(12))
    assert press(schedule, visit, "cancel").status_code == 404
    assert press(schedule, visit, "coming").status_code == 404


def test_buttons_are_no_links(schedule: Client, world: World):
    visit = cast.visit(world, at(10))
    address = reverse("schedule-action", args=[visit.reference, "arrived"])
    assert schedule.get(address).status_code == 405


# --- the cost ---------------------------------------------------------------------------
def test_the_number_of_queries_is_constant(
    schedule: Client, world: World, django_assert_num_queries
):
    def fill(visits: int) -> None:
        for i in range(visits):
            visit = cast.visit(world, at(10) + timedelta(minutes=15 * i), minutes=15)
            Answer.objects.create(appointment=visit, code="a", question="?", value="yes")

    fill(3)
    page(schedule)
    with CaptureQueriesContext(connection) as few:
        page(schedule)
    Appointment.objects.all().delete()
    factories.opening(
        world.location, factories.body(world.practitioner), starts=time(18), ends=time(20)
    )
    fill(40)
    with django_assert_num_queries(len(few)):
        page(schedule)
    assert len(few) <= 30
