"""/healthz is alive, /readyz can serve; both say so in JSON and keep the details to the log."""

import pytest
from django.db.migrations.recorder import MigrationRecorder

from clinic import health


def test_healthz_answers_without_a_database(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.django_db
def test_readyz_is_ready_when_everything_is(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "broker": "ok"},
    }


@pytest.mark.django_db
def test_readyz_is_not_ready_with_a_migration_waiting(client):
    MigrationRecorder.Migration.objects.filter(app="clinic").delete()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["migrations"].endswith("not applied")


@pytest.mark.django_db
def test_readyz_is_not_ready_without_a_broker(client, monkeypatch):
    from clinic.celery import app

    monkeypatch.setattr(app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "broker": "unreachable",
    }


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
    assert checks == {"database": "unreachable", "migrations": "unreachable", "broker": "ok"}
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
