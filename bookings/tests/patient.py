"""A patient with a browser: the steps of booking as a person takes them, for tests of pages."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from bookings.models import Appointment

from .factories import World, all_no

TYPED = {"name": "Pat Newcomer", "email": "pat@example.org", "phone": "020 7946 0123"}


class Visitor:
    """One session. `start` is a wall time of the world's location, written with its offset."""

    def __init__(self, world: World, **client: Any):
        self.world = world
        self.client = Client(**client)

    def url(self, name: str, start: str | datetime, **params: str) -> str:
        said = start if isinstance(start, str) else start.isoformat()
        address = reverse(name, args=[self.world.treatment.slug])
        return f"{address}?{urlencode({'start': said, **params})}"

    def get_details(self, start: str, **params: str) -> HttpResponse:
        return self.client.get(self.url("book-details", start, **params))

    def answer(self, start: str, **answers: str) -> HttpResponse:
        """Answer the gate: no to everything, except what the keywords say."""
        given = {**all_no(self.world.screening), **answers}
        data = {f"gate-{code}": value for code, value in given.items()}
        return self.client.post(self.url("book-safety", start), data)

    def hold(self, start: str) -> Appointment:
        """Through the gate to a held time."""
        response = self.answer(start)
        assert response.status_code == 303, response.content
        return Appointment.objects.filter(state="held").latest("pk")

    def form_token(self, start: str) -> str:
        """The hidden one-time token of the details form that this session sees now."""
        return self.get_details(start).context["kept"].form

    def send(self, start: str, **typed: str) -> HttpResponse:
        """Send the details form; `form` is fetched first, unless given."""
        form = typed.pop("form", None) or self.form_token(start)
        data = {**TYPED, "of_age": "yes", "form": form, **typed}
        return self.client.post(self.url("book-details", start), data)

    def book(self, start: str, **typed: str) -> Appointment:
        """All the way."""
        held = self.hold(start)
        response = self.send(start, **typed)
        assert response.status_code == 303, response.content
        held.refresh_from_db()
        return held
