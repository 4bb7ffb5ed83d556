"""`python -m benchmarks.reminders`: ten thousand reminders due in one minute, through a real
Celery worker and a mail server in a process of its own. None may be lost and none come twice.

Runs on SQLite with files, and on PostgreSQL with Redis where both answer (TEST_DATABASE_URL and
TEST_REDIS_URL say where; a private one is started where none does). Prints mails a second and the
peak age of the outbox: how long the last reminder waited after it was due, with the scan's own
wait in it; and how much of a processor a mail costs its worker, which does not depend on what else
the machine does. Ends with an error where a reminder is lost or doubled.

    --count 10000   --workers 1   --threads 4   --engine sqlite|postgresql
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "clinic_bench_reminders"
# The reminders become due when the workers have started.
READY_SECONDS = 8
sys.path.insert(0, str(ROOT / "bin"))
from services import Found, find_postgres, find_redis

Figures = dict[str, Any]


# --- in a process of its own, with the site's settings ------------------------------
def fill(count: int) -> None:
    """`count` visits in two hours' time, each with a reminder that is due in a moment."""
    import django

    django.setup()
    from datetime import timedelta

    from django.core.management import call_command

    from bookings.models import Appointment, Kind, Notification, Patient
    from bookings.tests import factories
    from clinic.clock import now

    call_command("migrate", verbosity=0)
    world = factories.bookable_clinic()
    due = now() + timedelta(seconds=READY_SECONDS)
    start = due + timedelta(hours=2)
    patients = Patient.objects.bulk_create(
        [Patient(name=f"Pat Sample {n}", email=f"pat{n}@example.org") for n in range(count)],
        batch_size=1000,
    )
    visits = Appointment.objects.bulk_create(
        [
            Appointment(
                patient=patient,
                treatment=world.treatment,
                practitioner=world.practitioner,
                location=world.location,
                starts_at=start,
                ends_at=start + timedelta(minutes=60),
                treatment_name="Talk",
                minutes=60,
                price_pence=6000,
                cancellation_hours=24,
                state="booked",
            )
            for patient in patients
        ],
        batch_size=1000,
    )
    Notification.objects.bulk_create(
        [
            Notification(
                kind=Kind.REMINDER,
                appointment=visit,
                minutes_before=120,
                due_at=due,
                recipient=visit.patient.email,
            )
            for visit in visits
        ],
        batch_size=1000,
    )
    print(due.timestamp())


def left() -> None:
    """How many wait, and how many are in each state."""
    import django

    django.setup()
    from django.db.models import Count

    from bookings.models import Notification

    rows = Notification.objects.order_by().values_list("state").annotate(Count("pk"))
    print(json.dumps(dict(rows)))


# --- the run ------------------------------------------------------------------------
def ask(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "benchmarks.reminders", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip().splitlines()[-1]


def seconds_of_cpu(process: "subprocess.Popen[bytes]") -> float:
    """What a process has used so far; 0 where /proc does not say."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    *command: str, environment: dict[str, str], log: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """A process for as long as the block lasts."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def measure(name: str, services: dict[str, str], chosen: argparse.Namespace) -> Figures:
    """One engine: fill, start, wait until nothing is pending, count what the server took."""
    with tempfile.TemporaryDirectory(prefix="clinic-reminders-") as place, ExitStack() as stack:
        folder = Path(place)
        kept = {k: v for k, v in os.environ.items() if not k.endswith(("_URL", "_FILE"))}
        kept |= {"DEBUG": "1", "VAR_DIR": place, "LOG_LEVEL": "WARNING", **services}
        kept["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
        log = folder / "log"
        post = [sys.executable, "-m", "clinic.tests.faults.postbox", place]
        with running(*post, environment=kept, log=log):
            while not (folder / "port").exists():
                time.sleep(0.05)
            kept["EMAIL_URL"] = f"smtp://127.0.0.1:{(folder / 'port').read_text()}"
            due = float(ask(kept, "--fill", str(chosen.count)))
            celery = [sys.executable, "-m", "celery", "--app", "clinic"]
            workers = []
            for n in range(chosen.workers):
                who = ["worker", "--pool", "threads", "--concurrency", str(chosen.threads)]
                who += ["--hostname", f"bench{n}@%h", "--loglevel", "WARNING"]
                worker = running(*celery, *who, environment=kept, log=log)
                workers.append(stack.enter_context(worker))
            stack.enter_context(running(*celery, "beat", environment=kept, log=log))
            time.sleep(max(due - time.time(), 0))
            idle = sum(map(seconds_of_cpu, workers))
            states: dict[str, int] = {"pending": chosen.count}
            while states.get("pending"):
                time.sleep(2)
                states = json.loads(ask(kept, "--left"))
                if time.time() > due + chosen.patience:
                    print(log.read_text()[-4000:], file=sys.stderr)
                    raise SystemExit(f"{name}: still waiting after {chosen.patience} s: {states}")
            cpu = sum(map(seconds_of_cpu, workers)) - idle
            stack.close()
        taken = [json.loads(line) for line in (folder / "letters").read_text().splitlines()]
    return figures(name, taken, states, due, chosen.count) | {"cpu": cpu / chosen.count}


def figures(name: str, taken: list[Any], states: dict[str, int], due: float, count: int) -> Figures:
    ids, people = Counter(t["message-id"] for t in taken), {t["to"] for t in taken}
    moments = [t["at"] for t in taken]
    return {
        "engine": name,
        "states": states,
        "lost": count - len(people),
        "doubled": len(taken) - len(ids),
        "a second": len(taken) / max(max(moments) - min(moments), 0.001),
        "first": min(moments) - due,
        "peak age": max(moments) - due,
    }


@contextmanager
def database(server: str) -> Iterator[str]:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
        try:
            yield server.rpartition("/")[0] + f"/{DATABASE}"
        finally:
            connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def usable(found: Found) -> str:
    address, problem = found
    if not address:
        print(f"PostgreSQL with Redis: not measured ({problem})", file=sys.stderr)
    return address


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--patience", type=int, default=900, help="seconds before giving up")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"])
    parser.add_argument("--fill", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--left", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.fill:
        fill(chosen.fill)
    elif chosen.left:
        left()
    else:
        run(chosen)


def run(chosen: argparse.Namespace) -> None:
    """Both engines, or the one that was chosen."""
    found: list[Figures] = []
    if chosen.engine != "postgresql":
        found.append(measure("SQLite, files", {}, chosen))
    if chosen.engine != "sqlite":
        with ExitStack() as stack:
            postgres, redis = usable(find_postgres(stack)), usable(find_redis(stack))
            if postgres and redis:
                address = stack.enter_context(database(postgres))
                services = {"DATABASE_URL": address, "REDIS_URL": redis}
                found.append(measure("PostgreSQL, Redis", services, chosen))
    for row in found:
        print(
            f"{row['engine']}: {chosen.count:,} reminders, {row['a second']:,.0f} a second, "
            f"{1000 * row['cpu']:.1f} ms of a worker’s processor each; "
            f"peak age {row['peak age']:.0f} s, the first after {row['first']:.0f} s; "
            f"lost {row['lost']}, doubled {row['doubled']}; {row['states']}"
        )
    if any(row["lost"] or row["doubled"] for row in found):
        raise SystemExit("a reminder was lost or came twice")


if __name__ == "__main__":
    main()
