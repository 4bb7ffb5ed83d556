"""Does the time of an answer tell who is a patient, who has a login, or which link once opened?

    python -m benchmarks.enumeration [tries]

Asks each door in turn for somebody the clinic knows and for somebody it does not, in random order,
on a database of its own (DATABASE_URL chooses the engine), and prints the medians, their difference
and how much the answers vary anyway (the middle half of them). A difference well below that is no
use to anybody. The tests hold the same by counting queries and hashes, not by a clock.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
os.environ["DEBUG"] = "1"
os.environ["HTTPS"] = "0"
os.environ["DATABASE_POOL"] = "0"
os.environ["LOG_LEVEL"] = "CRITICAL"
os.environ.setdefault("VAR_DIR", tempfile.mkdtemp())
for kind in ("API", "BOOK", "HOLD", "CONTACT", "CODE", "LOGIN"):
    os.environ[f"THROTTLE_{kind}"] = "0"

import django

django.setup()

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import setup_databases, setup_test_environment, teardown_databases

from bookings import notifications, proofs
from bookings.models import Appointment, EmailProof
from bookings.tests import cast, factories
from bookings.tests.patient import Visitor

Ask = Callable[[], object]
# A wrong code, for every code that is sent is 000042.
WRONG = "000001"


def code_for(email: str) -> Ask:
    def ask() -> object:
        return Client().post("/book/returning/", {"email": email})

    return ask


def wrong_code(email: str) -> Ask:
    client = Client()
    client.post("/book/returning/", {"email": email})

    def ask() -> object:
        EmailProof.objects.update(tries=0, expires_at=datetime.now(UTC) + timedelta(minutes=9))
        start = time.perf_counter()
        client.post("/book/returning/code/", {"code": WRONG})
        return time.perf_counter() - start

    return ask


def link(token: str) -> Ask:
    return lambda: Client().get(f"/appointments/{token}/")


def sign_in(name: str) -> Ask:
    return lambda: Client().post("/login/", {"username": name, "password": "wrong-word-of-nobody"})


def booking(world: factories.World, day: datetime, emails: list[str]) -> Ask:
    """A guest books, with one of these addresses; the visit is gone again before the next try."""
    rest = iter(emails)

    def ask() -> object:
        Appointment.objects.all().delete()
        visitor = Visitor(world)
        at = day.isoformat()
        visitor.hold(at)
        form, email = visitor.form_token(at), next(rest)
        start = time.perf_counter()
        assert visitor.send(at, form=form, email=email).status_code == 303
        return time.perf_counter() - start

    return ask


def doors(tries: int) -> dict[str, dict[str, Ask]]:
    """Each door, with the ways of knocking whose answers must not be told apart."""
    world = factories.bookable_clinic(notice_minutes=0)
    known = factories.patient(email="known@example.org").email
    day = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=7)
    held = Visitor(world).hold(day.isoformat())
    past = cast.visit(world, day - timedelta(days=200))
    cast.dora()
    left = cast.login("left")
    left.is_active = False
    left.save()
    strangers = [f"stranger{n}@example.org" for n in range(2 * tries)]
    return {
        "ask for a code": {"a patient": code_for(known), "nobody": code_for("nobody@example.org")},
        "type a wrong code": {
            "a patient": wrong_code(known),
            "nobody": wrong_code("nobody@example.org"),
        },
        "open a link": {
            "never there": link("x" * 32),
            "of a hold": link(held.token),
            "of long ago": link(past.token),
        },
        "sign in": {
            "a login": sign_in("dora"),
            "no login": sign_in("nobody"),
            "left": sign_in("left"),
        },
        "book as a guest": {
            "a patient": booking(world, day, [known] * 2 * tries),
            "nobody": booking(world, day, strangers),
        },
    }


def timed(ask: Ask) -> float:
    """Milliseconds; some calls time their own last part."""
    start = time.perf_counter()
    took = ask()
    return 1000 * (took if isinstance(took, float) else time.perf_counter() - start)


def main() -> None:
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    notifications.nudge = lambda: None
    proofs.LIVE_CODES = proofs.CODES_A_DAY = 10**6
    proofs.secrets.randbelow = lambda _limit: 42
    setup_test_environment()
    settings.ALLOWED_HOSTS = ["*"]
    made = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"{connection.vendor}, {tries} tries each")
        for door, ways in doors(tries).items():
            took: dict[str, list[float]] = {who: [] for who in ways}
            turns = [who for who in ways for _n in range(tries)]
            random.shuffle(turns)
            for ask in ways.values():
                timed(ask)
            for who in turns:
                took[who].append(timed(ways[who]))
            medians = {who: statistics.median(times) for who, times in took.items()}
            apart = max(medians.values()) - min(medians.values())
            everything = sorted(t for times in took.values() for t in times)
            low, _mid, high = statistics.quantiles(everything, n=4)
            said = ", ".join(f"{who} {ms:.1f}" for who, ms in medians.items())
            print(f"{door}: {said}; apart {apart:.1f} ms, they vary by {high - low:.1f} ms")
    finally:
        connection.close()
        teardown_databases(made, verbosity=0)


if __name__ == "__main__":
    main()
