"""The auditor finds each broken promise when the data is really broken, and nothing otherwise."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError
from django.test.utils import CaptureQueriesContext

from bookings import appointments, audit
from bookings.actors import PATIENT, Actor
from bookings.models import Appointment, CalledOff, Patient, ReminderRule, Resource
from bookings.models.reservations import Reservation
from bookings.patients import Details
from bookings.promises import CHECKS
from practitioners.tests import factories as directory

from . import factories
from .factories import World

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
TEN = datetime(2027, 1, 7, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
DESK = Actor("staff")


@dataclass
class Diary:
    """A visit, one that is cancelled, a hold, and a class of two with its studio and mats."""

    world: World
    visit: Appointment
    cancelled: Appointment
    hold: Appointment
    group: list[Appointment]


def book(world: World, start: datetime, name: str, treatment=None) -> Appointment:
    return appointments.book(
        treatment=treatment or world.treatment,
        start=start,
        screening=factories.passed_screening(world.screening),
        details=Details(name=name, email=f"{name}@example.org", phone="+442079460123"),
        by=PATIENT,
        source="web",
    )


def a_class(world: World):
    row = directory.treatment(
        therapy=world.therapy, slug="class", is_group=True, grid_minutes=60, minutes=60
    )
    factories.need(row, is_shared=True)
    factories.need(row, factories.pool(factories.room(world.location)), is_shared=True)
    mats = [factories.equipment(world.location) for _n in range(4)]
    factories.need(row, factories.pool(*mats))
    world.practitioner.treatments.add(row)
    return row


@pytest.fixture
def diary() -> Iterator[Diary]:
    with time_machine.travel(NOW, tick=False):
        world = factories.bookable_clinic()
        for minutes in (2880, 120):
            ReminderRule.objects.get_or_create(treatment=None, minutes_before=minutes)
        cancelled = book(world, TEN + 2 * HOUR, "zed")
        appointments.cancel(cancelled, by=PATIENT)
        group = a_class(world)
        yield Diary(
            world,
            book(world, TEN, "pat"),
            cancelled,
            appointments.hold(
                treatment=world.treatment,
                start=TEN + HOUR,
                screening=factories.passed_screening(world.screening),
                by=PATIENT,
            ),
            [book(world, TEN + 3 * HOUR, name, group) for name in ("ann", "bob")],
        )


def sql(statement: str, *params: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


@contextmanager
def unguarded(table: str, *constraints: str) -> Iterator[None]:
    """The database lets these through, as one without them would; rolled back with the test."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                if name.startswith(constraints):
                    cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            )
            for (name,) in cursor.fetchall():
                if name in constraints:
                    cursor.execute(f"DROP INDEX {name}")
            cursor.execute("PRAGMA ignore_check_constraints = 1")
        yield
        sql("PRAGMA ignore_check_constraints = 0")
        return
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    for name in constraints:
        sql(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    yield


def without_the_unique_constraint(table: str, name: str) -> None:
    """On SQLite it is a part of the table: a copy without it takes its place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [table])
        (made,) = cursor.fetchone()
        bare = re.sub(rf', CONSTRAINT "{name}" UNIQUE \([^)]*\)', "", made)
        assert bare != made
        cursor.execute(bare.replace(f'"{table}"', '"copy_without"', 1))
        cursor.execute(f"INSERT INTO copy_without SELECT * FROM {table}")
        cursor.execute(f"DROP TABLE {table}")
        cursor.execute(f"ALTER TABLE copy_without RENAME TO {table}")


def found() -> dict[str, audit.Finding]:
    return {finding.check: finding for finding in audit.findings()}


# --- what breaks each promise ----------------------------------------------------
def two_visits_in_one_room(diary: Diary) -> str:
    with unguarded("bookings_reservation", "reservation_no_overlap"):
        # The visit of another, moved by half an hour without looking.
        sql(
            "UPDATE bookings_reservation SET starts_at = %s WHERE appointment_id = %s"
            " AND resource_id = %s",
            adapted(TEN + HOUR / 2),
            diary.hold.pk,
            diary.world.room.pk,
        )
    return f"{diary.hold.reference} and {diary.visit.reference}"


def an_empty_span(diary: Diary) -> str:
    row = diary.visit.reservations.first()
    with unguarded("bookings_reservation", "reservation_span_is_bounded", "reservation_no_overlap"):
        sql("UPDATE bookings_reservation SET ends_at = starts_at WHERE id = %s", row.pk)
    return f"reservation {row.pk}"


def a_day_long_span(diary: Diary) -> str:
    row = diary.visit.reservations.first()
    with unguarded("bookings_reservation", "reservation_span_is_bounded", "reservation_no_overlap"):
        sql(
            "UPDATE bookings_reservation SET ends_at = %s WHERE id = %s",
            adapted(TEN + 13 * HOUR),
            row.pk,
        )
    return f"reservation {row.pk}"


def other_minutes_than_agreed(diary: Diary) -> str:
    sql("UPDATE bookings_appointment SET minutes = 55 WHERE id = %s", diary.visit.pk)
    return diary.visit.reference


def nobody_to_treat(diary: Diary) -> str:
    lose(diary.visit, practitioner__isnull=False)
    return diary.visit.reference


def nobody_to_teach(diary: Diary) -> str:
    for visit in diary.group:
        lose(visit, practitioner__isnull=False)
    return diary.group[0].reference


def a_colleague_is_taken(diary: Diary) -> str:
    ben = diary.world.another_practitioner()
    sql("UPDATE bookings_appointment SET practitioner_id = %s WHERE id = %s", ben.pk, diary.hold.pk)
    return diary.hold.reference


def a_patient_may_be_elsewhere(diary: Diary) -> str:
    lose(diary.visit, kind="person")
    return diary.visit.reference


def a_stranger_is_kept(diary: Diary) -> str:
    stranger = factories.patient()
    Reservation.objects.create(
        resource=stranger.resource,
        starts_at=diary.visit.starts_at,
        ends_at=diary.visit.ends_at,
        appointment=diary.visit,
    )
    return f"{diary.visit.reference}: resource {stranger.resource_id}"


def no_room(diary: Diary) -> str:
    lose(diary.visit, kind="room")
    return f"{diary.visit.reference}: 0 of 1 in pool {diary.world.rooms.pk}"


def one_room_too_many(diary: Diary) -> str:
    second = factories.room(diary.world.location)
    diary.world.rooms.members.add(second)
    Reservation.objects.create(
        resource=second, starts_at=TEN, ends_at=TEN + HOUR, appointment=diary.visit
    )
    return f"{diary.visit.reference}: 2 of 1 in pool {diary.world.rooms.pk}"


def a_class_without_its_studio(diary: Diary) -> str:
    for visit in diary.group:
        lose(visit, kind="room")
    return "0 of 1 in pool"


def a_place_without_a_mat(diary: Diary) -> str:
    lose(diary.group[1], kind="equipment")
    return f"{diary.group[1].reference}: 0 of 1 in pool"


def a_cancelled_visit_keeps_its_room(diary: Diary) -> str:
    Reservation.objects.create(
        resource=diary.world.room,
        starts_at=TEN + 2 * HOUR,
        ends_at=TEN + 3 * HOUR,
        appointment=diary.cancelled,
    )
    return diary.cancelled.reference


def a_hold_of_yesterday(diary: Diary) -> str:
    sql(
        "UPDATE bookings_appointment SET held_until = %s WHERE id = %s",
        adapted(NOW - 24 * HOUR),
        diary.hold.pk,
    )
    return diary.hold.reference


def booked_without_a_date(diary: Diary) -> str:
    sql("UPDATE bookings_appointment SET booked_at = NULL WHERE id = %s", diary.visit.pk)
    return f"{diary.visit.reference}, booked"


def a_visit_of_next_week_is_over(diary: Diary) -> str:
    sql("UPDATE bookings_appointment SET state = 'completed' WHERE id = %s", diary.visit.pk)
    return f"{diary.visit.reference}, completed"


def a_state_by_hand(diary: Diary) -> str:
    sql("UPDATE bookings_appointment SET state = 'no_show' WHERE id = %s", diary.visit.pk)
    return f"{diary.visit.reference}: last booked, but it is no_show"


def an_event_that_cannot_follow(diary: Diary) -> str:
    last = diary.visit.events.order_by("-pk").first()
    sql("UPDATE bookings_appointmentevent SET from_state = 'arrived' WHERE id = %s", last.pk)
    return f"{diary.visit.reference}: book from arrived, but it was held"


def no_events(diary: Diary) -> str:
    sql("DELETE FROM bookings_appointmentevent WHERE appointment_id = %s", diary.visit.pk)
    return f"{diary.visit.reference}: nothing was written down"


def no_confirmation(diary: Diary) -> str:
    diary.visit.notifications.filter(kind="confirmation").delete()
    return f"{diary.visit.reference}: confirmation"


def no_reminder(diary: Diary) -> str:
    diary.visit.notifications.filter(kind="reminder", minutes_before=120).delete()
    return f"{diary.visit.reference}: reminder, 120 minutes before"


def a_reminder_was_dropped(diary: Diary) -> str:
    diary.visit.notifications.filter(minutes_before=2880).update(state="dropped")
    return f"{diary.visit.reference}: reminder, 2880 minutes before"


def a_reminder_of_what_is_cancelled(diary: Diary) -> str:
    diary.cancelled.notifications.filter(kind="reminder").update(state="pending")
    return f"{diary.cancelled.reference} is cancelled"


def a_cancellation_of_what_is_booked(diary: Diary) -> str:
    diary.visit.notifications.filter(kind="confirmation").update(kind="cancellation")
    return f"cancellation: appointment {diary.visit.reference} is booked"


def a_reminder_of_the_old_start(diary: Diary) -> str:
    diary.visit.notifications.filter(kind="reminder").update(start_version=7)
    return f"reminder: appointment {diary.visit.reference}"


def a_message_to_nobody(diary: Diary) -> str:
    diary.visit.notifications.filter(kind="confirmation").update(recipient="")
    return f"confirmation: appointment {diary.visit.reference}"


def one_message_twice(diary: Diary) -> str:
    row = diary.visit.notifications.get(kind="confirmation")
    with unguarded("bookings_notification", "notification_once"):
        if connection.vendor == "sqlite":
            without_the_unique_constraint("bookings_notification", "notification_once")
        names = [f.column for f in row._meta.concrete_fields if not f.primary_key]
        columns = ", ".join(names)
        sql(
            f"INSERT INTO bookings_notification (id, {columns})"
            f" SELECT id + 1000, {columns} FROM bookings_notification WHERE id = %s",
            row.pk,
        )
    return f"{diary.visit.reference}: confirmation, 2 times"


def sent_at_no_time(diary: Diary) -> str:
    row = diary.visit.notifications.get(kind="confirmation")
    with unguarded("bookings_notification", "notification_sent_has_a_time"):
        sql("UPDATE bookings_notification SET state = 'sent' WHERE id = %s", row.pk)
    return f"notification {row.pk}"


def a_visit_called_off_is_forgotten(diary: Diary) -> str:
    appointments.cancel(diary.visit, by=DESK, reason="Burst pipe")
    CalledOff.objects.all().delete()
    return f"{diary.visit.reference}: no task"


def a_task_about_a_visit_that_goes_ahead(diary: Diary) -> str:
    CalledOff.objects.create(appointment=diary.visit)
    return f"{diary.visit.reference}: booked"


def a_merged_record_has_visits(diary: Diary) -> str:
    other = factories.patient()
    Patient.objects.filter(pk=diary.visit.patient_id).update(merged_into=other)
    return f"patient {diary.visit.patient_id} was merged"


def a_room_is_somebodys_body(diary: Diary) -> str:
    row = factories.patient(resource=diary.world.room)
    return f"patient {row.pk} has a body that is none"


def a_body_without_anybody(diary: Diary) -> str:
    body = Resource.objects.create(kind="person", name="patient", person_key="nobody")
    return f"resource {body.pk} is nobody"


def a_practitioner_without_a_resource(diary: Diary) -> str:
    body = diary.world.practitioner.resource
    sql("DELETE FROM bookings_reservation WHERE resource_id = %s", body.pk)
    sql("DELETE FROM bookings_opening WHERE resource_id = %s", body.pk)
    sql("DELETE FROM bookings_resource WHERE id = %s", body.pk)
    return f"practitioner {diary.world.practitioner.pk}: 0"


def a_room_that_is_a_practitioner(diary: Diary) -> str:
    with unguarded("bookings_resource", "resource_stands_somewhere"):
        sql("UPDATE bookings_resource SET kind = 'practitioner' WHERE id = %s", diary.world.room.pk)
    return f"resource {diary.world.room.pk}"


def the_overlap_constraint_is_gone(diary: Diary) -> str:
    with unguarded("bookings_reservation", "reservation_no_overlap"):
        return "reservation_no_overlap"


BREAKAGES: list[tuple[str, Callable[[Diary], str]]] = [
    ("overlap", two_visits_in_one_room),
    ("span", an_empty_span),
    ("span", a_day_long_span),
    ("span", other_minutes_than_agreed),
    ("practitioner", nobody_to_treat),
    ("practitioner", nobody_to_teach),
    ("another_practitioner", a_colleague_is_taken),
    ("body", a_patient_may_be_elsewhere),
    ("body", a_stranger_is_kept),
    ("needs", no_room),
    ("needs", one_room_too_many),
    ("needs", a_class_without_its_studio),
    ("needs", a_place_without_a_mat),
    ("dead", a_cancelled_visit_keeps_its_room),
    ("old_hold", a_hold_of_yesterday),
    ("state", booked_without_a_date),
    ("state", a_visit_of_next_week_is_over),
    ("event", a_state_by_hand),
    ("event", an_event_that_cannot_follow),
    ("event", no_events),
    ("message_missing", no_confirmation),
    ("message_missing", no_reminder),
    ("message_missing", a_reminder_was_dropped),
    ("message_left_over", a_reminder_of_what_is_cancelled),
    ("message_left_over", a_cancellation_of_what_is_booked),
    ("message_left_over", a_reminder_of_the_old_start),
    ("message_left_over", a_message_to_nobody),
    ("message_twice", one_message_twice),
    ("message_twice", sent_at_no_time),
    ("outcome", a_visit_called_off_is_forgotten),
    ("outcome", a_task_about_a_visit_that_goes_ahead),
    ("people", a_merged_record_has_visits),
    ("people", a_room_is_somebodys_body),
    ("people", a_body_without_anybody),
    ("pair", a_practitioner_without_a_resource),
    ("pair", a_room_that_is_a_practitioner),
    ("constraint", the_overlap_constraint_is_gone),
]


def adapted(at: datetime) -> object:
    return connection.ops.adapt_datetimefield_value(at)


def lose(visit: Appointment, **resource: object) -> None:
    """A reservation of the visit vanishes, as no verb would let it."""
    chosen = Resource.objects.filter(**resource)
    visit.reservations.filter(resource__in=chosen).delete()


# --- the promises ----------------------------------------------------------------
def test_a_diary_that_the_verbs_wrote_keeps_every_promise(diary: Diary):
    appointments.reschedule(diary.visit, start=TEN + 5 * HOUR, by=PATIENT)
    appointments.cancel(diary.group[0], by=PATIENT)
    appointments.extend_hold(diary.hold, by=PATIENT)
    appointments.coming(diary.group[1], by=PATIENT)
    assert audit.findings() == []


@pytest.mark.parametrize(("check", "breaks"), BREAKAGES, ids=lambda x: getattr(x, "__name__", x))
def test_the_auditor_finds(diary: Diary, check: str, breaks: Callable[[Diary], str]):
    assert audit.findings() == []
    expected = breaks(diary)
    finding = found()[check]
    assert finding.total >= 1
    assert expected in "\n".join(finding.lines)


def test_every_promise_has_a_test_that_breaks_it():
    assert {check for check, _breaks in BREAKAGES} == {c.name for c in CHECKS} | {"constraint"}


def test_a_visit_called_off_by_the_clinic_keeps_every_promise(diary: Diary):
    appointments.cancel(diary.visit, by=DESK)
    assert audit.findings() == []


def test_a_reminder_added_after_booking_is_not_missed(diary: Diary):
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        ReminderRule.objects.create(minutes_before=60)
        assert audit.findings() == []
        late = book(diary.world, TEN + 6 * HOUR, "eve")
        late.notifications.filter(minutes_before=60).delete()
        (finding,) = audit.findings()
    assert finding.lines == (f"appointment {late.reference}: reminder, 60 minutes before",)


def test_no_line_names_a_patient(diary: Diary):
    no_events(diary)
    no_room(diary)
    assert "pat" not in "".join(line for f in audit.findings() for line in f.lines).lower().split()


def test_twenty_are_named_and_all_are_counted(diary: Diary):
    for number in range(25):
        Resource.objects.create(kind="person", name="patient", person_key=f"nobody-{number}")
    finding = found()["people"]
    assert (finding.total, len(finding.lines)) == (25, 20)


def test_the_number_of_queries_is_the_number_of_promises(diary: Diary):
    with CaptureQueriesContext(
        connection,
    ) as few:
        audit.findings()
    book(diary.world, TEN + 6 * HOUR, "eve")
    with CaptureQueriesContext(connection) as more:
        audit.findings()
    assert len(few) == len(more) == len(CHECKS) + 1


# --- before the constraint comes to old data -------------------------------------
def add_the_overlap_constraint() -> None:
    """The statements of the migration that adds it."""
    rule = next(c for c in Reservation._meta.constraints if c.name == "reservation_no_overlap")
    editor = connection.SchemaEditorClass(connection)
    if connection.vendor == "sqlite":
        made = list(rule._sqlite_statements(Reservation, editor))
    else:
        made = [rule.create_sql(Reservation, editor)]
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in made:
            cursor.execute(str(statement))


def test_row_68_adding_the_overlap_rule_to_dirty_data_fails_cleanly_and_the_audit_lists_the_rows(
    diary: Diary,
):
    expected = two_visits_in_one_room(diary)
    sql("SET CONSTRAINTS ALL IMMEDIATE") if connection.vendor == "postgresql" else None
    with pytest.raises(IntegrityError, match="reservation_no_overlap"):
        add_the_overlap_constraint()
    assert {"constraint", "overlap"} <= found().keys()
    assert expected in found()["overlap"].lines[0]
    appointments.release(diary.hold, by=PATIENT)
    add_the_overlap_constraint()
    assert audit.findings() == []


# --- the command -----------------------------------------------------------------
@pytest.fixture
def in_the_tests_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "reading_only", nullcontext)


@pytest.mark.usefixtures("in_the_tests_transaction")
def test_the_command_says_that_all_is_kept(diary: Diary):
    out = StringIO()
    call_command("audit", stdout=out)
    assert f"{len(CHECKS) + 1} promises checked, {len(CHECKS) + 1} kept." in out.getvalue()


@pytest.mark.usefixtures("in_the_tests_transaction")
def test_the_command_fails_and_says_what_is_broken(diary: Diary):
    no_confirmation(diary)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "--json", stdout=out)
    assert ended.value.code == 1
    (finding,) = json.loads(out.getvalue())
    assert finding["check"] == "message_missing"
    assert finding["lines"] == [f"appointment {diary.visit.reference}: confirmation"]


@pytest.mark.django_db(transaction=True)
def test_nothing_can_be_written_while_it_reads(diary: Diary):
    with pytest.raises(DatabaseError), audit.reading_only():
        assert audit.findings() == []
        sql("DELETE FROM bookings_notification")
    assert sql("DELETE FROM bookings_notification") > 0
