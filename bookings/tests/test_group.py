"""A class: the instructor and the studio are taken once, each person takes a mat."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from bookings import appointments, availability
from bookings.actors import PATIENT, Actor
from bookings.errors import StartNotOffered, StartTaken
from bookings.models import Appointment, Resource, State
from bookings.models.reservations import Reservation
from practitioners.tests import factories as directory

from . import factories
from .factories import World

pytestmark = pytest.mark.django_db

DESK = Actor("staff")
MONDAY = date(2027, 1, 11)
NINE = datetime(2027, 1, 11, 9, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)
NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
A_HOLD = timedelta(minutes=10)


@dataclass
class Class:
    world: World
    mats: list[Resource]

    def book(self, name: str, start: datetime = NINE, **fields) -> Appointment:
        return appointments.book(
            **{
                "treatment": self.world.treatment,
                "start": start,
                "screening": factories.passed_screening(self.world.screening),
                "details": details(name),
                "by": PATIENT,
                "source": "web",
                **fields,
            }
        )

    def hold(self, start: datetime = NINE) -> Appointment:
        return appointments.hold(
            treatment=self.world.treatment,
            start=start,
            screening=factories.passed_screening(self.world.screening),
            by=PATIENT,
        )

    def offered(self, treatment=None) -> list[datetime]:
        treatment = treatment or self.world.treatment
        return [s.at for s in availability.starts(treatment, MONDAY, MONDAY)]

    def instructor(self) -> list[Reservation]:
        return list(Reservation.objects.filter(resource=self.world.practitioner.resource))

    def other_visit(self):
        """A treatment that needs the same instructor, and another room."""
        row = directory.treatment(therapy=self.world.therapy, grid_minutes=60)
        factories.need(row)
        factories.need(row, factories.pool(factories.room(self.world.location)))
        self.world.practitioner.treatments.add(row)
        return row


def details(name: str) -> appointments.Details:
    return appointments.Details(name=name, email=f"{name.lower()}@example.org")


@pytest.fixture
def pilates():
    """Three mats; it is the Monday before."""
    with time_machine.travel(NOW, tick=False):
        yield a_class()


def a_class(mats: int = 3) -> Class:
    world = factories.bookable_clinic(is_group=True)
    world.treatment.needs.update(is_shared=True)
    rows = [factories.equipment(world.location, name=f"Mat {n}") for n in range(mats)]
    factories.need(world.treatment, factories.pool(*rows, name="Mats"))
    return Class(world, rows)


def test_the_mats_are_the_places(pilates):
    for name in ("Ann", "Bob", "Cy"):
        assert NINE in pilates.offered()
        pilates.book(name)
    assert NINE not in pilates.offered()
    with pytest.raises(StartTaken):
        pilates.book("Dee")
    assert len(pilates.instructor()) == 1
    assert Reservation.objects.filter(resource=pilates.world.room).count() == 1
    assert Reservation.objects.filter(resource__in=pilates.mats).count() == 3


def test_a_class_that_begins_half_way_through_another_is_refused(pilates):
    pilates.world.treatment.grid_minutes = 30
    pilates.world.treatment.save()
    pilates.book("Ann")
    assert NINE + timedelta(minutes=30) not in pilates.offered()
    with pytest.raises(StartTaken):
        pilates.book("Bob", NINE + timedelta(minutes=30))


@pytest.mark.parametrize("verb", ["cancel", "move"])
def test_when_the_first_leaves_the_class_goes_on(pilates, verb):
    first, second = pilates.book("Ann"), pilates.book("Bob")
    if verb == "cancel":
        appointments.cancel(first, by=PATIENT)
    else:
        appointments.reschedule(first, start=TEN, by=PATIENT)
    at_nine = [r for r in pilates.instructor() if r.starts_at == NINE]
    assert [r.appointment for r in at_nine] == [second]
    other = pilates.other_visit()
    assert NINE not in pilates.offered(other)
    third = pilates.book("Cy")
    appointments.cancel(second, by=PATIENT)
    assert [r.appointment for r in pilates.instructor() if r.starts_at == NINE] == [third]
    appointments.cancel(third, by=PATIENT)
    assert [r for r in pilates.instructor() if r.starts_at == NINE] == []
    assert NINE in pilates.offered(other)


def test_the_last_to_leave_gives_back_everything(pilates):
    first = pilates.book("Ann")
    appointments.cancel(first, by=PATIENT)
    assert Reservation.objects.count() == 0


def test_moving_to_a_class_that_others_attend(pilates):
    pilates.book("Ann", TEN)
    second = pilates.book("Bob")
    assert TEN in [
        s.at for s in availability.starts(pilates.world.treatment, MONDAY, MONDAY, moving=second)
    ]
    moved = appointments.reschedule(second, start=TEN, by=PATIENT)
    assert moved.starts_at == TEN
    assert len(pilates.instructor()) == 1


def test_a_class_of_one_can_move_by_half_an_hour(pilates):
    pilates.world.treatment.grid_minutes = 30
    pilates.world.treatment.save()
    only = pilates.book("Ann")
    half_past = NINE + timedelta(minutes=30)
    offered = availability.starts(pilates.world.treatment, MONDAY, MONDAY, moving=only)
    assert half_past in [s.at for s in offered]
    assert appointments.reschedule(only, start=half_past, by=PATIENT).starts_at == half_past


def test_nobody_joins_a_class_whose_instructor_is_away(pilates):
    pilates.book("Ann")
    factories.absence(
        pilates.world.practitioner.resource, NINE - timedelta(hours=1), NINE + timedelta(days=1)
    )
    assert pilates.offered() == []
    with pytest.raises(StartNotOffered):
        pilates.book("Bob")


def test_nobody_joins_a_class_when_the_registration_has_run_out(pilates):
    pilates.book("Ann")
    pilates.world.practitioner.registrations.update(valid_until=MONDAY - timedelta(days=1))
    assert pilates.offered() == []


def test_an_expired_hold_of_the_whole_class_blocks_nobody(pilates):
    pilates.hold()
    pilates.hold()
    other = pilates.other_visit()
    assert NINE not in pilates.offered(other)
    with time_machine.travel(NOW + A_HOLD, tick=False):
        assert NINE in pilates.offered(other)
        assert NINE in pilates.offered()
        made = pilates.book("Ann")
        assert [r.appointment for r in pilates.instructor()] == [made]


def test_expired_holds_of_a_class_give_way_to_another_treatment(pilates):
    pilates.hold()
    pilates.hold()
    other = pilates.other_visit()
    with time_machine.travel(NOW + A_HOLD, tick=False):
        made = pilates.book("Ann", treatment=other)
        assert [r.appointment for r in pilates.instructor()] == [made]


def test_what_an_expired_hold_shared_with_a_booked_one_stays_taken(pilates):
    held = pilates.hold()
    booked = pilates.book("Ann")
    other = pilates.other_visit()
    with time_machine.travel(NOW + A_HOLD, tick=False):
        assert NINE not in pilates.offered(other)
        with pytest.raises(StartTaken):
            pilates.book("Bob", treatment=other)
        # Its mat is free, though: three places, one is booked.
        pilates.book("Cy")
        pilates.book("Dee")
        with pytest.raises(StartTaken):
            pilates.book("Eve")
        appointments.expire_holds()
    held.refresh_from_db()
    assert held.state == State.EXPIRED
    assert [r.appointment for r in pilates.instructor()] == [booked]


def test_a_hold_that_is_over_is_taken_again_alone_or_in_company(pilates):
    alone = pilates.hold()
    with time_machine.travel(NOW + A_HOLD, tick=False):
        made = appointments.confirm(alone, details=details("Ann"), by=PATIENT)
        assert made.state == State.BOOKED
        assert [r.appointment for r in pilates.instructor()] == [made]
        late = pilates.hold()
    with time_machine.travel(NOW + 2 * A_HOLD, tick=False):
        appointments.expire_holds()
        made = appointments.confirm(late, details=details("Bob"), by=PATIENT)
        assert made.state == State.BOOKED
        assert len(pilates.instructor()) == 1


def test_a_class_is_full_for_a_hold_that_is_over(pilates):
    late = pilates.hold()
    with time_machine.travel(NOW + A_HOLD, tick=False):
        for name in ("Ann", "Bob", "Cy"):
            pilates.book(name)
        with pytest.raises(StartTaken):
            appointments.confirm(late, details=details("Dee"), by=PATIENT)
    assert len(pilates.instructor()) == 1


def test_somebody_who_did_not_come_leaves_the_class_to_the_others(pilates):
    first, second = pilates.book("Ann"), pilates.book("Bob")
    with time_machine.travel(NINE, tick=False):
        appointments.no_show(first, by=DESK)
        appointments.check_in(second, by=DESK)
    assert len(pilates.instructor()) == 1
