"""Staff read why a time is not free, at the desk and in the admin; a patient never does."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from html import unescape

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.explain import explain
from bookings.models import Appointment, Opening
from bookings.tests import cast, factories
from bookings.tests.factories import World
from clinic import clock
from practitioners.models import Length
from practitioners.tests import factories as directory

from .patient import Visitor
from .test_admin_appointments import add_form, change_form, change_url, shown_errors

pytestmark = pytest.mark.django_db

# A week before the Monday that is asked about.
NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
MONDAY = datetime(2027, 1, 11, tzinfo=UTC)
TAKEN = "Room 1 is taken until 10:00."


@pytest.fixture(autouse=True)
def a_week_before() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.dora())
    return client


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


def at(hour: int, minute: int = 0) -> datetime:
    return MONDAY + timedelta(hours=hour, minutes=minute)


def take_the_room(world: World, hour: int = 9, **fields: object) -> Appointment:
    """Somebody else's visit keeps the only room; the world's practitioner stays free."""
    other = world.another_practitioner(name="Ben Adeyemi")
    return cast.visit(world, at(hour), practitioner=other, room=world.room, **fields)


def ask(desk: Client, status: int = 200, **changed: str) -> str:
    typed = {"treatment": "visit", "date": "2027-01-11", "time": "09:00", **changed}
    response = desk.get(reverse("desk-why"), typed)
    assert response.status_code == status
    return unescape(response.content.decode())


# --- the desk --------------------------------------------------------------------
def test_the_page_asks_before_it_answers(desk: Client, world: World):
    html = desk.get(reverse("desk-why")).content.decode()
    assert "Acupuncture: Visit</option>" in html
    assert "Patients are not offered" not in html
    assert "There is a problem" not in html


def test_what_stands_in_the_way_is_named(desk: Client, world: World):
    take_the_room(world)
    html = ask(desk)
    assert "Patients are not offered this time." in html
    assert TAKEN in html


def test_reasons_stand_under_their_location(desk: Client, world: World):
    take_the_room(world)
    hill = directory.location(name="Tidewell Hilltop")
    factories.opening(hill)
    html = ask(desk)
    hilltop, quayside = (f'why__place">{name}' for name in (hill.name, "Tidewell Quayside"))
    none_here = "Tidewell Hilltop has no “Treatment room”"
    places = [html.index(words) for words in (hilltop, none_here, quayside, TAKEN)]
    assert places == sorted(places)
    assert hilltop not in ask(desk, location="tidewell-quayside")


def test_a_free_time_says_so_and_can_be_booked(staff: Client, world: World):
    html = ask(staff, practitioner=world.practitioner.slug)
    assert "This time is free." in html
    assert "Nearest free times" not in html
    address = (
        f"{reverse('admin:bookings_appointment_add')}?treatment={world.treatment.pk}"
        f"&location={world.location.pk}&day=2027-01-11&time=09%3A00"
        f"&practitioner={world.practitioner.pk}"
    )
    assert f'href="{address}"' in html
    form = staff.get(address).context["adminform"].form
    assert (form["day"].value(), form["time"].value()) == ("2027-01-11", "09:00")
    assert form["treatment"].value() == str(world.treatment.pk)


def test_only_who_is_offered_to_patients_is_named_with_a_free_time(desk: Client, world: World):
    world.treatment.audience = "new"
    world.treatment.save()
    world.another_practitioner(name="Ben Adeyemi", first_visits_a_day=0)
    html = ask(desk)
    assert "This time is free." in html
    assert "or 1 other" not in html


def test_the_nearest_free_times_are_links(desk: Client, world: World):
    take_the_room(world)
    html = ask(desk)
    assert "Nearest free times" in html
    assert "day=2027-01-11&time=10%3A00" in html


def test_another_length_is_booked_from_the_answer(staff: Client, world: World):
    Length.objects.create(treatment=world.treatment, minutes=90, price_pence=9000)
    html = ask(staff, treatment="visit.90")
    address = html[html.index(reverse(ADD)) :]
    typed = staff.get(address[: address.index('"')]).context["adminform"].form
    assert typed["minutes"].value() == "90"
    form = add_form(world, at(9), minutes="90")
    assert staff.post(reverse(ADD), form).status_code == 302
    assert Appointment.objects.get().minutes == 90


def test_a_length_that_does_not_exist_is_refused_beside_it(staff: Client, world: World):
    said = shown_errors(staff.post(reverse(ADD), add_form(world, at(9), minutes="50")))
    assert "does not come in that length" in said["minutes"][0]


def test_what_rules_alone_forbid_can_be_booked_by_staff(desk: Client, world: World):
    html = ask(desk, time="09:10")
    assert "Its starts are every 60 minutes on the clock." in html
    assert "You can book it all the same" in html
    assert "day=2027-01-11&time=09%3A10" in html


def test_what_is_taken_cannot_be_booked_all_the_same(desk: Client, world: World):
    take_the_room(world)
    assert "You can book it all the same" not in ask(desk)


def test_another_length_is_asked_about(desk: Client, world: World):
    Length.objects.create(treatment=world.treatment, minutes=90, price_pence=9000)
    world.treatment.needs.update(follows_end=True)
    take_the_room(world, 10)
    assert "Visit, 90 minutes" in ask(desk)
    assert "This time is free." in ask(desk)
    assert "Room 1 is taken from 10:00 to 11:00." in ask(desk, treatment="visit.90")


def test_the_time_is_read_off_the_wall_of_the_location(desk: Client, world: World):
    york = directory.location(name="Tidewell York", time_zone="America/New_York")
    factories.opening(york)
    factories.opening(york, world.practitioner.resource)
    world.rooms.members.add(factories.room(york))
    html = ask(desk, location="tidewell-york", time="11:00")
    assert "Monday 11 January 2027, 11:00" in html
    assert "This time is free." in html
    assert "day=2027-01-11&time=11%3A00" in html


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("treatment", "", "This field is required."),
        ("treatment", "levitation", "There is no such treatment."),
        ("treatment", "visit.7", "There is no such treatment."),
        ("date", "2027-02-30", "There is no such day."),
        ("date", "0001-01-01", "There is no such day."),
        ("date", "9999-12-31", "There is no such day."),
        ("time", "25:00", "There is no such time."),
        ("practitioner", "nobody", "There is nobody of that name."),
        ("location", "atlantis", "There is no such location."),
    ],
)
def test_bad_input_gets_a_sentence_at_its_field(
    desk: Client, world: World, field: str, value: str, sentence: str
):
    html = ask(desk, status=422, **{field: value})
    beside = html[html.index(f'id="id_{field}_error"') :]
    assert sentence in beside[: beside.index("</div>")]


def test_the_hour_that_the_clocks_skip_is_refused(desk: Client, world: World):
    html = ask(desk, status=422, date="2027-03-28", time="01:30")
    assert "this time does not exist on that day" in html[html.index('id="id_time_error"') :]


def test_the_hour_that_the_clocks_repeat_is_its_first(desk: Client, world: World):
    html = ask(desk, date="2027-10-31", time="01:30")
    assert "The clock shows this time twice that day: this is the first." in html
    assert "twice" not in ask(desk, date="2027-10-31", time="02:30")


@pytest.mark.parametrize("day", ["2001-01-01", "2098-12-31", "2027-01-03"])
def test_a_day_far_away_has_its_reason_and_the_earliest_times(desk: Client, world: World, day: str):
    html = ask(desk, date=day)
    assert "Patients are not offered this time." in html
    assert "day=2027-01-04&time=10%3A00" in html


@pytest.mark.parametrize(
    "query",
    [
        "treatment=visit&treatment=&date=2027-01-11&time=09:00",
        "treatment=visit.0&date=2027-01-11&time=09:00",
        "treatment=visit&date=2027-01-11&time=09:00:30",
        "treatment=visit&date=2027-01-11&time=-1:00",
        "treatment=" + "v" * 2000,
        "treatment=%00&date=%00&time=%00",
        "treatment=%FF%FE",
    ],
)
def test_a_broken_question_is_refused_kindly(desk: Client, world: World, query: str):
    assert desk.get(f"{reverse('desk-why')}?{query}").status_code in (400, 422)


def test_half_a_question_fills_half_the_form(desk: Client, world: World):
    response = desk.get(reverse("desk-why"), {"date": "2027-02-30", "location": "atlantis"})
    assert response.status_code == 200


def test_the_question_stays_in_the_form(desk: Client, world: World):
    html = ask(desk, time="09:10", location="tidewell-quayside")
    assert '<option value="visit" selected>' in html
    assert '<option value="tidewell-quayside" selected>' in html
    assert 'value="09:10"' in html


def test_the_day_leads_to_the_question(desk: Client, world: World):
    with time_machine.travel(at(8), tick=False):
        for hour in (9, 13):
            cast.visit(world, at(hour))
        html = unescape(
            desk.get(reverse("desk"), {"location": world.location.slug}).content.decode()
        )
        asked = f"{reverse('desk-why')}?location={world.location.slug}&date=2027-01-11"
        assert f'href="{asked}"' in html
        assert "Nobody booked 10:00–13:00 (3 hours)" in html
        assert f'href="{asked}&time=10:00"' in html
        form = desk.get(f"{asked}&time=10:00").context["form"]
        assert [form[name].value() for name in ("location", "date", "time")] == [
            world.location.slug,
            "2027-01-11",
            "10:00",
        ]


def test_a_day_without_visits_leads_to_the_question(desk: Client, world: World):
    html = unescape(desk.get(reverse("desk"), {"date": "2027-01-11"}).content.decode())
    assert f"{reverse('desk-why')}?location={world.location.slug}&date=2027-01-11" in html


def test_a_gap_that_is_over_is_not_shown(desk: Client, world: World):
    with time_machine.travel(at(12), tick=False):
        for hour in (9, 13):
            cast.visit(world, at(hour))
        assert "Nobody booked" not in desk.get(reverse("desk")).content.decode()


def test_the_answer_costs_the_same_however_much_is_booked(desk: Client, world: World):
    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            ask(desk)
        return len(seen)

    take_the_room(world)
    before = count()
    for n in range(6):
        world.another_practitioner(name=f"Person {n}")
        world.another_treatment(name=f"Other {n}", slug=f"other-{n}")
        cast.visit(world, at(9), practitioner=directory.practitioner(), room=world.room)
        factories.opening(directory.location(name=f"Tidewell {n}"))
    assert count() == before


# --- the admin -------------------------------------------------------------------
ADD = "admin:bookings_appointment_add"


def test_a_refused_booking_says_why_beside_the_time(staff: Client, world: World):
    take_the_room(world)
    said = shown_errors(staff.post(reverse(ADD), add_form(world, at(9))))["time"]
    assert "just been taken" in said[0]
    assert said[1] == TAKEN
    assert said[2].startswith("Free:")


def test_a_booking_outside_the_hours_says_whose(staff: Client, world: World):
    Opening.objects.filter(resource=world.practitioner.resource).update(starts=time(11))
    said = shown_errors(staff.post(reverse(ADD), add_form(world, at(9))))["time"]
    assert said[1:] == ["Ana Okafor is not in until 11:00."]


def test_rules_that_staff_may_go_round_are_no_reasons(staff: Client, world: World):
    world.treatment.notice_minutes = 60 * 24 * 30
    world.treatment.save()
    take_the_room(world)
    said = shown_errors(staff.post(reverse(ADD), add_form(world, at(9, 10))))["time"]
    assert said[1] == TAKEN
    assert not any("minutes" in sentence for sentence in said)


def test_a_refused_move_says_why_beside_the_time(staff: Client, world: World):
    visit = cast.visit(world, at(14), room=world.room)
    take_the_room(world)
    said = shown_errors(staff.post(change_url(visit), change_form(staff, visit, time="09:00")))
    assert said["time"][1] == TAKEN


def test_a_move_is_not_in_its_own_way(staff: Client, world: World):
    visit = cast.visit(world, at(9), room=world.room)
    take_the_room(world, 10)
    said = shown_errors(staff.post(change_url(visit), change_form(staff, visit, time="09:30")))
    assert said["time"][1] == "Room 1 is taken from 10:00 to 11:00."


def test_a_move_of_a_long_visit_asks_for_its_own_length(staff: Client, world: World):
    world.treatment.needs.update(follows_end=True)
    visit = cast.visit(world, at(14), room=world.room, minutes=90)
    take_the_room(world, 10)
    said = shown_errors(staff.post(change_url(visit), change_form(staff, visit, time="09:00")))
    assert said["time"][1] == "Room 1 is taken from 10:00 to 11:00."


def test_a_refusal_costs_the_same_however_much_is_booked(staff: Client, world: World):
    def count() -> int:
        form = add_form(world, at(9), patient=pat)
        with CaptureQueriesContext(connection) as seen:
            assert "time" in shown_errors(staff.post(reverse(ADD), form))
        return len(seen)

    pat = factories.patient()
    take_the_room(world)
    before = count()
    for n in range(6):
        world.another_practitioner(name=f"Person {n}")
        cast.visit(world, at(9), practitioner=directory.practitioner(), room=world.room)
    assert count() == before


# --- a patient -------------------------------------------------------------------
def test_a_patient_is_told_no_reason(client: Client, world: World):
    taken = take_the_room(world)
    reasons = [line.sentence for line in explain(world.treatment, at(9)).lines]
    assert reasons == [TAKEN]
    own = cast.visit(world, at(15), room=world.room)
    visitor, start = Visitor(world), at(9).isoformat()
    patient = {"name": "Pat", "email": "pat@example.org", "phone": "0117 496 0200"}
    wish = {"treatment": "visit", "start": start, "patient": patient, "screening": {}}
    days = {"treatment": "visit", "from": "2027-01-11", "to": "2027-01-11"}
    move = reverse("appointment-move", args=[own.token])
    for response, status in [
        (client.get(reverse("book-treatment", args=["visit"]), {"date": "2027-01-11"}), 200),
        (visitor.get_details(start), 409),
        (visitor.answer(start), 409),
        (client.get("/api/v1/availability", days), 200),
        (client.post("/api/v1/appointments", wish, content_type="application/json"), 409),
        (client.get(move, {"date": "2027-01-11"}), 200),
        (client.post(move, {"start": start}), 409),
    ]:
        assert response.status_code == status, response.request
        html = unescape(response.content.decode())
        for words in (*reasons, "Room 1", str(taken.patient)):
            assert words not in html


# --- the clock -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("day", "hour", "zone", "instant"),
    [
        (date(2027, 1, 11), 9, "Europe/London", datetime(2027, 1, 11, 9, tzinfo=UTC)),
        (date(2027, 10, 31), 1, "Europe/London", datetime(2027, 10, 31, tzinfo=UTC)),
        (date(2027, 3, 28), 1, "Europe/London", None),
        (date.min, 0, "Asia/Kolkata", None),
        (date.max, 23, "America/St_Johns", None),
    ],
)
def test_a_wall_time_is_its_first_instant_or_none(
    day: date, hour: int, zone: str, instant: datetime | None
):
    assert clock.at_wall(day, time(hour), zone) == instant
