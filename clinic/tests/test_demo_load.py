"""Loading the demo clinic: on any day, the same twice, and never over a real clinic."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import transaction

from bookings import availability
from bookings.models import Appointment
from clinic import clock
from clinic.demo import load
from practitioners import search
from practitioners.models import Clinic, Treatment

# That both engines come to the same clinic, test_demo_data says.
pytestmark = pytest.mark.once

MIDWEEK = datetime(2026, 11, 18, 11, 10, tzinfo=UTC)


def run(*args: str) -> None:
    call_command("demo_data", "--force", *args, verbosity=0)


def quiet(line: str) -> None:
    """Nobody reads what the load says."""


def _free_starts(treatment: Treatment) -> list[availability.Start]:
    today = clock.today("Europe/London")
    return availability.starts(treatment, today, today + timedelta(days=14))


def fingerprint() -> list[tuple[object, ...]]:
    """What the diary says, without keys and secrets."""
    return sorted(
        Appointment.objects.values_list(
            "reference",
            "state",
            "treatment__slug",
            "practitioner__slug",
            "location__slug",
            "starts_at",
            "patient__name",
            "source",
        ),
        key=str,
    )


def test_the_same_day_gives_the_same_clinic(db: None) -> None:
    diaries = []
    for _time in range(2):
        with time_machine.travel(MIDWEEK, tick=False), transaction.atomic():
            assert load.load(scale=1, say=quiet)
            diaries.append(fingerprint())
            transaction.set_rollback(True)
    assert diaries[0] == diaries[1]


def test_a_scale_of_two_is_twice_the_clinic(db: None) -> None:
    with time_machine.travel(MIDWEEK, tick=False):
        load.load(scale=2, say=quiet)
    assert search.directory(MIDWEEK.date(), search.Filters()).count() == 20
    # The plain clinic has ten who can be booked, and some 2,300.
    assert 4_000 < Appointment.objects.count() < 5_500


def test_it_will_not_mix_with_a_real_clinic(db: None) -> None:
    Clinic.objects.create(pk=1, name="A real one", phone="0117 496 0999", email="a@example.org")
    with pytest.raises(CommandError, match="holds a clinic already"):
        run()


def test_without_debug_it_has_to_be_forced(db: None) -> None:
    with pytest.raises(CommandError, match="DEBUG is off"):
        call_command("demo_data")
    assert not Clinic.objects.exists()


def test_a_strange_scale_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="1 to 50"):
        run("--scale", "0")


@pytest.mark.parametrize(
    "day",
    [
        datetime(2026, 12, 23, 17, tzinfo=UTC),  # Christmas ahead
        datetime(2027, 3, 20, 6, tzinfo=UTC),  # Easter, and the clocks go forward
        datetime(2028, 2, 29, 12, tzinfo=UTC),
    ],
)
def test_whenever_it_is_loaded_a_newcomer_can_book(day: datetime, db: None) -> None:
    with time_machine.travel(day, tick=False):
        run()
        for treatment in Treatment.objects.bookable():
            assert len(_free_starts(treatment)) >= 2, treatment.slug
