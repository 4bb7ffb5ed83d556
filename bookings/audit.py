"""The auditor: what must always be true of the diary, asked of the live database in plain SQL.

The promises stand in bookings.promises. Of the rows that break one, the first twenty are named and
all are counted. `manage.py audit` runs it, and so does beat each night.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.utils.translation import gettext

from clinic.clock import now

from .models import Audit
from .promises import CHECKS, PIECES, Check

log = logging.getLogger(__name__)

SHOWN = 20
KEPT = timedelta(days=90)
# Beat clears holds away each minute; one that is over for longer means that it does not.
HOLD_GRACE = timedelta(minutes=15)
# Clocks of two machines differ a little.
CLOCK_SLACK = timedelta(minutes=5)
# A reminder of whole days keeps the time on the wall, which a clock change moves by an hour.
REMINDER_SLACK = timedelta(minutes=90)


@dataclass(frozen=True)
class Finding:
    """One broken promise: which, by how many rows, and a line for each of the first twenty."""

    check: str
    says: str
    total: int
    lines: tuple[str, ...]


def findings() -> list[Finding]:
    """Every broken promise, in their order there; an empty list means that all is well.

    One query a check and one for the constraints, whatever is stored.
    """
    instant = now()
    moments = {
        "now": instant,
        "soon": instant + CLOCK_SLACK,
        "tomorrow": instant + timedelta(days=1),
        "hold_grace": instant - HOLD_GRACE,
        "reminders_from": instant + REMINDER_SLACK,
    }
    params = {n: connection.ops.adapt_datetimefield_value(at) for n, at in moments.items()}
    with connection.cursor() as cursor:
        found = [_ask(cursor, check, params) for check in CHECKS]
        found.append(_missing_constraints(cursor))
    return [finding for finding in found if finding.total]


def run() -> Audit:
    """Look, and keep what was found, for the desk; outside a transaction. Old runs go."""
    with reading_only():
        found = findings()
    for finding in found:
        log.error("audit: %s: %s", finding.check, finding.total)
    Audit.objects.filter(at__lt=now() - KEPT).delete()
    return Audit.objects.create(
        at=now(),
        total=sum(finding.total for finding in found),
        findings=[asdict(finding) for finding in found],
    )


@contextmanager
def reading_only() -> Iterator[None]:
    """One view of the database in which nothing can be written, and no statement is too slow.

    Outside a transaction only. SQLite reads without one, which would take the write lock.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = 1")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA query_only = 0")
        return
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        yield


def _ask(cursor: Any, check: Check, params: dict[str, Any]) -> Finding:
    sql = check.sql.format(**_pieces())
    cursor.execute(
        f"SELECT line, COUNT(*) OVER () FROM ({sql}) found_lines ORDER BY 1 LIMIT {SHOWN}", params
    )
    rows = cursor.fetchall()
    total = int(rows[0][1]) if rows else 0
    return Finding(check.name, str(check.says), total, tuple(str(line) for line, _n in rows))


def _pieces() -> dict[str, str]:
    """What the statements share, and where the engines differ."""
    if connection.vendor == "sqlite":
        minutes = "ROUND((JULIANDAY({1}) - JULIANDAY({0})) * 1440)"
        # A text that is no instant has no length.
        too_long = "COALESCE(JULIANDAY(r.ends_at) - JULIANDAY(r.starts_at), 1) > 0.50001"
    else:
        minutes = "ROUND(EXTRACT(EPOCH FROM {1} - {0}) / 60)"
        too_long = "r.ends_at > r.starts_at + INTERVAL '12 hours'"
    return {
        **PIECES,
        "r_too_long": too_long,
        "a_minutes": minutes.format("a.starts_at", "a.ends_at"),
        "a_minutes_ahead": minutes.format("%(reminders_from)s", "a.starts_at"),
    }


def _missing_constraints(cursor: Any) -> Finding:
    """Constraints and indexes that our models declare and the database does not have."""
    if connection.vendor == "sqlite":
        cursor.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        there = "\n".join(sql for (sql,) in cursor.fetchall())
        present = {name for name in _declared() if f'"{name}"' in there}
    else:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE convalidated"
            " UNION SELECT indexname FROM pg_indexes WHERE schemaname = CURRENT_SCHEMA()"
        )
        present = {name for (name,) in cursor.fetchall()}
    missing = sorted(set(_declared()) - present)
    says = gettext("The database has lost rules of its own: make them again before anything else.")
    return Finding("constraint", says, len(missing), tuple(missing[:SHOWN]))


def _declared() -> Iterator[str]:
    for model in apps.get_models():
        if model._meta.app_label not in ("bookings", "practitioners", "clinic"):
            continue
        if model._meta.managed and not model._meta.proxy:
            yield from (index.name for index in model._meta.indexes)
            for constraint in model._meta.constraints:
                # On SQLite the one that forbids overlap is two triggers.
                if constraint.name == "reservation_no_overlap" and connection.vendor == "sqlite":
                    yield from ("reservation_no_overlap_ins", "reservation_no_overlap_upd")
                else:
                    yield constraint.name
