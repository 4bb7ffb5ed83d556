"""Who may have which treatment, from what age, and until when a visit may be changed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from bookings import appointments, policy
from bookings.actors import API, PATIENT, SYSTEM, Actor
from bookings.errors import NeedsAssessment, NeedsProof, PolicyRefused, TooYoung
from bookings.models import Appointment, Patient, State
from bookings.models.reservations import Reservation
from bookings.patients import Details
from clinic.errors import Refused
from practitioners.models import Audience
from practitioners.tests import factories as directory

from . import factories
from .cast import visit
from .factories import World

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
TEN = datetime(2027, 1, 7, 10, tzinfo=UTC)
DESK = Actor("staff")
PAT = {"name": "Pat Newcomer", "email": "pat@example.org"}


@pytest.fixture(autouse=True)
def monday() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as now:
        yield now


@pytest.fixture
def world(db: None) -> World:
    return factories.bookable_clinic()


def book(world: World, start: datetime = TEN, **fields: Any) -> Appointment:
    return appointments.book(
        **{
            "treatment": world.treatment,
            "start": start,
            "screening": factories.passed_screening(world.screening),
            "details": Details(**PAT),
            "by": PATIENT,
            "source": "web",
            **fields,
        }
    )


def nothing_taken() -> bool:
    return not Reservation.objects.exists() and not Appointment.objects.filter(state="held")


# --- until when -----------------------------------------------------------------------
CHANGES = {
    "cancel": lambda a, by: appointments.cancel(a, by=by),
    "move": lambda a, by: appointments.reschedule(a, start=TEN + timedelta(days=1), by=by),
}
A_MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("hours", [0, 24, 48])
def test_until_the_notice_begins_the_patient_decides(world, monday, change, hours):
    world.clinic.cancellation_hours = hours
    world.clinic.save()
    row = book(world)
    monday.move_to(TEN - timedelta(hours=hours) - A_MOMENT)
    assert CHANGES[change](row, PATIENT).state in (State.CANCELLED, State.BOOKED)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("by", [PATIENT, API], ids=lambda by: by.kind)
@pytest.mark.parametrize(
    "left", [timedelta(hours=24), timedelta(hours=1), timedelta(0), timedelta(hours=-2)], ids=str
)
def test_from_then_on_the_patient_has_to_call(world, monday, change, by, left):
    row = book(world)
    monday.move_to(TEN - left)
    with pytest.raises(PolicyRefused, match="24 hours"):
        CHANGES[change](row, by)
    row.refresh_from_db()
    assert (row.state, row.starts_at, row.reservations.count()) == (State.BOOKED, TEN, 3)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("by", [DESK, Actor("practitioner"), SYSTEM], ids=lambda by: by.kind)
def test_the_clinic_may_change_it_until_the_end(world, monday, change, by):
    row = book(world)
    monday.move_to(TEN - timedelta(minutes=5))
    assert CHANGES[change](row, by).state in (State.CANCELLED, State.BOOKED)


def test_the_notice_is_counted_in_real_hours_over_a_clock_change(world, monday):
    """On 28 March 2027 the clocks go forward: 24 hours before ten is nine the day before."""
    monday.move_to(datetime(2027, 3, 20, 8, tzinfo=UTC))
    row = book(world, datetime(2027, 3, 28, 9, tzinfo=UTC))
    assert row.starts_local.hour == 10
    assert row.free_until == datetime(2027, 3, 27, 9, tzinfo=UTC)


# --- how old --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        ("2011-01-07", "2027-01-06", 15),
        ("2011-01-07", "2027-01-07", 16),
        ("2011-12-31", "2027-01-01", 15),
        ("2008-02-29", "2024-02-28", 15),
        ("2008-02-29", "2024-02-29", 16),
        ("2008-02-29", "2027-02-28", 18),
        ("2008-02-29", "2027-03-01", 19),
        ("2027-01-07", "2027-01-07", 0),
    ],
)
def test_a_birthday_counts_from_the_day_itself(born, day, age):
    assert policy.age_on(date.fromisoformat(born), date.fromisoformat(day)) == age


@pytest.mark.parametrize(
    ("min_age", "born", "is_old_enough"),
    [
        (16, date(2011, 1, 7), True),
        (16, date(2011, 1, 8), False),
        (18, date(2009, 1, 7), True),
        (18, date(2009, 1, 8), False),
        (0, date(2027, 1, 3), True),
    ],
)
def test_the_age_is_that_on_the_day_of_the_visit(world, min_age, born, is_old_enough):
    world.treatment.min_age, world.treatment.asks_birth_date = min_age, True
    details = Details(**PAT, date_of_birth=born)
    if is_old_enough:
        assert book(world, details=details).state == State.BOOKED
        return
    with pytest.raises(TooYoung, match=f"{min_age} and over") as refused:
        book(world, details=details)
    assert refused.value.field == "date_of_birth"
    assert nothing_taken() and not Patient.objects.exists()


def test_the_day_of_the_visit_is_that_of_its_location(world):
    """23:30 in UTC on the eve of the birthday is the birthday in Auckland."""
    there = directory.location(name="Far branch", time_zone="Pacific/Auckland")
    start, born = datetime(2027, 1, 7, 23, 30, tzinfo=UTC), date(2011, 1, 8)
    policy.check_age(world.treatment, born, start, there)
    with pytest.raises(TooYoung):
        policy.check_age(world.treatment, born, start, world.location)


@pytest.mark.parametrize(
    ("born", "code"),
    [
        (None, "birth_date_missing"),
        (date(2027, 1, 5), "birth_date_wrong"),
        (date(1905, 1, 1), "birth_date_wrong"),
    ],
)
def test_a_birth_date_that_will_not_do_is_refused_beside_its_field(world, born, code):
    world.treatment.asks_birth_date = True
    with pytest.raises(Refused) as refused:
        book(world, details=Details(**PAT, date_of_birth=born))
    assert (refused.value.code, refused.value.field) == (code, "date_of_birth")
    assert nothing_taken()


def test_the_age_on_record_is_not_typed_away(world):
    """Of a family that shares an address, a child is proved too; the record knows better."""
    child = factories.patient(date_of_birth=date(2015, 1, 7))
    typed = Details(patient=child, date_of_birth=date(1981, 1, 7))
    with pytest.raises(TooYoung):
        book(world, details=typed)
    assert nothing_taken()


def test_a_parent_books_a_child_at_the_desk(world):
    child = factories.patient(date_of_birth=date(2015, 1, 7))
    assert book(world, details=Details(patient=child), by=DESK, source="desk").patient == child


def test_a_visit_is_not_moved_to_before_the_birthday(world, monday):
    row = book(world, details=Details(**PAT, date_of_birth=date(2011, 1, 7)))
    day_before = TEN - timedelta(days=1)
    with pytest.raises(TooYoung):
        appointments.reschedule(row, start=day_before, by=PATIENT)
    row.refresh_from_db()
    assert (row.starts_at, row.reservations.count()) == (TEN, 3)
    assert appointments.reschedule(row, start=day_before, by=DESK).starts_at == day_before


def test_a_child_whom_the_desk_has_booked_may_be_moved_online(world):
    child = Details(patient=factories.patient(date_of_birth=date(2015, 1, 7)))
    row = book(world, details=child, by=DESK, source="desk")
    later = TEN + timedelta(hours=1)
    assert appointments.reschedule(row, start=later, by=PATIENT).starts_at == later


# --- only after an assessment -----------------------------------------------------------
ASSESSED = TEN - timedelta(days=180)


@pytest.fixture
def table(world: World) -> World:
    """The world's treatment needs an assessment that found it suitable, in the last 180 days."""
    world.treatment.requires = world.another_treatment(name="Assessment", minutes=30)
    world.treatment.save()
    return world


def assessed(world: World, patient: Patient, start: datetime = ASSESSED, **fields: Any) -> None:
    values = {
        "treatment": world.treatment.requires,
        "patient": patient,
        "state": State.COMPLETED,
        "outcome": Appointment.Outcome.SUITABLE,
        **fields,
    }
    visit(world, start, **values)


def hold(world: World, proved: Patient | None) -> Appointment:
    return appointments.hold(
        treatment=world.treatment,
        start=TEN,
        screening=factories.passed_screening(world.screening),
        proved=proved,
        by=PATIENT,
    )


def test_a_suitable_assessment_opens_the_treatment_for_180_days(table):
    patient = factories.patient()
    assessed(table, patient)
    held = hold(table, patient)
    assert appointments.confirm(held, details=Details(), by=PATIENT).patient == patient


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"start": ASSESSED - timedelta(minutes=5)}, id="too long ago"),
        pytest.param({"outcome": Appointment.Outcome.NOT_SUITABLE}, id="not suitable"),
        pytest.param({"outcome": ""}, id="nothing said"),
        pytest.param({"state": State.ARRIVED}, id="not over yet"),
        pytest.param({"state": State.NO_SHOW}, id="missed"),
        pytest.param({"state": State.CANCELLED}, id="cancelled"),
    ],
)
def test_no_other_visit_opens_it(table, fields):
    patient = factories.patient()
    assessed(table, patient, **fields)
    before = Reservation.objects.count()
    with pytest.raises(NeedsAssessment, match="Assessment"):
        hold(table, patient)
    assert Reservation.objects.count() == before


def test_an_assessment_of_somebody_else_or_of_something_else_opens_nothing(table):
    patient = factories.patient()
    assessed(table, factories.patient())
    assessed(
        table, patient, ASSESSED + timedelta(days=1), treatment=table.another_treatment(name="Talk")
    )
    with pytest.raises(NeedsAssessment):
        hold(table, patient)


def test_a_visit_is_not_moved_to_after_the_assessment_has_run_out(table):
    patient = factories.patient()
    assessed(table, patient)
    row = appointments.confirm(hold(table, patient), details=Details(), by=PATIENT)
    later = TEN + timedelta(hours=1)
    with pytest.raises(NeedsAssessment):
        appointments.reschedule(row, start=later, by=PATIENT)
    assert appointments.reschedule(row, start=later, by=DESK).starts_at == later


def test_what_the_desk_allowed_without_an_assessment_may_be_moved_online(table):
    patient = Details(patient=factories.patient())
    row = book(table, details=patient, by=DESK, source="desk", override=True)
    later = TEN + timedelta(hours=1)
    assert appointments.reschedule(row, start=later, by=PATIENT).starts_at == later


def test_who_has_not_proved_who_they_are_is_asked_to_first(table):
    patient = factories.patient(**PAT)
    assessed(table, patient)
    with pytest.raises(NeedsProof):
        hold(table, None)
    with pytest.raises(NeedsProof):
        book(table, details=Details(**PAT))


def test_the_desk_needs_the_assessment_too_unless_it_says_otherwise(table):
    patient = Details(patient=factories.patient())
    with pytest.raises(NeedsAssessment):
        book(table, details=patient, by=DESK, source="desk")
    row = book(table, details=patient, by=DESK, source="desk", override=True)
    assert row.state == State.BOOKED


def test_a_follow_up_is_for_those_who_proved_that_they_were_here(world):
    world.treatment.audience = Audience.RETURNING
    with pytest.raises(NeedsProof):
        hold(world, None)
    assert nothing_taken()
    assert hold(world, factories.patient()).state == State.HELD
