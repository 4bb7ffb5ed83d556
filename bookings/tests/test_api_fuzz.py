"""The API's document against the API: Schemathesis with every check on, small and seeded.

`python -m benchmarks.fuzz` is the large run. Time is not held here: the fuzzer is a process of its
own and asks a real server.
"""

from typing import Any

import pytest
import schemathesis
from django.test import Client

from benchmarks.fuzz import fuzz
from bookings.api import views
from bookings.models import Appointment
from bookings.tests import factories as make

CALLS = [
    "GET /api/v1/availability 200",
    "POST /api/v1/appointments 201",
    "POST /api/v1/appointments/{token}/cancel 200",
    "POST /api/v1/appointments/{token}/reschedule 200",
]


def test_the_document_is_openapi() -> None:
    document = Client().get("/api/v1/openapi.json").json()
    schemathesis.openapi.from_dict(document).validate()
    document["paths"]["/api/v1/appointments"]["post"]["responses"]["201"]["links"] = ["see"]
    with pytest.raises(Exception, match="links"):
        schemathesis.openapi.from_dict(document).validate()


@pytest.mark.django_db(transaction=True)
def test_a_fuzzer_with_every_check_on_finds_nothing_in_the_api(live_server: Any, settings: Any):
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0)
    settings.SITE_URL = live_server.url
    world = make.bookable_clinic(grid_minutes=5)
    for _n in range(3):
        world.another_practitioner()
        world.rooms.members.add(make.room(world.location))
    found = fuzz(live_server.url, examples=3, seed=1)
    assert found.clean, found.report
    # It got through to what books, cancels and moves.
    assert not [call for call in CALLS if not found.answered.get(call)], found.answered
    assert Appointment.objects.filter(state="cancelled").exists()


@pytest.mark.django_db(transaction=True)
def test_control_the_fuzzer_finds_a_call_that_breaks(live_server: Any, settings: Any, monkeypatch):
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0)
    monkeypatch.setattr(views, "MOST_ROWS", "as many as there are")
    found = fuzz(
        live_server.url, examples=1, seed=1, phases="examples,coverage", only="/treatments"
    )
    assert not found.clean
    assert "Server error" in found.report
