"""`python -m bookings.tests.races.racer`: some of a crowd of patients, in a process of its own.

Reads its orders as a line of JSON, connects every patient, says "ready", waits for a line, lets all
of them book the same start at once, and prints what became of each as JSON (see crowd.py).
"""
# ruff: noqa: E402

import json
import sys
import threading
import time
from datetime import datetime
from typing import Any

import django

django.setup()

from django.db import connection, connections
from django.test import Client
from django.urls import resolve

from bookings import appointments, notifications, placing, screening
from bookings.actors import API
from bookings.errors import StartTaken
from clinic.errors import Refused
from practitioners.models import Treatment

Answer = dict[str, Any]


def by_verb(orders: dict[str, Any], n: int) -> Answer:
    treatment = Treatment.objects.get(pk=orders["treatment"])
    form = screening.current_form()
    record = screening.record(form, {q.code: "no" for q in form.questions.all()}, door="api")
    try:
        made = appointments.book(
            treatment=treatment,
            start=datetime.fromisoformat(orders["start"]),
            screening=record,
            details=appointments.Details(name=f"Guest {n}", email=f"guest{n}@example.org"),
            by=API,
            source="api",
        )
    except Refused as refused:
        near = refused.alternatives if isinstance(refused, StartTaken) else []
        return {"code": refused.code, "alternatives": [s.at.isoformat() for s in near]}
    return {"made": made.pk}


def by_api(orders: dict[str, Any], n: int) -> Answer:
    body = {
        "treatment": orders["slug"],
        "start": orders["start"],
        "patient": {"name": f"Guest {n}", "email": f"guest{n}@example.org"},
        "screening": {},
    }
    client = Client(headers={"Idempotency-Key": f"racer-{n}"})
    response = client.post("/api/v1/appointments", body, content_type="application/json")
    said = json.loads(response.content)
    if response.status_code == 201:
        return {"made": said["reference"]}
    near = [a["start"] for a in said.get("alternatives", [])]
    return {"code": said["code"], "alternatives": near}


def main() -> None:
    orders = json.loads(sys.stdin.readline())
    connections.settings["default"]["NAME"] = orders["database"]
    # Nobody is told: the broker is not what this race is about.
    notifications.nudge = lambda: None
    if orders["door"] == "api":
        # Read once, before threads do it all at the same time.
        resolve("/api/v1/appointments")
    if orders["constraint"] == "gone":
        # The control: everybody sees the diary as it was before the first of them booked.
        stale_advice(orders)
    patients, book = orders["patients"], {"verb": by_verb, "api": by_api}[orders["door"]]
    answers: list[Answer] = []
    gate = threading.Barrier(len(patients) + 1, timeout=120)

    def run(n: int) -> None:
        connection.ensure_connection()
        gate.wait()
        gate.wait()
        begin = time.perf_counter()
        try:
            answer = book(orders, n)
        except BaseException as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.append({"patient": n, "seconds": time.perf_counter() - begin, **answer})
        connection.close()

    threads = [threading.Thread(target=run, args=[n]) for n in patients]
    for thread in threads:
        thread.start()
    gate.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    gate.wait()
    for thread in threads:
        thread.join()
    print(json.dumps(answers), flush=True)


def stale_advice(orders: dict[str, Any]) -> None:
    from bookings.availability import Query

    treatment, start = (
        Treatment.objects.get(pk=orders["treatment"]),
        datetime.fromisoformat(orders["start"]),
    )
    ways = placing.place(Query(treatment, start.date(), start.date()), start)
    placing.place = lambda _query, _start: ways


if __name__ == "__main__":
    main()
