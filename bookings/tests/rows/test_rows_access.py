"""Rows 31, 33, 34 and 36 to 38: links, other people's things, guessing, and the gate.

Nothing here is timed: that two answers take the same time is held by their doing the same work,
in the same number of questions to the database. `python -m benchmarks.enumeration` measures.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from bookings import proofs
from bookings.models import Appointment, EmailProof, Notification, ScreeningRecord
from bookings.tests import cast, factories
from bookings.tests.factories import World
from bookings.tests.patient import TYPED, Visitor

from .doors import APPOINTMENTS, THURSDAY_10, THURSDAY_11, TUESDAY_10, body, path_of, post

pytestmark = pytest.mark.django_db
PAGES = [
    "appointment",
    "appointment-coming",
    "appointment-cancel",
    "appointment-move",
    "appointment-ics",
]


def counted(ask: Callable[[], Any]) -> tuple[Any, int]:
    """What was answered, and with how many questions to the database."""
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    return answer, len(captured)


# --- 31: links ---------------------------------------------------------------------------
def test_row_31_every_link_that_opens_nothing_is_answered_alike_for_the_same_work(
    world: World, visitor: Visitor, monday: Any
):
    """Never there, of a hold, of a visit long ago: the same page, after the same questions."""
    held = Visitor(world).hold(TUESDAY_10)
    old = visitor.book(THURSDAY_10)
    monday.shift(timedelta(days=120))
    nothing = ["x" * 32, held.token, old.token, old.reference]
    for name in PAGES:
        found = set()
        for token in nothing if name == "appointment" else nothing[1:3]:
            answer, cost = counted(lambda n=name, t=token: Client().get(reverse(n, args=[t])))
            found.add((answer.status_code, answer.content, answer["Referrer-Policy"], cost))
        assert len(found) == 1
        assert found.pop()[0] == 404


def test_row_31_no_page_behind_a_token_asks_another_site_for_anything(visitor: Visitor):
    """The address is no other site's business: nothing is fetched, and no Referer goes along."""
    booked = visitor.book(THURSDAY_10)
    for name in PAGES[:4]:
        page = Client().get(reverse(name, args=[booked.token]))
        assert page["Referrer-Policy"] == "same-origin"
        text = page.content.decode()
        assert 'src="http' not in text and 'rel="stylesheet" href="http' not in text
        assert "referrerpolicy" not in text


# --- 33: requests from elsewhere ------------------------------------------------------------
def views(patterns: list[Any], before: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every address of the site, and what answers there."""
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield here, pattern.callback


def test_row_33_only_the_api_takes_a_post_without_the_csrf_token():
    found = dict(views(get_resolver().url_patterns))
    assert len(found) > 100
    free = {where for where, view in found.items() if getattr(view, "csrf_exempt", False)}
    assert free and all(where.startswith("api/v1/") for where in free), free


SITE = "https://testserver"
FROM = {
    "another site": {"Origin": "https://evil.example", "Referer": "https://evil.example/"},
    "a page that hides where it is": {"Origin": "null"},
    "no Origin and no Referer": {},
    "the same name without TLS": {"Origin": "http://testserver"},
    "an address that begins alike": {"Origin": "https://testserver.evil.example"},
}


@pytest.mark.parametrize(
    "name", ["appointment-cancel", "appointment-move", "logout", "book-details", "contact"]
)
def test_row_33_a_form_sent_from_elsewhere_is_refused_though_its_token_is_right(
    name: str, visitor: Visitor
):
    """As when a top-level POST brings the cookies along: the token alone is not enough."""
    booked = visitor.book(THURSDAY_10)
    needs = {"book-details": ["visit"], "logout": [], "contact": []}
    address = reverse(name, args=needs.get(name, [booked.token]))
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.dora())
    page = browser.get(reverse("contact"), secure=True)
    token = page.context["csrf_token"]
    data = {"csrfmiddlewaretoken": str(token), "start": THURSDAY_11}
    for where, headers in FROM.items():
        refused = browser.post(address, data, secure=True, headers=headers)
        assert refused.status_code == 403, where
    booked.refresh_from_db()
    assert (booked.state, booked.sequence) == ("booked", 0)
    assert "_auth_user_id" in browser.session
    # The control: the same request from the site itself comes through.
    own = browser.post(address, data, secure=True, headers={"Origin": SITE})
    assert own.status_code != 403


def test_row_33_the_api_knows_no_cookies(world: World, visitor: Visitor):
    """It needs no token against forgery, because a session gives no right there."""
    booked = visitor.book(THURSDAY_10)
    browser = Client()
    browser.force_login(cast.olga())
    moved = browser.post(f"{APPOINTMENTS}/{booked.token}/cancel", content_type="application/json")
    assert moved.json()["status"] == "cancelled"
    assert booked.events.get(verb="cancel").actor == "api"
    assert booked.events.get(verb="cancel").user is None
    assert browser.get(f"{APPOINTMENTS}/{booked.reference}").status_code == 404


@pytest.mark.parametrize(
    "disguise",
    [
        {"headers": {"X-HTTP-Method-Override": "POST"}},
        {"headers": {"X-HTTP-Method": "DELETE"}},
        {"headers": {"X-Method-Override": "PUT"}},
        {"query_params": {"_method": "POST"}},
    ],
    ids=repr,
)
def test_row_33_a_method_in_disguise_is_the_method_it_came_as(
    disguise: dict[str, Any], visitor: Visitor
):
    booked = visitor.book(THURSDAY_10)
    for name in ("appointment-cancel", "appointment-coming", "appointment-move"):
        Client().get(reverse(name, args=[booked.token]), **disguise)
    path = f"{APPOINTMENTS}/{booked.token}"
    assert Client().get(f"{path}/cancel", **disguise).status_code == 405
    assert Client().get(path, **disguise).json()["status"] == "booked"
    booked.refresh_from_db()
    assert (booked.state, booked.coming_at, booked.sequence) == ("booked", None, 0)


def test_row_33_other_methods_are_refused_at_every_page_of_an_appointment(visitor: Visitor):
    booked = visitor.book(THURSDAY_10)
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        for name in PAGES:
            answer = Client().generic(method, reverse(name, args=[booked.token]))
            assert answer.status_code == 405, (method, name)
    booked.refresh_from_db()
    assert booked.state == "booked"


# --- 34: other people's things -----------------------------------------------------------------
def test_row_34_who_tries_links_waits_and_who_has_one_does_not(visitor: Visitor, settings: Any):
    settings.THROTTLES = {**settings.THROTTLES, "book": 100}
    booked = visitor.book(THURSDAY_10)
    settings.THROTTLES = {**settings.THROTTLES, "book": 5}
    found = [Client().get(f"/appointments/guess-{n}/").status_code for n in range(20)]
    assert found.count(404) <= 5 and found[-1] == 429
    assert Client().get(booked.get_absolute_url()).status_code == 200
    assert Client(REMOTE_ADDR="203.0.113.7").get("/appointments/guess/").status_code == 404


def test_row_34_ones_own_link_opens_nobody_elses_visit_by_any_field(world: World):
    mine, theirs = post(body(1)), post(body(2, start=THURSDAY_11))
    other = Appointment.objects.get(reference=theirs.json()["reference"])
    for extra in ({"id": other.pk}, {"token": other.token}, {"reference": other.reference}):
        refused = post({"reason": "", **extra}, f"{path_of(mine)}/cancel")
        assert refused.status_code == 422
        page = Client().post(
            f"/appointments/{path_of(mine).rpartition('/')[2]}/coming/", extra, follow=False
        )
        assert page.status_code == 303
    other.refresh_from_db()
    assert (other.state, other.coming_at) == ("booked", None)
    assert Client().get(f"/api/v1/appointments/{other.pk}").status_code == 404


# --- 36: guessing ------------------------------------------------------------------------------
def test_row_36_a_reference_opens_no_door(world: World):
    reference = post(body()).json()["reference"]
    for name in PAGES:
        assert Client().get(reverse(name, args=[reference])).status_code == 404
    for path, data in (("/cancel", {}), ("/reschedule", {"start": THURSDAY_11})):
        assert post(data, f"{APPOINTMENTS}/{reference}{path}").status_code == 404
    assert Client().get(f"{APPOINTMENTS}/{reference}").status_code == 404
    # Where the desk looks by reference, a stranger is sent to the login first.
    assert Client().get("/desk/search/", {"q": reference}).status_code == 302


def test_row_36_a_day_of_guessing_at_one_address_gets_sixty_guesses(world: World, monday: Any):
    """Twelve codes a day, five wrong tries each: a chance of less than one in ten thousand."""
    for _try in range(24 * 6):
        proofs.send_code("ana@example.org")
        monday.shift(proofs.LIFETIME)
    assert EmailProof.objects.count() == proofs.CODES_A_DAY
    assert proofs.CODES_A_DAY * proofs.TRIES / 10**6 < 1 / 10_000
    # Somebody else is not kept waiting, nor is she tomorrow.
    proofs.send_code("ben@example.org")
    monday.shift(timedelta(days=1))
    proofs.send_code("ana@example.org")
    assert EmailProof.objects.count() == proofs.CODES_A_DAY + 2


# --- 37: who is a patient, who has a login --------------------------------------------------
def of_a_patient(world: World) -> str:
    return factories.patient(email="known@example.org", name="Ana Known").email


def test_row_37_asking_for_a_code_is_the_same_work_for_known_and_unknown_addresses(world: World):
    def ask(email: str) -> HttpResponse:
        return Client().post("/book/returning/", {"email": email})

    known = of_a_patient(world)
    (one, cost), (other, same) = (
        counted(lambda: ask(known)),
        counted(lambda: ask("nobody@example.org")),
    )
    assert (one.status_code, one.url, cost) == (other.status_code, other.url, same)
    sent = Notification.objects.filter(kind="code")
    assert {row.recipient for row in sent} == {known, "nobody@example.org"}
    assert len({row.due_at for row in sent}) == 1


def test_row_37_a_wrong_code_is_the_same_work_for_known_and_unknown_addresses(
    world: World, monkeypatch: Any
):
    monkeypatch.setattr(proofs.secrets, "randbelow", lambda _limit: 42)
    found = set()
    for email in (of_a_patient(world), "nobody@example.org"):
        client = Client()
        client.post("/book/returning/", {"email": email})
        answer, cost = counted(lambda c=client: c.post("/book/returning/code/", {"code": "000000"}))
        found.add((answer.status_code, len(answer.content.replace(email.encode(), b"")), cost))
    assert len(found) == 1


def test_row_37_signing_in_hashes_once_whoever_it_is(monkeypatch: Any):
    """Else the time it takes would tell which names have a login, or have had one."""
    hashed = []
    encode = MD5PasswordHasher.encode

    def encoded(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    cast.dora()
    left = cast.login("left")
    left.is_active = False
    left.save()
    monkeypatch.setattr(MD5PasswordHasher, "encode", encoded)
    pages, costs = set(), set()
    for name in ("dora", "nobody", "left"):
        hashed.clear()
        data = {"username": name, "password": "wrong-word-of-nobody"}
        answer, cost = counted(lambda d=data: Client().post("/login/", d))
        assert len(hashed) == 1, name
        costs.add(cost)
        pages.add((answer.status_code, len(answer.content) - len(name)))
    assert len(pages) == len(costs) == 1


def test_row_37_there_is_no_door_that_asks_who_you_are():
    """No sign-up, no "forgot your password", no look-up by name: nothing to enumerate at."""
    public = {where for where, _view in views(get_resolver().url_patterns)}
    for word in ("signup", "register", "password_reset", "password-reset", "lookup", "forgot"):
        assert not [where for where in public if word in where.lower()], word


# --- 38: the gate ---------------------------------------------------------------------------------
@pytest.mark.parametrize("answer", ["yes", "unsure", True])
def test_row_38_a_red_flag_stops_a_program_too_and_the_stop_is_kept(world: World, answer: Any):
    refused = post(body(screening={"chest": answer}), key="a")
    assert (refused.status_code, refused.json()["code"]) == (422, "red_flag")
    assert not Appointment.objects.exists()
    assert ScreeningRecord.objects.get().passed is False


@pytest.mark.parametrize("screening", [{"no-such": "no"}, {"chest": "maybe"}, None, "no", []])
def test_row_38_answers_to_other_questions_than_todays_are_refused(world: World, screening: Any):
    assert post(body(screening=screening)).status_code == 422
    assert not Appointment.objects.exists()


def test_row_38_a_new_version_is_asked_though_the_old_one_was_passed(
    world: World, visitor: Visitor
):
    visitor.answer(TUESDAY_10)
    visitor.client.post(visitor.url("book-let-go", TUESDAY_10))
    factories.screening_form()
    refused = visitor.client.post(visitor.url("book-hold", TUESDAY_10))
    assert refused.status_code == 409
    assert "once" in visitor.get_details(TUESDAY_10).context
    assert not Appointment.objects.filter(state="held").exists()


def test_row_38_steps_in_another_order_book_nothing(world: World):
    """Details first, the token of a hold made up, the gate afterwards."""
    visitor = Visitor(world)
    data = {**TYPED, "of_age": "yes", "form": "made-up"}
    for name in ("book-details", "book-hold", "book-longer", "book-let-go"):
        answer = visitor.client.post(visitor.url(name, TUESDAY_10), data)
        assert answer.status_code in (303, 409), name
    assert not Appointment.objects.exists()
    assert "gate-chest" in visitor.get_details(TUESDAY_10).content.decode()
