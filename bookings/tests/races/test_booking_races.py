"""However many want one time at once, each thing is given out once and nobody sees an error."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine

from bookings import appointments, availability, placing
from bookings.actors import API, PATIENT
from bookings.errors import PatientBusy, StartTaken, WrongState
from bookings.models import Appointment, Notification, State
from bookings.models.reservations import Reservation

from .. import factories
from ..test_group import a_class
from .arena import double_bookings, lost, orphans, race, without_the_constraint, won

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

NINE = datetime(2027, 1, 11, 9, tzinfo=UTC)
NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
CROWD = 12


@pytest.fixture(autouse=True)
def _a_week_before():
    with time_machine.travel(NOW, tick=False):
        yield


def guest(n: int) -> appointments.Details:
    return appointments.Details(name=f"Guest {n}", email=f"guest{n}@example.org")


def booking(world, n: int, start: datetime = NINE, **fields):
    """A call that books `start` for the n-th guest."""
    fields = {"details": guest(n), "treatment": world.treatment, **fields}
    return partial(
        appointments.book,
        start=start,
        screening=factories.passed_screening(world.screening),
        by=API,
        source="api",
        **fields,
    )


def holding(world, start: datetime = NINE):
    return partial(
        appointments.hold,
        treatment=world.treatment,
        start=start,
        screening=factories.passed_screening(world.screening),
        by=PATIENT,
    )


def crowd(world, n: int = CROWD):
    return [booking(world, i) for i in range(n)]


def check_nothing_is_taken_twice() -> None:
    assert double_bookings() == 0
    assert orphans() == 0


def test_one_start_goes_to_one_of_twelve():
    world = factories.bookable_clinic()
    outcomes = race(*crowd(world))
    assert len(won(outcomes)) == 1
    assert all(type(refusal) is StartTaken for refusal in lost(outcomes))
    check_nothing_is_taken_twice()
    # Nothing half done: one appointment, one set of reservations, one confirmation.
    assert Appointment.objects.count() == 1
    assert Reservation.objects.count() == 3
    assert Notification.objects.filter(kind="confirmation").count() == 1


def test_the_alternatives_of_the_losers_are_really_free():
    world = factories.bookable_clinic()
    refusals = lost(race(*crowd(world, 4)))
    for n, refusal in enumerate(refusals):
        assert len(refusal.alternatives) == 6
        choice = refusal.alternatives[n]
        made = booking(world, 100 + n, choice.at, practitioner=choice.practitioners[0])()
        assert made.state == State.BOOKED


@pytest.mark.parametrize(("rooms", "tables", "people"), [(3, 1, 4), (3, 2, 4), (6, 6, 6)])
def test_as_many_win_as_the_scarcest_allows(rooms, tables, people):
    world = factories.bookable_clinic()
    for _n in range(rooms - 1):
        world.rooms.members.add(factories.room(world.location))
    for _n in range(people - 1):
        world.another_practitioner()
    table_rows = [factories.equipment(world.location) for _n in range(tables)]
    factories.need(world.treatment, factories.pool(*table_rows))
    outcomes = race(*crowd(world))
    assert len(won(outcomes)) == min(rooms, tables, people)
    check_nothing_is_taken_twice()


def test_a_hold_and_a_booking_do_not_both_get_it():
    world = factories.bookable_clinic()
    outcomes = race(*[holding(world) for _n in range(4)], *crowd(world, 4))
    assert len(won(outcomes)) == 1
    check_nothing_is_taken_twice()


def test_a_hold_that_is_over_goes_to_one():
    world = factories.bookable_clinic()
    held = holding(world)()
    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        late = partial(appointments.confirm, held, details=guest(99), by=PATIENT)
        outcomes = race(late, appointments.expire_holds, *crowd(world, 6))
    booked = Appointment.objects.filter(state=State.BOOKED)
    assert booked.count() == 1
    assert len(lost(outcomes)) == 6
    check_nothing_is_taken_twice()


def test_a_double_submit_books_once():
    world = factories.bookable_clinic()
    held = holding(world)()
    confirm = partial(appointments.confirm, held, details=guest(1), by=PATIENT)
    outcomes = race(confirm, confirm, confirm, confirm)
    assert {o.pk for o in outcomes} == {held.pk}
    assert Notification.objects.filter(kind="confirmation").count() == 1
    assert held.events.filter(verb="book").count() == 1


def test_one_patient_is_booked_into_one_of_two_places():
    world = factories.bookable_clinic()
    other = world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    outcomes = race(
        booking(world, 1, practitioner=world.practitioner),
        booking(world, 1, practitioner=other),
    )
    assert len(won(outcomes)) == 1
    assert [type(refusal) for refusal in lost(outcomes)] == [PatientBusy]
    check_nothing_is_taken_twice()


def test_movers_and_bookers_want_the_same_time():
    world = factories.bookable_clinic()
    booked = [booking(world, n, NINE + timedelta(hours=n + 1))() for n in range(4)]
    before = {a.pk: a.starts_at for a in booked}
    movers = [
        partial(appointments.reschedule, a, start=NINE, by=PATIENT, practitioner=None)
        for a in booked
    ]
    bookers = [booking(world, n) for n in range(10, 14)]
    outcomes = race(*movers, *bookers)
    assert len(won(outcomes)) == 1
    check_nothing_is_taken_twice()
    moved = 0
    for row in Appointment.objects.filter(pk__in=before):
        assert row.state == State.BOOKED
        assert row.starts_at in (NINE, before[row.pk])
        moved += row.starts_at == NINE
        assert {r.starts_at for r in row.reservations.all()} == {row.starts_at}
        assert row.reservations.count() == 3
    assert moved + Appointment.objects.exclude(pk__in=before).count() == 1


def test_two_who_swap_their_times_do_not_lock_each_other_out():
    world = factories.bookable_clinic()
    world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    rows = [booking(world, n, NINE + timedelta(hours=n))() for n in range(4)]
    outcomes = race(
        *[
            partial(appointments.reschedule, row, start=NINE + timedelta(hours=3 - n), by=PATIENT)
            for n, row in enumerate(rows)
        ]
    )
    check_nothing_is_taken_twice()
    assert Appointment.objects.filter(state=State.BOOKED).count() == 4
    assert Reservation.objects.count() == 12
    assert len(won(outcomes)) + len(lost(outcomes)) == 4


def test_cancel_and_move_leave_one_truth():
    world = factories.bookable_clinic()
    row = booking(world, 1)()
    outcomes = race(
        partial(appointments.cancel, row, by=PATIENT),
        partial(appointments.reschedule, row, start=NINE + timedelta(hours=2), by=PATIENT),
        partial(appointments.cancel, row, by=PATIENT),
    )
    row.refresh_from_db()
    assert row.state == State.CANCELLED
    assert Reservation.objects.count() == 0
    assert row.events.filter(verb="cancel").count() == 1
    assert all(isinstance(refusal, WrongState) for refusal in lost(outcomes))
    assert orphans() == 0


@pytest.mark.parametrize("_again", range(3))
def test_joining_a_class_while_its_first_member_leaves(_again):
    pilates = a_class(mats=4)
    world = pilates.world
    first = pilates.book("Ann")
    outcomes = race(
        partial(appointments.cancel, first, by=PATIENT), *[booking(world, n) for n in range(3)]
    )
    assert len(won(outcomes)) == 4
    check_nothing_is_taken_twice()
    at_nine = Reservation.objects.filter(resource=world.practitioner.resource)
    assert at_nine.count() == 1
    assert at_nine.get().appointment.state == State.BOOKED
    assert Reservation.objects.filter(resource=world.room).count() == 1
    assert Reservation.objects.filter(resource__in=pilates.mats).count() == 3


def test_a_class_is_made_by_one_and_joined_by_the_rest():
    pilates = a_class(mats=3)
    outcomes = race(*crowd(pilates.world, 8))
    assert len(won(outcomes)) == 3
    assert len(pilates.instructor()) == 1
    check_nothing_is_taken_twice()


def test_a_class_and_a_visit_do_not_both_get_the_instructor():
    pilates = a_class(mats=3)
    other = pilates.other_visit()
    outcomes = race(
        *crowd(pilates.world, 3),
        *[booking(pilates.world, 10 + n, treatment=other) for n in range(3)],
    )
    assert len(won(outcomes)) in (1, 3)
    assert len(pilates.instructor()) == 1
    check_nothing_is_taken_twice()


# --- the judge, and the control ---------------------------------------------------------------
@pytest.fixture
def stale_advice(monkeypatch):
    """Everybody looked before anybody booked: the first answer is given again and again."""
    real, seen = placing.place, {}
    # Who is never told anything new need not look a hundred times.
    monkeypatch.setattr(placing, "LOOKS", 3)

    def first_answer(query, start):
        key = (query.treatment.pk, start)
        if key not in seen:
            seen[key] = real(query, start)
        return seen[key]

    def look(world, start=NINE):
        query = availability.Query(world.treatment, start.date(), start.date())
        assert first_answer(query, start)

    monkeypatch.setattr(placing, "place", first_answer)
    return look


def test_with_stale_advice_the_constraint_decides(stale_advice):
    world = factories.bookable_clinic()
    stale_advice(world)
    outcomes = race(*crowd(world, 6))
    assert len(won(outcomes)) == 1
    check_nothing_is_taken_twice()


def test_control_without_the_constraint_the_same_race_double_books(stale_advice):
    world = factories.bookable_clinic()
    stale_advice(world)
    with without_the_constraint():
        outcomes = race(*crowd(world, 6))
        assert len(won(outcomes)) == 6
        assert double_bookings() > 0
    # It is back.
    assert booking(world, 1)().state == State.BOOKED
    with pytest.raises(StartTaken):
        booking(world, 2)()
