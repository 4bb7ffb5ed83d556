"""What every test stands on: the engines are named; none meets another's cache or fault."""

import uuid
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings

from clinic import fuse


def engines() -> str:
    """Return the line that says what this run really used."""
    database = {"sqlite": "SQLite (a file, WAL)", "postgresql": "PostgreSQL"}[connection.vendor]
    broker = "Redis" if django_settings.REDIS_URL else "filesystem"
    return f"database: {database}; broker and cache: {broker}"


def pytest_report_header() -> str:
    return engines()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(engines())


@pytest.fixture(autouse=True)
def own_surroundings(settings: Settings, tmp_path: Path) -> None:
    """Give each test its own corner of the cache and its own mail folder."""
    cache = settings.CACHES["default"]
    settings.CACHES = {"default": {**cache, "KEY_PREFIX": uuid.uuid4().hex}}
    settings.MAIL_DIR = tmp_path / "mail"
    settings.MEDIA_ROOT = str(tmp_path / "media")
    fuse.cache.mend()
    fuse.broker.mend()
