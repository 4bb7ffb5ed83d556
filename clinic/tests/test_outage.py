"""Without its database the site says so: 503, a number to call, when to come back. Never a 500."""

import json
import sqlite3
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import ConnectionHandler, DatabaseError, OperationalError, connection
from django.test import RequestFactory

from bookings.tests import factories as make
from clinic import outage
from clinic.middleware import FriendlyErrors
from practitioners.models import Clinic

pytestmark = pytest.mark.django_db
rf = RequestFactory()
PHONE = "0117 496 0100"


@pytest.fixture(autouse=True)
def nothing_known(settings, tmp_path, monkeypatch):
    """A process that has just started, on a machine that has never shown a page."""
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(outage, "_known", {})


@contextmanager
def away(cause=None):
    """Every question to the database ends in `cause`: the server was told to stop, unless said."""

    def refuse(execute, sql, params, many, context):
        error = cause or psycopg.errors.AdminShutdown(
            "terminating connection; user ada@example.org"
        )
        raise OperationalError(str(error)) from error

    with connection.execute_wrapper(refuse):
        yield


# --- what counts as an outage ---------------------------------------------------
def error_of(database, *statements):
    """The error that Django raises for the last of `statements` on a database of these settings."""
    handler = ConnectionHandler({"default": {}, "other": database})
    with closing(handler["other"]) as other:
        with pytest.raises(DatabaseError) as caught, other.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)
        if hasattr(other, "close_pool"):
            other.close_pool()
    return caught.value


def sqlite(name, **options):
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(name), "OPTIONS": options}


def nowhere(**options):
    """A PostgreSQL that is not there."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "clinic",
        "HOST": "127.0.0.1",
        "PORT": "1",
        "OPTIONS": options,
    }


@pytest.mark.once
def test_a_file_that_cannot_be_opened_is_an_outage(tmp_path):
    assert outage.is_outage(error_of(sqlite(tmp_path / "no" / "such" / "folder"), "SELECT 1"))


@pytest.mark.once
def test_a_file_that_may_not_be_written_is_an_outage(tmp_path):
    sqlite3.connect(tmp_path / "d").close()
    error = error_of(sqlite(f"file:{tmp_path}/d?mode=ro", uri=True), "CREATE TABLE t (a)")
    assert error.__cause__.sqlite_errorname.startswith("SQLITE_READONLY")
    assert outage.is_outage(error)


@pytest.mark.once
def test_a_full_disk_is_an_outage(tmp_path):
    fill = "INSERT INTO t SELECT zeroblob(100000)"
    small = ("PRAGMA max_page_count = 3", "CREATE TABLE t (a)")
    error = error_of(sqlite(tmp_path / "d"), *small, fill)
    assert error.__cause__.sqlite_errorname == "SQLITE_FULL"
    assert outage.is_outage(error)


@pytest.mark.once
def test_a_damaged_file_is_an_outage(tmp_path):
    (tmp_path / "d").write_bytes(b"this is no database" * 100)
    assert outage.is_outage(error_of(sqlite(tmp_path / "d"), "SELECT * FROM sqlite_master"))


@pytest.mark.once
def test_a_file_that_somebody_else_writes_all_the_time_is_an_outage(tmp_path):
    with closing(sqlite3.connect(tmp_path / "d", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        error = error_of(sqlite(tmp_path / "d", timeout=0.01), "CREATE TABLE t (a)")
    assert outage.is_outage(error)


@pytest.mark.once
def test_sql_of_ours_that_is_wrong_is_no_outage(tmp_path):
    assert not outage.is_outage(error_of(sqlite(tmp_path / "d"), "SELEC 1"))
    assert not outage.is_outage(error_of(sqlite(tmp_path / "d"), "SELECT a FROM nowhere"))
    assert not outage.is_outage(ValueError())
    assert not outage.is_outage(None)


@pytest.mark.once
def test_a_server_that_is_not_there_is_an_outage():
    assert outage.is_outage(error_of(nowhere(connect_timeout=2), "SELECT 1"))


@pytest.mark.once
def test_a_pool_that_has_no_connection_left_is_an_outage():
    pool = {"min_size": 0, "max_size": 1, "timeout": 0.05, "reconnect_timeout": 0.1}
    assert outage.is_outage(error_of(nowhere(pool=pool), "SELECT 1"))


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="these are PostgreSQL's")
@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("57P01", "told to stop"),
        ("57P03", "starting"),
        ("57014", "a statement that took too long"),
        ("53300", "too many connections"),
        ("53100", "a full disk"),
        ("25006", "read-only"),
        ("55P03", "a lock that took too long"),
        ("40001", "a serialization that failed four times"),
        ("40P01", "a deadlock that came four times"),
        ("XX001", "a damaged page"),
        ("08006", "a connection that broke"),
        ("58030", "a disk that fails"),
    ],
)
def test_postgresql_says_so_in_many_ways(code, what):
    raise_it = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$"
    with pytest.raises(DatabaseError) as caught, connection.cursor() as cursor:
        cursor.execute(raise_it)
    assert outage.is_outage(caught.value), what


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="these are PostgreSQL's")
@pytest.mark.parametrize("code", ["23505", "23P01", "42601", "42P01", "22001", "22P02"])
def test_what_the_database_refuses_is_no_outage(code):
    raise_it = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$"
    with pytest.raises(DatabaseError) as caught, connection.cursor() as cursor:
        cursor.execute(raise_it)
    assert not outage.is_outage(caught.value)


# --- what people are told -------------------------------------------------------
PAGES = [
    "/",
    "/practitioners/",
    "/book/",
    "/book/visit/",
    "/contact/",
    "/appointments/abcdefghijklmnopqrstuv/",
    "/login/",
    "/desk/",
    "/schedule/",
    "/admin/",
    "/no/such/page/",
]


@pytest.mark.parametrize("signed_in", [False, True])
def test_every_page_says_so_with_the_number(client, signed_in):
    make.bookable_clinic()
    Clinic.objects.update_or_create(pk=1, defaults={"name": "Tidewell", "phone": PHONE})
    assert client.get("/").status_code == 200  # a page that has shown the number once
    if signed_in:
        client.force_login(User.objects.create_superuser("owner"))
    client.raise_request_exception = False  # the 404 page asks too: handler500 answers
    seen = {}
    with away():
        for page in PAGES:
            response = client.get(page)
            seen[page] = response.status_code
            if response.status_code == 503:
                assert PHONE in response.content.decode()
                assert int(response["Retry-After"]) > 0
                assert "no-store" in response["Cache-Control"]
                assert "script-src 'self'" in response["Content-Security-Policy"]
    # To tell a stranger to sign in needs no database.
    to_login = {} if signed_in else dict.fromkeys(("/desk/", "/schedule/", "/admin/"), 302)
    assert seen == dict.fromkeys(PAGES, 503) | to_login


def test_a_form_that_is_sent_meanwhile_is_a_503_too(client):
    with away():
        response = client.post("/contact/", {"name": "Ada", "email": "ada@example.org"})
    assert response.status_code == 503


@pytest.mark.parametrize("debug", [False, True])
def test_a_program_gets_a_problem_document(client, settings, debug):
    settings.DEBUG = debug
    with away():
        for response in (
            client.get("/api/v1/treatments"),
            client.get("/api/v1/availability?treatment=x&from=2027-01-11&to=2027-01-12"),
            client.get("/api/v1/appointments/abcdefghijklmnopqrstuv"),
            client.post("/api/v1/appointments/abcdefghijklmnopqrstuv/cancel"),
        ):
            assert response.status_code == 503
            assert response["Content-Type"] == "application/problem+json"
            assert int(response["Retry-After"]) > 0
            assert response.json()["code"] == "service_unavailable"
            assert "diary" in response.json()["detail"], "not the phrase book's “high load”"


def test_what_a_middleware_asks_of_the_database_is_a_503_too(client, settings):
    """Django turns what a middleware raises into a 500 by itself; only handler500 sees it."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:3], f"{__name__}.asking", *settings.MIDDLEWARE[3:]]
    client.raise_request_exception = False
    with away():
        response = client.get("/healthz")
    assert response.status_code == 503
    assert "Retry-After" in response


def asking(get_response):
    def middleware(request):
        list(Clinic.objects.all())
        return get_response(request)

    return middleware


def test_a_fault_of_our_own_is_still_a_500(client, settings):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:3],
        f"{__name__}.failing",
        *settings.MIDDLEWARE[3:],
    ]
    client.raise_request_exception = False
    assert client.get("/healthz").status_code == 500


def failing(get_response):
    def middleware(request):
        raise RuntimeError("a bug")

    return middleware


def test_the_demo_shows_the_same_page(client, settings):
    settings.DEBUG = True
    friendly = f"{FriendlyErrors.__module__}.{FriendlyErrors.__name__}"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-2], friendly, *settings.MIDDLEWARE[-2:]]
    with away():
        for page in ("/", "/no/such/page/", "/practitioners/nobody/"):
            response = client.get(page)
            assert response.status_code == 503, page
            assert "Retry-After" in response


def test_the_cause_is_logged_once_and_without_what_was_sent(client, caplog):
    with away():
        client.get("/")
    errors = [r for r in caplog.records if r.levelname in ("ERROR", "CRITICAL", "WARNING")]
    assert [r.getMessage() for r in errors] == [
        "the database is away: AdminShutdown 57P01, at home"
    ]
    assert "ada@example.org" not in caplog.text


# --- the number -----------------------------------------------------------------
@pytest.mark.once
def test_the_number_outlives_the_process(tmp_path, monkeypatch):
    outage.remember("Tidewell", PHONE)
    monkeypatch.setattr(outage, "_known", {})
    assert outage.last_known() == {"name": "Tidewell", "phone": PHONE}
    assert [f.name for f in tmp_path.iterdir()] == [outage.FILE], "nothing is left beside it"


@pytest.mark.once
@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', '"x"'])
def test_half_a_file_is_a_page_without_a_number(tmp_path, text):
    (tmp_path / outage.FILE).write_text(text)
    assert outage.last_known() == {}
    response = outage.answer(rf.get("/"), OperationalError())
    assert response.status_code == 503
    assert b"tel:" not in response.content


@pytest.mark.once
def test_a_folder_that_cannot_be_written_costs_no_page(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "not" / "there"
    outage.remember("Tidewell", PHONE)
    assert outage.last_known()["phone"] == PHONE


def test_a_changed_number_is_the_one_that_is_kept(client, tmp_path):
    for phone in (PHONE, "0117 496 0199"):
        Clinic.objects.update_or_create(pk=1, defaults={"name": "Tidewell", "phone": phone})
        client.get("/")
        assert json.loads((tmp_path / outage.FILE).read_text())["phone"] == phone
