"""What the outbox keeps to: not too late, not too fast, what matters first, one connection."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings as in_force
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from bookings import appointments, notifications, pace, tasks
from bookings.actors import Actor
from bookings.attention import undeliverable
from bookings.models import Appointment, Kind, MailPace, Notification, Patient, ReminderRule
from clinic.tests import smtp

from . import cast, factories
from .factories import World
from .races.arena import race

pytestmark = pytest.mark.django_db

DESK = Actor("staff")
MONDAY = datetime(2027, 1, 4, 8, tzinfo=UTC)
THURSDAY = datetime(2027, 1, 7, 10, tzinfo=UTC)
FAR = datetime(2027, 2, 4, 10, tzinfo=UTC)


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


@pytest.fixture
def world(clock) -> World:
    ReminderRule.objects.all().delete()
    ReminderRule.objects.create(minutes_before=120)
    return factories.bookable_clinic()


def book(world: World, start: datetime = THURSDAY) -> Appointment:
    return appointments.book(
        treatment=world.treatment,
        start=start,
        details=appointments.Details(name="Pat", email="pat@example.org"),
        by=DESK,
        source="desk",
        override=True,
    )


def told(world: World, kind: Kind, start: datetime) -> Notification:
    """The one message of a kind about a visit, waiting."""
    visit = book(world, start)
    Notification.objects.exclude(kind=kind).delete()
    if kind == Kind.CANCELLATION:
        appointments.cancel(visit, by=DESK)
    elif kind == Kind.CHANGE:
        appointments.reschedule(visit, start=start + timedelta(hours=2), by=DESK)
    Notification.objects.exclude(kind=kind).delete()
    if kind != Kind.REMINDER:
        Notification.objects.update(due_at=MONDAY)  # as if nobody could take it back
    return Notification.objects.get()


def other(kind: Kind, due: datetime = MONDAY, n: int = 0) -> Notification:
    words = {"name": "Pat", "answers_within": "a day", "answer": "Yes.", "code": "1"}
    words |= {"email": "pat@example.org", "phone": "", "subject": "s", "message": "m"}
    words |= {"reply_by": "", "best_time": ""}
    return Notification.objects.create(
        kind=kind, recipient=f"pat{n}@example.org", payload=words, due_at=due
    )


def sent(post: smtp.Server) -> int:
    before = len(post.letters)
    tasks.send_due()
    return len(post.letters) - before


# --- too late -----------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [Kind.CONFIRMATION, Kind.CHANGE, Kind.CANCELLATION])
def test_news_of_a_visit_ahead_is_sent_however_long_the_morning_was(world, clock, post, kind):
    told(world, kind, FAR)
    clock.shift(timedelta(hours=71))
    assert sent(post) == 1


@pytest.mark.parametrize("kind", [Kind.CONFIRMATION, Kind.CHANGE, Kind.CANCELLATION])
def test_news_that_is_days_old_fails_and_stands_at_the_desk(
    world, clock, post, client: Client, kind
):
    row = told(world, kind, FAR)
    clock.shift(timedelta(hours=73))
    assert sent(post) == 0
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("failed", "It could not be sent for too long.")
    client.force_login(cast.dora())
    assert "could not be sent for too long" in client.get(reverse("desk")).content.decode()


@pytest.mark.parametrize("kind", [Kind.CONFIRMATION, Kind.CHANGE, Kind.CANCELLATION])
def test_news_that_comes_after_the_visit_fails_and_is_not_sent(world, clock, post, kind):
    row = told(world, kind, MONDAY + timedelta(hours=2))
    clock.shift(timedelta(hours=6))
    assert sent(post) == 0
    row.refresh_from_db()
    assert (row.state, row.last_error) == (
        "failed",
        "It could not be sent before the visit began.",
    )


def test_how_old_is_too_old_is_the_clinics_to_say(world, clock, post, settings):
    settings.MAIL_OLDEST_HOURS = 4
    told(world, Kind.CONFIRMATION, FAR)
    clock.shift(timedelta(hours=4, seconds=1))
    assert sent(post) == 0


@pytest.mark.parametrize(
    ("kind", "hours", "state"),
    [
        (Kind.CODE, 0.2, "dropped"),
        (Kind.CONTACT_CLINIC, 73, "dropped"),
        (Kind.CONTACT_RECEIPT, 73, "dropped"),
        (Kind.CONTACT_ANSWER, 73, "failed"),
    ],
)
def test_what_matters_to_a_patient_fails_and_the_rest_is_dropped_with_its_reason(
    world, clock, post, kind, hours, state
):
    row = other(kind)
    clock.shift(timedelta(hours=hours))
    assert sent(post) == 0
    row.refresh_from_db()
    assert row.state == state
    assert row.last_error


def test_a_reminder_that_came_too_late_says_so_in_the_admin(world, clock, post, client: Client):
    row = told(world, Kind.REMINDER, THURSDAY)
    clock.move_to(THURSDAY - timedelta(minutes=59))
    assert sent(post) == 0
    row.refresh_from_db()
    assert row.state == "dropped"
    client.force_login(User.objects.create_superuser("dora"))
    page = client.get(reverse("admin:bookings_notification_change", args=[row.pk]))
    assert "It was too late to remind." in page.content.decode()


def test_a_reminder_is_never_older_than_the_ceiling(world, clock, post):
    ReminderRule.objects.all().update(minutes_before=60 * 24 * 20)
    told(world, Kind.REMINDER, FAR)
    clock.move_to(FAR - timedelta(days=20) + timedelta(hours=73))  # well before half of its time
    assert sent(post) == 0


def test_a_person_may_send_again_what_was_too_old(world, clock, post):
    row = told(world, Kind.CONFIRMATION, FAR)
    clock.shift(timedelta(hours=73))
    sent(post)
    row.refresh_from_db()
    notifications.send_again(row)
    assert sent(post) == 1


# --- a server that is away ------------------------------------------------------------------
def test_a_code_that_is_sent_again_too_late_does_not_leave(clock, post):
    row = other(Kind.CODE)
    Notification.objects.filter(pk=row.pk).update(state="failed")
    clock.shift(timedelta(minutes=11))
    notifications.send_again(row)
    assert sent(post) == 0
    row.refresh_from_db()
    assert row.state == "dropped"


def test_an_outage_of_a_day_costs_no_message_its_chance(world, clock, post, settings):
    row = told(world, Kind.CONFIRMATION, FAR)
    settings.EMAIL_PORT, port = 1, settings.EMAIL_PORT
    for _half_hour in range(48):
        clock.shift(timedelta(minutes=30))
        tasks.send_due()
    row.refresh_from_db()
    assert (row.state, row.refusals) == ("pending", 0)
    settings.EMAIL_PORT = port
    clock.shift(timedelta(minutes=10))
    assert sent(post) == 1


def test_a_run_asks_a_server_that_is_away_once_and_lets_the_others_go(clock, settings):
    for n in range(20):
        other(Kind.CONTACT_RECEIPT, n=n)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    tasks.send_due()
    assert Notification.objects.exclude(last_error="").count() == 1
    assert Notification.objects.filter(lease_until=None).count() == 19


# --- what matters first ---------------------------------------------------------------------
def crowd(kind: Kind, count: int, due: datetime = MONDAY - timedelta(hours=1)) -> None:
    rows = (
        Notification(kind=kind, recipient=f"p{n}@example.org", due_at=due) for n in range(count)
    )
    Notification.objects.bulk_create(rows)


def test_a_code_goes_before_reminders_that_are_due_for_longer(clock):
    crowd(Kind.REMINDER, 60)
    code = other(Kind.CODE)
    assert notifications.claim()[0][0] == code.pk


def test_a_crowd_of_others_does_not_starve_the_reminders(clock):
    crowd(Kind.CONTACT_RECEIPT, 100)
    crowd(Kind.REMINDER, 100, MONDAY)
    claimed = [pk for pk, _attempt in notifications.claim(40)]
    assert len(set(claimed)) == 40
    assert Notification.objects.filter(pk__in=claimed, kind=Kind.REMINDER).count() == 10


@pytest.mark.parametrize(("urgent", "reminders"), [(100, 3), (3, 100), (0, 100), (100, 0), (2, 3)])
def test_a_claim_is_full_while_anything_is_due(clock, urgent, reminders):
    crowd(Kind.CONTACT_RECEIPT, urgent)
    crowd(Kind.REMINDER, reminders)
    assert len(set(notifications.claim(40))) == min(40, urgent + reminders)


# --- at the provider's pace -----------------------------------------------------------------
def test_no_minute_has_more_mails_than_the_provider_takes(clock, settings):
    settings.MAIL_PER_MINUTE = 30
    pace.wait(time.monotonic() + 1)
    turns = []
    for second in range(150):
        clock.move_to(MONDAY + timedelta(seconds=second))
        turns += [second] * sum(pace.take_turn() for _try in range(5))
    for begin in range(90):
        assert len([t for t in turns if begin <= t < begin + 60]) == 30


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_workers_that_want_a_turn_at_one_moment_get_one_between_them(settings):
    settings.MAIL_PER_MINUTE = 6
    pace.wait(time.monotonic() + 1)
    assert sorted(race(*[pace.take_turn] * 6)) == [False] * 5 + [True]


def test_a_paced_outbox_loses_nothing_and_sends_what_matters_first(post, settings):
    settings.MAIL_PER_MINUTE = 1200
    factories.directory.clinic_row()
    due = datetime.now(UTC) - timedelta(seconds=5)
    for n, kind in enumerate([Kind.CONTACT_RECEIPT] * 3 + [Kind.CODE]):
        other(kind, due, n)
    begin = time.monotonic()
    assert sent(post) == 4
    assert time.monotonic() - begin >= 3 * 0.05
    assert set(Notification.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_one_paced_turn_in_four_is_a_reminders(clock, settings):
    settings.MAIL_PER_MINUTE = 60
    crowd(Kind.CONTACT_RECEIPT, 20)
    crowd(Kind.REMINDER, 20)
    pace.wait(time.monotonic() + 1)
    kinds = []
    for n in range(8):
        clock.move_to(MONDAY + timedelta(seconds=n))
        [(pk, _attempt)] = notifications.claim(1)
        assert pace.take_turn()
        kinds.append(Notification.objects.get(pk=pk).kind == Kind.REMINDER)
    assert kinds == [False, False, False, True] * 2


def test_a_run_with_no_turn_in_its_time_does_not_ask_for_another_one(settings, monkeypatch):
    settings.MAIL_PER_MINUTE = 1
    MailPace.objects.create(pk=1, free_at=datetime.now(UTC) + timedelta(minutes=1))
    nudges: list[bool] = []
    monkeypatch.setattr(notifications, "nudge", lambda: nudges.append(True))
    notifications.send_due()
    assert not nudges


def test_a_clock_that_was_wrong_does_not_stop_the_mail(clock, settings):
    settings.MAIL_PER_MINUTE = 60
    MailPace.objects.create(pk=1, free_at=MONDAY + timedelta(days=1))
    assert pace.wait(time.monotonic() + 1)
    assert pace.take_turn()
    assert not pace.take_turn()


# --- one connection -------------------------------------------------------------------------
def test_many_mails_go_over_one_connection(clock, post):
    for n in range(20):
        other(Kind.CONTACT_RECEIPT, n=n)
    assert sent(post) == 20
    assert post.greetings == 1


@pytest.mark.parametrize("goodbye", [smtp.HANG_UP_AFTER, "421 too many"])
def test_a_connection_that_the_server_ends_is_made_anew_and_nothing_waits(clock, post, goodbye):
    for n in range(6):
        other(Kind.CONTACT_RECEIPT, n=n)
    # After the third message, or at the fourth.
    at = "BYE" if goodbye == smtp.HANG_UP_AFTER else "MAIL"
    post.answers = {at: [smtp.OK] * (2 if at == "BYE" else 3) + [goodbye]}
    assert sent(post) == 6
    assert post.greetings == 2
    assert set(Notification.objects.values_list("state", "refusals")) == {("sent", 0)}


def test_a_server_that_takes_nobody_now_is_away(clock, post):
    for n in range(6):
        other(Kind.CONTACT_RECEIPT, n=n)
    post.answers = {"MAIL": ["421 not now"]}
    assert sent(post) == 0
    assert post.greetings == 1
    assert set(Notification.objects.values_list("state", "refusals")) == {("pending", 0)}


def test_a_process_has_a_few_runs_at_once_and_no_more(clock, post):
    other(Kind.CONTACT_RECEIPT)
    with ExitStack() as busy:
        for _n in range(in_force.SENDERS):
            busy.enter_context(notifications._runs)
        assert sent(post) == 0
    assert sent(post) == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_one_message_of_a_process_at_a_time_is_taken_and_not_marked_yet(post, monkeypatch):
    factories.directory.clinic_row()
    due = datetime.now(UTC) - timedelta(seconds=5)
    for n in range(12):
        other(Kind.CONTACT_RECEIPT, due, n)
    unmarked: list[int] = []
    real = post.answer

    def answer(command: str) -> str:
        if command == "DATA":
            marked = Notification.objects.filter(state="sent").count()
            unmarked.append(len(post.letters) - marked)
            connection.close()
        return real(command)

    monkeypatch.setattr(post, "answer", answer)
    monkeypatch.setattr(notifications, "BATCH", 4)
    race(*[notifications.send_due] * 3)
    assert len(post.letters) == 12
    assert post.greetings > 1
    assert set(unmarked) == {0}


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_reminders_due_in_one_minute_all_leave_once(world, clock, post):
    """As `python -m benchmarks.reminders`, which has ten thousand and processes of their own."""
    visit = book(world)
    Notification.objects.all().delete()
    fields = {f.attname: getattr(visit, f.attname) for f in Appointment._meta.concrete_fields}
    for name in ("id", "reference", "token", "patient_id"):
        del fields[name]
    people = [Patient(name=f"Pat {n}", email=f"pat{n}@example.org") for n in range(200)]
    Patient.objects.bulk_create(people)
    visits = Appointment.objects.bulk_create(Appointment(patient=p, **fields) for p in people)
    due = THURSDAY - timedelta(hours=2)
    Notification.objects.bulk_create(
        Notification(
            kind=Kind.REMINDER, appointment=row, minutes_before=120, due_at=due, recipient="x@y.org"
        )
        for row in visits
    )
    clock.move_to(due)
    while Notification.objects.filter(state="pending").exists():
        race(*[notifications.send_due] * 3)
    got = [letter.recipients for letter in post.letters]
    assert sorted(got) == sorted([p.email] for p in people)
    assert len({letter.message["Message-ID"] for letter in post.letters}) == 200


# --- a million sent rows ----------------------------------------------------------------------
def test_a_claim_finds_what_is_due_by_an_index_and_reminders_already_in_order(clock):
    crowd(Kind.REMINDER, 300, FAR)
    crowd(Kind.REMINDER, 10)
    plans = plans_of(notifications.claim)
    assert len(plans) == 2
    assert all(re.search("notification_(claim|pending)", found) for found in plans)
    assert not re.search("Sort|TEMP B-TREE", plans[1])


def test_what_failed_is_found_by_an_index(clock):
    crowd(Kind.REMINDER, 300, FAR)
    [found] = plans_of(undeliverable(MONDAY).count)
    assert "notification_failed" in found


def plans_of(work: Callable[[], object]) -> list[str]:
    """How the database goes about each question of `work`."""
    asked: list[tuple[str, Any]] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        work()
    return [plan(*question) for question in asked]


def plan(sql: str, params: Any) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        else:
            # So few rows are read from end to end otherwise.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            cursor.execute(f"EXPLAIN {sql}", params)
        return "\n".join(str(row) for row in cursor.fetchall())
