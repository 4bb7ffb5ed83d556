"""The verbs of an appointment: every move from every state, what it leaves, what it keeps."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import transaction

from bookings import appointments, notifications, placing
from bookings.actors import PATIENT, SYSTEM, Actor
from bookings.errors import HoldExpired, PatientBusy, StartNotOffered, StartTaken, WrongState
from bookings.models import (
    Answer,
    Appointment,
    AppointmentEvent,
    Notification,
    Patient,
    Resource,
    State,
)
from bookings.models.reservations import Reservation
from bookings.patients import Details
from clinic import clock
from clinic.errors import Refused
from practitioners.tests import factories as directory

from . import factories
from .factories import World

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
TEN = datetime(2027, 1, 7, 10, tzinfo=UTC)
ELEVEN, NOON = TEN + timedelta(hours=1), TEN + timedelta(hours=2)
A_HOLD = timedelta(minutes=10)
PAT = Details(name="Pat Newcomer", email="pat@example.org", phone="+442079460123")
EVA = Details(name="Eva Newcomer", email="eva@example.org", phone="+442079460124")


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel(NOW, tick=False) as now:
        yield now


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


@pytest.fixture
def dora() -> Actor:
    return Actor.of(User.objects.create_user("dora"))


def hold(world: World, start: datetime = TEN, **fields: Any) -> Appointment:
    return appointments.hold(
        **{
            "treatment": world.treatment,
            "start": start,
            "screening": factories.passed_screening(world.screening),
            "by": PATIENT,
            **fields,
        }
    )


def book(world: World, start: datetime = TEN, **fields: Any) -> Appointment:
    return appointments.book(
        **{
            "treatment": world.treatment,
            "start": start,
            "screening": factories.passed_screening(world.screening),
            "details": PAT,
            "by": PATIENT,
            "source": "web",
            **fields,
        }
    )


Verb = Callable[[Appointment, Actor], Any]
VERBS: dict[str, Verb] = {
    "extend": lambda a, by: appointments.extend_hold(a, by=by),
    "release": lambda a, by: appointments.release(a, by=by),
    "book": lambda a, by: appointments.confirm(a, details=PAT, by=by),
    "reschedule": lambda a, by: appointments.reschedule(a, start=NOON, by=by),
    "cancel": lambda a, by: appointments.cancel(a, reason="snow", by=by),
    "coming": lambda a, by: appointments.coming(a, by=by),
    "check_in": lambda a, by: appointments.check_in(a, by=by),
    "complete": lambda a, by: appointments.complete(a, by=by, outcome="suitable"),
    "no_show": lambda a, by: appointments.no_show(a, by=by),
    "reopen": lambda a, by: appointments.reopen(a, by=by),
}
ON_ITS_DAY = ("check_in", "complete", "no_show", "reopen")
# (state, verb, state after): every other pair is refused, or does nothing.
LEGAL = [
    (State.HELD, "extend", State.HELD),
    (State.HELD, "release", State.EXPIRED),
    (State.HELD, "book", State.BOOKED),
    (State.EXPIRED, "book", State.BOOKED),
    (State.BOOKED, "reschedule", State.BOOKED),
    (State.BOOKED, "cancel", State.CANCELLED),
    (State.BOOKED, "coming", State.BOOKED),
    (State.BOOKED, "check_in", State.ARRIVED),
    (State.BOOKED, "no_show", State.NO_SHOW),
    (State.ARRIVED, "complete", State.COMPLETED),
    (State.ARRIVED, "reopen", State.BOOKED),
    (State.NO_SHOW, "reopen", State.BOOKED),
]
# Pressed twice or too late, these do no harm: letting go of no hold, booking what is booked.
HARMLESS = [(state, "release") for state in State if state != State.HELD] + [
    (state, "book") for state in (State.BOOKED, State.ARRIVED, State.COMPLETED, State.NO_SHOW)
]
ILLEGAL = [
    (state, verb)
    for state in State
    for verb in VERBS
    if (state, verb) not in [legal[:2] for legal in LEGAL] and (state, verb) not in HARMLESS
]


def do(verb: str, row: Appointment, by: Actor) -> None:
    """The verb, with the clock at the visit's start where it belongs to that day."""
    with time_machine.travel(TEN if verb in ON_ITS_DAY else clock.now(), tick=False):
        VERBS[verb](row, by)


def in_state(world: World, state: State) -> Appointment:
    """An appointment that came to this state by the verbs."""
    if state in (State.HELD, State.EXPIRED):
        row = hold(world)
        if state == State.EXPIRED:
            appointments.release(row, by=PATIENT)
        return row
    row, desk = book(world), Actor("staff")
    for verb in {
        State.CANCELLED: ["cancel"],
        State.ARRIVED: ["check_in"],
        State.COMPLETED: ["check_in", "complete"],
        State.NO_SHOW: ["no_show"],
    }.get(state, []):
        do(verb, row, desk)
    return row


def everything() -> list[list[tuple]]:
    """Every row that a verb could touch."""
    tables = [Appointment, AppointmentEvent, Reservation, Notification, Answer, Patient, Resource]
    return [list(table.objects.order_by("pk").values_list()) for table in tables]


def spans(row: Appointment) -> set[tuple[str, datetime, datetime]]:
    return set(row.reservations.values_list("resource__kind", "starts_at", "ends_at"))


def whole_visit(start: datetime) -> set[tuple[str, datetime, datetime]]:
    """What a booked visit takes: practitioner, room, and the patient's own body."""
    return {(k, start, start + timedelta(hours=1)) for k in ("practitioner", "room", "person")}


# --- moves ----------------------------------------------------------------------------
@pytest.mark.parametrize(("state", "verb", "after"), LEGAL)
def test_a_legal_move_leaves_who_when_from_and_to(world, dora, monday, state, verb, after):
    row = in_state(world, state)
    before = row.events.count()
    monday.shift(timedelta(minutes=1))
    do(verb, row, dora)
    row.refresh_from_db()
    assert row.state == after
    events = list(row.events.all())[before:]
    # A time that was lost is held again before it is booked.
    way = [("hold", state, State.HELD)] if state == State.EXPIRED else []
    way.append((verb, way[-1][2] if way else state, after))
    assert [(e.verb, e.from_state, e.to_state) for e in events] == way
    instant = TEN if verb in ON_ITS_DAY else NOW + timedelta(minutes=1)
    assert {(e.actor, e.user, e.at) for e in events} == {("staff", dora.user, instant)}


@pytest.mark.parametrize(("state", "verb"), ILLEGAL)
def test_any_other_move_is_refused_and_changes_nothing(world, dora, state, verb):
    row = in_state(world, state)
    before = everything()
    with pytest.raises((WrongState, HoldExpired)) as refused:
        do(verb, row, dora)
    assert str(refused.value.sentence)
    assert everything() == before


@pytest.mark.parametrize(("state", "verb"), HARMLESS)
def test_a_press_too_many_changes_nothing(world, dora, state, verb):
    row = in_state(world, state)
    before = everything()
    VERBS[verb](row, dora)
    assert everything() == before


def test_saying_twice_that_one_comes_is_noted_once(world, monday):
    row = book(world)
    appointments.coming(row, by=PATIENT)
    before = everything()
    monday.shift(timedelta(hours=1))
    appointments.coming(row, by=PATIENT)
    assert everything() == before


def test_a_booking_in_one_step_leaves_both_moves(world, dora):
    row = book(world, by=dora, source="desk")
    moves = [(e.verb, e.from_state, e.to_state, e.actor, e.user) for e in row.events.all()]
    assert moves == [
        ("hold", "", "held", "staff", dora.user),
        ("book", "held", "booked", "staff", dora.user),
    ]


def test_the_clock_that_ends_a_hold_is_named_in_its_story(world, monday):
    row = hold(world)
    monday.shift(A_HOLD)
    assert appointments.expire_holds() == 1
    last = row.events.last()
    assert (last.verb, last.actor, last.user, last.from_state, last.to_state, last.at) == (
        ("expire", SYSTEM.kind, None, "held", "expired", NOW + A_HOLD)
    )


def test_a_move_tells_where_it_came_from(world, dora):
    row = book(world)
    appointments.reschedule(row, start=NOON, by=dora)
    assert row.events.last().detail == {
        "start": TEN.isoformat(),
        "practitioner": world.practitioner.pk,
    }


def test_a_cancellation_keeps_its_reason_and_who_it_was(world, dora):
    row = appointments.cancel(book(world), reason="snow", by=dora)
    row.refresh_from_db()
    assert (row.cancel_reason, row.cancelled_by_clinic) == ("snow", True)
    assert row.events.last().detail == {"reason": "snow"}
    own = appointments.cancel(book(world), by=PATIENT)
    own.refresh_from_db()
    assert (own.cancel_reason, own.cancelled_by_clinic) == ("", False)


def test_of_two_who_read_the_same_page_one_is_told(world, dora):
    """Both hold a copy that says booked; the second finds out from the database."""
    row = book(world)
    stale = Appointment.objects.get(pk=row.pk)
    do("check_in", row, dora)
    with pytest.raises(WrongState, match="arrived already"):
        appointments.cancel(stale, by=dora)


# --- what was agreed ------------------------------------------------------------------
def test_what_was_agreed_outlives_every_later_change(world, dora):
    row = hold(world)
    world.treatment.name, world.treatment.price_pence = "Longer visit", 9900
    world.treatment.save()
    world.clinic.cancellation_hours = 72
    world.clinic.save()
    for change in (
        lambda: appointments.confirm(row, details=PAT, by=PATIENT),
        lambda: appointments.reschedule(row, start=NOON, by=dora),
        lambda: do("check_in", row, dora),
    ):
        change()
        kept = Appointment.objects.get(pk=row.pk)
        assert (kept.treatment_name, kept.price_pence) == ("Acupuncture: Visit", 6000)
        assert (kept.minutes, kept.ends_at - kept.starts_at) == (60, timedelta(hours=1))
        assert kept.cancellation_hours == 24


# --- what is taken, what is given back --------------------------------------------------
def test_a_hold_takes_the_practitioner_and_the_room(world):
    row = hold(world)
    assert row.held_until == NOW + A_HOLD
    assert spans(row) == {s for s in whole_visit(TEN) if s[0] != "person"}


def test_a_booked_visit_takes_the_patient_as_well(world):
    assert spans(book(world)) == whole_visit(TEN)


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        (State.CANCELLED, False),
        (State.EXPIRED, False),
        (State.ARRIVED, True),
        (State.COMPLETED, True),
        (State.NO_SHOW, True),
    ],
)
def test_only_what_will_not_be_gives_its_time_back(world, state, taken):
    row = in_state(world, state)
    assert spans(row) == (whole_visit(TEN) if taken else set())
    if taken:
        with pytest.raises(StartTaken):
            hold(world)
    else:
        assert hold(world).state == State.HELD


def test_a_hold_that_is_over_is_cleared_away_by_the_clock(world, monday):
    row = hold(world)
    monday.shift(A_HOLD - timedelta(seconds=1))
    assert appointments.expire_holds() == 0
    monday.shift(timedelta(seconds=1))
    assert appointments.expire_holds() == 1
    row.refresh_from_db()
    assert (row.state, row.held_until, spans(row)) == (State.EXPIRED, None, set())


def test_somebody_who_did_not_come_gets_no_more_mail(world, dora):
    row = book(world)
    do("no_show", row, dora)
    assert not row.notifications.filter(state=Notification.State.PENDING).exists()


# --- on the day, and a slip taken back --------------------------------------------------
@pytest.fixture
def in_new_york() -> World:
    return factories.bookable_clinic(location={"time_zone": "America/New_York"})


# A visit at 10:00 in New York on the 7th: that day there is from 05:00 to 05:00 in UTC.
MIDNIGHT = datetime(2027, 1, 7, 5, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("verb", ["check_in", "no_show"])
def test_a_visit_is_marked_from_its_day_on_and_not_before(in_new_york, dora, monday, verb):
    row = book(in_new_york, datetime(2027, 1, 7, 15, tzinfo=UTC))
    monday.move_to(MIDNIGHT - A_SECOND)
    before = everything()
    with pytest.raises(WrongState, match="not before"):
        VERBS[verb](row, dora)
    assert everything() == before
    monday.move_to(MIDNIGHT)
    VERBS[verb](row, dora)
    row.refresh_from_db()
    assert row.state in (State.ARRIVED, State.NO_SHOW)


@pytest.mark.parametrize("verb", ["check_in", "no_show"])
def test_what_nobody_noted_is_marked_on_a_later_day(world, dora, monday, verb):
    row = book(world)
    monday.move_to(TEN + timedelta(days=3))
    VERBS[verb](row, dora)


@pytest.mark.parametrize("verb", ["check_in", "no_show"])
def test_a_slip_is_taken_back_until_the_day_ends_at_the_location(in_new_york, dora, monday, verb):
    row = book(in_new_york, datetime(2027, 1, 7, 15, tzinfo=UTC))
    monday.move_to(MIDNIGHT)
    VERBS[verb](row, dora)
    monday.move_to(MIDNIGHT + timedelta(days=1))
    before = everything()
    with pytest.raises(WrongState, match="only on the day"):
        appointments.reopen(row, by=dora)
    assert everything() == before
    monday.move_to(MIDNIGHT + timedelta(days=1) - A_SECOND)
    assert appointments.reopen(row, by=dora).state == State.BOOKED


@pytest.mark.parametrize("state", [State.ARRIVED, State.NO_SHOW])
def test_a_visit_that_is_booked_again_has_all_that_it_took(world, dora, state):
    row = in_state(world, state)
    do("reopen", row, dora)
    assert spans(row) == whole_visit(TEN)


def test_of_the_reminders_of_a_slip_only_those_ahead_are_due_again(world, dora, monday):
    row = book(world)
    monday.move_to(TEN - timedelta(hours=3))
    appointments.no_show(row, by=dora)
    appointments.reopen(row, by=dora)
    waiting = row.notifications.filter(state=Notification.State.PENDING, kind="reminder")
    assert [n.minutes_before for n in waiting] == [120]


# --- all or nothing -------------------------------------------------------------------
class BoomError(Exception):
    pass


def boom(*args: Any, **kwargs: Any) -> None:
    raise BoomError


LAST_STEPS = [
    (lambda w: hold(w), None, (AppointmentEvent, "save")),
    (lambda w: book(w), None, (notifications, "nudge_after_commit")),
    *[
        (verb, state, (AppointmentEvent, "save"))
        for state, verb, _after in LEGAL
        if verb != "release"
    ],
    ("release", State.HELD, (placing, "free")),
    ("book", State.HELD, (notifications, "nudge_after_commit")),
    ("book", State.EXPIRED, (notifications, "nudge_after_commit")),
    ("reschedule", State.BOOKED, (notifications, "nudge_after_commit")),
    ("cancel", State.BOOKED, (notifications, "nudge_after_commit")),
]


@pytest.mark.parametrize(("verb", "state", "step"), LAST_STEPS)
def test_a_verb_that_fails_late_leaves_nothing_half_done(
    world, dora, monkeypatch, verb, state, step
):
    factories.passed_screening(world.screening)
    row = in_state(world, state) if state else None
    before = everything()
    monkeypatch.setattr(*step, boom)
    with pytest.raises(BoomError):
        do(verb, row, dora) if row else verb(world)
    monkeypatch.undo()
    assert everything() == before
    # And what failed works the next time.
    do(verb, row, dora) if row else verb(world)
    assert everything() != before


def test_a_hold_that_cannot_be_cleared_away_stays_whole(world, monday, monkeypatch):
    hold(world)
    monday.shift(A_HOLD)
    before = everything()
    monkeypatch.setattr(AppointmentEvent, "save", boom)
    with pytest.raises(BoomError):
        appointments.expire_holds()
    assert everything() == before


def test_details_that_will_not_do_leave_the_hold_as_it_was(world):
    row = hold(world)
    before = everything()
    with pytest.raises(Refused):
        appointments.confirm(row, details=Details(name="Pat"), by=PATIENT)
    assert everything() == before


def test_a_patient_who_is_elsewhere_keeps_their_hold_and_nothing_is_added(world):
    world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    book(world)
    row = hold(world)
    before = everything()
    with pytest.raises(PatientBusy):
        appointments.confirm(row, details=PAT, by=PATIENT)
    assert everything() == before


# --- mail -----------------------------------------------------------------------------
@pytest.fixture
def nudges(monkeypatch):
    """How often the worker was asked to look at the outbox."""
    asked: list[int] = []
    monkeypatch.setattr(notifications, "nudge", lambda: asked.append(1))
    return asked


@pytest.mark.parametrize(
    ("verb", "state"),
    [("book", State.HELD), ("reschedule", State.BOOKED), ("cancel", State.BOOKED)],
)
def test_the_worker_is_called_after_the_commit_and_not_before(
    world, nudges, django_capture_on_commit_callbacks, verb, state
):
    row = in_state(world, state)
    with django_capture_on_commit_callbacks() as waiting:
        VERBS[verb](row, PATIENT)
        assert nudges == []
    for callback in waiting:
        callback()
    assert nudges == [1]


def test_a_booking_that_is_taken_back_leaves_no_mail(
    world, nudges, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True) as waiting:
        with pytest.raises(BoomError), transaction.atomic():
            book(world)
            assert Notification.objects.exists()
            raise BoomError
    assert (waiting, nudges) == ([], [])
    assert not Notification.objects.exists()


def test_a_hold_sends_nothing(world):
    hold(world)
    assert not Notification.objects.exists()


# --- a hold, longer and over ------------------------------------------------------------
def test_a_hold_is_made_longer_once(world, monday):
    row = hold(world)
    monday.shift(A_HOLD - timedelta(seconds=1))
    appointments.extend_hold(row, by=PATIENT)
    row.refresh_from_db()
    assert row.held_until == NOW + 2 * A_HOLD
    before = everything()
    with pytest.raises(WrongState) as refused:
        appointments.extend_hold(row, by=PATIENT)
    assert refused.value.code == "extended_already"
    assert everything() == before


def test_a_hold_that_is_over_is_not_made_longer(world, monday):
    row = hold(world)
    monday.shift(A_HOLD)
    before = everything()
    with pytest.raises(HoldExpired):
        appointments.extend_hold(row, by=PATIENT)
    assert everything() == before


@pytest.mark.parametrize("cleared", [False, True], ids=["still there", "cleared away"])
def test_a_hold_that_is_over_gets_its_start_back(world, monday, cleared):
    row = hold(world)
    monday.shift(A_HOLD)
    if cleared:
        appointments.expire_holds()
    booked = appointments.confirm(row, details=PAT, by=PATIENT)
    assert (booked.pk, booked.state, booked.starts_at) == (row.pk, State.BOOKED, TEN)
    assert spans(booked) == whole_visit(TEN)


def test_a_hold_that_is_over_finds_another_room(world, monday):
    second = factories.room(world.location, name="Room 2")
    world.rooms.members.add(second)
    row = hold(world, practitioner=world.practitioner)
    lost = row.reservations.get(resource__kind="room").resource
    monday.shift(A_HOLD)
    book(world, practitioner=world.another_practitioner(), details=EVA)
    taken = Reservation.objects.get(resource__kind="room", starts_at=TEN).resource
    booked = appointments.confirm(row, details=PAT, by=PATIENT)
    assert {lost, taken, second} == {world.room, second}
    assert booked.reservations.get(resource__kind="room").resource != taken


def test_a_hold_that_somebody_took_is_refused_with_starts_that_are_free(world, monday):
    row = hold(world)
    monday.shift(A_HOLD)
    book(world, details=EVA)
    before = everything()
    with pytest.raises(StartTaken) as refused:
        appointments.confirm(row, details=PAT, by=PATIENT)
    assert everything() == before
    offered = [start.at for start in refused.value.alternatives]
    assert offered and TEN not in offered
    for start in offered:
        assert hold(world, start).starts_at == start


def test_a_hold_of_a_time_that_has_passed_is_not_taken_again(world, monday):
    row = hold(world)
    monday.move_to(TEN + timedelta(seconds=1))
    before = everything()
    with pytest.raises(StartNotOffered) as refused:
        appointments.confirm(row, details=PAT, by=PATIENT)
    assert refused.value.code == "past"
    assert everything() == before


def test_a_hold_that_is_over_stands_in_nobodys_way(world, monday):
    row = hold(world)
    monday.shift(A_HOLD)
    assert book(world, details=EVA).state == State.BOOKED
    row.refresh_from_db()
    assert (row.state, spans(row)) == (State.EXPIRED, set())


# --- another time -----------------------------------------------------------------------
def test_a_visit_that_is_moved_gives_back_the_old_time_for_the_new(world):
    row = book(world)
    appointments.coming(row, by=PATIENT)
    moved = appointments.reschedule(row, start=NOON, by=PATIENT)
    moved.refresh_from_db()
    assert spans(moved) == whole_visit(NOON)
    assert (moved.starts_at, moved.ends_at) == (NOON, NOON + timedelta(hours=1))
    # The calendar entry is replaced, and "I'm coming" was said of another time.
    assert (moved.sequence, moved.coming_at) == (1, None)
    assert hold(world).starts_at == TEN


def test_the_old_time_is_kept_when_the_new_one_is_taken(world):
    row = book(world)
    book(world, NOON, details=EVA)
    before = everything()
    with pytest.raises(StartTaken) as refused:
        appointments.reschedule(row, start=NOON, by=PATIENT)
    assert everything() == before
    assert NOON not in [start.at for start in refused.value.alternatives]


def test_the_old_time_is_kept_when_the_patient_is_elsewhere_at_the_new_one(world):
    row = book(world)
    other = directory.treatment(therapy=world.therapy, grid_minutes=60)
    second = world.another_practitioner()
    factories.need(other)
    second.treatments.add(other)
    book(world, NOON, treatment=other, practitioner=second)
    before = everything()
    with pytest.raises(PatientBusy):
        appointments.reschedule(row, start=NOON, by=PATIENT)
    assert everything() == before


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (TEN + timedelta(minutes=7), "off_grid"),
        (TEN.replace(hour=20), "closed"),
        (NOW - timedelta(hours=1), "past"),
        (NOW + timedelta(hours=1), "too_soon"),
        (TEN + timedelta(days=90), "beyond_horizon"),
    ],
)
def test_the_old_time_is_kept_when_the_new_one_is_not_offered(world, start, code):
    row = book(world)
    before = everything()
    with pytest.raises(StartNotOffered) as refused:
        appointments.reschedule(row, start=start, by=PATIENT)
    assert refused.value.code == code
    assert everything() == before


def test_a_visit_may_be_moved_over_its_own_time(world):
    row = book(world)
    moved = appointments.reschedule(
        row, start=TEN + timedelta(minutes=30), by=Actor("staff"), override=True
    )
    assert spans(moved) == whole_visit(TEN + timedelta(minutes=30))


def test_a_visit_can_go_to_another_practitioner(world):
    row = book(world)
    second = world.another_practitioner()
    moved = appointments.reschedule(row, start=TEN, practitioner=second, by=Actor("staff"))
    moved.refresh_from_db()
    assert moved.practitioner == second
    assert moved.reservations.get(resource__kind="practitioner").resource == second.resource
    assert hold(world, ELEVEN, practitioner=world.practitioner).state == State.HELD


def test_a_visit_is_not_moved_to_the_time_it_has(world):
    row = book(world)
    before = everything()
    with pytest.raises(WrongState) as refused:
        appointments.reschedule(row, start=TEN, by=PATIENT)
    assert refused.value.code == "same_start"
    assert everything() == before
