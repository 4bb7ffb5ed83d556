"""The outbox: the Celery tasks bring each message to a mail server once, whatever fails between.

The mail server is a real one on this machine (clinic/tests/smtp.py); time is set, never slept.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from celery import current_app
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from bookings import appointments, notifications, tasks
from bookings.actors import Actor
from bookings.models import Appointment, Kind, Notification, ReminderRule
from clinic import mail
from clinic.tests import smtp

from . import cast, factories
from .factories import World
from .races.arena import race

pytestmark = pytest.mark.django_db

DESK = Actor("staff")
MONDAY = datetime(2027, 1, 4, 8, tzinfo=UTC)
THURSDAY = datetime(2027, 1, 7, 10, tzinfo=UTC)
LEASE = notifications.LEASE


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def post(settings) -> Iterator[smtp.Server]:
    with smtp.running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield server


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    """What a task hands on is done at once, in this process, and its errors are seen."""
    conf = current_app.conf
    conf.task_always_eager = conf.task_eager_propagates = True
    yield
    conf.task_always_eager = conf.task_eager_propagates = False


@pytest.fixture
def world(clock) -> World:
    for minutes in (2880, 120):
        ReminderRule.objects.get_or_create(treatment=None, minutes_before=minutes)
    return factories.bookable_clinic()


def booked(world: World, **details: str) -> Appointment:
    return appointments.book(
        treatment=world.treatment,
        start=THURSDAY,
        details=appointments.Details(**{"name": "Pat", "email": "pat@example.org", **details}),
        by=DESK,
        source="desk",
        override=True,
    )


@pytest.fixture
def confirmation(world: World) -> Notification:
    return booked(world).notifications.get(kind=Kind.CONFIRMATION)


def waiting(n: int) -> None:
    factories.directory.clinic_row()
    Notification.objects.bulk_create(
        Notification(
            kind=Kind.CONTACT_RECEIPT,
            recipient=f"pat{i}@example.org",
            payload={"name": "Pat", "answers_within": "a day"},
            due_at=MONDAY - timedelta(minutes=1),
        )
        for i in range(n)
    )


def look(row: Notification) -> Notification:
    row.refresh_from_db()
    return row


# --- what leaves ------------------------------------------------------------------------
def test_the_task_sends_what_is_due_and_nothing_else(world, clock, post):
    booked(world)
    tasks.send_due()
    assert [x.message["Subject"] for x in post.letters] == [
        "Your appointment on Thursday 7 January 2027 at 10:00"
    ]
    for before in (timedelta(days=2), timedelta(hours=2)):
        clock.move_to(THURSDAY - before - timedelta(seconds=1))
        tasks.send_due()
        sent = len(post.letters)
        clock.move_to(THURSDAY - before)
        tasks.send_due()
        tasks.send_due()
        assert len(post.letters) == sent + 1
        assert post.letters[-1].message["Subject"].startswith("Reminder")
    assert set(Notification.objects.values_list("state", flat=True)) == {"sent"}


def test_row_69_each_message_has_one_recipient_and_no_other_address(world, clock, post):
    booked(world)
    clock.move_to(THURSDAY - timedelta(hours=2))
    tasks.send_due()
    assert [x.recipients for x in post.letters] == [["pat@example.org"]] * len(post.letters)
    for letter in post.letters:
        assert letter.message["To"] == "pat@example.org"
        assert letter.message["Cc"] is letter.message["Bcc"] is None


def test_a_round_goes_on_until_nothing_is_due(clock, post):
    waiting(53)  # a claim takes fifty
    tasks.send_due()
    assert len({x.recipients[0] for x in post.letters}) == len(post.letters) == 53


def test_what_is_sent_is_marked_with_its_time_and_address(confirmation, post):
    tasks.send_due()
    row = look(confirmation)
    assert (row.state, row.sent_at, row.attempts) == ("sent", MONDAY, 1)
    assert (row.lease_until, row.last_error) == (None, "")


def test_a_mail_goes_to_the_address_the_patient_has_now(confirmation, post):
    patient = confirmation.appointment.patient
    patient.email = "new@example.org"
    patient.save()
    tasks.send_due()
    assert [x.recipients for x in post.letters] == [["new@example.org"]]
    assert look(confirmation).recipient == "new@example.org"


@pytest.mark.parametrize(
    "address", ["", "pat", "a@example.org, b@example.org", "Pat <a@b.example>"]
)
def test_what_is_not_one_address_fails_and_says_so(confirmation, post, address):
    confirmation.appointment.patient.email = address
    confirmation.appointment.patient.save()
    tasks.send_due()
    assert post.letters == []
    row = look(confirmation)
    assert row.state == "failed"
    assert "exactly one address" in row.last_error


# --- a worker that dies -------------------------------------------------------------------
def dies(monkeypatch, *, sends_first: bool) -> None:
    """The worker ends (as when it is killed) before or after the mail server took its first."""
    real = mail.send

    def send(**letter: Any) -> None:
        monkeypatch.setattr(mail, "send", real)
        if sends_first:
            real(**letter)
        raise SystemExit

    monkeypatch.setattr(mail, "send", send)
    with pytest.raises(SystemExit):
        tasks.send_due()


def test_a_dead_workers_claim_is_taken_up_when_its_lease_is_over(
    confirmation, clock, post, monkeypatch
):
    dies(monkeypatch, sends_first=False)
    clock.shift(LEASE - timedelta(seconds=1))
    tasks.send_due()
    assert post.letters == []
    clock.shift(timedelta(seconds=1))
    tasks.send_due()
    tasks.send_due()
    assert len(post.letters) == 1
    assert (look(confirmation).state, confirmation.attempts) == ("sent", 2)


def test_a_message_sent_but_not_marked_comes_once_more_under_the_same_id(
    confirmation, clock, post, monkeypatch
):
    dies(monkeypatch, sends_first=True)
    clock.shift(LEASE)
    tasks.send_due()
    tasks.send_due()
    first, again = (x.message["Message-ID"] for x in post.letters)
    assert first == again
    assert look(confirmation).state == "sent"


def test_a_task_that_comes_twice_or_too_late_sends_nothing(confirmation, clock, post):
    [claim] = notifications.claim()
    clock.shift(LEASE)
    tasks.send_one(*claim)
    assert post.letters == []
    [again] = notifications.claim()
    tasks.send_one(*claim)
    assert post.letters == []
    tasks.send_one(*again)
    tasks.send_one(*again)
    assert len(post.letters) == 1


def test_who_claimed_it_before_it_was_sent_again_by_hand_sends_nothing(confirmation, clock, post):
    [claim] = notifications.claim()
    Notification.objects.filter(pk=confirmation.pk).update(state="failed", lease_until=None)
    notifications.send_again(confirmation)
    notifications.claim()
    assert not notifications.deliver(*claim)
    assert post.letters == []


def test_a_stuck_workers_failure_does_not_undo_its_successors_claim(
    confirmation, clock, post, monkeypatch
):
    [first] = notifications.claim()

    def hangs(**letter: Any) -> None:
        clock.shift(LEASE)
        notifications.claim()
        raise ValueError("refused for good, five minutes later")

    monkeypatch.setattr(mail, "send", hangs)
    tasks.send_one(*first)
    assert (look(confirmation).state, confirmation.attempts) == ("pending", 2)
    assert confirmation.lease_until == MONDAY + 2 * LEASE


# --- a server that refuses ----------------------------------------------------------------
TEMPORARY = {
    "greylisted": {"RCPT": ["451 4.7.1 try later"]},
    "full for now": {"MAIL": ["452 4.3.1 no room"]},
    "not now": {"DATA": ["421 4.3.2 going down"]},
    "it does not know us": {"EHLO": ["550 who"], "HELO": ["550 who"]},
}


@pytest.mark.parametrize("answers", TEMPORARY.values(), ids=TEMPORARY)
def test_a_temporary_failure_is_tried_again(confirmation, clock, post, answers):
    post.answers = {command: [*lines] for command, lines in answers.items()}
    tasks.send_due()
    row = look(confirmation)
    assert (row.state, row.attempts, post.letters) == ("pending", 1, [])
    assert row.last_error
    tasks.send_due()
    assert post.letters == []  # not at once
    clock.shift(timedelta(minutes=2))
    tasks.send_due()
    assert len(post.letters) == 1
    assert (look(confirmation).state, confirmation.last_error) == ("sent", "")


def test_a_server_that_is_away_is_tried_again(confirmation, clock, post, settings):
    settings.EMAIL_PORT = 1
    tasks.send_due()
    assert look(confirmation).state == "pending"
    assert "Refused" in confirmation.last_error
    settings.EMAIL_PORT = post.port
    clock.shift(timedelta(minutes=2))
    tasks.send_due()
    assert len(post.letters) == 1


def test_a_wrong_password_of_ours_is_not_the_messages_fault(confirmation, post, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "clinic", "old"
    post.answers = {
        "EHLO": ["250-mail.example.org\r\n250 AUTH PLAIN"],
        "AUTH": ["535 5.7.8 wrong password"],
    }
    tasks.send_due()
    assert look(confirmation).state == "pending"
    assert "535" in confirmation.last_error


def test_it_waits_longer_each_time_and_gives_up_after_eight(confirmation, clock, post):
    post.answers = {"RCPT": ["451 try later"] * 99}
    waits = []
    while look(confirmation).state == "pending":
        if confirmation.lease_until:
            waits.append((confirmation.lease_until - datetime.now(UTC)).total_seconds())
            clock.move_to(confirmation.lease_until)
        tasks.send_due()
    assert (confirmation.state, confirmation.attempts, len(waits)) == ("failed", 8, 7)
    for n, wait in enumerate(waits, start=1):
        assert 0.75 <= wait / min(30 * 2**n, 3600) <= 1.25
    clock.shift(timedelta(hours=2))
    tasks.send_due()
    assert look(confirmation).attempts == 8


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_a_permanent_failure_is_marked_and_seen_at_the_desk(
    confirmation, clock, post, client: Client, command
):
    post.answers = {command: ["550 5.1.1 no such mailbox"]}
    tasks.send_due()
    row = look(confirmation)
    assert (row.state, row.attempts, row.lease_until) == ("failed", 1, None)
    assert row.last_error == "550 5.1.1 no such mailbox"
    clock.shift(timedelta(hours=2))
    tasks.send_due()
    assert post.letters == []
    client.force_login(cast.dora())
    page = client.get(reverse("desk")).content.decode()
    assert "no such mailbox" in page


def test_one_bad_address_does_not_hold_up_the_others(clock, post):
    waiting(3)
    post.answers = {"RCPT": [smtp.OK, "550 no", smtp.OK]}
    tasks.send_due()
    assert len(post.letters) == 2
    assert Notification.objects.filter(state="failed").count() == 1


# --- two workers --------------------------------------------------------------------------
def run() -> None:
    """What a run of the task does, without the lock that keeps it alone in its process."""
    with notifications.Line() as line:
        notifications._send_until(time.monotonic() + 20, line)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_message_once(post):
    with time_machine.travel(MONDAY, tick=True):
        waiting(30)
        race(*[run] * 2)
    sent = sorted(x.recipients[0] for x in post.letters)
    assert sent == sorted(f"pat{i}@example.org" for i in range(30))
    assert set(Notification.objects.values_list("state", "attempts")) == {("sent", 1)}


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_a_claim_of_its_own_each_worker_sends_it(post, monkeypatch):
    waiting(1)
    Notification.objects.update(lease_until=datetime(2100, 1, 1, tzinfo=UTC), attempts=1)
    both = threading.Barrier(2, timeout=20)
    real = mail.send

    def together(**letter: Any) -> None:
        both.wait()
        real(**letter)

    monkeypatch.setattr(mail, "send", together)
    # As in two processes.
    monkeypatch.setattr(notifications, "_handing_over", threading.Semaphore(2))
    pk = Notification.objects.get().pk
    race(*[partial(tasks.send_one, pk, 1)] * 2)
    assert len(post.letters) == 2


# --- the nudge ------------------------------------------------------------------------------
def nudges(monkeypatch, answer: Callable[[], None] = lambda: None) -> list[str]:
    said: list[str] = []

    def send_task(name: str, **how: Any) -> None:
        said.append(name)
        answer()

    monkeypatch.setattr(current_app, "send_task", send_task)
    return said


@pytest.mark.django_db(transaction=True)
def test_the_worker_is_told_after_the_commit_and_not_before(world, monkeypatch):
    said = nudges(monkeypatch)
    with transaction.atomic():
        booked(world)
        assert said == []
    assert said == ["bookings.tasks.send_due"]
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        appointments.cancel(Appointment.objects.get(), by=DESK)
        raise ZeroDivisionError
    assert len(said) == 1


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_costs_neither_the_booking_nor_the_mail(world, post, monkeypatch):
    def away() -> None:
        raise OperationalError("connection refused")

    said = nudges(monkeypatch, away)
    visit = booked(world)
    assert said and not connection.in_atomic_block
    assert Appointment.objects.get(pk=visit.pk).state == "booked"
    tasks.send_due()  # beat's next look
    assert len(post.letters) == 1
