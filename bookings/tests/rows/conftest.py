"""A small clinic on a Monday morning, and somebody with a browser."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from bookings import notifications
from bookings.tests import factories
from bookings.tests.factories import World
from bookings.tests.patient import Visitor


@pytest.fixture(autouse=True)
def monday(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # The outbox is written, nobody is told: the broker is not what these rows are about.
    monkeypatch.setattr(notifications, "nudge", lambda: None)
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world)
