"""A short undo: what the desk cancels or moves can be taken back, and then nobody was told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse

from bookings import appointments, audit, notifications, tasks, undo
from bookings.actors import API, PATIENT, Actor
from bookings.errors import PatientBusy, WrongState
from bookings.models import Appointment, Kind, Notification, ReminderRule, Undo
from bookings.undo import TakenMeanwhile

from . import cast, factories
from .factories import World

pytestmark = pytest.mark.django_db

DESK = Actor("staff")
MONDAY = datetime(2027, 1, 4, 8, tzinfo=UTC)
THURSDAY = datetime(2027, 1, 7, 10, tzinfo=UTC)
LATER = THURSDAY + timedelta(hours=3)
TWO_MINUTES = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world() -> World:
    for minutes in (2880, 120):
        ReminderRule.objects.get_or_create(treatment=None, minutes_before=minutes)
    return factories.bookable_clinic()


@pytest.fixture
def visit(world: World) -> Appointment:
    """A visit whose patient has the confirmation already."""
    row = book(world)
    work()
    return row


def book(world: World, start: datetime = THURSDAY, name: str = "Pat") -> Appointment:
    return appointments.book(
        treatment=world.treatment,
        start=start,
        details=appointments.Details(name=name, email=f"{name.lower()}@example.org"),
        by=DESK,
        source="desk",
        override=True,
    )


def work() -> list[str]:
    """The subjects of what leaves now."""
    before = len(mail.outbox)
    while claimed := notifications.claim():
        for claim in claimed:
            notifications.deliver(*claim)
    return [m.subject for m in mail.outbox[before:]]


def taken(row: Appointment) -> set[tuple[Any, ...]]:
    return set(row.reservations.values_list("resource", "starts_at", "ends_at"))


def pending(row: Appointment) -> list[tuple[str, int]]:
    rows = row.notifications.filter(state="pending").order_by("kind", "minutes_before")
    return list(rows.values_list("kind", "minutes_before"))


REMINDERS = [("reminder", 120), ("reminder", 2880)]
CHANGES = {
    "cancelled": lambda row, by: appointments.cancel(row, by=by, reason="snow"),
    "moved": lambda row, by: appointments.reschedule(row, start=LATER, by=by, override=True),
}
WORDS = {"cancelled": "is cancelled", "moved": "has moved"}


@pytest.fixture(params=CHANGES)
def how(request) -> str:
    return request.param


# --- when it is told ----------------------------------------------------------------------
def test_what_the_desk_does_is_told_after_two_minutes(visit, how, clock):
    CHANGES[how](visit, DESK)
    clock.shift(TWO_MINUTES - timedelta(seconds=1))
    assert work() == []
    clock.shift(timedelta(seconds=1))
    [subject] = work()
    assert WORDS[how] in subject


@pytest.mark.parametrize("by", [PATIENT, API], ids=["patient", "api"])
def test_what_patients_do_is_told_at_once_and_has_no_way_back(visit, how, by):
    CHANGES[how](visit, by)
    assert WORDS[how] in work()[0]
    assert not Undo.objects.exists()


def test_with_no_seconds_set_the_desk_is_like_everybody(visit, how, settings):
    settings.UNDO_SECONDS = 0
    CHANGES[how](visit, DESK)
    assert WORDS[how] in work()[0]
    with pytest.raises(WrongState):
        appointments.take_back(visit, by=DESK)


# --- taken back ---------------------------------------------------------------------------
def test_taken_back_all_is_as_before_and_nobody_hears_of_it(visit, how, clock):
    had = taken(visit)
    CHANGES[how](visit, DESK)
    clock.shift(timedelta(seconds=119))
    row = appointments.take_back(visit, by=DESK)
    row.refresh_from_db()
    assert (row.state, row.starts_at, row.cancel_reason) == ("booked", THURSDAY, "")
    assert not row.cancelled_by_clinic
    assert taken(row) == had
    assert pending(row) == REMINDERS
    clock.shift(TWO_MINUTES)
    assert work() == []
    clock.move_to(THURSDAY - timedelta(hours=2))
    assert len(work()) == 1  # of two reminders the one of two days ago comes too late


def test_a_confirmation_that_had_not_left_leaves_after_all(world, how, clock):
    visit = book(world)
    CHANGES[how](visit, DESK)
    assert work() == []
    appointments.take_back(visit, by=DESK)
    [subject] = work()
    assert subject.startswith("Your appointment on Thursday 7 January 2027 at 10:00")


def test_who_took_it_back_is_written_down(visit, how, clock):
    CHANGES[how](visit, DESK)
    dora = Actor.of(cast.dora())
    appointments.take_back(visit, by=dora)
    event = visit.events.last()
    assert (event.verb, event.user, event.to_state) == ("take_back", dora.user, "booked")
    assert event.detail["what"] == {"cancelled": "cancel", "moved": "reschedule"}[how]


def test_calendars_that_saw_the_change_are_told_a_higher_number(visit, how):
    changed = CHANGES[how](visit, DESK).sequence
    assert appointments.take_back(visit, by=DESK).sequence > changed


def test_it_can_be_done_and_taken_back_again(visit, how, clock):
    for _n in range(3):
        CHANGES[how](visit, DESK)
        visit = appointments.take_back(visit, by=DESK)
    CHANGES[how](visit, DESK)
    clock.shift(TWO_MINUTES)
    assert len(work()) == 1


@pytest.mark.django_db(transaction=True)
def test_the_auditor_finds_nothing_amiss_after_it(world, how, clock):
    visit = book(world)
    work()
    CHANGES[how](visit, DESK)
    assert audit.findings() == []
    appointments.take_back(visit, by=DESK)
    assert audit.findings() == []


def test_of_two_moves_the_last_is_taken_back(visit, clock):
    first = appointments.reschedule(visit, start=LATER, by=DESK, override=True)
    appointments.reschedule(first, start=LATER + timedelta(hours=1), by=DESK, override=True)
    row = appointments.take_back(visit, by=DESK)
    assert row.starts_at == LATER
    with pytest.raises(WrongState):
        appointments.take_back(visit, by=DESK)
    clock.shift(TWO_MINUTES)
    assert work() == ["Your appointment has moved to Thursday 7 January 2027 at 13:00"]


def test_a_move_to_somebody_else_is_taken_back_to_who_it_was(world, visit):
    other = world.another_practitioner(name="Rohan Patel")
    appointments.reschedule(visit, start=LATER, practitioner=other, by=DESK, override=True)
    had = appointments.take_back(visit, by=DESK)
    assert had.practitioner == world.practitioner
    things = {r.resource.name for r in had.reservations.select_related("resource")}
    assert {world.practitioner.name, "Room 1"} <= things


def test_a_move_by_less_than_the_visit_is_taken_back(world, visit):
    half_past = THURSDAY + timedelta(minutes=30)
    appointments.reschedule(visit, start=half_past, by=DESK, override=True)
    row = appointments.take_back(visit, by=DESK)
    assert {start for _pk, start, _end in taken(row)} == {THURSDAY}


def test_an_absence_noted_meanwhile_does_not_keep_it_from_coming_back(world, visit, how):
    CHANGES[how](visit, DESK)
    ana = factories.body(world.practitioner)
    day = THURSDAY.replace(hour=0)
    factories.absence(ana, day, day + timedelta(days=1))
    assert appointments.take_back(visit, by=DESK).starts_at == THURSDAY


def test_a_hold_that_is_over_does_not_keep_it_from_coming_back(world, visit, how, clock):
    CHANGES[how](visit, DESK)
    hold = appointments.hold(
        treatment=world.treatment, start=THURSDAY, screening=None, by=DESK, source="desk"
    )
    Appointment.objects.filter(pk=hold.pk).update(held_until=MONDAY)
    day = THURSDAY.replace(hour=0)
    factories.absence(factories.body(world.practitioner), day, day + timedelta(days=1))
    assert appointments.take_back(visit, by=DESK).starts_at == THURSDAY


def test_who_had_said_they_are_coming_is_still_coming(visit, clock):
    appointments.coming(visit, by=PATIENT)
    row = appointments.cancel(visit, by=DESK)
    assert undo.of(row)
    appointments.take_back(visit, by=DESK)
    visit.refresh_from_db()
    assert (visit.state, visit.coming_at) == ("booked", MONDAY)


def test_another_room_will_do_when_its_own_is_taken(world, visit, how):
    CHANGES[how](visit, DESK)
    second = factories.room(world.location, name="Room 2")
    world.rooms.members.add(second)
    world.another_practitioner(name="Rohan Patel")
    other = next(p for p in world.treatment.practitioners.all() if p != world.practitioner)
    taker = appointments.book(
        treatment=world.treatment,
        start=THURSDAY,
        practitioner=other,
        details=appointments.Details(name="Sam", email="sam@example.org"),
        by=DESK,
        source="desk",
        override=True,
    )
    [room] = taker.reservations.filter(resource__kind="room").values_list("resource__name")
    row = appointments.take_back(visit, by=DESK)
    [mine] = row.reservations.filter(resource__kind="room").values_list("resource__name")
    assert {room, mine} == {("Room 1",), ("Room 2",)}


def test_a_place_in_a_class_comes_back_whoever_leads_it_now():
    world = factories.bookable_clinic(is_group=True)
    world.treatment.needs.update(is_shared=True)
    mats = [factories.equipment(world.location, name=f"Mat {n}") for n in range(3)]
    factories.need(world.treatment, factories.pool(*mats, name="Mats"))
    first, second = book(world, name="Ann"), book(world, name="Bob")
    appointments.cancel(first, by=DESK)
    appointments.take_back(first, by=DESK)
    shared = {factories.body(world.practitioner).pk, world.room.pk}
    holders = [a for a in (first, second) for r in a.reservations.all() if r.resource_id in shared]
    assert len(holders) == 2
    assert first.reservations.filter(resource__in=mats).count() == 1


def test_a_place_in_a_class_does_not_come_back_without_its_class():
    world = factories.bookable_clinic(is_group=True)
    world.treatment.needs.update(is_shared=True)
    mats = [factories.equipment(world.location, name=f"Mat {n}") for n in range(3)]
    factories.need(world.treatment, factories.pool(*mats, name="Mats"))
    first, second = book(world, name="Ann"), book(world, name="Bob")
    appointments.cancel(second, by=DESK)
    appointments.cancel(first, by=PATIENT, override=True)
    day = THURSDAY.replace(hour=0)
    factories.absence(factories.body(world.practitioner), day, day + timedelta(days=1))
    with pytest.raises(TakenMeanwhile):
        appointments.take_back(second, by=DESK)


# --- refused ------------------------------------------------------------------------------
def test_somebody_took_the_time_and_it_stays_as_it_is_with_the_reason(world, visit, how, clock):
    changed = CHANGES[how](visit, DESK)
    book(world, name="Sam")
    with pytest.raises(TakenMeanwhile) as refused:
        appointments.take_back(visit, by=DESK)
    assert "Ana Okafor" in str(refused.value.sentence)
    visit.refresh_from_db()
    assert (visit.state, visit.starts_at) == (changed.state, changed.starts_at)
    clock.shift(TWO_MINUTES)
    assert len([s for s in work() if WORDS[how] in s]) == 1


def test_after_two_minutes_it_is_too_late(visit, how, clock):
    changed = CHANGES[how](visit, DESK)
    clock.shift(TWO_MINUTES)
    with pytest.raises(WrongState, match="too late"):
        appointments.take_back(visit, by=DESK)
    visit.refresh_from_db()
    assert visit.state == changed.state
    assert len(work()) == 1


def test_what_a_worker_has_begun_to_tell_is_not_taken_back(visit, how):
    CHANGES[how](visit, DESK)
    kind = {"cancelled": Kind.CANCELLATION, "moved": Kind.CHANGE}[how]
    Notification.objects.filter(kind=kind).update(due_at=MONDAY)  # a worker whose clock is ahead
    [claim] = notifications.claim()
    with pytest.raises(WrongState, match="just been told"):
        appointments.take_back(visit, by=DESK)
    assert notifications.deliver(*claim)


def test_a_patient_who_said_yes_to_the_new_time_keeps_it(visit):
    moved = appointments.reschedule(visit, start=LATER, by=DESK, override=True)
    appointments.coming(moved, by=PATIENT)
    with pytest.raises(WrongState):
        appointments.take_back(visit, by=DESK)


def test_what_has_changed_since_is_not_taken_back(visit):
    moved = appointments.reschedule(visit, start=LATER, by=DESK, override=True)
    appointments.cancel(moved, by=PATIENT)
    with pytest.raises(WrongState):
        appointments.take_back(visit, by=DESK)
    assert taken(visit) == set()


def test_a_patient_who_is_elsewhere_by_now_is_not_booked_twice(world, visit):
    appointments.cancel(visit, by=DESK)
    other = factories.room(world.location)
    row = world.another_treatment(name="Other")
    row.needs.exclude(pool=None).delete()
    factories.need(row, factories.pool(other))
    person = world.another_practitioner(name="Rohan Patel")
    person.treatments.add(row)
    appointments.book(
        treatment=row,
        start=THURSDAY,
        practitioner=person,
        details=appointments.Details(name="Pat", email="pat@example.org"),
        by=DESK,
        source="desk",
        override=True,
    )
    with pytest.raises(PatientBusy):
        appointments.take_back(visit, by=DESK)
    visit.refresh_from_db()
    assert visit.state == "cancelled"


# --- the desk -----------------------------------------------------------------------------
def press(client: Client, visit: Appointment) -> Any:
    where = reverse("desk-action", args=[visit.reference, "take-back"])
    return client.post(where, {"back": "/desk/"}, follow=True)


def test_the_desk_lists_it_with_the_time_and_a_button(visit, how, clock, client: Client):
    client.force_login(cast.dora())
    CHANGES[how](visit, DESK)
    page = client.get(reverse("desk")).content.decode()
    assert "You can take it back until 08:02." in page
    assert reverse("desk-action", args=[visit.reference, "take-back"]) in page
    assert "take-back" in client.get(reverse("desk-attention")).content.decode()
    clock.shift(TWO_MINUTES)
    assert "take-back" not in client.get(reverse("desk")).content.decode()


def test_the_button_takes_it_back_and_a_link_does_not(visit, how, client: Client):
    client.force_login(cast.dora())
    changed = CHANGES[how](visit, DESK)
    where = reverse("desk-action", args=[visit.reference, "take-back"])
    assert client.get(where).status_code == 405
    visit.refresh_from_db()
    assert visit.sequence == changed.sequence
    page = press(client, visit).content.decode()
    assert "Taken back" in page
    assert pending(visit) == REMINDERS
    assert "too late" in press(client, visit).content.decode()


def test_an_old_page_does_not_take_back_what_was_done_since(visit, client: Client):
    client.force_login(cast.dora())
    changed = appointments.cancel(visit, by=DESK)
    assert f'name="version" value="{changed.sequence}"' in client.get("/desk/").content.decode()
    appointments.take_back(visit, by=DESK)
    appointments.reschedule(visit, start=LATER, by=DESK, override=True)
    where = reverse("desk-action", args=[visit.reference, "take-back"])
    page = client.post(where, {"version": changed.sequence}, follow=True).content.decode()
    assert "has been moved since" in page
    visit.refresh_from_db()
    assert visit.starts_at == LATER


def test_the_way_back_stands_before_the_eyes_of_who_cancels(visit, client: Client):
    client.force_login(cast.dora())
    where = reverse("desk-action", args=[visit.reference, "cancel"])
    answer = client.post(where, {"reason": "snow", "back": "/desk/?location=tidewell-quayside"})
    assert answer["Location"] == "/desk/?location=tidewell-quayside#undo"


def test_only_the_desk_takes_back(visit, client: Client):
    appointments.cancel(visit, by=DESK)
    for login in (lambda: None, lambda: client.force_login(cast.zed())):
        login()
        press(client, visit)
        visit.refresh_from_db()
        assert visit.state == "cancelled"


def test_the_admin_has_the_button_too(visit, how, client: Client):
    client.force_login(User.objects.create_superuser("dora"))
    CHANGES[how](visit, DESK)
    page = client.get(reverse("admin:bookings_appointment_change", args=[visit.pk]))
    assert "until 08:02" in page.content.decode()
    where = reverse("admin:bookings_appointment_admin_do", args=[visit.pk, "take-back"])
    assert where in page.content.decode()
    client.post(where)
    visit.refresh_from_db()
    assert (visit.state, visit.starts_at) == ("booked", THURSDAY)


def test_ways_back_are_forgotten_after_a_day(visit, clock):
    appointments.cancel(visit, by=DESK)
    clock.shift(timedelta(hours=23))
    tasks.clean_up()
    assert Undo.objects.count() == 1
    clock.shift(timedelta(hours=2))
    tasks.clean_up()
    assert not Undo.objects.exists()
