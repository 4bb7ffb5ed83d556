"""A crowd in several processes that wants one start: each patient has a thread and a connection."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from clinic.clock import at_wall, today
from practitioners.models import Treatment

from .. import factories

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Wish:
    """What everybody wants."""

    treatment: Treatment
    start: datetime


def three_rooms_and_one_table(*, people: int = 4, tables: int = 1) -> Wish:
    """A clinic where a start needs one of `people`, of three rooms and of `tables`; and that start,
    a week from now."""
    world = factories.bookable_clinic(name="IDD therapy", slug="idd")
    for _n in range(2):
        world.rooms.members.add(factories.room(world.location))
    for _n in range(people - 1):
        world.another_practitioner()
    rows = [factories.equipment(world.location) for _n in range(tables)]
    factories.need(world.treatment, factories.pool(*rows, name="IDD tables"))
    zone = world.location.time_zone
    nine = at_wall(today(zone) + timedelta(days=7), time(9), zone)
    assert nine is not None
    return Wish(world.treatment, nine)


def rush(
    wish: Wish,
    patients: int,
    *,
    processes: int,
    door: str = "verb",
    constraint: str = "there",
    first: int = 0,
) -> list[dict[str, Any]]:
    """Let so many patients, in so many processes, book `wish` at once; what became of each.

    An answer has `patient`, `seconds`, and one of `made`, `code` (with `alternatives`) or `error`.
    """
    orders = {
        "database": str(connection.settings_dict["NAME"]),
        "treatment": wish.treatment.pk,
        "slug": wish.treatment.slug,
        "start": wish.start.isoformat(),
        "door": door,
        "constraint": constraint,
    }
    environment = {**os.environ, "THROTTLE_API": "0"}
    with ExitStack() as stack:
        running = []
        for n in range(processes):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "bookings.tests.races.racer"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=ROOT,
                    env=environment,
                    text=True,
                )
            )
            share = range(first + n, first + patients, processes)
            print(json.dumps({**orders, "patients": list(share)}), file=process.stdin, flush=True)
            running.append(process)
        for process in running:
            assert process.stdout and process.stdout.readline() == "ready\n"
        for process in running:
            print("go", file=process.stdin, flush=True)
        return [a for p in running for a in json.loads(p.stdout.readline())]  # type: ignore[union-attr]


def tally(answers: list[dict[str, Any]]) -> Counter[str]:
    """How many were booked, refused by code, or met an error."""
    return Counter(a.get("error") or a.get("code") or "booked" for a in answers)


def offered(answers: list[dict[str, Any]]) -> Iterator[datetime]:
    """The starts that those who came too late were offered instead, each once."""
    seen = {at for a in answers for at in a.get("alternatives", ())}
    yield from sorted(datetime.fromisoformat(at).astimezone(UTC) for at in seen)
