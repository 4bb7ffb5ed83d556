"""One door for the clinic's people; everybody lands on the page they work on."""

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client

from clinic.access import OWNER, PRACTITIONER, RECEPTION

pytestmark = pytest.mark.django_db
WORD = "correct horse battery"


def somebody(role: str = "", **fields) -> User:
    user = User.objects.create_user("dora", password=WORD, **fields)
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


def sign_in(client: Client, **more: str):
    return client.post("/login/", {"username": "dora", "password": WORD, **more})


@pytest.mark.parametrize(
    ("role", "page"),
    [(OWNER, "/desk/"), (RECEPTION, "/desk/"), (PRACTITIONER, "/schedule/"), ("", "/")],
)
def test_everybody_lands_on_their_own_page(client, role, page):
    somebody(role)
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/signed-in/")
    assert client.get("/signed-in/")["Location"] == page


def test_a_stranger_is_asked_to_sign_in_first(client):
    assert client.get("/signed-in/")["Location"] == "/login/?next=/signed-in/"


def test_one_returns_to_the_page_one_came_from(client):
    somebody(RECEPTION)
    assert sign_in(client, next="/desk/search/")["Location"] == "/desk/search/"


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"]
)
def test_row_48_nobody_is_sent_to_another_site(client, elsewhere):
    somebody(RECEPTION)
    assert sign_in(client, next=elsewhere)["Location"] == "/signed-in/"


@pytest.mark.parametrize("name", ["dora", "nobody"])
def test_row_37_a_wrong_pair_does_not_say_which_half_was_wrong(client, name):
    somebody(RECEPTION)
    answer = client.post("/login/", {"username": name, "password": "wrong"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "correct" in page and f'value="{name}"' in page and "wrong" not in page


def test_row_58_a_login_that_was_switched_off_stays_out(client):
    somebody(RECEPTION, is_active=False)
    assert sign_in(client).status_code == 422


def test_row_36_too_many_attempts_have_to_wait_even_with_the_right_password(client, settings):
    somebody(RECEPTION)
    settings.THROTTLES = {**settings.THROTTLES, "login": 2}
    with time_machine.travel("2026-11-23T12:00:10Z", tick=False):
        for _n in range(2):
            client.post("/login/", {"username": "dora", "password": "wrong"})
        answer = sign_in(client)
        assert (answer.status_code, answer["Retry-After"]) == (429, "50")
        assert "wait a minute" in answer.content.decode()
        assert client.get("/signed-in/")["Location"].startswith("/login/")
        assert client.post("/login/", {}, REMOTE_ADDR="192.0.2.9").status_code == 422
    with time_machine.travel("2026-11-23T12:01:01Z", tick=False):
        assert sign_in(client).status_code == 302


@pytest.mark.parametrize("name", ["a\x00b", "\ud83d\ude00", "x" * 400, ""])
def test_odd_user_names_are_answered_with_the_page(client, name):
    name = name.encode("utf-16", "surrogatepass").decode("utf-16")
    assert client.post("/login/", {"username": name, "password": "x"}).status_code in (400, 422)


def test_signing_out_is_a_post_and_leads_home(client):
    client.force_login(somebody(RECEPTION))
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/"
    assert client.get("/signed-in/")["Location"].startswith("/login/")


def test_row_33_another_site_cannot_sign_anybody_out():
    client = Client(enforce_csrf_checks=True)
    client.force_login(somebody(RECEPTION))
    assert client.post("/logout/").status_code == 403


def test_the_admin_has_the_same_door(client):
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/login/?next=%2Fadmin%2F")
    assert client.post("/admin/login/", {"username": "dora"}).status_code == 302


def test_who_may_not_open_the_admin_sees_the_login_page_not_a_loop(client):
    client.force_login(somebody(PRACTITIONER))
    answer = client.get("/admin/", follow=True)
    assert answer.status_code == 200
    assert "Your login does not open that page" in answer.content.decode()
