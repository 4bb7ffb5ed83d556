"""/healthz is alive, /readyz can serve; both say so in JSON and keep the details to the log."""

from datetime import timedelta

import pytest
import time_machine
from django.db.migrations.recorder import MigrationRecorder

from bookings.models import Kind, Notification
from bookings.models.outcomes import Reached
from clinic import health, tasks
from clinic.clock import now
from clinic.models import Heartbeat


def test_healthz_answers_without_a_database(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


ALL_OK = dict.fromkeys(("database", "migrations", "broker", "cache", "outbox", "worker"), "ok")


@pytest.mark.django_db
def test_readyz_is_ready_when_everything_is(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": ALL_OK}


@pytest.mark.django_db
def test_readyz_is_not_ready_with_a_migration_waiting(client):
    MigrationRecorder.Migration.objects.filter(app="clinic").delete()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "not ready"
    assert response.json()["checks"]["migrations"].endswith("not applied")


@pytest.mark.django_db
def test_readyz_is_degraded_without_a_broker_and_not_down(client, monkeypatch):
    from clinic.celery import app

    monkeypatch.setattr(app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    response = client.get("/readyz")
    assert response.status_code == 200, "a site that still books is not taken away"
    assert response.json() == {
        "status": "degraded",
        "checks": ALL_OK | {"broker": "unreachable"},
    }


@pytest.mark.django_db
def test_readyz_is_degraded_without_a_cache(client, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "degraded", "checks": ALL_OK | {"cache": "unreachable"}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "late", "says"),
    [
        ("pending", 14, "ok"),
        ("pending", 16, "1 waiting too long"),
        ("failed", 16, "1 undeliverable"),
        ("sent", 16, "ok"),
    ],
)
def test_readyz_raises_an_alarm_when_mail_does_not_go_out(client, state, late, says):
    due = now() - timedelta(minutes=late)
    Notification.objects.create(
        kind=Kind.CODE,
        recipient="ada@example.org",
        due_at=due,
        state=state,
        sent_at=due if state == "sent" else None,
    )
    answer = client.get("/readyz").json()
    assert answer["checks"]["outbox"] == says
    assert answer["status"] == ("ready" if says == "ok" else "degraded")


@pytest.mark.django_db
def test_a_mail_whose_patient_was_rung_is_no_alarm_any_more(client):
    due = now() - timedelta(minutes=30)
    row = Notification.objects.create(
        kind=Kind.CODE, recipient="ada@example.org", due_at=due, state="failed"
    )
    assert client.get("/readyz").json()["status"] == "degraded"
    Reached.objects.create(notification=row, at=now(), by="Reception")
    assert client.get("/readyz").json()["status"] == "ready"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ago", "says"), [(1, "ok"), (5, "silent for 5 minutes"), (-60, "clock went back")]
)
def test_readyz_raises_an_alarm_when_no_worker_ticks(client, ago, says):
    Heartbeat.objects.create(pk=1, at=now() - timedelta(minutes=ago, seconds=1))
    answer = client.get("/readyz").json()
    assert answer["checks"]["worker"] == says
    assert answer["status"] == ("ready" if says == "ok" else "degraded")


@pytest.mark.django_db
def test_a_tick_is_a_heartbeat_and_says_when_the_clock_went_back(caplog):
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False) as clock:
        tasks.tick()
        clock.shift(30)
        tasks.tick()
        assert Heartbeat.last() == now()
        assert not caplog.records
        clock.shift(-300)
        tasks.tick()
        assert Heartbeat.last() == now()
    assert "the clock went back by 300 seconds" in caplog.text


@pytest.mark.django_db
def test_readyz_says_no_more_than_a_word_about_a_fault(client, monkeypatch):
    def broken():
        raise RuntimeError("password=secret at db.internal")

    monkeypatch.setitem(health.CHECKS, "database", broken)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert b"secret" not in response.content
    assert response.json()["checks"]["database"] == "unreachable"


@pytest.mark.django_db
def test_readyz_waits_for_a_lost_database_once(client, monkeypatch):
    asked = []

    def lost():
        asked.append(1)
        raise OSError

    monkeypatch.setitem(health.CHECKS, "database", lost)
    monkeypatch.setitem(health.CHECKS, "migrations", lost)
    checks = client.get("/readyz").json()["checks"]
    lost = dict.fromkeys(("database", "migrations", "outbox", "worker"), "unreachable")
    assert checks == ALL_OK | lost
    assert len(asked) == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_they_are_not_cached_and_not_posted_to(client, path):
    assert client.post(path).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_health_check_is_not_sent_to_https(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    response = client.get(path)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
