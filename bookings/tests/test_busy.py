"""A deadlock or a failed serialization is tried again, three times; then people are told kindly."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection, transaction
from django.test import Client

from bookings import appointments, placing
from bookings.actors import API, PATIENT
from bookings.errors import Busy
from bookings.models import Appointment, Notification, State
from bookings.models.reservations import Reservation

from . import factories
from .factories import World
from .patient import Visitor

# Nobody tries again inside somebody else's transaction: these are real ones.
pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
NINE = datetime(2027, 1, 11, 9, tzinfo=UTC)
CODES = ["40001", "40P01", "55P03"] if connection.vendor == "postgresql" else ["SQLITE_BUSY"]

Injected = Callable[[str, int], list[str]]


@pytest.fixture
def world() -> Iterator[World]:
    with time_machine.travel(NOW, tick=False):
        yield factories.bookable_clinic()


@pytest.fixture
def injected(monkeypatch) -> Injected:
    """Let the database refuse so many times, with this code, where the reservations are written.

    What comes back grows by one at each refusal.
    """
    in_no_time = SimpleNamespace(sleep=lambda _seconds: None, monotonic=time.monotonic)
    monkeypatch.setattr(placing, "time", in_no_time)

    def arm(code: str, times: int) -> list[str]:
        real, refused = placing._insert, []

        def insert(rows: list[Reservation]) -> None:
            real(rows)
            if len(refused) < times:
                refused.append(code)
                fail(code)

        monkeypatch.setattr(placing, "_insert", insert)
        return refused

    return arm


def fail(code: str) -> None:
    """The error as the driver brings it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"DO $$ BEGIN RAISE 'injected' USING ERRCODE = '{code}'; END $$")
    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorname = code
    raise OperationalError("database is locked") from cause


def book(world: World, n: int = 1) -> Appointment:
    return appointments.book(
        treatment=world.treatment,
        start=NINE,
        screening=factories.passed_screening(world.screening),
        details=appointments.Details(name=f"Pat {n}", email=f"pat{n}@example.org"),
        by=API,
        source="api",
    )


def nothing_happened() -> None:
    assert Appointment.objects.count() == 0
    assert Reservation.objects.count() == 0
    assert Notification.objects.count() == 0


@pytest.mark.parametrize("code", CODES)
def test_row_28_what_fails_three_times_is_booked_the_fourth(world, injected, code):
    refused = injected(code, 3)
    assert book(world).state == State.BOOKED
    assert len(refused) == 3
    # Each failed try was undone whole.
    assert Appointment.objects.count() == 1
    assert Reservation.objects.count() == 3
    assert Notification.objects.filter(kind="confirmation").count() == 1


@pytest.mark.parametrize("code", CODES)
def test_row_28_after_three_retries_it_is_refused_and_nothing_is_half_done(world, injected, code):
    refused = injected(code, 99)
    with pytest.raises(Busy, match="try again"):
        book(world)
    assert len(refused) == placing.TRIES == 4
    nothing_happened()


def test_row_28_the_api_answers_503_with_a_problem_document(world, injected, client: Client):
    injected(CODES[0], 99)
    body = {
        "treatment": world.treatment.slug,
        "start": NINE.isoformat(),
        "patient": {"name": "Pat", "email": "pat@example.org"},
        "screening": {},
    }
    headers = {"Idempotency-Key": "one"}
    answer = client.post(
        "/api/v1/appointments", body, content_type="application/json", headers=headers
    )
    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.json()["code"], answer["Retry-After"]) == ("busy", "5")
    nothing_happened()


def test_row_28_a_patient_gets_a_page_that_says_so_and_keeps_their_way_on(world, injected):
    visitor = Visitor(world)
    injected(CODES[0], 99)
    page = visitor.answer("2027-01-11T09:00+00:00")
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    words = page.content.decode()
    assert "Please try again" in words
    assert "See the calendar" in words
    nothing_happened()


def test_row_28_who_moves_a_visit_keeps_the_old_time(world, injected):
    made = book(world)
    injected(CODES[0], 99)
    with pytest.raises(Busy):
        appointments.reschedule(made, start=NINE.replace(hour=11), by=PATIENT)
    made.refresh_from_db()
    assert (made.starts_at, made.state) == (NINE, State.BOOKED)
    assert set(made.reservations.values_list("starts_at", flat=True)) == {NINE}


def test_what_will_not_pass_by_itself_is_not_tried_again(world, monkeypatch):
    tried: list[Any] = []

    def broken(rows: list[Reservation]) -> None:
        tried.append(rows)
        raise OperationalError("no such table")

    monkeypatch.setattr(placing, "_insert", broken)
    with pytest.raises(OperationalError):
        book(world)
    assert len(tried) == 1


def test_inside_somebody_elses_transaction_there_is_one_try(world, injected):
    refused = injected(CODES[0], 99)
    with pytest.raises(OperationalError), transaction.atomic():
        book(world)
    assert len(refused) == 1
    nothing_happened()


def test_nobody_waits_for_long(world, injected, monkeypatch):
    """Each try of a busy database may have waited for seconds: then it is not tried four times."""
    refused = injected(CODES[0], 99)
    clock = SimpleNamespace(sleep=lambda _s: None, monotonic=lambda: 6.0 * len(refused))
    monkeypatch.setattr(placing, "time", clock)
    with pytest.raises(Busy):
        book(world)
    assert len(refused) == 2
