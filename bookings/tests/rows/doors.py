"""The API as the rows use it: a body that books, and how it is sent."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

APPOINTMENTS = "/api/v1/appointments"
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
TUESDAY_11 = "2027-01-05T11:00:00+00:00"
TUESDAY_12 = "2027-01-05T12:00:00+00:00"
THURSDAY_10 = "2027-01-07T10:00:00+00:00"
THURSDAY_11 = "2027-01-07T11:00:00+00:00"
THURSDAY_12 = "2027-01-07T12:00:00+00:00"


def body(n: int = 0, **changes: Any) -> dict[str, Any]:
    """What the n-th guest sends to book Thursday at ten."""
    return {
        "treatment": "visit",
        "start": THURSDAY_10,
        "patient": {"name": f"Guest {n}", "email": f"guest{n}@example.org"},
        "screening": {},
        **changes,
    }


def post(data: Any, path: str = APPOINTMENTS, *, key: str = "") -> HttpResponse:
    """One call from a client of its own."""
    headers = {"Idempotency-Key": key} if key else {}
    return Client().post(path, data, content_type="application/json", headers=headers)


def path_of(answer: HttpResponse) -> str:
    """Where the API keeps the appointment that `answer` is about."""
    token = answer.json()["manage_url"].rstrip("/").rpartition("/")[2]
    return f"{APPOINTMENTS}/{token}"
