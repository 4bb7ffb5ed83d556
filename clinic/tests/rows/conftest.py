"""A small clinic on a Monday morning, and somebody with a browser."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from bookings.tests import factories
from bookings.tests.patient import Visitor


@pytest.fixture
def monday(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Any]:
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0)
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def world(monday: Any) -> factories.World:
    return factories.bookable_clinic()


@pytest.fixture
def visitor(world: factories.World) -> Visitor:
    return Visitor(world)
