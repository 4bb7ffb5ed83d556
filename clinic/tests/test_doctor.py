"""The doctor finds what is really wrong, says how to mend it, and exits with 1 for it."""

import json
import re
import uuid
from contextlib import closing
from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import ConnectionHandler, connection
from django.db.migrations.recorder import MigrationRecorder

from bookings.models import Kind, Notification
from clinic import doctor
from clinic.celery import app
from clinic.clock import now
from clinic.doctor import database, machine, services
from clinic.models import Heartbeat
from clinic.tests import smtp
from clinic.tests.test_outage import nowhere, sqlite
from practitioners.tests import factories as directory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def an_empty_queue():
    """A queue of this test's own, in which nothing waits."""
    before = app.conf.task_default_queue
    app.conf.task_default_queue = f"doctor-{uuid.uuid4().hex}"
    yield
    app.conf.task_default_queue = before


def said(examination):
    return [(finding.level, finding.what) for finding in examination()]


def only(examination):
    (finding,) = examination()
    assert finding.level == "ok" or finding.mend, "a fault without a way to mend it"
    return finding.level, finding.what


def run(*arguments, capsys):
    """The exit code and what was printed."""
    try:
        call_command("doctor", *arguments)
    except SystemExit as end:
        return end.code, capsys.readouterr().out
    return 0, capsys.readouterr().out


# --- the command ----------------------------------------------------------------
def test_a_sound_installation_is_0_and_a_line_for_each_examination(capsys, monkeypatch):
    Heartbeat.objects.create(pk=1, at=now())
    sound = [e for e in doctor.EXAMINATIONS if e.name not in ("settings", "mail")]
    monkeypatch.setattr(doctor, "EXAMINATIONS", sound)
    code, text = run(capsys=capsys)
    assert code == 0, text
    assert [line.split()[0] for line in text.splitlines()] == ["ok"] * len(sound)


def test_a_problem_is_1_and_says_how_to_mend_it(capsys):
    MigrationRecorder.Migration.objects.filter(app="clinic").delete()
    code, text = run(capsys=capsys)
    assert code == 1
    assert re.search(r"problem +migrations: Migrations: \d+ not applied", text)
    assert "→ python manage.py migrate" in text


def test_a_program_reads_the_same_in_json(capsys):
    MigrationRecorder.Migration.objects.filter(app="clinic").delete()
    code, text = run("--json", capsys=capsys)
    answer = json.loads(text)
    assert (code, answer["ok"]) == (1, False)
    found = {row["check"]: row for row in answer["findings"]}
    assert found["migrations"]["level"] == "problem"
    assert found["migrations"]["mend"].startswith("python manage.py migrate")
    tried = {e.name for e in doctor.EXAMINATIONS if e.needs != "migrations"}
    assert set(found) == tried, "without the tables, their rules are no news"


def test_without_the_database_the_rest_is_still_examined(capsys, monkeypatch):
    with closing(ConnectionHandler({"default": {}, "other": nowhere()})["other"]) as lost:
        monkeypatch.setattr(database, "connection", lost)
        code, text = run(capsys=capsys)
    assert code == 1
    assert "database: The database does not answer (OperationalError)." in text
    assert "folder: " in text and "broker: " in text
    assert "migrations: " not in text, "what needs it would only wait for it once more"


def test_an_examination_that_breaks_is_a_line_and_not_the_end(capsys, monkeypatch):
    def broken():
        raise RuntimeError("password=secret")
        yield

    monkeypatch.setattr(doctor, "EXAMINATIONS", [doctor.Examination("this", broken)])
    code, text = run(capsys=capsys)
    assert code == 1
    assert "this: Could not be looked at (RuntimeError)." in text
    assert "secret" not in text


# --- the database ---------------------------------------------------------------
def test_it_sees_a_database_that_is_too_old(monkeypatch, tmp_path):
    # Django looks once for each name of a connection; nobody else uses this one.
    other = ConnectionHandler({"default": {}, "old": sqlite(tmp_path / "d")})["old"]
    with closing(other):
        other.features.minimum_database_version = (99,)
        monkeypatch.setattr(database, "connection", other)
        level, what = only(database.server)
    assert level == "problem"
    assert "too old" in what


def drop_the_rule():
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER reservation_no_overlap_ins")
        else:
            cursor.execute(
                "ALTER TABLE bookings_reservation DROP CONSTRAINT reservation_no_overlap"
            )


def test_it_sees_that_double_booking_is_possible():
    assert only(database.double_booking)[0] == "ok"
    drop_the_rule()
    assert only(database.double_booking) == ("problem", "The database books one thing twice.")


def test_it_leaves_nothing_of_what_it_tried():
    list(database.double_booking())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bookings_reservation")
        assert cursor.fetchone() == (0,)


def test_it_sees_a_rule_that_is_not_in_the_database():
    assert only(database.constraints)[0] == "ok"
    drop_the_rule()
    level, what = only(database.constraints)
    assert level == "problem"
    assert "reservation_no_overlap" in what


def test_it_sees_that_a_check_is_not_in_the_database():
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TABLE clinic_heartbeat")
            cursor.execute("CREATE TABLE clinic_heartbeat (id integer PRIMARY KEY, at datetime)")
        else:
            cursor.execute("ALTER TABLE clinic_heartbeat DROP CONSTRAINT heartbeat_is_one_row")
    assert "heartbeat_is_one_row" in only(database.constraints)[1]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite needs none")
def test_it_sees_an_extension_that_is_missing():
    assert only(database.extensions)[0] == "ok"
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION btree_gist CASCADE")
    assert only(database.extensions) == ("problem", "The extension btree_gist is missing.")


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lives by our clock")
@pytest.mark.parametrize(("minutes", "level"), [(0, "ok"), (0.5, "warning"), (5, "problem")])
def test_it_sees_that_our_clock_is_not_the_database_s(minutes, level):
    with time_machine.travel(now() + timedelta(minutes=minutes)):
        assert only(database.clock)[0] == level


def test_it_sees_that_the_clock_went_back():
    Heartbeat.objects.create(pk=1, at=now() + timedelta(minutes=5))
    level, what = said(database.clock)[0]
    assert level == "problem"
    assert "a clock was set back" in what


# --- services -------------------------------------------------------------------
def test_it_sees_that_the_broker_is_away(monkeypatch):
    assert only(services.broker)[0] == "ok"
    monkeypatch.setattr(app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    assert only(services.broker)[0] == "problem"


def test_it_sees_that_the_cache_is_away(settings):
    assert only(services.kept)[0] == "ok"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert only(services.kept)[0] == "warning"


def test_it_sees_a_worker_and_a_beat_that_live():
    Heartbeat.objects.create(pk=1, at=now() - timedelta(seconds=20))
    assert only(services.worker) == ("ok", "Did what beat asked 20 s ago.")
    assert only(services.beat) == ("ok", "Its last tick was done 20 s ago.")


def test_it_sees_that_no_worker_takes_what_waits():
    Heartbeat.objects.create(pk=1, at=now() - timedelta(minutes=5))
    app.send_task("clinic.tasks.tick", queue=app.conf.task_default_queue)
    assert only(services.worker) == ("problem", "No worker. Messages that wait in the queue: 1.")
    assert only(services.beat)[0] == "warning"
    with app.connection_for_write() as link:
        link.default_channel.queue_purge(app.conf.task_default_queue)


@pytest.mark.parametrize(
    ("minutes", "since"), [(5, "for 5 minutes"), (None, "since the site was set up")]
)
def test_it_sees_that_no_beat_ticks(minutes, since):
    if minutes:
        Heartbeat.objects.create(pk=1, at=now() - timedelta(minutes=minutes))
    assert only(services.beat) == ("problem", f"No beat: no tick was done {since}.")
    assert only(services.worker)[0] == "warning"


def test_it_does_not_blame_beat_for_a_broker_that_is_away(monkeypatch):
    monkeypatch.setattr(app.conf, "broker_read_url", "redis://127.0.0.1:1/0")
    assert "the broker is away" in only(services.worker)[1]
    assert only(services.beat)[0] == "warning"


def test_it_sees_mail_that_does_not_go_out():
    assert only(services.outbox) == ("ok", "Nothing waits.")
    for state, minutes in (("pending", 1), ("failed", 30)):
        due = now() - timedelta(minutes=minutes)
        Notification.objects.create(
            kind=Kind.CODE, recipient="ada@example.org", due_at=due, state=state
        )
    assert [level for level, _what in said(services.outbox)] == ["ok", "warning"]
    Notification.objects.filter(state="pending").update(due_at=now() - timedelta(minutes=90))
    assert said(services.outbox)[0] == (
        "problem",
        "Messages that wait too long: 1, the oldest for 90 minutes.",
    )


@pytest.fixture
def mail_server(settings):
    with smtp.running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield server


@pytest.mark.once
def test_it_asks_the_mail_server_and_sends_nothing(mail_server):
    level, what = only(services.mail)
    assert level == "ok", what
    assert not mail_server.letters


@pytest.mark.once
def test_it_sees_that_the_mail_server_refuses_our_login(mail_server, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "clinic", "s3cr3t"
    level, what = only(services.mail)
    assert level == "problem"
    assert "refuses our login" in what
    assert "s3cr3t" not in what


@pytest.mark.once
def test_it_sees_that_the_mail_server_is_not_there(mail_server, settings):
    settings.EMAIL_PORT = 1
    level, what = only(services.mail)
    assert level == "problem"
    assert "cannot be reached" in what


@pytest.mark.once
def test_it_sees_that_mail_goes_into_a_folder(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.DEBUG = False
    assert only(services.mail)[0] == "warning"


# --- machine and settings -------------------------------------------------------
def test_it_sees_a_zone_that_this_machine_does_not_know():
    directory.location(time_zone="Europe/London")
    assert said(machine.time_zones)[0][0] == "ok"
    directory.location(time_zone="Mars/Olympus")
    level, what = said(machine.time_zones)[0]
    assert level == "problem"
    assert "“Mars/Olympus”" in what


@pytest.mark.once
def test_it_sees_that_the_time_zone_data_is_old():
    with time_machine.travel("2031-01-01T00:00:00Z"):
        level, what = only(machine.time_zones)
    assert level == "warning"
    assert "a clock change since then is not known" in what


@pytest.mark.once
def test_it_sees_that_nothing_can_be_written(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "not" / "there"
    assert only(machine.folder) == ("problem", "VAR_DIR cannot be written (FileNotFoundError).")


@pytest.mark.once
def test_it_sees_that_the_disk_is_nearly_full(monkeypatch):
    monkeypatch.setattr(machine, "LITTLE_ROOM", 10**18)
    assert only(machine.folder)[0] == "warning"
    monkeypatch.setattr(machine, "NO_ROOM", 10**18)
    assert only(machine.folder)[0] == "problem"


@pytest.mark.once
def test_it_sees_a_key_that_can_be_guessed(settings):
    settings.SECRET_KEY = "hunter2"
    assert ("problem", "security.W009") in grades()
    settings.SECRET_KEY = "".join(map(chr, range(40, 110)))
    assert ("problem", "security.W009") not in grades()


@pytest.mark.once
def test_it_sees_that_links_lead_to_a_site_that_does_not_answer(settings):
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://clinic.example.org", ["elsewhere.example"]
    assert ("problem", "clinic.E007") in grades()
    settings.ALLOWED_HOSTS = ["clinic.example.org"]
    assert ("problem", "clinic.E007") not in grades()


def grades():
    return {(f.level, f.what.rpartition("(")[2].rstrip(")")) for f in machine.combinations()}
