"""Addresses, headers, caches and sessions: rows 53 to 58."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.urls import reverse

from bookings.tests import cast
from bookings.tests.patient import Visitor

from .nasty import complaint, in_turn

pytestmark = pytest.mark.django_db
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
WORD = "a-password-of-nobody"
AVAILABILITY = "/api/v1/availability?treatment=visit&from=2027-01-05&to=2027-01-06"


@pytest.fixture
def owner(world: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("olga", password=WORD))
    return client


# --- 53, 54: who asks, how often, under which name --------------------------------------
def test_row_53_attempts_at_one_login_are_stopped_and_others_sign_in(
    world: Any, settings: Any
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "login": 10}
    cast.dora()
    guess = {"username": "dora", "password": "wrong"}
    said = [Client().post("/login/", guess).status_code for _n in range(30)]
    assert said == [422] * 10 + [429] * 20
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert elsewhere.post("/login/", {**guess, "password": WORD}).status_code == 302


def test_row_53_searches_are_slowed_by_address_and_a_page_is_not(world: Any, settings: Any) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "api": 30}
    said = [Client().get(AVAILABILITY).status_code for _n in range(40)]
    assert said == [200] * 30 + [429] * 10
    assert Client(REMOTE_ADDR="203.0.113.9").get(AVAILABILITY).status_code == 200
    assert Client().get("/book/visit/").status_code == 200


@pytest.mark.parametrize("said", ["203.0.113.9", "203.0.113.9, 198.51.100.7", "::1", "x" * 5000])
def test_row_54_a_made_up_forwarding_header_is_no_new_sender(
    world: Any, settings: Any, said: str
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "api": 1}
    assert Client().get(AVAILABILITY).status_code == 200
    assert Client().get(AVAILABILITY, headers={"X-Forwarded-For": said}).status_code == 429


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "testserver@evil.example"])
@pytest.mark.parametrize("path", ["/", "/login/", "/api/v1/locations", "/contact/"])
def test_row_54_another_host_name_is_refused(
    world: Any, settings: Any, host: str, path: str
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = Client().get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert b"evil.example" not in answer.content


def test_row_54_links_in_mails_and_pages_come_from_the_settings(
    world: Any, settings: Any, visitor: Visitor
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    booked = visitor.book(TUESDAY_10)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    path = f"/api/v1/appointments/{booked.token}"
    answer = Client().get(path, headers=headers)
    assert answer.json()["manage_url"].startswith(settings.SITE_URL)
    for page in ("/", "/therapies/", booked.get_absolute_url()):
        assert b"//evil.example" not in Client().get(page, headers=headers).content


# --- 55, 56: what an address asks the database ------------------------------------------
def _lookups(model: type[models.Model]) -> list[str]:
    """Filters typed by hand: for each kind of field what it cannot be."""
    found = ["pk=99999999999999999999", "pk__in=x", "nothing__like=this", "o=99.-3.x", "p=-1"]
    found += ["p=99999999999", "q=%27%22)%20OR%201=1", "id__regex=(", "_to_field=password"]
    for field in model._meta.concrete_fields:
        if isinstance(field, models.DateField):
            found += [f"{field.name}__year=0", f"{field.name}__year=99999999999"]
            found += [f"{field.name}__gte=2027-02-30", f"{field.name}__month=x"]
        elif isinstance(field, models.CharField | models.TextField):
            found += [f"{field.name}__regex=(((((a*)*)*)*)*)$", f"{field.name}__isnull=2"]
    return found


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_row_55_a_filter_that_means_nothing_is_no_error_of_the_admin(
    model: type[models.Model], owner: Client
) -> None:
    options = model._meta
    page = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    wrong = []
    for query in _lookups(model):
        answer = owner.get(f"{page}?{query}")
        if said := complaint(answer):
            wrong.append((query, said))
    assert not wrong


def test_row_55_nobody_filters_by_what_belongs_to_another_table(owner: Client) -> None:
    page = reverse("admin:bookings_appointment_changelist")
    for query in ("practitioner__user__password__startswith=m", "patient__appointments__token=x"):
        assert owner.get(f"{page}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=1927-01-01&to=2027-01-05", 422),
        ("from=2027-01-05&to=2127-01-05", 422),
        ("from=9999-12-30&to=9999-12-31", 200),
        ("from=2027-01-05&to=2027-01-06&limit=1e9", 200),
        ("from=2027-01-05&to=2027-01-06&order_by=patient__email", 200),
        ("from=2027-01-05&to=2027-01-06&minutes=999999999", 422),
        ("from=0&to=1", 422),
        ("from=-1&to=2027-01-06", 422),
    ],
)
def test_row_56_a_question_to_the_api_is_bounded(world: Any, query: str, status: int) -> None:
    assert Client().get(f"/api/v1/availability?treatment=visit&{query}").status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/practitioners/?page=-1", 200),
        ("/practitioners/?page=99999999999999999999", 200),
        ("/practitioners/?page=1e9", 200),
        ("/practitioners/?order_by=user__password", 200),
        (f"/practitioners/?q={'a%20' * 2000}", 422),
        ("/book/visit/?month=1927-01", 404),
        ("/book/visit/?date=9999-12-31", 404),
        ("/book/visit/?month=999999999-01", 400),
    ],
)
def test_row_56_a_page_far_away_is_the_last_one_or_none(world: Any, path: str, status: int) -> None:
    assert Client().get(path).status_code == status


# --- 57: caches ----------------------------------------------------------------------------
def test_row_57_no_cache_keeps_a_page_about_a_person(
    world: Any, visitor: Visitor, owner: Client
) -> None:
    booked = visitor.book(TUESDAY_10)
    own = booked.get_absolute_url()
    pages = [
        (visitor.client, own),
        (visitor.client, f"{own}cancel/"),
        (visitor.client, f"{own}move/"),
        (visitor.client, f"{own}calendar.ics"),
        (visitor.client, f"/api/v1/appointments/{booked.token}"),
        (visitor.client, "/book/returning/"),
        (owner, "/desk/"),
        (owner, "/desk/print/"),
        (owner, "/desk/search/?q=Pat"),
        (owner, reverse("admin:bookings_patient_changelist")),
        (owner, reverse("admin:bookings_patient_change", args=[booked.patient_id])),
    ]
    for client, page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        kept = answer.headers.get("Cache-Control", "")
        assert "no-store" in kept and "public" not in kept, (page, kept)


def test_row_57_what_anybody_may_keep_is_the_same_for_all(world: Any, owner: Client) -> None:
    for path in ("/api/v1/locations", "/api/v1/treatments"):
        theirs, ours = Client().get(path), owner.get(path)
        assert "public" in theirs.headers["Cache-Control"]
        assert theirs.content == ours.content and not ours.cookies


# --- 58: sessions --------------------------------------------------------------------------
def test_row_58_signing_in_gives_a_new_session(world: Any) -> None:
    cast.dora()
    client = Client()
    session = client.session
    session["planted"] = "yes"
    session.save()
    before = session.session_key
    assert client.post("/login/", {"username": "dora", "password": WORD}).status_code == 302
    assert client.session.session_key != before
    stranger = Client()
    stranger.cookies["sessionid"] = before
    assert stranger.get("/desk/").status_code == 302


def test_row_58_a_new_password_ends_every_other_session(world: Any) -> None:
    dora = cast.dora()
    stolen = Client()
    stolen.force_login(dora)
    assert stolen.get("/desk/").status_code == 200
    dora.set_password("another-word-of-nobody")
    dora.save()
    assert stolen.get("/desk/").status_code == 302


@pytest.mark.parametrize("how", ["disabled", "role", "deleted"])
def test_row_58_whoever_leaves_the_clinic_is_out_with_the_next_click(world: Any, how: str) -> None:
    dora = cast.dora()
    tab = Client()
    tab.force_login(dora)
    assert tab.get("/desk/").status_code == 200
    if how == "disabled":
        get_user_model().objects.filter(pk=dora.pk).update(is_active=False)
    elif how == "role":
        dora.groups.clear()
    else:
        dora.delete()
    assert tab.get("/desk/").status_code in (302, 403)
    assert tab.post("/desk/XXXXXXXX/arrived/").status_code in (302, 403)


def test_row_58_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(world: Any) -> None:
    cast.dora()
    client = Client()
    client.post("/login/", {"username": "dora", "password": WORD})
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_row_41_nothing_nasty_in_a_form_of_the_admin_is_an_error_or_comes_back_raw(
    model: type[models.Model], owner: Client, world: Any
) -> None:
    options = model._meta
    row = model._default_manager.first()
    change = reverse(
        f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk if row else 1]
    )
    shown = owner.get(change)
    if shown.status_code != 200 or "adminform" not in shown.context:
        return
    form = shown.context["adminform"].form
    names = [name for name in form.fields if name not in ("groups", "user_permissions")]
    wrong = []
    for value in in_turn(3):
        body = "&".join(f"{name}={value}" for name in [*names, *(f"{n}_0" for n in names)])
        answer = owner.post(change, body, content_type="application/x-www-form-urlencoded")
        if said := complaint(answer):
            wrong.append((value, said))
    assert not wrong
