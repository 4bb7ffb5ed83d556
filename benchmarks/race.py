"""`python -m benchmarks.race`: a crowd wants one start, on SQLite and on PostgreSQL.

So many patients (--patients 64), each on a connection of their own, in several processes
(--processes 4), book the same start of a treatment that needs one of four practitioners, of three
rooms, and the only IDD table; once by the verbs and once through the API, --rounds times each.
Then the same with tables enough, so that the rooms decide. Prints winners, losers, double bookings
as plain SQL counts them, and how long a patient waited; every start that a loser was offered
instead is booked afterwards.
"""

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "clinic_race"
sys.path.insert(0, str(ROOT / "bin"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.race")
    parser.add_argument("--patients", type=int, default=64)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], help="this one alone")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        sys.exit(run(options))
    failed = False
    for engine in [options.engine] if options.engine else ["sqlite", "postgresql"]:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="clinic-race-"))
            failed |= bool(on(engine, folder, stack))
    sys.exit(failed)


def on(engine: str, folder: str, stack: ExitStack) -> int:
    """Run the races on one engine, in a process whose settings choose it; its exit code."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "clinic.settings",
        "DEBUG": "1",
        "SECRET_KEY": secrets.token_urlsafe(60),
        "VAR_DIR": folder,
        "DATABASE_POOL": "0",
        "LOG_LEVEL": "ERROR",
    }
    if engine == "postgresql":
        from services import start_postgres

        # A server of our own: sixty-four connections more are not everybody's to give.
        server = start_postgres(stack)
        if not server:
            print("PostgreSQL: not run, none is installed", file=sys.stderr)
            return 1
        environment["DATABASE_URL"] = server
    command = [sys.executable, "-m", "benchmarks.race", "--here", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def run(options: argparse.Namespace) -> int:
    """Both doors and both clinics on the engine of this process; 1 when anything went wrong."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    failed = 0
    for tables, winners in ((1, 1), (6, 3)):
        for door in ("verb", "api"):
            for _n in range(options.rounds):
                call_command("flush", interactive=False, verbosity=0)
                failed |= one_round(options, door, tables, winners)
    return failed


def one_round(options: argparse.Namespace, door: str, tables: int, winners: int) -> int:
    from django.db import connection

    from bookings import appointments
    from bookings.actors import Actor
    from bookings.tests.races import arena, crowd

    wish = crowd.three_rooms_and_one_table(tables=tables)
    before = deadlocks()
    answers = crowd.rush(wish, options.patients, processes=options.processes, door=door)
    elapsed = max(a["seconds"] for a in answers)
    told = crowd.tally(answers)
    booked = [
        appointments.book(
            treatment=wish.treatment,
            start=at,
            details=appointments.Details(name=f"Late {n}", email=f"late{n}@example.org"),
            by=Actor("staff"),
            source="desk",
        )
        for n, at in enumerate(crowd.offered(answers))
    ]
    double = arena.double_bookings()
    waits = sorted(a["seconds"] * 1000 for a in answers)
    p50, p95 = statistics.median(waits), waits[int(len(waits) * 0.95)]
    good = told == {"booked": winners, "start_taken": options.patients - winners} and double == 0
    print(
        f"{connection.vendor:10} by {door:4} {tables} table(s): {dict(told)}, double bookings"
        f" {double}, alternatives booked {len(booked)}, p50 {p50:.0f} ms, p95 {p95:.0f} ms,"
        f" all {elapsed:.2f} s, deadlocks {deadlocks() - before}"
        f" {'' if good else '  WRONG'}",
        flush=True,
    )
    return 0 if good else 1


def deadlocks() -> int:
    """How many PostgreSQL has broken up in this database so far."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


if __name__ == "__main__":
    main()
