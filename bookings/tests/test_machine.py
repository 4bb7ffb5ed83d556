"""Whatever patients, staff, workers and the clock do in whatever order: the diary stays true.

Small here; `MACHINE_EXAMPLES=2000 pytest bookings/tests/test_machine.py` (`python -m
benchmarks.machine`) looks for longer, and elsewhere each time.
"""

import os
from collections import Counter
from collections.abc import Iterator

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bookings import appointments, notifications, placing
from bookings.board import Board
from bookings.models import Notification
from bookings.models.reservations import Reservation

from .machine import MONDAY, ClinicMachine, House, small_house

pytestmark = pytest.mark.django_db

MORE = int(os.environ.get("MACHINE_EXAMPLES", "0"))
profile = settings(
    max_examples=MORE or 10,
    stateful_step_count=60 if MORE else 40,
    derandomize=not MORE,
    database=None,
    deadline=None,
    # Making a failure smaller takes minutes: the large run does it.
    phases=[Phase.generate, Phase.shrink] if MORE else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def house() -> Iterator[House]:
    with time_machine.travel(MONDAY, tick=False):
        built = small_house()
    yield built


VERBS = {
    *("hold", "book", "extend_hold", "confirm", "release", "reschedule", "cancel", "coming"),
    *("check_in", "complete", "no_show", "reopen", "take_back", "resend_confirmation", "merge"),
}


def run(house: House, using: settings = profile) -> Counter[str]:
    """How often each verb did its work."""
    done: Counter[str] = Counter()
    run_state_machine_as_test(lambda: ClinicMachine(house, done), settings=using)
    return done


def test_the_diary_stays_true_whatever_happens(house):
    done = run(house)
    # It was no walkover: each verb was called and did its work.
    assert set(done) == VERBS


# --- the controls: a clinic that is broken on purpose is found out -----------------------------
def keeps_its_reservations(appointment, taker=None) -> None:
    """Cancelling and expiring free nothing."""


def hands_nothing_over(appointment, taker) -> None:
    """Whoever leads a group takes the instructor along."""


def drops_nothing(appointment) -> None:
    """What was waiting about a start goes on waiting."""


def never_marked(row: Notification) -> object:
    """What was sent is not marked as sent."""
    return Notification.objects.none()


def forgets_the_body(appointment, body) -> None:
    """The patient may be in two places."""


def only_the_first(rows: list[Reservation]) -> None:
    """Of what a visit takes one thing is written."""
    Reservation.objects.bulk_create(rows[:1])


BROKEN = {
    "cancel keeps what it took": (placing, "free", keeps_its_reservations),
    "half of a visit is taken": (placing, "_insert", only_the_first),
    "nobody's body is taken": (placing, "take_body", forgets_the_body),
    "what is sent is not marked": (notifications, "_mine", never_marked),
    "a group's leader takes all along": (placing, "_hand_over", hands_nothing_over),
    "old reminders wait on": (notifications, "drop_pending", drops_nothing),
    "no reminder is written": (notifications, "write_reminders", lambda *_: None),
    "everything is true enough to be sent": (notifications, "verdict", lambda _row: None),
    "what is taken is offered": (Board, "taken", lambda *_: 0),
    "holds expire in the diary alone": (
        appointments,
        "expire_holds",
        lambda: Reservation.objects.filter(appointment__state="held").delete(),
    ),
}


# The first four are found within seconds; all of them are looked for in the large run.
@pytest.mark.parametrize("name", BROKEN if MORE else list(BROKEN)[:4])
def test_control_a_broken_clinic_is_caught(house, monkeypatch, name):
    where, what, broken = BROKEN[name]
    monkeypatch.setattr(where, what, broken)
    quickly = settings(profile, phases=[Phase.generate], max_examples=60, derandomize=True)
    with pytest.raises(AssertionError):
        run(house, quickly)
