"""The read part of /api/v1/: how fresh an answer is, what it can be narrowed to, its document."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bookings.models import Appointment
from bookings.tests import factories as make
from practitioners.models import Location
from practitioners.tests import factories as directory

pytestmark = pytest.mark.django_db
MONDAY = datetime(2027, 1, 11, 8, tzinfo=UTC)
TEN = "2027-01-12T10:00:00+00:00"
LISTS = ["locations", "therapies", "treatments", "practitioners"]
DOCUMENT = "/api/v1/openapi.json"


@pytest.fixture(autouse=True)
def _monday_morning():
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def world() -> make.World:
    made = make.bookable_clinic(price_pence=6000)
    made.treatment.lengths.create(minutes=90, price_pence=8500)
    return made


def free(client: Client, headers: dict[str, str] | None = None, **query: str) -> Any:
    asked = {"treatment": "visit", "from": "2027-01-12", "to": "2027-01-12", **query}
    return client.get("/api/v1/availability", asked, headers=headers)


def starts(answer: Any) -> list[str]:
    return [found["start"] for found in answer.json()["starts"]]


def book(client: Client, **changes: Any) -> Any:
    body = {
        "treatment": "visit",
        "start": TEN,
        "patient": {"name": "Pat Example", "email": "pat@example.org"},
        "screening": {},
        **changes,
    }
    return client.post("/api/v1/appointments", json.dumps(body), content_type="application/json")


# --- fresh ------------------------------------------------------------------------
def test_an_answer_about_free_times_is_never_used_again_without_asking(
    client: Client, world: make.World
):
    answer = free(client)
    assert set(answer["Cache-Control"].split(", ")) == {"private", "no-cache"}


def test_a_start_that_was_booked_is_gone_when_the_answer_is_asked_for_again(
    client: Client, world: make.World
):
    before = free(client)
    same = free(client, {"If-None-Match": before["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert book(client).status_code == 201
    after = free(client, {"If-None-Match": before["ETag"]})
    assert after.status_code == 200 and after["ETag"] != before["ETag"]
    assert TEN in starts(before) and TEN not in starts(after)


def test_an_answer_that_says_the_same_has_the_same_etag(client: Client, world: make.World):
    first = free(client)["ETag"]
    with time_machine.travel(datetime(2027, 1, 11, 8, 1, tzinfo=UTC), tick=False):
        assert free(client)["ETag"] == first
    assert free(client, minutes="90")["ETag"] != first


@pytest.mark.parametrize("said", ["{etag}", "W/{etag}", "*", '"other", {etag}'])
@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize(
    "what", [*LISTS, "availability?treatment=visit&from=2027-01-12&to=2027-01-12"]
)
def test_what_the_caller_has_already_is_not_sent_again(
    client: Client, world: make.World, what: str, method: str, said: str
):
    ask = getattr(client, method)
    first = ask(f"/api/v1/{what}")
    again = ask(f"/api/v1/{what}", headers={"If-None-Match": said.format(etag=first["ETag"])})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again["ETag"] == first["ETag"] and again["Cache-Control"] == first["Cache-Control"]


def test_another_etag_gets_the_whole_answer(client: Client, world: make.World):
    answer = free(client, {"If-None-Match": '"other", W/"one-more"'})
    assert answer.status_code == 200 and TEN in starts(answer)


@pytest.mark.parametrize("what", LISTS)
def test_lists_may_be_kept_for_minutes_by_anybody_and_do_not_vary(
    client: Client, world: make.World, django_user_model: Any, what: str
):
    stranger = client.get(f"/api/v1/{what}")
    assert stranger["Cache-Control"] == "public, max-age=300"
    # What a shared cache keeps for all is the same for all, signed in or not.
    client.force_login(django_user_model.objects.create_superuser("dora"))
    staff = client.get(f"/api/v1/{what}", headers={"Accept-Language": "cy"})
    assert staff.content == stranger.content
    assert "Vary" not in stranger and "Set-Cookie" not in staff


def test_a_refusal_is_kept_by_nobody(client: Client, world: make.World):
    answer = free(client, treatment="nope")
    assert answer["Cache-Control"] == "no-store" and "ETag" not in answer


def test_a_head_says_what_a_get_would(client: Client, world: make.World):
    asked = {"treatment": "visit", "from": "2027-01-12", "to": "2027-01-12"}
    head, get = client.head("/api/v1/availability", asked), free(client)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", get["ETag"])
    assert client.head("/api/v1/availability", {"treatment": "nope"}).status_code == 422


def test_row_57_an_own_appointment_is_kept_by_nobody_also_asked_with_head(
    client: Client, world: make.World
):
    book(client)
    path = f"/api/v1/appointments/{Appointment.objects.get().token}"
    assert client.head(path).status_code == 200
    assert client.head(path)["Cache-Control"] == "no-store"


# --- narrowed -----------------------------------------------------------------------
def test_each_filter_leaves_what_it_names_and_nothing_else(client: Client, world: make.World):
    welsh = directory.language("cy", "Welsh")
    other = world.another_practitioner(name="Ben", slug="ben", gender="man", languages=[welsh])
    hill = directory.location(name="Hilltop", slug="hilltop")
    make.opening(hill, days=[1])
    make.opening(
        hill,
        make.body(other),
        days=[1],
        starts=datetime(2027, 1, 1, 18).time(),
        ends=datetime(2027, 1, 1, 20).time(),
    )
    world.rooms.members.add(make.room(hill))
    make.opening(
        hill,
        world.rooms.members.get(location=hill),
        days=[1],
        starts=datetime(2027, 1, 1, 18).time(),
        ends=datetime(2027, 1, 1, 20).time(),
    )

    def who(**query: str) -> set[str]:
        return {slug for s in free(client, **query).json()["starts"] for slug in s["practitioners"]}

    everybody = who()
    assert everybody == {"ben", world.practitioner.slug}
    assert who(practitioner="ben") == who(gender="man") == who(language="cy") == {"ben"}
    assert who(gender="non-binary") == set()
    places = {s["location"] for s in free(client, location="hilltop").json()["starts"]}
    assert places == {"hilltop"}
    parts = {
        part: {s[11:13] for s in starts(free(client, part=part))}
        for part in ("morning", "afternoon", "evening")
    }
    assert parts == {
        "morning": {"09", "10", "11"},
        "afternoon": {"12", "13", "14", "15", "16"},
        "evening": {"18", "19"},
    }


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"gender": "giant"}, 422, "gender"),
        ({"part": "night"}, 422, "part"),
        ({"language": "xx"}, 404, "language"),
        ({"language": "x" * 13}, 422, "language"),
        ({"minutes": "45"}, 422, "minutes"),
        ({"minutes": "half"}, 422, "minutes"),
        ({"minutes": "99999999999999999999"}, 422, "minutes"),
        ({"practitioner": "nope"}, 404, "practitioner"),
        ({"location": "nope"}, 404, "location"),
    ],
)
def test_a_filter_that_means_nothing_is_a_problem_naming_it(
    client: Client, world: make.World, query: dict[str, str], status: int, field: str
):
    answer = free(client, **query)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field


# --- lengths ------------------------------------------------------------------------
def test_a_treatment_lists_every_length_it_comes_in(client: Client, world: make.World):
    row = client.get("/api/v1/treatments").json()[0]
    assert row["minutes"] == 60
    assert row["lengths"] == [
        {"minutes": 60, "price_pence": 6000},
        {"minutes": 90, "price_pence": 8500},
    ]


def test_every_start_of_a_length_can_be_booked_in_it(client: Client, world: make.World):
    longer = free(client, minutes="90")
    assert longer.json()["minutes"] == 90
    assert "2027-01-12T16:00:00+00:00" in starts(free(client))
    assert "2027-01-12T16:00:00+00:00" not in starts(longer)
    for n in range(20):
        offered = starts(free(client, minutes="90"))
        if not offered:
            break
        person = {"name": f"Pat {n}", "email": f"pat{n}@example.org"}
        answer = book(client, start=offered[-1], minutes=90, patient=person)
        assert answer.status_code == 201
        assert (answer.json()["minutes"], answer.json()["price_pence"]) == (90, 8500)
    assert n > 2 and not offered


def test_a_length_it_does_not_come_in_is_a_422_naming_the_field(client: Client, world: make.World):
    answer = book(client, minutes=45)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_such_length")
    assert answer.json()["errors"][0]["field"] == "minutes"
    assert not Appointment.objects.exists()


def test_alternatives_for_a_long_visit_are_long_enough(client: Client, world: make.World):
    book(client, start="2027-01-12T14:00:00+00:00")
    other = {"name": "Zed", "email": "zed@example.org"}
    answer = book(client, start="2027-01-12T13:00:00+00:00", minutes=90, patient=other)
    assert answer.status_code == 409
    offered = [a["start"] for a in answer.json()["alternatives"]]
    assert offered and not {"2027-01-12T13:00:00+00:00", "2027-01-12T16:00:00+00:00"} & {*offered}
    assert book(client, start=offered[0], minutes=90, patient=other).status_code == 201


def test_moving_by_api_keeps_the_length(client: Client, world: make.World):
    book(client, minutes=90)
    path = f"/api/v1/appointments/{Appointment.objects.get().token}/reschedule"
    body = json.dumps({"start": "2027-01-13T10:00:00+00:00"})
    moved = client.post(path, body, content_type="application/json").json()
    assert (moved["minutes"], moved["end"]) == (90, "2027-01-13T11:30:00+00:00")


# --- instants and problems ------------------------------------------------------------
def test_every_instant_is_written_with_its_offset(client: Client, world: make.World):
    booked = book(client)
    taken = book(client, patient={"name": "Zed", "email": "zed@example.org"})
    path = f"/api/v1/appointments/{Appointment.objects.get().token}"
    told = " ".join(a.content.decode() for a in (free(client), booked, taken, client.get(path)))
    found = re.findall(r"\d{4}-\d\d-\d\dT[^\"]+", told)
    assert len(found) > 10
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00\+00:00", text) for text in found)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/v1/nothing", 404),
        ("get", "/api/", 404),
        ("delete", "/api/v1/locations", 405),
        ("put", "/api/v1/appointments", 405),
        ("get", "/api/v1/locations?x=%00", 400),
        ("get", "/api/v1/appointments/nope", 404),
    ],
)
def test_every_error_is_a_problem_document(
    client: Client, world: make.World, method: str, path: str, status: int
):
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
    said = answer.json()
    assert said["status"] == status and said["code"] and said["detail"] and said["title"]
    assert ("Allow" in answer) == (status == 405)


def test_a_fault_of_ours_is_a_problem_document_too(
    client: Client, world: make.World, monkeypatch: Any
):
    def broken() -> None:
        raise RuntimeError

    monkeypatch.setattr(Location.objects, "published", broken)
    client.raise_request_exception = False
    answer = client.get("/api/v1/locations")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_server_error")


# --- queries ------------------------------------------------------------------------
def test_filters_and_lengths_cost_no_query_for_each_practitioner_or_start(
    client: Client, world: make.World
):
    directory.language("cy", "Welsh")

    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            answer = free(
                client, minutes="90", gender="woman", language="cy", part="morning", to="2027-02-28"
            )
        assert answer.status_code == 200
        return len(seen)

    few = count()
    for n in range(10):
        world.another_practitioner(gender="woman", languages=[directory.language(f"l{n}", f"L{n}")])
        world.treatment.lengths.create(minutes=100 + 5 * n, price_pence=100)
    assert count() == few <= 8


# --- the document ---------------------------------------------------------------------
@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get(DOCUMENT).json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        schema = document["components"]["schemas"][name]
    return schema


def wrong(document: dict[str, Any], schema: dict[str, Any], value: Any, at: str = "") -> list[str]:
    """Where `value` is not what the schema says; as much of JSON Schema as the document uses."""
    schema = resolve(document, schema)
    if "anyOf" in schema:
        found = [wrong(document, option, value, at) for option in schema["anyOf"]]
        return [] if [] in found else found[0]
    kinds: dict[str, Any] = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
    }
    kind = schema.get("type")
    if kind and (not isinstance(value, kinds[kind]) or (kind == "integer" and value is True)):
        return [f"{at}: {value!r} is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is not among {schema['enum']}"]
    if schema.get("format") == "date-time":
        datetime.fromisoformat(value)
    if schema.get("format") == "date":
        date.fromisoformat(value)
    if kind == "array":
        return [w for v in value for w in wrong(document, schema["items"], v, f"{at}[]")]
    if kind == "object" and "properties" in schema:
        known, given = schema["properties"], set(value)
        odd = {*given - {*known}, *{*schema.get("required", [])} - given}
        return [f"{at}: {name}" for name in odd] + [
            w for name in given & {*known} for w in wrong(document, known[name], value[name], name)
        ]
    return []


def test_the_document_is_whole(document: dict[str, Any]):
    assert document["openapi"].startswith("3.1") and document["info"]["version"] == "1"
    ids = [operation["operationId"] for _p, _m, operation in operations(document)]
    assert len(ids) == len(set(ids)) == 9
    for ref in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        assert ref.removeprefix("#/components/schemas/") in document["components"]["schemas"]
    for path, method, operation in operations(document):
        named = {p["name"]: p for p in operation["parameters"]}
        assert set(re.findall(r"{(\w+)}", path)) <= set(named)
        assert operation["description"], path
        for parameter in named.values():
            assert parameter["in"] in ("query", "path", "header")
            assert "schema" in parameter and "examples" not in parameter
            assert parameter["in"] != "path" or parameter["required"]
        good = {int(status) for status in operation["responses"]} & {200, 201}
        assert len(good) == 1 and (method == "post" or good == {200})
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"]


def test_the_document_says_what_each_question_can_be_narrowed_by(document: dict[str, Any]):
    asked = document["paths"]["/api/v1/availability"]["get"]
    parameters = {p["name"]: p for p in asked["parameters"]}
    assert set(parameters) == {
        "treatment",
        "from",
        "to",
        "practitioner",
        "location",
        "minutes",
        "gender",
        "language",
        "part",
        "If-None-Match",
    }
    assert all(p["description"] for p in parameters.values())
    assert {n for n, p in parameters.items() if p["required"]} == {"treatment", "from", "to"}
    assert {"304", "404", "422", "429"} <= set(asked["responses"])
    assert "ETag" in asked["responses"]["200"]["headers"]
    headers = document["paths"]["/api/v1/appointments"]["post"]["parameters"]
    assert [h["name"] for h in headers] == ["Idempotency-Key"]


def test_every_body_and_answer_has_an_example_that_fits_it(document: dict[str, Any]):
    inside = {"FieldProblem", "LengthOut", "PatientIn"}
    for name, schema in document["components"]["schemas"].items():
        examples = schema.get("examples", [])
        assert examples or name in inside, name
        for example in examples:
            assert wrong(document, schema, example) == [], name


def test_what_is_answered_is_what_the_document_says(
    client: Client, world: make.World, document: dict[str, Any]
):
    booked = book(client)
    taken = book(client, patient={"name": "Zed", "email": "zed@example.org"})
    token = Appointment.objects.get().token
    answers = [
        *(("get", f"/api/v1/{what}", client.get(f"/api/v1/{what}")) for what in LISTS),
        ("get", "/api/v1/availability", free(client)),
        ("get", "/api/v1/availability", free(client, treatment="nope")),
        ("post", "/api/v1/appointments", booked),
        ("post", "/api/v1/appointments", taken),
        ("get", "/api/v1/appointments/{token}", client.get(f"/api/v1/appointments/{token}")),
    ]
    for method, path, answer in answers:
        said = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
        schema = said[answer["Content-Type"].partition(";")[0]]["schema"]
        assert wrong(document, schema, answer.json()) == [], path
