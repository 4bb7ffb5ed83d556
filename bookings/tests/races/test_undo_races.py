"""The desk takes a cancellation back at the moment in which a worker tells the patient."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core import mail

from bookings import appointments, notifications
from bookings.actors import Actor
from bookings.models import Appointment, Notification, State
from bookings.models.reservations import Reservation
from bookings.tests import factories
from clinic import clock

from .arena import double_bookings, orphans, race, won
from .test_booking_races import NINE, NOW, booking

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

DESK = Actor("staff")
# The mail server has it, and the worker has not marked it yet.
told = threading.Event()


@pytest.fixture(autouse=True)
def _a_week_before() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Appointment:
    """Cancelled by the desk, with a worker whose clock is ahead; handing a mail over takes time."""
    real = notifications._send

    def slowly(*what: Any) -> None:
        real(*what)
        told.set()
        time.sleep(0.2)

    told.clear()

    monkeypatch.setattr(notifications, "_send", slowly)
    row = booking(factories.bookable_clinic(), 1)()
    Notification.objects.all().delete()
    appointments.cancel(row, by=DESK)
    Notification.objects.update(due_at=clock.now())
    return row


def told_and_taken_back(visit: Appointment, *, after: Callable[[], Any]) -> tuple[bool, int]:
    """Whether the patient was told, and how many took it back: two try, and a worker sends."""

    def press() -> Appointment:
        after()
        return appointments.take_back(visit, by=DESK)

    _sent, *backs = race(notifications.send_due, press, press)
    return "is cancelled" in "".join(m.subject for m in mail.outbox), len(won(backs))


@pytest.mark.parametrize("after", [0, 0.02, 0.1])
def test_either_it_is_told_or_it_is_taken_back_and_once(visit, after):
    is_told, backs = told_and_taken_back(visit, after=partial(time.sleep, after))
    assert backs == (0 if is_told else 1)
    visit.refresh_from_db()
    assert visit.state == (State.CANCELLED if is_told else State.BOOKED)
    assert visit.events.filter(verb="take_back").count() == backs
    assert Reservation.objects.count() == 3 * backs
    assert orphans() == 0


def test_what_the_mail_server_has_is_not_taken_back(visit):
    assert told_and_taken_back(visit, after=partial(told.wait, 20)) == (True, 0)


def test_control_who_does_not_look_at_the_claim_takes_back_what_is_told(visit, monkeypatch):
    monkeypatch.setattr(notifications, "hold_back", lambda row: True)
    assert told_and_taken_back(visit, after=partial(told.wait, 20)) == (True, 1)


def test_the_old_time_goes_back_or_to_somebody_else(visit):
    Notification.objects.update(due_at=NINE)
    other = partial(
        appointments.book,
        treatment=visit.treatment,
        start=visit.starts_at,
        details=appointments.Details(name="Sam", email="sam@example.org"),
        by=DESK,
        source="desk",
        override=True,
    )
    race(other, partial(appointments.take_back, visit, by=DESK), other)
    there = Appointment.objects.filter(state=State.BOOKED, starts_at=visit.starts_at)
    assert there.count() == 1
    assert double_bookings() == 0
    assert Reservation.objects.count() == 3
