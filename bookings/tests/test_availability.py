"""What is offered, rule by rule; each test names its promise."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings import appointments, availability, ways
from bookings.actors import PATIENT, Actor
from bookings.errors import PatientBusy, StartNotOffered, StartTaken
from bookings.models import BankHoliday, Need, Opening, Resource, State
from bookings.models.reservations import Reservation
from practitioners.models import Registration
from practitioners.tests import factories as directory

from . import factories

pytestmark = pytest.mark.django_db

DESK = Actor("staff")
# A Monday, in winter.
MONDAY = date(2027, 1, 11)
GAP, REPEAT = date(2027, 3, 28), date(2027, 10, 31)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.fixture(autouse=True)
def _early_in_january():
    with time_machine.travel(utc(2027, 1, 4, 8), tick=False):
        yield


def offered(world, first: date, last: date | None = None, **filters) -> list[datetime]:
    found = availability.starts(world.treatment, first, last or first, **filters)
    return [s.at for s in found]


def on_the_wall(world, first: date, last: date | None = None) -> list[str]:
    found = availability.starts(world.treatment, first, last or first)
    return [f"{s.local:%d %H:%M}" for s in found]


def details(**fields) -> appointments.Details:
    return appointments.Details(**{"name": "Pat Example", "email": "pat@example.org", **fields})


def book(world, start: datetime, *, name: str = "Pat Example", **fields):
    return appointments.book(
        **{
            "treatment": world.treatment,
            "start": start,
            "screening": factories.passed_screening(world.screening),
            "details": details(name=name),
            "by": PATIENT,
            "source": "web",
            **fields,
        }
    )


# --- clocks -------------------------------------------------------------------
def test_a_start_in_the_missing_hour_is_never_offered():
    world = factories.bookable_clinic(
        starts=time(0), ends=time(4), grid_minutes=30, minutes=30, horizon_days=366
    )
    walls = on_the_wall(world, GAP)
    assert walls == [
        "28 00:00",
        "28 00:30",
        *(f"28 0{h}:{m}" for h in (2, 3) for m in ("00", "30")),
    ]


def test_a_visit_runs_through_the_missing_hour_in_real_minutes():
    world = factories.bookable_clinic(starts=time(0), ends=time(3), minutes=60, horizon_days=366)
    # 00:00 to 03:00 on the wall are two hours that day.
    assert on_the_wall(world, GAP) == ["28 00:00", "28 02:00"]
    made = book(world, utc(2027, 3, 28, 0))
    assert made.ends_at - made.starts_at == timedelta(hours=1)


def test_the_repeated_hour_is_offered_twice_as_two_instants():
    world = factories.bookable_clinic(starts=time(1), ends=time(3), minutes=30, horizon_days=366)
    assert offered(world, REPEAT) == [
        utc(2027, 10, 31, 0),
        utc(2027, 10, 31, 1),
        utc(2027, 10, 31, 2),
    ]
    assert on_the_wall(world, REPEAT) == ["31 01:00", "31 01:00", "31 02:00"]
    first = book(world, utc(2027, 10, 31, 0))
    second = book(world, utc(2027, 10, 31, 1), name="Sam Example")
    assert first.starts_local.utcoffset() != second.starts_local.utcoffset()
    assert offered(world, REPEAT) == [utc(2027, 10, 31, 2)]


@pytest.mark.parametrize("change", [GAP, REPEAT])
def test_row_15_weekly_hours_keep_their_wall_time_across_a_clock_change(change):
    world = factories.bookable_clinic(starts=time(9), ends=time(14), horizon_days=366)
    week = timedelta(days=7)
    for day in (change - week, change, change + week):
        walls = on_the_wall(world, day)
        assert walls[0] == f"{day:%d} 09:00"
        assert walls[-1] == f"{day:%d} 13:00"
        assert len(walls) == 5


@pytest.mark.parametrize(("day", "hours"), [(GAP, 23), (REPEAT, 25), (MONDAY, 24)])
def test_row_16_a_clinic_that_never_closes_has_a_start_for_each_real_hour(day, hours):
    world = factories.bookable_clinic(starts=time(0), ends=time(0), horizon_days=366)
    assert len(offered(world, day)) == hours


def test_two_locations_show_their_own_dates():
    world = factories.bookable_clinic(starts=time(9), ends=time(10))
    far = directory.location(time_zone="Pacific/Auckland")
    world.rooms.members.add(factories.room(far))
    factories.opening(far, starts=time(9), ends=time(10))
    factories.opening(far, factories.body(world.practitioner), starts=time(9), ends=time(10))
    found = availability.starts(world.treatment, MONDAY, MONDAY)
    assert [(s.location, s.at) for s in found] == [
        (far, utc(2027, 1, 10, 20)),
        (world.location, utc(2027, 1, 11, 9)),
    ]
    assert set(availability.by_day(found)) == {MONDAY}


# --- needs, each for its own part --------------------------------------------
@pytest.fixture
def needles():
    """The acupuncturist is there for the first 20 and the last 15 of 60 minutes; two rooms."""
    world = factories.bookable_clinic(grid_minutes=5)
    world.treatment.needs.filter(pool=None).delete()
    factories.need(world.treatment, from_minute=0, to_minute=20)
    factories.need(world.treatment, from_minute=45, to_minute=60)
    world.rooms.members.add(factories.room(world.location, name="Room 2"))
    return world


def test_while_the_needles_are_in_the_next_patient_starts_next_door(needles):
    book(needles, utc(2027, 1, 11, 9))
    starts = offered(needles, MONDAY)
    # 09:20 to 09:45 is free, for the first 20 minutes of another; the last 15 of it are too.
    assert starts[0] == utc(2027, 1, 11, 9, 20)
    second = book(needles, utc(2027, 1, 11, 9, 20), name="Sam Example")
    rooms = {
        r.resource_id for r in Reservation.objects.all() if r.resource.kind == Resource.Kind.ROOM
    }
    assert len(rooms) == 2
    assert second.places() != []


def test_a_third_patient_who_would_overlap_an_attended_part_is_refused(needles):
    needles.rooms.members.add(factories.room(needles.location, name="Room 3"))
    book(needles, utc(2027, 1, 11, 9))
    book(needles, utc(2027, 1, 11, 9, 20), name="Sam Example")
    for minute in (5, 10, 15, 25, 30, 35, 40, 45):
        with pytest.raises(StartTaken):
            book(needles, utc(2027, 1, 11, 9, minute), name=f"Third {minute}")
    assert Reservation.objects.filter(resource=needles.practitioner.resource).count() == 4


def test_the_visit_as_a_whole_needs_the_room(needles):
    needles.rooms.members.set([needles.room])
    book(needles, utc(2027, 1, 11, 9))
    assert offered(needles, MONDAY)[0] == utc(2027, 1, 11, 10)


def table_treatments():
    """Two treatments of two practitioners; each has a room, both need the one table."""
    world = factories.bookable_clinic()
    table = factories.pool(factories.equipment(world.location), name="IDD table")
    factories.need(world.treatment, table)
    other = directory.treatment(therapy=world.therapy, grid_minutes=60)
    factories.need(other)
    factories.need(other, factories.pool(factories.room(world.location)))
    factories.need(other, table)
    person = directory.practitioner(treatments=[other])
    factories.opening(world.location, factories.body(person))
    return world, other


def test_one_table_serves_two_treatments_one_at_a_time():
    world, other = table_treatments()
    nine = utc(2027, 1, 11, 9)
    assert nine in [s.at for s in availability.starts(other, MONDAY, MONDAY)]
    book(world, nine)
    assert nine not in [s.at for s in availability.starts(other, MONDAY, MONDAY)]
    with pytest.raises(StartTaken) as refusal:
        book(world, nine, treatment=other, name="Sam Example")
    assert refusal.value.alternatives[0].at == utc(2027, 1, 11, 10)


def test_an_overlap_of_the_clean_up_alone_is_refused():
    world = factories.bookable_clinic(grid_minutes=30)
    world.treatment.needs.filter(pool=world.rooms).update(to_minute=70)
    book(world, utc(2027, 1, 11, 9))
    # Practitioner free from 10:00, room from 10:10.
    assert offered(world, MONDAY)[0] == utc(2027, 1, 11, 10, 30)
    with pytest.raises(StartTaken):
        book(world, utc(2027, 1, 11, 10), name="Sam Example")


def test_set_up_and_clean_up_lie_within_the_rooms_hours():
    world = factories.bookable_clinic(grid_minutes=30, starts=time(9), ends=time(12))
    world.treatment.needs.filter(pool=world.rooms).update(from_minute=-5, to_minute=65)
    assert offered(world, MONDAY) == [
        utc(2027, 1, 11, 9, 30),
        utc(2027, 1, 11, 10),
        utc(2027, 1, 11, 10, 30),
    ]


def test_a_need_for_two_takes_two():
    world = factories.bookable_clinic()
    world.treatment.needs.filter(pool=world.rooms).update(quantity=2)
    assert offered(world, MONDAY) == []
    world.rooms.members.add(factories.room(world.location))
    made = book(world, utc(2027, 1, 11, 9))
    assert len(made.places()) == 2


def test_a_treatment_without_needs_is_never_offered():
    world = factories.bookable_clinic()
    Need.objects.all().delete()
    assert offered(world, MONDAY) == []
    with pytest.raises(StartNotOffered):
        book(world, utc(2027, 1, 11, 9))


def test_a_room_that_is_out_of_service_does_not_count():
    world = factories.bookable_clinic()
    Resource.objects.filter(pk=world.room.pk).update(is_active=False)
    assert offered(world, MONDAY) == []


def test_a_room_with_hours_of_its_own_keeps_to_them():
    world = factories.bookable_clinic()
    factories.opening(world.location, world.room, starts=time(14), ends=time(16))
    assert on_the_wall(world, MONDAY) == ["11 14:00", "11 15:00"]


# --- hours --------------------------------------------------------------------
def weeks_offered(world, weeks: int = 6) -> list[int]:
    found = offered(world, MONDAY, MONDAY + timedelta(weeks=weeks))
    return sorted({(at.date() - MONDAY).days // 7 for at in found})


def test_alternate_weeks_count_from_the_week_in_which_they_began():
    world = factories.bookable_clinic(days=[0], horizon_days=90)
    hours = Opening.objects.filter(resource=world.practitioner.resource)
    # A Thursday: its week is week 0 of the count.
    hours.update(every_weeks=2, valid_from=date(2027, 1, 14))
    assert weeks_offered(world) == [2, 4, 6]
    hours.update(valid_from=MONDAY)
    assert weeks_offered(world) == [0, 2, 4, 6]


def test_hours_end_with_their_last_day():
    world = factories.bookable_clinic()
    Opening.objects.filter(resource=world.practitioner.resource).update(valid_until=MONDAY)
    assert {at.date() for at in offered(world, MONDAY, MONDAY + timedelta(days=3))} == {MONDAY}


def test_one_off_hours_hold_on_their_day_only():
    world = factories.bookable_clinic(days=[1])
    one_day = {"on_date": MONDAY, "starts": time(18), "ends": time(19)}
    factories.opening(world.location, **one_day)
    factories.opening(world.location, world.practitioner.resource, **one_day)
    assert on_the_wall(world, MONDAY) == ["11 18:00"]
    assert on_the_wall(world, MONDAY + timedelta(days=7)) == []


def test_hours_may_run_to_midnight():
    world = factories.bookable_clinic(starts=time(22), ends=time(0))
    assert on_the_wall(world, MONDAY) == ["11 22:00", "11 23:00"]


def test_a_bank_holiday_closes_the_location_for_its_local_day():
    world = factories.bookable_clinic(starts=time(0), ends=time(0), horizon_days=366)
    day = date(2027, 5, 31)
    BankHoliday.on(day, world.location, "Spring bank holiday").save()
    found = offered(world, day - timedelta(days=1), day + timedelta(days=1))
    assert utc(2027, 5, 30, 22) in found
    assert utc(2027, 5, 31, 23) in found
    assert [at for at in found if utc(2027, 5, 30, 22) < at < utc(2027, 5, 31, 23)] == []


def test_an_absence_of_one_thing_leaves_the_others():
    world = factories.bookable_clinic()
    other = world.another_practitioner(name="Ben Adeyemi")
    factories.absence(world.practitioner.resource, utc(2027, 1, 11, 9, 30), utc(2027, 1, 11, 10, 2))
    found = availability.starts(world.treatment, MONDAY, MONDAY)
    with_ana = [s.at.hour for s in found if world.practitioner in s.practitioners]
    assert with_ana == [11, 12, 13, 14, 15, 16]
    assert [s.at.hour for s in found if other in s.practitioners] == list(range(9, 17))


def test_an_absence_leaves_what_is_booked():
    world = factories.bookable_clinic()
    made = book(world, utc(2027, 1, 11, 9))
    factories.absence(world.practitioner.resource, utc(2027, 1, 11, 0), utc(2027, 1, 12, 0))
    made.refresh_from_db()
    assert made.state == State.BOOKED
    assert Reservation.objects.filter(appointment=made).count() == 3
    with pytest.raises(StartNotOffered, match="not open"):
        book(world, utc(2027, 1, 11, 12), name="Sam Example")


# --- who ----------------------------------------------------------------------
def test_row_19_a_registration_counts_to_its_last_day_and_no_further():
    world = factories.bookable_clinic()
    Registration.objects.update(valid_until=MONDAY)
    assert {at.date() for at in offered(world, MONDAY, MONDAY + timedelta(days=2))} == {MONDAY}
    with pytest.raises(StartNotOffered):
        book(world, utc(2027, 1, 12, 9))


def test_insurance_counts_to_its_last_day_by_the_locations_date():
    world = factories.bookable_clinic(
        starts=time(0),
        ends=time(0),
        horizon_days=366,
        practitioner={"insured_until": date(2027, 6, 1)},
    )
    found = offered(world, date(2027, 6, 1), date(2027, 6, 2))
    # British Summer Time: the local day ends at 23:00 UTC, and the last visit with it.
    assert found[-1] == utc(2027, 6, 1, 22)


@pytest.mark.parametrize("change", ["lapsed", "none", "uninsured", "draft"])
def test_who_may_not_practise_is_not_offered(change):
    world = factories.bookable_clinic()
    if change == "lapsed":
        Registration.objects.update(status=Registration.Status.LAPSED)
    elif change == "none":
        Registration.objects.all().delete()
    else:
        field = {"uninsured": "insured_until", "draft": "is_published"}[change]
        setattr(world.practitioner, field, None if change == "uninsured" else False)
        world.practitioner.save()
    assert offered(world, MONDAY) == []
    assert availability.next_free([world.practitioner]) == {}
    with pytest.raises(StartNotOffered):
        book(world, utc(2027, 1, 11, 9))


def test_who_takes_no_new_patients_is_offered_to_known_ones_only():
    world = factories.bookable_clinic(practitioner={"takes_new_patients": False})
    assert offered(world, MONDAY, new_patient=True) == []
    assert offered(world, MONDAY) != []
    world.treatment.audience = "new"
    world.treatment.save()
    assert offered(world, MONDAY) == []


def test_anyone_means_the_one_with_the_least_to_do_that_day():
    world = factories.bookable_clinic()
    other = world.another_practitioner(name="Ben Adeyemi")
    world.rooms.members.add(factories.room(world.location))
    first = book(world, utc(2027, 1, 11, 9))
    assert first.practitioner == world.practitioner
    second = book(world, utc(2027, 1, 11, 10), name="Sam Example")
    assert second.practitioner == other


# --- when ---------------------------------------------------------------------
def test_notice_and_horizon_bound_what_is_offered():
    world = factories.bookable_clinic(notice_minutes=120, horizon_days=7)
    found = offered(world, date(2027, 1, 4), date(2027, 1, 14))
    # It is 08:00 on the 4th.
    assert found[0] == utc(2027, 1, 4, 10)
    assert found[-1] == utc(2027, 1, 11, 16)


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (utc(2027, 1, 4, 7), "past"),
        (utc(2027, 1, 4, 9), "too_soon"),
        (utc(2027, 1, 11, 9, 15), "off_grid"),
        (utc(2027, 1, 11, 9, 0, 1), "off_grid"),
        (utc(2027, 1, 11, 17), "closed"),
        (utc(2027, 4, 11, 9), "beyond_horizon"),
        (utc(2999, 1, 1, 9), "beyond_horizon"),
        (utc(1999, 1, 1, 9), "past"),
    ],
)
def test_a_start_that_is_not_offered_says_why(start, code):
    world = factories.bookable_clinic()
    with pytest.raises(StartNotOffered) as refusal:
        book(world, start)
    assert refusal.value.code == code
    assert str(refusal.value.sentence)


def test_another_practitioners_treatment_says_so():
    world = factories.bookable_clinic()
    stranger = directory.practitioner()
    factories.body(stranger)
    with pytest.raises(StartNotOffered) as refusal:
        book(world, utc(2027, 1, 11, 9), practitioner=stranger)
    assert refusal.value.code == "not_given"


def test_staff_go_round_notice_and_grid_but_not_round_what_is_taken():
    world = factories.bookable_clinic(notice_minutes=1440)
    made = book(world, utc(2027, 1, 4, 9, 35), by=DESK, source="desk", override=True)
    assert made.state == State.BOOKED
    with pytest.raises(StartTaken):
        book(
            world,
            utc(2027, 1, 4, 10, 30),
            name="Sam Example",
            by=DESK,
            source="desk",
            override=True,
        )
    with pytest.raises(StartNotOffered):
        book(world, utc(2027, 1, 4, 20), by=DESK, source="desk", override=True)


def test_alternatives_are_the_nearest_and_free():
    world = factories.bookable_clinic()
    twelve = utc(2027, 1, 11, 12)
    book(world, twelve)
    near = availability.alternatives(world.treatment, twelve, n=4)
    assert [s.at.hour for s in near] == [10, 11, 13, 14]
    assert {s.at for s in near} <= set(offered(world, MONDAY))


def test_a_question_may_not_span_a_year():
    world = factories.bookable_clinic()
    with pytest.raises(ValueError, match="62"):
        offered(world, MONDAY, MONDAY + timedelta(days=62))
    with pytest.raises(ValueError, match="62"):
        offered(world, MONDAY, MONDAY - timedelta(days=1))


def test_the_start_that_one_has_is_free_for_moving():
    world = factories.bookable_clinic()
    made = book(world, utc(2027, 1, 11, 9))
    assert utc(2027, 1, 11, 9) not in offered(world, MONDAY)
    assert utc(2027, 1, 11, 9) in offered(world, MONDAY, moving=made)


def test_a_patient_is_not_in_two_places():
    world = factories.bookable_clinic()
    world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    book(world, utc(2027, 1, 11, 9))
    with pytest.raises(PatientBusy):
        book(world, utc(2027, 1, 11, 9))


# --- the month ----------------------------------------------------------------
def test_a_month_tells_full_days_from_closed_ones():
    world = factories.bookable_clinic(days=[0, 1, 2, 3], starts=time(9), ends=time(13))
    for hour in range(9, 13):
        book(world, utc(2027, 1, 12, hour), name=f"Guest {hour}")
    book(world, utc(2027, 1, 13, 9), name="Guest one more")
    month = availability.month(world.treatment, MONDAY)
    states = {d.date.day: d.state for d in month.days}
    assert len(states) == 31
    assert states[1] == states[3] == "past"
    assert states[11] == "free"
    assert states[12] == "full"
    assert states[13] == "few"
    assert states[15] == "closed"
    assert month.day(date(2027, 1, 12)).capacity == 4
    assert [s.at.hour for s in month.day(date(2027, 1, 13)).starts] == [10, 11, 12]


def test_the_next_free_start_of_people_and_treatments():
    world = factories.bookable_clinic()
    other = world.another_treatment(grid_minutes=60)
    book(world, utc(2027, 1, 4, 10))
    free = availability.next_free([world.practitioner])[world.practitioner.pk]
    assert free.at == utc(2027, 1, 4, 11)
    found = availability.next_for_treatments([world.treatment, other])
    assert {s.at for s in found.values()} == {utc(2027, 1, 4, 11)}
    gaps = availability.free_spans(world.practitioner, date(2027, 1, 4), date(2027, 1, 4))
    assert [(a.hour, b.hour) for a, b, _place in gaps] == [(9, 10), (11, 17)]


# --- cost ---------------------------------------------------------------------
def queries(ask) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        ask()
    return len(seen)


def test_the_number_of_queries_is_the_same_for_small_and_large():
    world = factories.bookable_clinic()
    asks = {
        "starts, one day": lambda: offered(world, MONDAY),
        "starts, 60 days": lambda: offered(world, MONDAY, MONDAY + timedelta(days=59)),
        "month": lambda: availability.month(world.treatment, MONDAY),
        "next_free": lambda: availability.next_free([world.practitioner]),
        "next_for_treatments": lambda: availability.next_for_treatments([world.treatment]),
        "alternatives": lambda: availability.alternatives(world.treatment, utc(2027, 1, 11, 9)),
        "earliest": lambda: availability.earliest(world.treatment, 5),
        "is_free": lambda: availability.is_free(world.treatment, utc(2027, 1, 11, 9)),
        "free_spans": lambda: availability.free_spans(world.practitioner, MONDAY, MONDAY),
        "the ways to take one": lambda: ways.place(
            availability.Query(world.treatment, MONDAY, MONDAY), utc(2027, 1, 12, 9)
        ),
    }
    small = {name: queries(ask) for name, ask in asks.items()}
    assert set(small.values()) == {4}, small
    for n in range(5):
        world.another_practitioner()
        world.rooms.members.add(factories.room(world.location))
        factories.absence(world.room, utc(2027, 1, 20 + n), utc(2027, 1, 21 + n))
    for hour in range(9, 17):
        for _n in range(3):
            book(world, utc(2027, 1, 11, hour), name=f"Guest {factories.patient().pk}")
    assert {name: queries(ask) for name, ask in asks.items()} == small


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans in no time")
def test_a_server_plans_a_question_once_whoever_is_asked_about():
    world = factories.bookable_clinic()
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    for n in range(3):
        offered(world, MONDAY + timedelta(days=n), practitioner=world.practitioner)
        world.rooms.members.add(factories.room(world.location))
    with connection.cursor() as cursor:
        cursor.execute("SELECT generic_plans, custom_plans FROM pg_prepared_statements")
        assert cursor.fetchall() == [(3, 0)] * 4


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans in no time")
def test_behind_a_pooler_nothing_is_prepared(monkeypatch):
    world = factories.bookable_clinic()
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert offered(world, MONDAY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchall() == [(0,)]
