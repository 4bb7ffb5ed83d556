"""`python -m benchmarks.kill`: everything dies once, in every place where it can, and more often.

A site of its own on a private PostgreSQL and a private Redis (web, worker, beat, a mail server, all
processes), patients who book the whole time, and reminders that are due. SIGKILL for the worker
at each point between claim and mark, for the web process in mid-booking, for beat; two beats; an
emptied Redis; Redis and PostgreSQL ended and started again. After each: no booking that was
confirmed to a patient is lost, none is half, every due reminder went out, and a mail came twice
only where a worker died between handing it over and marking it, one for each death at most.

    --rounds 3   --clients 6   --reminders 20   --only worker
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Settings are read when `clinic` is imported; the site that is killed gets its own.
os.environ.setdefault("DEBUG", "1")

import psycopg
import redis

from benchmarks.availability import ROOT, table
from benchmarks.storm import manage
from clinic.tests.faults.audit import Auditor
from clinic.tests.faults.site import IN_THE_WEB, IN_THE_WORKER, Site, running, wait_until
from clinic.tests.faults.visitors import Log, Patient, Unanswered, crowd, treatments_of

sys.path.insert(0, str(ROOT / "bin"))
from services import Server, own_postgres, own_redis

# Where a mail may be with the server and not marked yet.
MAY_DOUBLE = ("sent", "marking")


@dataclass
class Result:
    """One scenario, all its rounds."""

    name: str
    deaths: int = 0
    booked: int = 0
    unanswered: int = 0
    faults: int = 0
    lost: int = 0
    half: int = 0
    reminders: int = 0
    not_sent: int = 0
    doubled: int = 0
    may_double: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not (self.lost or self.half or self.not_sent or self.doubled > self.may_double)

    def row(self) -> list[str]:
        return [
            self.name, str(self.deaths), str(self.booked), str(self.unanswered), str(self.faults),
            str(self.lost), str(self.half), f"{self.reminders - self.not_sent} of {self.reminders}",
            f"{self.doubled} of {self.may_double}", f"{max(self.seconds):.0f} s",
            "kept" if self.fine else "BROKEN",
        ]  # fmt: skip


HEAD = ["scenario", "deaths", "booked", "no answer, 503", "500", "lost", "half", "reminders sent"]
HEAD += ["mails doubled, at most", "well after", "promise"]


@dataclass
class House:
    site: Site
    audit: Auditor
    postgres: Server
    broker: Server
    clients: int
    reminders: int

    @contextmanager
    def patients(self, log: Log) -> Iterator[None]:
        """Who book the whole time, and ask again with the same key when nobody answered."""
        over = threading.Event()
        offered = treatments_of(self.site.url)

        def live(patient: Patient) -> None:
            slug = patient.chance.choice(offered)
            if patient.chance.random() < 0.3:
                patient.book_by_web(slug)
                return
            starts = patient.free_starts(slug)
            if starts:
                self.insist(patient, patient.order(slug, patient.chance.choice(starts)))

        go_on = lambda: not over.is_set()  # noqa: E731  a question for `crowd`
        people = threading.Thread(
            target=crowd, args=(self.site.url, self.clients, log, live, go_on), daemon=True
        )
        people.start()
        try:
            yield
        finally:
            over.set()
            people.join()

    @staticmethod
    def insist(patient: Patient, order: dict[str, object]) -> None:
        key = uuid.uuid4().hex
        for _try in range(60):
            try:
                patient.post_order(order, key)
                return
            except Unanswered:
                time.sleep(0.5)

    def remind(self) -> list[int]:
        """Reminders of visits to come are due now: which."""
        with psycopg.connect(self.site.database) as connection:
            rows = connection.execute(
                "UPDATE bookings_notification SET due_at = now() WHERE id IN ("
                " SELECT n.id FROM bookings_notification n"
                " JOIN bookings_appointment a ON a.id = n.appointment_id"
                " WHERE n.kind = 'reminder' AND n.state = 'pending' AND n.due_at > now()"
                " AND a.state = 'booked' AND n.minutes_before > 1000"
                " AND a.starts_at > now() + interval '2 days' LIMIT %s) RETURNING id",
                [self.reminders],
            )
            return [pk for (pk,) in rows]

    def run(self, result: Result, harm: Callable[[], int]) -> None:
        """One round: load and reminders, harm in the middle of it, then look."""
        site, log = self.site, Log()
        twice, deaths = site.doubles(), sum(site.deaths.values())
        with self.patients(log):
            time.sleep(1)
            due = self.remind()
            result.may_double += harm()
            harmed = time.monotonic()
            wait_until(lambda: site.status("/healthz") == 200, "the web")
            time.sleep(1)
        wait_until(lambda: self.audit.waiting() == 0, f"{result.name}: the mail", 120)
        result.seconds.append(time.monotonic() - harmed)
        site.disarm()
        result.reminders += len(due)
        result.not_sent += self.audit.number(
            "SELECT count(*) FROM bookings_notification"
            f" WHERE state <> 'sent' AND id IN ({', '.join(map(str, due)) or 0})"
        )
        result.booked += len(log.booked)
        faults = sum(counts.get("500", 0) for counts in log.statuses.values())
        result.faults += faults
        result.unanswered += log.failed - faults
        if faults:
            print(*log.errors, sep="\n", file=sys.stderr)
        result.lost += len(self.audit.lost(log.booked, log.cancelled))
        told = [set(references) for references in log.keys.values() if references]
        several = sum(len(references) > 1 for references in told)
        result.half += sum(self.audit.broken().values()) + several
        result.doubled += site.doubles() - twice
        result.deaths += sum(site.deaths.values()) - deaths

    # --- harm; each returns how many mails may come twice for it ------------------------------
    def at(self, point: str) -> int:
        self.site.arm(point)
        wait_until(lambda: not self.site.is_armed(point), f"somebody at {point}")
        # gunicorn starts the processes of its own anew, and our keeper sees nothing of it.
        self.site.deaths["one of gunicorn’s"] += point in IN_THE_WEB
        return int(point in MAY_DOUBLE)

    def kill(self, name: str) -> int:
        self.site.kill(name)
        # Without a named point a worker may have been anywhere.
        return int(name == "worker")

    def flush(self) -> int:
        with redis.from_url(self.broker.address) as client:
            for _n in range(5):
                client.flushall()
                time.sleep(0.3)
        return 0

    def away(self, server: Server, how: signal.Signals, seconds: float) -> int:
        """A server dies or is stopped, and comes back. No mail may come twice for Redis; with the
        database away a mail that was handed over cannot be marked: one for each worker."""
        server.stop(how)
        time.sleep(seconds)
        if not server.start():
            raise SystemExit(f"{server.address} did not start again")
        return int(server is self.postgres)


def scenarios(house: House) -> dict[str, Callable[[], int]]:
    harm: dict[str, Callable[[], int]] = {}
    for point in IN_THE_WORKER:
        harm[f"worker killed: {point}"] = lambda point=point: house.at(point)  # type: ignore[misc]
    for point in IN_THE_WEB:
        harm[f"web killed: {point}"] = lambda point=point: house.at(point)  # type: ignore[misc]
    return harm | {
        "worker killed anywhere": lambda: house.kill("worker"),
        "gunicorn killed with its processes": lambda: house.kill("web"),
        "beat killed": lambda: house.kill("beat-0"),
        "both beats killed": lambda: house.kill("beat-0") + house.kill("beat-1"),
        "Redis emptied, five times": house.flush,
        "Redis killed, back after 4 s": lambda: house.away(house.broker, signal.SIGKILL, 4),
        "PostgreSQL stopped, back after 2 s": lambda: house.away(house.postgres, signal.SIGINT, 2),
        "PostgreSQL crashed, back at once": lambda: house.away(house.postgres, signal.SIGQUIT, 0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--reminders", type=int, default=20)
    parser.add_argument("--only", default="", help="scenarios with these words in their name")
    chosen = parser.parse_args()
    results = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clinic-kill-")))
        postgres, broker = own_postgres(stack), own_redis()
        if postgres is None or broker is None:
            sys.exit("PostgreSQL and Redis must be installed here: they are started and killed")
        for server in (postgres, broker):
            stack.callback(server.stop)
            server.start()
        site = Site(folder, postgres.address, broker.address, crashing=True)
        for command in (["migrate"], ["demo_data"]):
            manage(site, *command, "--verbosity", "0")
        audit = Auditor(site.database)
        house = House(site, audit, postgres, broker, chosen.clients, chosen.reminders)
        stack.enter_context(running(site, beats=2))
        wait_until(lambda: audit.waiting() == 0, "the demo's own mail", 120)
        for name, harm in scenarios(house).items():
            if chosen.only in name:
                results.append(Result(name))
                for _round in range(chosen.rounds):
                    house.run(results[-1], harm)
                print(*results[-1].row(), sep="  ", file=sys.stderr, flush=True)
    print(table(HEAD, [result.row() for result in results], 1))
    if not all(result.fine for result in results):
        sys.exit("a promise was broken")


if __name__ == "__main__":
    main()
