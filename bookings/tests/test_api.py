"""/api/v1/: what a program may ask and do, and how it is told what went wrong."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings.models import Appointment, IdempotencyKey, Notification, Patient, ScreeningRecord
from bookings.tests import factories as make

pytestmark = pytest.mark.django_db
MONDAY = datetime(2027, 1, 11, 8, tzinfo=UTC)
TEN = "2027-01-12T10:00:00+00:00"


@pytest.fixture(autouse=True)
def _monday_morning():
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def world() -> make.World:
    return make.bookable_clinic()


def body(**changes: Any) -> dict[str, Any]:
    return {
        "treatment": "visit",
        "start": TEN,
        "patient": {"name": "Pat Example", "email": "pat@example.org", "phone": "0117 496 0123"},
        "screening": {},
        **changes,
    }


def post(client: Client, data: Any, path: str = "/api/v1/appointments", **headers: str) -> Any:
    text = data if isinstance(data, str) else json.dumps(data)
    return client.post(path, text, content_type="application/json", headers=headers)


def free(client: Client, **query: str) -> Any:
    asked = {"treatment": "visit", "from": "2027-01-12", "to": "2027-01-12", **query}
    return client.get("/api/v1/availability", asked)


@pytest.mark.parametrize("what", ["locations", "therapies", "treatments", "practitioners"])
def test_lists_take_the_same_queries_for_many_rows(
    client: Client, world: make.World, what: str, django_assert_max_num_queries: Any
):
    for _n in range(5):
        world.another_practitioner()
        world.another_treatment()
    with django_assert_max_num_queries(4):
        rows = client.get(f"/api/v1/{what}").json()
    assert rows and all("slug" in row for row in rows)


def test_availability_has_the_shape_that_clients_lean_on(client: Client, world: make.World):
    answer = free(client).json()
    assert answer["treatment"] == "visit"
    assert answer["timezone"] == "Europe/London"
    assert len(answer["starts"]) == 8
    first = answer["starts"][0]
    assert datetime.fromisoformat(first["start"]) == datetime(2027, 1, 12, 9, tzinfo=UTC)
    assert first["practitioners"] == [world.practitioner.slug]


def test_every_start_on_offer_can_be_booked_and_then_is_gone(client: Client, world: make.World):
    offered = [s["start"] for s in free(client).json()["starts"]]
    for n, start in enumerate(offered):
        person = {"name": f"Pat {n}", "email": f"pat{n}@example.org"}
        assert post(client, body(start=start, patient=person)).status_code == 201
    assert free(client).json()["starts"] == []


def test_booking_answers_with_a_reference_and_an_address(client: Client, world: make.World):
    answer = post(client, body())
    assert answer.status_code == 201
    booked = answer.json()
    row = Appointment.objects.get()
    assert booked["reference"] == row.reference
    assert booked["status"] == "booked"
    assert booked["practitioner"] == world.practitioner.slug
    assert row.token in booked["manage_url"]
    assert Notification.objects.filter(kind="confirmation", recipient="pat@example.org").exists()


def test_a_taken_start_is_a_409_with_starts_that_are_free(client: Client, world: make.World):
    post(client, body())
    other = body(patient={"name": "Zed", "email": "zed@example.org"})
    answer = post(client, other)
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["code"] == "start_taken"
    assert answer["Content-Type"] == "application/problem+json"
    offered = problem["alternatives"][0]["start"]
    assert post(client, {**other, "start": offered}).status_code == 201


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("2027-01-11T07:00:00+00:00", "past"),
        ("2027-01-11T09:00:00+00:00", "too_soon"),
        ("2027-06-15T09:00:00+00:00", "beyond_horizon"),
        ("2027-01-12T10:20:00+00:00", "off_grid"),
        ("2027-01-12T10:00:01+00:00", "off_grid"),
        ("2027-01-12T20:00:00+00:00", "closed"),
        ("9999-12-31T23:00:00-12:00", "invalid"),
        ("0001-01-01T00:00:00+12:00", "invalid"),
        ("9999-12-30T10:00:00+00:00", "beyond_horizon"),
    ],
)
def test_a_start_that_is_not_offered_is_a_422_that_says_why(
    client: Client, world: make.World, start: str, code: str
):
    answer = post(client, body(start=start))
    assert answer.status_code == 422
    assert answer.json()["code"] == code
    assert answer.json()["errors"][0]["field"] == "start"
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("start", ["2027-02-30T10:00:00+00:00", "2027-01-12T10:00:00", "soon", 5.5])
def test_a_start_that_is_no_instant_is_a_422_naming_the_field(
    client: Client, world: make.World, start: Any
):
    answer = post(client, body(start=start))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("start")


@pytest.mark.parametrize(
    ("patient", "field", "status"),
    [
        ({"name": "Pat", "email": "pat.example.org"}, "patient.email", 422),
        ({"name": "Pat", "email": "a@example.org, b@example.org"}, "patient.email", 422),
        ({"name": "Pat", "email": "pat@example.org\r\nBcc: x@example.org"}, "patient.email", 400),
        ({"name": "Pat", "email": "p" * 300 + "@example.org"}, "patient.email", 422),
        ({"name": "P\0at", "email": "pat@example.org"}, "patient.name", 400),
        ({"name": "P\ud800at", "email": "pat@example.org"}, "patient.name", 400),
        ({"name": " ", "email": "pat@example.org"}, "patient.name", 422),
        ({"name": "Pat", "email": "pat@example.org", "phone": "09 12"}, "patient.phone", 422),
        ({"email": "pat@example.org"}, "patient.name", 422),
    ],
)
def test_a_bad_detail_is_refused_beside_its_field(
    client: Client, world: make.World, patient: dict[str, str], field: str, status: int
):
    answer = post(client, body(patient=patient))
    assert answer.status_code == status, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("said", ["yes", "unsure", True])
def test_a_raised_flag_books_nothing_and_is_recorded(client: Client, world: make.World, said: Any):
    answer = post(client, body(screening={"chest": said}))
    assert answer.status_code == 422
    assert answer.json()["code"] == "red_flag"
    assert not Appointment.objects.exists()
    assert ScreeningRecord.objects.get().passed is False


@pytest.mark.parametrize("screening", [None, {"chest": "perhaps"}, {"nonsense": "no"}, []])
def test_the_gate_cannot_be_gone_round_by_odd_answers(
    client: Client, world: make.World, screening: Any
):
    answer = post(client, body(screening=screening))
    assert answer.status_code == 422
    assert not Appointment.objects.exists()


def test_a_missing_gate_is_a_422_naming_it(client: Client, world: make.World):
    data = body()
    del data["screening"]
    answer = post(client, data)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "screening"


def test_without_questions_the_gate_fails_closed(client: Client, world: make.World):
    world.screening.delete()
    assert post(client, body()).status_code == 503
    assert not Appointment.objects.exists()


def test_a_blocking_answer_says_to_call(client: Client, world: make.World):
    make.safety_question(world.therapy, code="clot", effect="block", reason="Please call us.")
    answer = post(client, body(screening={"clot": "yes"}))
    assert answer.status_code == 422
    assert answer.json()["code"] == "speak_to_us_first"


def test_a_treatment_for_returning_patients_needs_proof(client: Client, world: make.World):
    follow_up = world.another_treatment(audience="returning", grid_minutes=60)
    answer = post(client, body(treatment=follow_up.slug))
    assert answer.status_code == 403
    assert answer.json()["code"] == "returning_only"


def test_one_patient_cannot_be_in_two_places_at_once(client: Client, world: make.World):
    world.another_practitioner()
    make.room(world.location).pools.add(world.rooms)
    assert post(client, body()).status_code == 201
    again = post(client, body())
    assert again.status_code == 409
    assert again.json()["code"] == "patient_busy"
    family = {"name": "Sam Example", "email": "pat@example.org", "phone": "0117 496 0123"}
    assert post(client, body(patient=family)).status_code == 201


def test_row_01_the_same_key_and_body_make_one_appointment(client: Client, world: make.World):
    first = post(client, body(), **{"Idempotency-Key": "abc"})
    second = post(client, body(), **{"Idempotency-Key": "abc"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert Appointment.objects.count() == 1
    assert Notification.objects.filter(kind="confirmation").count() == 1


def test_row_02_the_same_key_with_another_body_is_refused(client: Client, world: make.World):
    post(client, body(), **{"Idempotency-Key": "abc"})
    answer = post(client, body(note="Something else"), **{"Idempotency-Key": "abc"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "key_reused"
    assert Appointment.objects.count() == 1


def test_a_replay_is_answered_whatever_has_become_of_what_it_names(
    client: Client, world: make.World
):
    first = post(client, body(), **{"Idempotency-Key": "abc"})
    world.treatment.is_published = False
    world.treatment.save()
    again = post(client, body(), **{"Idempotency-Key": "abc"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Location"] == first["Location"]
    assert ScreeningRecord.objects.count() == 1


def test_a_replayed_move_is_answered_though_the_practitioner_has_left(
    client: Client, world: make.World
):
    path = f"/api/v1/appointments/{post(client, body()).json()['token']}/reschedule"
    move = {"start": "2027-01-12T14:00:00+00:00", "practitioner": world.practitioner.slug}
    first = post(client, move, path, **{"Idempotency-Key": "abc"})
    world.practitioner.is_published = False
    world.practitioner.save()
    again = post(client, move, path, **{"Idempotency-Key": "abc"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()


def test_a_refused_request_may_be_tried_again_with_its_key(client: Client, world: make.World):
    bad = body(start="2027-01-12T20:00:00+00:00")
    assert post(client, bad, **{"Idempotency-Key": "abc"}).status_code == 422
    assert not IdempotencyKey.objects.exists()


def test_whoever_has_the_token_sees_cancels_and_moves(client: Client, world: make.World):
    token = post(client, body()).json()["manage_url"].rstrip("/").rpartition("/")[2]
    path = f"/api/v1/appointments/{token}"
    seen = client.get(path)
    assert seen.json()["status"] == "booked"
    assert seen["Cache-Control"] == "no-store"
    moved = post(client, {"start": "2027-01-13T11:00:00+00:00"}, f"{path}/reschedule")
    assert datetime.fromisoformat(moved.json()["start"]).day == 13
    assert moved.json()["reference"] == seen.json()["reference"]
    assert post(client, {}, f"{path}/cancel").json()["status"] == "cancelled"
    assert client.post(f"{path}/cancel").status_code == 200
    assert len(free(client).json()["starts"]) == 8


def test_past_the_deadline_the_desk_decides(client: Client, world: make.World):
    token = post(client, body()).json()["manage_url"].rstrip("/").rpartition("/")[2]
    with time_machine.travel(datetime(2027, 1, 11, 10, 0, 1, tzinfo=UTC), tick=False):
        answer = post(client, {}, f"/api/v1/appointments/{token}/cancel")
    assert answer.status_code == 409
    assert answer.json()["code"] == "past_deadline"
    assert Appointment.objects.get().state == "booked"


@pytest.mark.parametrize("token", ["x" * 32, "short", "a/b", "..", "🦴" * 8])
def test_a_token_of_nothing_is_a_404(client: Client, world: make.World, token: str):
    assert client.get(f"/api/v1/appointments/{token}").status_code == 404


def test_row_36_a_reference_opens_nothing(client: Client, world: make.World):
    reference = post(client, body()).json()["reference"]
    assert client.get(f"/api/v1/appointments/{reference}").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"treatment": "nope"}, 404),
        ({"practitioner": "nope"}, 404),
        ({"location": "nope"}, 404),
        ({"from": "2027-02-30"}, 422),
        ({"from": "1927-01-01", "to": "2027-01-01"}, 422),
        ({"to": "2027-01-01"}, 422),
        ({"from": "0001-01-01", "to": "0001-01-02"}, 200),
        ({"from": "9999-12-30", "to": "9999-12-31"}, 200),
        ({"treatment": "a\0b"}, 400),
    ],
)
def test_odd_questions_get_plain_answers(
    client: Client, world: make.World, query: dict[str, str], status: int
):
    assert free(client, **query).status_code == status


@pytest.mark.parametrize("text", ["", "{", "[" * 50_000, '"a"', "null", "\xff"])
def test_row_40_a_body_that_is_no_request_is_refused(client: Client, world: make.World, text: str):
    assert post(client, text).status_code in (400, 422)


def test_row_35_nothing_but_the_named_fields_is_taken(client: Client, world: make.World):
    answer = post(client, body(status="booked", price_pence=0))
    assert answer.status_code == 422
    assert not Patient.objects.exists()


def test_row_53_too_many_requests_are_told_when_to_come_back(
    client: Client, world: make.World, settings: Any
):
    settings.THROTTLES = {**settings.THROTTLES, "api": 2}
    answers = [client.get("/api/v1/locations") for _n in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert int(answers[-1]["Retry-After"]) <= 60


def test_the_schema_lists_every_call(client: Client, world: make.World):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert set(paths) >= {
        "/api/v1/locations",
        "/api/v1/therapies",
        "/api/v1/treatments",
        "/api/v1/practitioners",
        "/api/v1/availability",
        "/api/v1/appointments",
        "/api/v1/appointments/{token}",
        "/api/v1/appointments/{token}/cancel",
        "/api/v1/appointments/{token}/reschedule",
    }
