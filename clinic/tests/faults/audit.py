"""What must be so whatever died, asked in plain SQL over a connection of our own.

Independent of the site's code on purpose: it knows the tables, not the models.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg

LIVE = "('held', 'booked', 'arrived', 'completed', 'no_show')"
AGREED = "('booked', 'arrived', 'completed', 'no_show')"

# Each says what it counts; all of them are 0 in a sound diary.
CHECKS = {
    "pairs of reservations that overlap": """
        SELECT count(*) FROM bookings_reservation a
        JOIN bookings_reservation b ON a.resource_id = b.resource_id AND a.id < b.id
        AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at""",
    "reservations of what is over": f"""
        SELECT count(*) FROM bookings_reservation r
        JOIN bookings_appointment a ON a.id = r.appointment_id WHERE a.state NOT IN {LIVE}""",
    "live appointments without all they need": f"""
        SELECT count(*) FROM bookings_appointment a
        JOIN practitioners_treatment t ON t.id = a.treatment_id
        WHERE a.state IN {LIVE} AND NOT t.is_group
        AND (SELECT count(*) FROM bookings_reservation r WHERE r.appointment_id = a.id)
        <> (SELECT sum(n.quantity) FROM bookings_need n WHERE n.treatment_id = a.treatment_id)
        + CASE WHEN a.state IN {AGREED} THEN 1 ELSE 0 END""",
    "agreed appointments whose patient is not taken": f"""
        SELECT count(*) FROM bookings_appointment a WHERE a.state IN {AGREED} AND NOT EXISTS (
        SELECT 1 FROM bookings_reservation r
        JOIN bookings_patient p ON p.resource_id = r.resource_id
        WHERE r.appointment_id = a.id AND p.id = a.patient_id)""",
    "agreed appointments whose practitioner is not taken": f"""
        SELECT count(*) FROM bookings_appointment a WHERE a.state IN {AGREED} AND NOT EXISTS (
        SELECT 1 FROM bookings_reservation r
        JOIN bookings_resource s ON s.id = r.resource_id
        JOIN bookings_appointment o ON o.id = r.appointment_id
        WHERE s.practitioner_id = a.practitioner_id AND o.treatment_id = a.treatment_id
        AND r.starts_at < a.ends_at AND r.ends_at > a.starts_at)""",
    "online bookings without their audit row": f"""
        SELECT count(*) FROM bookings_appointment a
        WHERE a.state IN {AGREED} AND a.source = 'api' AND NOT EXISTS (
        SELECT 1 FROM bookings_appointmentevent e WHERE e.appointment_id = a.id AND e.verb = 'book')
        """,
    "online bookings without a confirmation": f"""
        SELECT count(*) FROM bookings_appointment a
        WHERE a.state IN {AGREED} AND a.source = 'api' AND NOT EXISTS (
        SELECT 1 FROM bookings_notification n
        WHERE n.appointment_id = a.id AND n.kind = 'confirmation')""",
}


class Auditor:
    """Asks the database at an address as DATABASE_URL has it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        parts = urlsplit(self.address)
        if parts.scheme == "sqlite":
            connection: Any = sqlite3.connect(parts.path, timeout=20)
        else:
            connection = psycopg.connect(self.address)
        with closing(connection):
            return connection.execute(sql).fetchall()

    def number(self, sql: str) -> int:
        return int(self.ask(sql)[0][0] or 0)

    def broken(self) -> dict[str, int]:
        """The promises that are broken, and how often; empty in a sound diary."""
        counts = {words: self.number(sql) for words, sql in CHECKS.items()}
        return {words: count for words, count in counts.items() if count}

    def lost(self, tokens: Iterable[str], cancelled: Iterable[str] = ()) -> list[str]:
        """Of those that a patient was told are booked, which are not; unless cancelled since."""
        rows = self.ask("SELECT token, state FROM bookings_appointment")
        state, gone = dict(rows), set(cancelled)
        expected = {token: "cancelled" if token in gone else "booked" for token in tokens}
        return [token for token, wanted in expected.items() if state.get(token) != wanted]

    def waiting(self) -> int:
        """Messages that are due and have not been sent."""
        # SQLite's own CURRENT_TIMESTAMP knows no fractions of a second, and compares as text.
        soon = f"{datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%d %H:%M:%S+00:00}"
        return self.number(
            "SELECT count(*) FROM bookings_notification"
            f" WHERE state = 'pending' AND due_at <= '{soon}'"
        )

    def sent(self, kind: str) -> int:
        return self.number(
            f"SELECT count(*) FROM bookings_notification WHERE state = 'sent' AND kind = '{kind}'"
        )
