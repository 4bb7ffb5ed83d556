"""Reminders: which rows a booking writes and when they are due, and which are never sent."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import User
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from bookings import appointments, notifications
from bookings.actors import Actor
from bookings.models import Appointment, Kind, Notification, ReminderRule, State

from . import factories
from .factories import World

pytestmark = pytest.mark.django_db

DESK = Actor("staff")
MONDAY = datetime(2027, 1, 4, 8, tzinfo=UTC)
THURSDAY = datetime(2027, 1, 7, 10, tzinfo=UTC)
TWO_DAYS, TWO_HOURS = timedelta(days=2), timedelta(hours=2)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world() -> World:
    for minutes in (2880, 120):
        ReminderRule.objects.get_or_create(treatment=None, minutes_before=minutes)
    return factories.bookable_clinic()


def booked(world: World, start: datetime = THURSDAY, **details: str) -> Appointment:
    return appointments.book(
        treatment=world.treatment,
        start=start,
        details=appointments.Details(**{"name": "Pat", "email": "pat@example.org", **details}),
        by=DESK,
        source="desk",
        override=True,
    )


def due(appointment: Appointment, state: str = "pending") -> list[datetime]:
    """When its reminders are due, of those in `state`."""
    rows = appointment.notifications.filter(kind=Kind.REMINDER, state=state)
    return list(rows.order_by("due_at").values_list("due_at", flat=True))


def work() -> list[str]:
    """One round of the worker; the subjects of the reminders that left."""
    before = len(mail.outbox)
    for claimed in notifications.claim():
        notifications.deliver(*claimed)
    return [m.subject for m in mail.outbox[before:] if m.subject.startswith("Reminder")]


# --- when ---------------------------------------------------------------------------
def test_a_new_clinic_reminds_two_days_and_two_hours_before(world):
    ReminderRule.objects.all().delete()
    import_module("bookings.migrations.0002_two_reminders").add(apps, None)
    assert due(booked(world)) == [THURSDAY - TWO_DAYS, THURSDAY - TWO_HOURS]


def test_the_migration_leaves_alone_what_a_clinic_has_chosen(world):
    ReminderRule.objects.filter(minutes_before=120).delete()
    import_module("bookings.migrations.0002_two_reminders").add(apps, None)
    assert [r.minutes_before for r in ReminderRule.objects.all()] == [2880]


def test_a_treatment_may_have_its_own_reminders(world, client: Client):
    client.force_login(User.objects.create_superuser("dora"))
    for minutes in (4320, 90):
        added = client.post(
            reverse("admin:bookings_reminderrule_add"),
            {"treatment": world.treatment.pk, "minutes_before": minutes},
        )
        assert added.status_code == 302
    own = [THURSDAY - timedelta(minutes=m) for m in (4320, 90)]
    assert due(booked(world)) == own
    other = world.another_treatment(name="Other")
    world.treatment = other
    start = THURSDAY + timedelta(hours=2)
    assert due(booked(world, start)) == [start - TWO_DAYS, start - TWO_HOURS]


@pytest.mark.parametrize(
    ("start", "reminded"),
    [
        # Spring: the night between is an hour short. Autumn: an hour long.
        ("2027-03-29T10:00+01:00", "2027-03-27T10:00+00:00"),
        ("2027-11-01T10:00+00:00", "2027-10-30T10:00+01:00"),
        ("2027-03-25T10:00+00:00", "2027-03-23T10:00+00:00"),
    ],
)
def test_two_days_before_is_at_the_same_time_on_the_wall(world, clock, start, reminded):
    start, reminded = datetime.fromisoformat(start), datetime.fromisoformat(reminded)
    clock.move_to(start - timedelta(days=5))
    assert due(booked(world, start))[0] == reminded


@pytest.mark.parametrize("change", ["2027-03-28T00:00+00:00", "2027-10-31T00:00+00:00"])
def test_two_hours_before_is_two_real_hours_over_a_clock_change(clock, change):
    ReminderRule.objects.get_or_create(treatment=None, minutes_before=120)
    world = factories.bookable_clinic(starts=datetime.min.time())
    change = datetime.fromisoformat(change)
    clock.move_to(change - timedelta(hours=20))
    start = change + timedelta(hours=2)  # the wall has jumped at one, UTC
    visit = booked(world, start)
    assert due(visit) == [start - TWO_HOURS]


# --- written with the booking ---------------------------------------------------------
def test_reminders_stand_or_fall_with_the_booking(world):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert len(due(booked(world))) == 2
        raise ZeroDivisionError
    assert not Appointment.objects.exists()
    assert not Notification.objects.exists()


def test_a_move_that_is_undone_leaves_the_old_reminders(world):
    visit = booked(world)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        appointments.reschedule(visit, start=THURSDAY + timedelta(hours=1), by=DESK)
        raise ZeroDivisionError
    assert due(visit) == [THURSDAY - TWO_DAYS, THURSDAY - TWO_HOURS]


def copy_of(row: Notification, **changed: object) -> None:
    """The same row once more, in SQL typed by hand."""
    names = [f.column for f in Notification._meta.concrete_fields if f.column != "id"]
    values = ", ".join("%s" if name in changed else name for name in names)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO bookings_notification ({', '.join(names)})"
            f" SELECT {values} FROM bookings_notification WHERE id = %s",
            [*(changed[name] for name in names if name in changed), row.pk],
        )


def test_the_database_refuses_a_message_written_twice(world):
    rows = list(booked(world).notifications.all())
    assert len(rows) == 3
    for row in rows:
        with pytest.raises(IntegrityError):
            copy_of(row, state="sent", sent_at=MONDAY, due_at=THURSDAY, recipient="x@example.org")
    assert Notification.objects.count() == 3
    # Another version of the start is another message.
    copy_of(rows[0], start_version=1)
    assert Notification.objects.count() == 4


def test_the_same_reminder_is_on_the_list_once(world):
    with pytest.raises(IntegrityError), transaction.atomic():
        ReminderRule.objects.bulk_create([ReminderRule(treatment=None, minutes_before=120)])


def test_without_a_mail_address_nothing_is_written(world):
    assert not booked(world, email="", phone="+441174960200").notifications.exists()


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (TWO_DAYS + timedelta(seconds=1), [TWO_DAYS, TWO_HOURS]),
        (TWO_DAYS, [TWO_HOURS]),
        (timedelta(hours=3), [TWO_HOURS]),
        (TWO_HOURS, []),
        (timedelta(minutes=20), []),
    ],
)
def test_booked_inside_a_reminders_window_it_is_not_written(world, clock, before, kept):
    clock.move_to(THURSDAY - before)
    assert due(booked(world)) == [THURSDAY - k for k in kept]


# --- with the appointment -------------------------------------------------------------
def test_reminders_are_cancelled_with_the_appointment(world):
    visit = booked(world)
    appointments.cancel(visit, by=DESK)
    assert due(visit) == []
    assert len(due(visit, "dropped")) == 2


def test_reminders_move_with_the_appointment(world, clock):
    visit, later = booked(world), THURSDAY + timedelta(days=4)
    appointments.reschedule(visit, start=later, by=DESK)
    assert due(visit) == [later - TWO_DAYS, later - TWO_HOURS]
    assert due(visit, "dropped") == [THURSDAY - TWO_DAYS, THURSDAY - TWO_HOURS]
    clock.move_to(THURSDAY - TWO_HOURS)
    assert work() == []
    clock.move_to(later - TWO_HOURS)
    assert work() == ["Reminder: Monday 11 January 2027 at 10:00"]


def test_moved_inside_the_window_only_what_is_still_ahead_is_written(world, clock):
    visit = booked(world)
    clock.move_to(THURSDAY - timedelta(days=1))
    appointments.reschedule(visit, start=THURSDAY + timedelta(hours=1), by=DESK)
    assert due(visit) == [THURSDAY - timedelta(hours=1)]


def test_moved_there_and_back_each_reminder_comes_once(world, clock):
    visit = booked(world)
    for hours in (1, 0):
        visit = appointments.reschedule(visit, start=THURSDAY + timedelta(hours=hours), by=DESK)
    said = []
    for before in (TWO_DAYS, TWO_HOURS):
        clock.move_to(THURSDAY - before)
        said += work()
    assert said == ["Reminder: Thursday 7 January 2027 at 10:00"] * 2


def test_a_slip_at_the_desk_costs_a_confirmation_that_waits_nothing(world, clock):
    visit = booked(world)
    clock.move_to(THURSDAY - timedelta(hours=1))
    visit.notifications.filter(kind="confirmation").update(due_at=THURSDAY - TWO_HOURS)
    appointments.reopen(appointments.no_show(visit, by=DESK), by=DESK)
    work()
    assert [m.subject.split(" on ")[0] for m in mail.outbox] == ["Your appointment"]


def test_what_a_person_dropped_stays_dropped_when_a_slip_is_taken_back(world, clock):
    visit = booked(world)
    clock.move_to(THURSDAY - timedelta(hours=3))
    visit.notifications.update(state="dropped", payload={"dropped_by": "dora"})
    appointments.reopen(appointments.check_in(visit, by=DESK), by=DESK)
    clock.move_to(THURSDAY - TWO_HOURS)
    assert work() == []


# --- never sent ---------------------------------------------------------------------
@pytest.mark.parametrize(
    "verb",
    [
        lambda visit: appointments.cancel(visit, by=DESK),
        lambda visit: appointments.check_in(visit, by=DESK),
        lambda visit: appointments.no_show(visit, by=DESK),
        lambda visit: appointments.reschedule(
            visit, start=THURSDAY + timedelta(days=1), by=DESK, override=True
        ),
    ],
    ids=["cancelled", "arrived", "missed", "moved"],
)
def test_what_changes_between_claim_and_sending_is_not_reminded_of(world, clock, verb):
    visit = booked(world)
    work()
    clock.move_to(THURSDAY - TWO_HOURS)
    claims = notifications.claim()
    verb(visit)
    sent = len(mail.outbox)
    assert [notifications.deliver(*claim) for claim in claims] == [False, False]
    assert len(mail.outbox) == sent
    assert len(due(visit, "dropped")) == 2


@pytest.mark.parametrize("state", sorted(set(State) - {State.BOOKED, State.HELD}))
def test_a_row_that_was_left_waiting_is_not_sent_either(world, clock, state):
    visit = booked(world)
    Appointment.objects.filter(pk=visit.pk).update(state=state)
    clock.move_to(THURSDAY - TWO_HOURS)
    assert work() == []
    assert due(visit) == []


def test_a_row_about_an_earlier_start_is_not_sent_either(world, clock):
    visit = booked(world)
    Appointment.objects.filter(pk=visit.pk).update(sequence=1)
    clock.move_to(THURSDAY - TWO_HOURS)
    assert work() == []
    assert due(visit) == []


def test_what_is_past_is_not_reminded_of(world, clock):
    visit = booked(world)
    clock.move_to(THURSDAY)
    assert work() == []
    assert due(visit) == []


@pytest.mark.parametrize(("minutes_late", "sent"), [(59, 1), (61, 0)])
def test_a_reminder_that_comes_too_late_to_be_of_use_is_dropped(world, clock, minutes_late, sent):
    booked(world)
    Notification.objects.filter(minutes_before=2880).delete()
    clock.move_to(THURSDAY - TWO_HOURS + timedelta(minutes=minutes_late))
    assert len(work()) == sent
