"""Settings that would start and then go wrong are named, with a way out."""

import pytest

from clinic import checks


@pytest.fixture
def public_site(settings):
    """A production site that has everything it needs."""
    settings.DEBUG = False
    settings.SECRET_KEY = "k" * 60
    settings.SITE_URL = "https://clinic.example.net"
    settings.ALLOWED_HOSTS = ["clinic.example.net"]
    settings.HTTPS = True
    settings.TRUSTED_PROXIES = 1
    settings.EMAIL_URL = "smtp+tls://user:password@mail.example.net:587"
    settings.DEFAULT_FROM_EMAIL = "desk@example.net"
    return settings


def ids():
    groups = (
        checks.check_engine,
        checks.check_secret,
        checks.check_numbers,
        checks.check_var_dir,
        checks.check_addresses,
        checks.check_proxies,
        checks.check_mail,
    )
    found = [message for group in groups for message in group()]
    assert all(message.hint for message in found)
    return [message.id for message in found]


def test_a_site_with_everything_it_needs_passes(public_site):
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SECRET_KEY", "development-only-xxxxx", ["clinic.E002"]),
        ("HOLD_MINUTES", 0, ["clinic.E003"]),
        ("HOLD_MINUTES", 600, ["clinic.E003"]),
        ("THROTTLES", {"api": -1}, ["clinic.E004"]),
        ("TRUSTED_PROXIES", -1, ["clinic.E004"]),
        ("SITE_URL", "https://localhost:8000", ["clinic.E006"]),
        ("SITE_URL", "https://other.example.net", ["clinic.E007"]),
        ("SITE_URL", "http://clinic.example.net", ["clinic.E008"]),
        ("TRUSTED_PROXIES", 0, ["clinic.W001"]),
        ("EMAIL_URL", "", ["clinic.W002"]),
        ("DEFAULT_FROM_EMAIL", "clinic@example.org", ["clinic.W003"]),
    ],
)
def test_a_bad_combination_is_named(public_site, name, value, expected):
    setattr(public_site, name, value)
    assert ids() == expected


def test_an_engine_that_cannot_refuse_overlap_is_refused(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.mysql")
    assert [message.id for message in checks.check_engine()] == ["clinic.E001"]


def test_a_folder_that_cannot_be_written_is_named(public_site, monkeypatch, tmp_path):
    public_site.REDIS_URL = ""
    public_site.VAR_DIR = tmp_path / "not" / "there" / "yet"
    assert ids() == []
    monkeypatch.setattr(checks.os, "access", lambda path, mode: False)
    assert ids() == ["clinic.E005"]
