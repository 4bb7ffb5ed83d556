"""Start several calls at one moment, each on its own connection, and audit what is left."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from bookings.models.reservations import Reservation
from clinic.errors import Refused

Outcome = Any


def race(*calls: Callable[[], Any]) -> list[Outcome]:
    """What each call returned, or the refusal it raised. Any other error fails the test."""
    gate = threading.Barrier(len(calls), timeout=20)
    outcomes: list[Outcome] = [None] * len(calls)

    def run(n: int, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            gate.wait()
            outcomes[n] = call()
        except BaseException as error:
            outcomes[n] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Refused):
            raise outcome
    return outcomes


def won(outcomes: list[Outcome]) -> list[Outcome]:
    return [o for o in outcomes if not isinstance(o, BaseException)]


def lost(outcomes: list[Outcome]) -> list[Refused]:
    return [o for o in outcomes if isinstance(o, Refused)]


def double_bookings() -> int:
    """How many pairs of reservations overlap, asked in plain SQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM bookings_reservation a JOIN bookings_reservation b"
            " ON a.resource_id = b.resource_id AND a.id < b.id"
            " AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
        )
        return cursor.fetchone()[0]


def orphans() -> int:
    """Reservations of appointments that should have none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM bookings_reservation r JOIN bookings_appointment a"
            " ON a.id = r.appointment_id WHERE a.state IN ('cancelled', 'expired')"
        )
        return cursor.fetchone()[0]


@contextmanager
def without_the_constraint() -> Iterator[None]:
    """The database lets overlaps through; afterwards it is as it was (the table emptied)."""
    constraint = next(
        c for c in Reservation._meta.constraints if c.name == "reservation_no_overlap"
    )
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = [row for row in cursor.fetchall() if row[0].startswith(constraint.name)]
            assert len(triggers) == 2
            for name, _sql in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
        else:
            cursor.execute(f"ALTER TABLE bookings_reservation DROP CONSTRAINT {constraint.name}")
    try:
        yield
    finally:
        Reservation.objects.all().delete()
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                for _name, sql in triggers:
                    cursor.execute(sql)
        else:
            with connection.schema_editor() as editor:
                editor.add_constraint(Reservation, constraint)
