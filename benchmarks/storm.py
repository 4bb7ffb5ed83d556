"""`python -m benchmarks.storm`: a mixed load for a minute, at the highest rate the machine takes.

Web and API, many patients and treatments: they look, hold, book, move and cancel. The site is
gunicorn, a worker and beat on PostgreSQL and Redis (those of TEST_DATABASE_URL and TEST_REDIS_URL,
else what answers here, else private ones), with settings of production; the load comes from a
process of its own on the same machine. Ends with an error if an answer was neither fine nor a
refusal (409, 422, 429), if the diary breaks a promise afterwards, asked in SQL of its own, or if
a booking that was confirmed to a patient is not there.

Then the same slots are wanted by the same number of clients from us and from django-appointment,
each through its own addresses on one server, and double bookings are counted.

    --seconds 60   --clients 32   --workers 2   --threads 8   --without-rival
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

# Settings are read when `clinic` is imported; the site that is measured gets its own.
os.environ.setdefault("DEBUG", "1")

import psycopg

from benchmarks.availability import ROOT, table
from clinic.tests.faults.audit import Auditor
from clinic.tests.faults.site import Site, running, wait_until
from clinic.tests.faults.visitors import REFUSALS, Log

sys.path.insert(0, str(ROOT / "bin"))
from services import find_postgres, find_redis

DATABASE = "clinic_bench_storm"


@contextmanager
def database(server: str, name: str = DATABASE) -> Iterator[str]:
    """The address of an empty database on `server`, for as long as the block lasts."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(site: Site, *command: str) -> None:
    environment = {**site.environment, "DATABASE_POOL": "0"}
    subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT, check=True, env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def as_in_production(static: Path) -> dict[str, str]:
    return {
        "DEBUG": "0",
        "FRIENDLY_ERRORS": "0",
        "SECRET_KEY": os.urandom(40).hex(),
        "ALLOWED_HOSTS": "127.0.0.1",
        "STATIC_ROOT": str(static),
        "LOG_LEVEL": "WARNING",
    }


# --- the load ---------------------------------------------------------------------------
def load(site: Site, seconds: float, clients: int) -> Log:
    answer = site.folder / "log.json"
    visitors = "clinic.tests.faults.visitors"
    command = [sys.executable, "-m", visitors, site.url, str(seconds), str(clients), str(answer)]
    subprocess.run(command, cwd=ROOT, check=True)
    return Log(**json.loads(answer.read_text()))


def percentile(sample: list[float], share: float) -> str:
    ordered = sorted(sample)
    return f"{1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]:,.0f} ms"


def report(log: Log) -> str:
    head = ["request", "sent", "p50", "p95", "p99", "refused", "failed"]
    rows = []
    for kind in sorted(log.seconds):
        sample, counts = log.seconds[kind], log.statuses[kind]
        refused = sum(counts.get(str(status), 0) for status in REFUSALS)
        fine = sum(n for status, n in counts.items() if status in ("200", "201", "302", "303"))
        times = [percentile(sample, share) for share in (0.5, 0.95, 0.99)]
        rows.append(
            [kind, f"{len(sample):,}", *times, str(refused), str(len(sample) - fine - refused)]
        )
    everything = [taken for sample in log.seconds.values() for taken in sample]
    rate = f"{len(everything) / log.lasted:,.0f} requests a second over {log.lasted:.0f} s"
    booked = f"{len(log.booked):,} booked, {len(log.cancelled):,} cancelled"
    return "\n".join([table(head, rows, 1), f"{rate}; {booked}; failed {log.failed}"])


def verdict(site: Site, log: Log) -> list[str]:
    """What is wrong after the load; empty when nothing is."""
    audit = Auditor(site.database)
    wait_until(lambda: audit.waiting() == 0, "the mail of the load", 600)
    wrong = [f"{count} {words}" for words, count in audit.broken().items()]
    wrong += [f"not there: {token[:6]}…" for token in audit.lost(log.booked, log.cancelled)]
    wrong += log.errors
    told = [set(references) for references in log.keys.values() if references]
    several = sum(len(references) > 1 for references in told)
    if several or len(set.union(set(), *told)) != len(told):
        wrong.append("an Idempotency-Key stands for more than one appointment")
    if site.doubles():
        wrong.append(f"{site.doubles()} mails came twice")
    print(f"mail: {len(site.letters()):,} letters, none twice, none waiting" * (not site.doubles()))
    return wrong


def storm(chosen: argparse.Namespace, stack: ExitStack) -> list[str]:
    server, why = find_postgres(stack)
    redis, why_no_redis = find_redis(stack)
    if not server or not redis:
        sys.exit(f"PostgreSQL and Redis are needed: {why} {why_no_redis}")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clinic-storm-")))
    site = Site(
        folder,
        stack.enter_context(database(server)),
        redis,
        settings={
            **as_in_production(folder / "static"),
            "WEB_WORKERS": str(chosen.workers),
            "WEB_THREADS": str(chosen.threads),
            "DATABASE_POOL": str(chosen.pool or chosen.threads),
        },
    )
    for command in (["migrate"], ["demo_data", "--force"], ["collectstatic", "--noinput"]):
        manage(site, *command, "--verbosity", "0")
    with running(site):
        load(site, 3, chosen.clients)
        log = load(site, chosen.seconds, chosen.clients)
        print(
            f"PostgreSQL and Redis, gunicorn {chosen.workers} × {chosen.threads} threads,"
            f" {chosen.clients} clients, {os.cpu_count()} cores for all of it\n\n{report(log)}"
        )
        return verdict(site, log)


# --- beside django-appointment --------------------------------------------------------------
def beside(chosen: argparse.Namespace, stack: ExitStack) -> None:
    from benchmarks.availability import PYTHON, prepare

    print(f"\n{prepare()}", flush=True)
    server, _why = find_postgres(stack)
    address = stack.enter_context(database(server, DATABASE + "_rival"))
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_URL")}
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="clinic-rival-"))
    environment |= {"DATABASE_URL": address, "VAR_DIR": folder, "TIME_ZONE": "Europe/London"}
    command = [PYTHON, "-m", "benchmarks.rival", str(chosen.clients), str(chosen.slots)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    sides = json.loads(done.stdout.splitlines()[-1])
    head = ["wanted from", "clients", "slots", "asked", "told “booked”", "slots booked"]
    head += ["double-booked", "visits too many", "other answers", "median"]
    rows = [
        [
            side["name"], str(chosen.clients), str(chosen.slots), str(side["asked"]),
            str(side["told"]), str(side["slots"]), str(side["double"]), str(side["too_many"]),
            side["other"], f"{1000 * statistics.median(side['seconds']):,.0f} ms",
        ]
        for side in sides
    ]  # fmt: skip
    print(table(head, rows, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2, help="processes of gunicorn")
    parser.add_argument("--threads", type=int, default=8, help="threads in each")
    parser.add_argument("--pool", type=int, default=0, help="connections; as many as threads")
    parser.add_argument("--slots", type=int, default=20, help="that the rivals' clients want")
    parser.add_argument("--without-rival", action="store_true")
    parser.add_argument("--only-rival", action="store_true")
    chosen = parser.parse_args()
    wrong: list[str] = []
    with ExitStack() as stack:
        if not chosen.only_rival:
            wrong = storm(chosen, stack)
        if not chosen.without_rival:
            beside(chosen, stack)
    if wrong:
        sys.exit("\n".join(["WRONG:", *wrong]))


if __name__ == "__main__":
    main()
