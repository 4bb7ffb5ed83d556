"""Every address and every form of the site, with something nasty in each parameter and field.

The addresses come from the URLconf, the names of parameters and fields from watching what a view
reads: what is added tomorrow is walked tomorrow. Each gets the tag and one more of the table, in
turn; WALK_ALL=1 sends the whole table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import count
from typing import Any
from unittest import mock
from urllib.parse import unquote_to_bytes

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from bookings.tests import factories
from bookings.tests.patient import Visitor
from clinic.access import PRACTITIONER

from .nasty import complaint, in_turn

pytestmark = pytest.mark.django_db
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
TUESDAY_11 = "2027-01-05T11:00:00+00:00"
# The admin has a test of its own; the API a fuzzer; static files come from another server.
ELSEWHERE = ("admin/", "api/", "dev/", "logout/")
_turns = count()


def addresses(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(entry.pattern)
        if path.startswith(ELSEWHERE):
            continue
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            yield path


ADDRESSES = list(addresses())


@pytest.fixture
def site(settings: Any) -> Iterator[Any]:
    """A clinic with a visit booked and a time held; whoever asks is signed in as everybody."""
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0)
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False):
        world = factories.bookable_clinic()
        visitor = Visitor(world)
        booked = visitor.book(TUESDAY_10)
        visitor.hold(TUESDAY_11)
        everybody = User.objects.create_superuser("dora", password="a-password-of-nobody")
        everybody.groups.add(Group.objects.get_or_create(name=PRACTITIONER)[0])
        world.practitioner.user = everybody
        world.practitioner.save()
        session = visitor.client.session
        visitor.client.force_login(everybody)
        kept = visitor.client.session
        for key, value in session.items():
            kept.setdefault(key, value)
        kept.save()
        visitor.client.raise_request_exception = False
        yield {
            "client": visitor.client,
            "slug": {
                "practitioners": world.practitioner.slug,
                "therapies": world.therapy.slug,
                "book": world.treatment.slug,
            },
            "token": booked.token,
            "reference": booked.reference,
        }


def spelled(path: str, site: Any) -> str:
    """The address with something in it that exists, where anything does."""
    first = path.partition("/")[0]
    for typed, value in {
        "<slug:slug>": site["slug"].get(first, "nothing"),
        "<str:token>": site["token"],
        "<str:reference>": site["reference"],
        "<slug:verb>": "cancel",
        "<int:pk>": "1",
    }.items():
        path = path.replace(typed, value)
    return f"/{path}"


@contextmanager
def watched() -> Iterator[set[str]]:
    """The names that are looked up in GET and POST data meanwhile."""
    names: set[str] = set()

    def note(method: str) -> Any:
        kind = QueryDict if method in vars(QueryDict) else QueryDict.__mro__[1]
        real = getattr(kind, method)

        def noting(self: Any, key: Any, *rest: Any) -> Any:
            if isinstance(self, QueryDict) and isinstance(key, str):
                names.add(key)
            return real(self, key, *rest)

        return mock.patch.object(kind, method, noting)

    with note("get"), note("getlist"), note("__getitem__"), note("__contains__"):
        yield names


def ask(client: Client, method: str, *args: Any, **more: Any) -> Any:
    """The answer, and all as before: what it changed is taken back."""
    cookies = deepcopy(client.cookies)
    with transaction.atomic():
        answer = getattr(client, method)(*args, **more)
        transaction.set_rollback(True)
    client.cookies = cookies
    return answer


def multipart(name: str, value: str) -> dict[str, Any]:
    body = (
        f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        + _bytes(value)
        + b"\r\n--frontier--\r\n"
    )
    return {"data": body, "content_type": "multipart/form-data; boundary=frontier"}


def _bytes(value: str) -> bytes:
    return unquote_to_bytes(value)


@pytest.mark.parametrize("path", ADDRESSES)
def test_row_46_48_55_56_nothing_nasty_in_any_parameter_or_field_breaks_or_bends_a_page(
    path: str, site: Any
) -> None:
    client, address = site["client"], spelled(path, site)
    wrong = []
    with watched() as names:
        ask(client, "get", address)
    start = {"start": TUESDAY_11, "date": "2027-01-05"}
    for name in sorted(names):
        others = "&".join(f"{k}={v.replace('+', '%2B')}" for k, v in start.items() if k != name)
        for value in in_turn():
            answer = ask(client, "get", f"{address}?{name}={value}&{others}")
            if said := complaint(answer):
                wrong.append(("GET", name, value[:60], said))
    query = f"{address}?start={TUESDAY_11.replace('+', '%2B')}"
    with watched() as names:
        ask(client, "post", query, {"form": "x"})
    for name in sorted(names - {"csrfmiddlewaretoken"}):
        for value in in_turn():
            plain = {
                "data": f"{name}={value}",
                "content_type": "application/x-www-form-urlencoded",
            }
            sent = plain if next(_turns) % 2 else multipart(name, value)
            if said := complaint(ask(client, "post", query, **sent)):
                wrong.append(("POST", name, value[:60], said))
    assert not wrong


def test_row_55_nothing_nasty_in_a_path_breaks_a_page(site: Any) -> None:
    wrong = []
    for path in (p for p in ADDRESSES if "<str:" in p or "<slug:slug>" in p):
        for value in in_turn():
            typed = path
            for kind in ("<slug:slug>", "<str:token>", "<str:reference>", "<slug:verb>"):
                typed = typed.replace(kind, value[:300])
            if said := complaint(site["client"].get(f"/{typed.replace('<int:pk>', '9' * 30)}")):
                wrong.append((typed, said))
    assert not wrong


def test_the_walk_meets_every_door_and_finds_its_parameters(site: Any) -> None:
    assert len(ADDRESSES) > 35
    with watched() as names:
        ask(site["client"], "get", spelled("book/<slug:slug>/", site))
    assert {"practitioner", "location", "date", "month", "part", "view"} <= names
    with watched() as names:
        ask(site["client"], "post", "/contact/", {"form": "x"})
    assert {"name", "email", "message", "safety"} <= names


def test_control_the_complaints_are_real(site: Any) -> None:
    assert complaint(HttpResponse("<walk-tag onload=x>"))
    assert complaint(HttpResponse(status=500))
    assert complaint(HttpResponse(status=302, headers={"Location": "//evil.example"}))
    assert not complaint(HttpResponse("&lt;walk-tag"))
