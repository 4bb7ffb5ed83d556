"""Nobody is booked twice: not by SQL typed by hand, not after the table was made anew.

Every statement here goes past models and verbs, straight to the database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.migrations import AlterField
from django.db.migrations.loader import MigrationLoader

from bookings.models import State
from bookings.models.reservations import Reservation

from . import factories
from .cast import visit

DAY = datetime(2027, 1, 11, tzinfo=UTC)
INSERT = """INTO bookings_reservation (resource_id, starts_at, ends_at, appointment_id)
            VALUES (%s, %s, %s, %s)"""
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own")
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own")


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def sql(statement: str, *values: Any) -> None:
    """Run one statement by cursor; what is refused leaves the transaction usable."""
    prepared = [
        connection.ops.adapt_datetimefield_value(v) if isinstance(v, datetime) else v
        for v in values
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, prepared)


class Table:
    """The table of reservations, two resources, and an appointment for the rows to belong to."""

    def __init__(self) -> None:
        world = factories.bookable_clinic()
        self.room, self.other = world.room, factories.room(world.location)
        self.visit = visit(world, at(9), state=State.EXPIRED, patient=None)

    def insert(self, start: Any, end: Any, room: Any = None, verb: str = "INSERT") -> None:
        pk = (room or self.room).pk
        sql(f"{verb} {INSERT}", pk, start, end, self.visit.pk)

    def spans(self) -> list[tuple[int, datetime, datetime]]:
        rows = Reservation.objects.values_list("resource_id", "starts_at", "ends_at")
        return sorted(rows)


@pytest.fixture
def table(db: None) -> Table:
    return Table()


def overlaps(spans: list[tuple[int, datetime, datetime]]) -> int:
    return sum(
        a[0] == b[0] and a[1] < b[2] and b[1] < a[2]
        for i, a in enumerate(spans)
        for b in spans[i + 1 :]
    )


# --- what is refused, what is not ---------------------------------------------------
@pytest.mark.parametrize(
    ("start", "end"),
    [(9, 11), (10, 11), (9.5, 10.5), (8, 12), (9, 9.25), (10.75, 11), (8, 9.0001), (10.9999, 12)],
    ids=str,
)
def test_an_insert_that_overlaps_is_refused(table, start, end):
    table.insert(at(9), at(11))
    with pytest.raises(IntegrityError, match="reservation_no_overlap"):
        table.insert(at(start), at(end))
    assert len(table.spans()) == 1


@pytest.mark.parametrize(
    "change", ["starts_at = %s", "ends_at = %s", "resource_id = %s"], ids=["start", "end", "room"]
)
def test_an_update_that_would_overlap_is_refused(table, change):
    table.insert(at(9), at(10))
    table.insert(at(10), at(11))
    table.insert(at(9.5), at(10.5), table.other)
    before = table.spans()
    which, value = {
        "starts_at = %s": (at(10), at(9.5)),
        "ends_at = %s": (at(9), at(10.5)),
        "resource_id = %s": (at(9.5), table.room.pk),
    }[change]
    with pytest.raises(IntegrityError, match="reservation_no_overlap"):
        sql(f"UPDATE bookings_reservation SET {change} WHERE starts_at = %s", value, which)
    assert table.spans() == before


def test_spans_that_touch_are_allowed(table):
    table.insert(at(10), at(11))
    table.insert(at(11), at(12))
    table.insert(at(9), at(10))
    assert len(table.spans()) == 3


def test_another_resource_may_be_taken_at_the_same_time(table):
    table.insert(at(9), at(10))
    table.insert(at(9), at(10), table.other)
    assert len(table.spans()) == 2


def test_a_row_may_be_moved_within_its_own_time(table):
    table.insert(at(9), at(11))
    sql("UPDATE bookings_reservation SET starts_at = %s, ends_at = %s", at(10), at(12))
    assert table.spans() == [(table.room.pk, at(10), at(12))]


def test_what_was_deleted_is_free_again(table):
    table.insert(at(9), at(10))
    sql("DELETE FROM bookings_reservation")
    table.insert(at(9.5), at(10.5))
    assert len(table.spans()) == 1


def test_a_visit_of_exactly_twelve_hours_is_allowed(table):
    table.insert(at(8), at(20))
    assert len(table.spans()) == 1


NEVER = [
    pytest.param(at(9), at(9), id="empty"),
    pytest.param(at(10), at(9), id="reversed"),
    pytest.param(at(8), at(20) + timedelta(seconds=1), id="over 12 hours"),
    pytest.param(None, at(10), id="no start"),
    pytest.param(at(9), None, id="no end"),
    pytest.param("infinity", "infinity", id="infinite"),
    pytest.param(at(9), "infinity", id="without end"),
    pytest.param("-infinity", at(9), id="without beginning"),
]


@pytest.mark.parametrize(("start", "end"), NEVER)
def test_a_span_that_goes_round_the_constraint_is_refused(table, start, end):
    with pytest.raises(DatabaseError):
        table.insert(start, end)
    assert table.spans() == []


@pytest.mark.parametrize(("start", "end"), NEVER)
def test_no_row_becomes_a_span_that_goes_round_the_constraint(table, start, end):
    table.insert(at(9), at(10))
    with pytest.raises(DatabaseError):
        sql("UPDATE bookings_reservation SET starts_at = %s, ends_at = %s", start, end)
    assert table.spans() == [(table.room.pk, at(9), at(10))]


@pytest.mark.parametrize("column", ["resource_id", "appointment_id"])
def test_a_reservation_of_nothing_or_for_nobody_is_refused(table, column):
    table.insert(at(9), at(10))
    with pytest.raises(IntegrityError):
        sql(f"UPDATE bookings_reservation SET {column} = NULL")


@on_sqlite
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2027-01-11T09:00:00", "2027-01-11T10:00:00"),
        ("2027-01-11 09:00:00+00:00", "2027-01-11 10:00:00+00:00"),
        ("2027-01-11 09:00", "2027-01-11 10:00"),
        ("2027-01-11 09:00:00.5", "2027-01-11 10:00:00"),
        ("2027-02-30 09:00:00", "2027-02-30 10:00:00"),
        ("2027-19-11 09:00:00", "2027-19-11 10:00:00"),
        ("2027-01-11 09:00:00", "2027-01-11 29:00:00"),
        (1799830800, 1799834400),
        ("", "z"),
    ],
)
def test_text_that_is_no_instant_of_djangos_is_refused(table, start, end):
    with pytest.raises(IntegrityError):
        table.insert(start, end)


@on_sqlite
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE"])
def test_no_dress_of_an_insert_stores_an_overlap(table, verb):
    table.insert(at(9), at(10))
    with pytest.raises(IntegrityError):
        table.insert(at(9.5), at(10.5), verb=verb)
    assert table.spans() == [(table.room.pk, at(9), at(10))]


@on_postgresql
def test_on_conflict_do_nothing_stores_no_overlap(table):
    table.insert(at(9), at(10))
    sql(
        f"INSERT {INSERT} ON CONFLICT DO NOTHING",
        *(table.room.pk, at(9.5), at(10.5), table.visit.pk),
    )
    assert table.spans() == [(table.room.pk, at(9), at(10))]


def test_rows_of_one_statement_are_checked_against_each_other(table):
    pair = (table.room.pk, at(9), at(10), table.visit.pk, table.room.pk, at(9.5), at(11))
    with pytest.raises(IntegrityError, match="reservation_no_overlap"):
        sql(f"INSERT {INSERT}, (%s, %s, %s, %s)", *pair, table.visit.pk)
    assert table.spans() == []


def test_validation_says_it_in_words(table):
    table.insert(at(9), at(10))
    taken = Reservation(
        resource=table.room, starts_at=at(9.5), ends_at=at(10.5), appointment=table.visit
    )
    with pytest.raises(ValidationError, match="This is already taken at that time."):
        taken.full_clean()
    taken.starts_at = at(10)
    taken.full_clean()
    Reservation.objects.get().full_clean()


# --- many operations, against an oracle ---------------------------------------------
class Oracle:
    """What the table should hold: a list, looked through row by row."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, int, int]] = {}

    def may_hold(self, row: tuple[int, int, int], instead_of: int | None = None) -> bool:
        resource, start, end = row
        return start < end <= start + 12 and not any(
            r == resource and any(s <= hour < e for hour in range(start, end))
            for key, (r, s, e) in self.rows.items()
            if key != instead_of
        )


def operate(table: Table, seed: int, steps: int) -> Iterator[tuple[str, bool, bool]]:
    """Random inserts, updates and deletes: which, what the database said, what the oracle."""
    random, oracle, last = Random(seed), Oracle(), 0
    for _step in range(steps):
        what = random.choice(["INSERT", "INSERT", "UPDATE", "UPDATE", "DELETE"])
        key = random.choice(list(oracle.rows) or [0])
        start = random.randrange(40)
        room = random.choice([table.room.pk, table.other.pk])
        row = (room, start, start + random.choice([-1, 0, 1, 1, 2, 2, 3, 12, 13]))
        values = (room, at(row[1]), at(row[2]))
        try:
            if what == "DELETE":
                sql("DELETE FROM bookings_reservation WHERE id = %s", key)
                oracle.rows.pop(key, None)
                continue
            if what == "INSERT":
                key, allowed = last + 1, oracle.may_hold(row)
                sql(
                    "INSERT INTO bookings_reservation "
                    "(id, resource_id, starts_at, ends_at, appointment_id) "
                    "VALUES (%s, %s, %s, %s, %s)",
                    *(key, *values, table.visit.pk),
                )
                last = key
            else:
                if key not in oracle.rows:
                    continue
                allowed = oracle.may_hold(row, instead_of=key)
                sql(
                    "UPDATE bookings_reservation SET resource_id = %s, starts_at = %s, "
                    "ends_at = %s WHERE id = %s",
                    *(*values, key),
                )
            accepted = True
            oracle.rows[key] = row
        except IntegrityError:
            accepted = False
        yield what, accepted, allowed
    held = sorted((r, at(s), at(e)) for r, s, e in oracle.rows.values())
    assert table.spans() == held


@pytest.mark.parametrize("seed", range(4))
def test_the_database_and_a_list_agree_on_every_operation(table, seed):
    told = list(operate(table, seed, 400))
    assert [t for t in told if t[1] != t[2]] == []
    assert overlaps(table.spans()) == 0
    # It was no walkover: much was taken and much refused, by both kinds of statement.
    for what in ("INSERT", "UPDATE"):
        for accepted in (True, False):
            assert sum(t[0] == what and t[1] == accepted for t in told) > 20


@contextmanager
def constraint_dropped() -> Iterator[None]:
    """The test's transaction brings it back."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER reservation_no_overlap_ins")
            cursor.execute("DROP TRIGGER reservation_no_overlap_upd")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(
                "ALTER TABLE bookings_reservation DROP CONSTRAINT reservation_no_overlap"
            )
    yield


def test_control_without_the_constraint_the_same_operations_overlap(table):
    with constraint_dropped():
        told = list(operate(table, 0, 400))
    assert sum(accepted and not allowed for _what, accepted, allowed in told) > 20
    assert overlaps(table.spans()) > 10


# --- what outlives a change of the schema -------------------------------------------
def alter(field: models.Field) -> None:
    """Change reservation.starts_at as a migration would."""
    state = MigrationLoader(connection).project_state()
    after = state.clone()
    operation = AlterField("reservation", "starts_at", field)
    operation.state_forwards("bookings", after)
    with connection.schema_editor() as editor:
        operation.database_forwards("bookings", editor, state, after)


def still_refuses(table: Table) -> None:
    Reservation.objects.all().delete()
    table.insert(at(9), at(10))
    with pytest.raises(IntegrityError, match="reservation_no_overlap"):
        table.insert(at(9.5), at(10.5))
    table.insert(at(10), at(11))
    with pytest.raises(IntegrityError, match="reservation_no_overlap"):
        sql("UPDATE bookings_reservation SET ends_at = %s WHERE starts_at = %s", at(11), at(9))


def triggers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE tbl_name = 'bookings_reservation'")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
def test_the_constraint_outlives_a_change_of_its_table():
    """SQLite rebuilds the table; a trigger made by a migration of its own is gone after that."""
    table, by_hand = Table(), connection.vendor == "sqlite"
    if by_hand:
        sql("CREATE TRIGGER by_hand AFTER DELETE ON bookings_reservation BEGIN SELECT 1; END")
    try:
        alter(models.DateTimeField(null=True))
        assert not by_hand or "by_hand" not in triggers()
        still_refuses(table)
    finally:
        alter(models.DateTimeField())
    still_refuses(table)


@pytest.mark.django_db(transaction=True)
def test_migrations_go_back_and_come_again_with_the_constraint():
    try:
        call_command("migrate", "bookings", "zero", verbosity=0)
        assert "bookings_reservation" not in connection.introspection.table_names()
    finally:
        call_command("migrate", verbosity=0)
    still_refuses(Table())
