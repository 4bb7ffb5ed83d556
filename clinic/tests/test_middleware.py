"""Input that no page can use is a 400 or 413 page, never a 500; every page says what it may not."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.urls import path

from clinic import urls
from clinic.middleware import BadInput, FriendlyErrors

rf = RequestFactory()


def boom(request, kind):
    raise {
        "data": DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        "surrogate": UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        "number": OverflowError("Python int too large to convert to SQLite INTEGER"),
        "denied": PermissionDenied(),
        "missing": Http404(),
        "bug": RuntimeError("a bug"),
    }[kind]


urlpatterns = [*urls.urlpatterns, path("boom/<str:kind>/", boom)]
handler404 = "django.views.defaults.page_not_found"


@pytest.fixture
def odd_views(settings):
    settings.ROOT_URLCONF = __name__


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["q=%00", "q=a%00b&x=1", "%00=1", "q=1&q=%00"])
def test_row_41_a_zero_byte_in_the_query_is_a_400_page(client, query):
    response = client.get(f"/therapies/?{query}")
    assert response.status_code == 400
    assert b"<h1" in response.content


@pytest.mark.django_db
def test_row_41_a_zero_byte_in_the_path_is_a_400_page(client):
    assert client.get("/therapies/a%00b/").status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["q=%ff%fe", "q=%F0%9F%92%86", "q=%u0041", "q=" + "%" * 20])
def test_other_odd_bytes_do_no_harm(client, query):
    assert client.get(f"/healthz?{query}").status_code == 200


@pytest.mark.django_db
def test_row_40_a_body_that_is_too_large_is_a_413_page(client):
    response = client.post("/contact/", {"message": "x" * 1_000_000})
    assert response.status_code == 413
    assert b"<h1" in response.content


def test_the_api_gets_a_problem_document():
    request = rf.post("/api/v1/appointments", data=b"x" * 300_000, content_type="application/json")
    response = BadInput(lambda r: HttpResponse())(request)
    assert response.status_code == 413
    assert response["Content-Type"] == "application/problem+json"


def test_a_length_that_is_no_number_is_no_crash():
    request = rf.get("/", CONTENT_LENGTH="many")
    assert BadInput(lambda r: HttpResponse()).__call__(request).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["data", "surrogate", "number"])
def test_what_only_the_database_found_out_is_a_400_page(client, odd_views, caplog, kind):
    assert client.get(f"/boom/{kind}/").status_code == 400
    assert "could not be stored" in caplog.text, "a form should have noticed: it is in the log"


def test_every_answer_says_which_senses_it_does_not_want(client):
    assert "camera=()" in client.get("/healthz")["Permissions-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/boom/missing/", 404),
        ("/no/such/page/", 404),
        ("/boom/denied/", 403),
        ("/boom/data/", 400),
        ("/boom/bug/", 500),
        ("/boom/bug", 301),
    ],
)
def test_the_demo_shows_what_a_patient_would_see(client, settings, odd_views, address, status):
    settings.DEBUG = True
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:-1],
        f"{FriendlyErrors.__module__}.{FriendlyErrors.__name__}",
        settings.MIDDLEWARE[-1],
    ]
    client.raise_request_exception = False
    response = client.get(address)
    assert response.status_code == status
    assert b"Traceback" not in response.content
    assert b"urlpatterns" not in response.content
    assert b"DEBUG = True" not in response.content
