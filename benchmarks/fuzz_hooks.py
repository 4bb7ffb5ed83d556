"""What the fuzzer knows of the clinic. Schemathesis loads it: SCHEMATHESIS_HOOKS names it.

Left alone it only meets "we do not know this treatment". So most of what it makes up is sent with
a treatment that exists, a start that is free and a token that opens something, wherever the part
that it broke on purpose is another one. Environment: FUZZ_URL, the site; FUZZ_TALLY, a file for
the count of answers.
"""

import atexit
import itertools
import json
import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import requests
import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

API = os.environ.get("FUZZ_URL", "http://localhost:8000").rstrip("/") + "/api/v1"
ALIVE = 0.8
answered: Counter[str] = Counter()
_free: list[tuple[str, str]] = []
_keys = itertools.count()


def _ask(path: str, **query: str) -> Any:
    return requests.get(f"{API}/{path}", params=query, timeout=20).json()


def _days() -> dict[str, str]:
    """Days that nobody's notice period has begun for."""
    first = datetime.now(UTC).date() + timedelta(days=3)
    return {"from": str(first), "to": str(first + timedelta(days=6))}


def _take_free() -> tuple[str, str]:
    """A treatment and a start of it that nobody was given yet."""
    if not _free:
        for row in _ask("treatments"):
            if row["audience"] != "returning" and not row["asks_birth_date"]:
                found = _ask("availability", treatment=row["slug"], **_days())
                _free.extend((row["slug"], start["start"]) for start in found["starts"])
        random.Random(1).shuffle(_free)
    return _free.pop()


def _book() -> Any:
    """A new appointment, of a patient of its own; None where the clinic has reasons not to."""
    treatment, start = _take_free()
    body = {
        "treatment": treatment,
        "start": start,
        "patient": {"name": f"Pat {start}", "email": "pat@example.org"},
        "screening": {},
    }
    done = requests.post(f"{API}/appointments", json=body, timeout=20)
    return done.json() if done.status_code == 201 else None


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest


def _reads_as(kind: Any, value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(kind.fromisoformat(value))
    except ValueError:
        return False


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Make what is still whole in the case meet something that exists."""
    dice = random.Random(repr((case.body, case.query, case.path_parameters)))
    if dice.random() > ALIVE:
        return
    call = case.operation.label.removeprefix("GET ").removeprefix("POST ")
    stateful = case.meta and case.meta.phase.name.value == "stateful"
    body = case.body if isinstance(case.body, dict) else {}
    row = None
    if "{token}" in call and not stateful and case.path_parameters:
        if row := _book():
            case.path_parameters["token"] = row["token"]
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and len(key) <= 255 and key.isprintable() and dice.random() < ALIVE:
        case.headers["Idempotency-Key"] = f"key {next(_keys)}"
    if call.endswith("/availability") and case.query:
        _whole_question(case.query, dice)
    if call.endswith("/appointments") and body:
        _whole_booking(body, dice)
    if call.endswith("/reschedule") and _reads_as(datetime, body.get("start")):
        _other_start(body, row)
        if dice.random() < ALIVE and _is_text(body.get("practitioner"), 120):
            del body["practitioner"]


def _other_start(body: dict[str, Any], row: Any) -> None:
    if row:
        who = {"treatment": row["treatment"], "practitioner": row["practitioner"]}
        starts = [found["start"] for found in _ask("availability", **who, **_days())["starts"]]
        if others := [start for start in starts if start != row["start"]]:
            body["start"] = others[-1]


def _whole_question(query: Any, dice: random.Random) -> None:
    if _is_text(query.get("treatment"), 120):
        query["treatment"] = _take_free()[0]
    if _reads_as(date, query.get("from")) and _reads_as(date, query.get("to")):
        query.update(_days())
    for name, longest in (("practitioner", 120), ("location", 80), ("language", 12)):
        if dice.random() < ALIVE and _is_text(query.get(name), longest):
            del query[name]


def _whole_booking(body: dict[str, Any], dice: random.Random) -> None:
    if _is_text(body.get("treatment"), 120) and _reads_as(datetime, body.get("start")):
        body["treatment"], body["start"] = _take_free()
    for name, longest in (("practitioner", 120), ("location", 80)):
        if dice.random() < ALIVE and _is_text(body.get(name), longest):
            del body[name]
    minutes = body.get("minutes")
    if dice.random() < ALIVE and type(minutes) is int and 5 <= minutes <= 600:
        del body["minutes"]
    screening = body.get("screening")
    if dice.random() < ALIVE and isinstance(screening, dict):
        if all(isinstance(v, bool) or v in ("yes", "no", "unsure") for v in screening.values()):
            body["screening"] = {}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    said = f"{case.operation.label} {response.status_code}"
    if response.status_code in (409, 422):
        said += f" {json.loads(response.content)['code']}"
    answered[said] += 1


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Let the clinic's own rules refuse what the document allows: a start that is not offered, a
    number that nobody can be called at. What is `invalid` besides is missing from the document.
    """
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 422:
        return True
    said = json.loads(response.content)
    fields = {error["field"] for error in said.get("errors", [])}
    return said["code"] == "invalid" and fields != {"patient.phone"}


def _write_tally() -> None:
    if path := os.environ.get("FUZZ_TALLY"):
        with open(path, "w") as file:
            json.dump(dict(sorted(answered.items())), file)


atexit.register(_write_tally)
