"""The environment decides, and what it gets wrong stops the start instead of the clinic."""

import json
import os
import re
import subprocess
import sys

import pytest
from django.conf import settings as running


def load(*names: str, **environment: str) -> dict[str, object]:
    """Return the named settings as a fresh process reads them from `environment` alone."""
    code = (
        "import json, clinic.settings as s; "
        f"print(json.dumps({{n: getattr(s, n) for n in {names!r}}}, default=str))"
    )
    base = {"PATH": os.environ["PATH"], "VAR_DIR": str(running.VAR_DIR)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=base | environment,
        cwd=running.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)


def test_production_does_not_start_without_a_secret():
    with pytest.raises(RuntimeError, match="Set SECRET_KEY"):
        load("DEBUG")


def test_production_is_the_default_and_safe():
    got = load("DEBUG", "SESSION_COOKIE_SECURE", "ALLOWED_HOSTS", "HTTPS", SECRET_KEY="x" * 60)
    assert got == {
        "DEBUG": False,
        "SESSION_COOKIE_SECURE": True,
        "ALLOWED_HOSTS": [],
        "HTTPS": True,
    }


def test_a_secret_may_come_from_a_file(tmp_path):
    (tmp_path / "key").write_text("from-a-file-" + "x" * 50)
    got = load("SECRET_KEY", SECRET_KEY_FILE=str(tmp_path / "key"))
    assert got["SECRET_KEY"].startswith("from-a-file-")


@pytest.mark.parametrize("name", ["DEBUG", "HTTPS"])
def test_a_word_that_is_neither_on_nor_off_stops_the_start(name):
    with pytest.raises(RuntimeError, match=f"{name} is 'flase'"):
        load("DEBUG", SECRET_KEY="x" * 60, **{name: "flase"})


def test_two_addresses_choose_the_engines(tmp_path):
    got = load(
        "DATABASES",
        "CELERY_BROKER_URL",
        SECRET_KEY="x" * 60,
        DATABASE_URL="postgresql://clinic:p%40ss%2Fword@db:5432/clinic?sslmode=require",
        REDIS_URL="redis://cache:6379/0",
    )
    database = got["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert database["PASSWORD"] == "p@ss/word"
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["pool"]["max_size"] == 8
    assert "statement_timeout=15000" in database["OPTIONS"]["options"]
    assert got["CELERY_BROKER_URL"] == "redis://cache:6379/0"


def test_beat_has_a_folder_for_its_schedule_with_servers_too(tmp_path):
    folder = tmp_path / "not" / "yet"
    servers = {"DATABASE_URL": "postgresql://db/clinic", "REDIS_URL": "redis://cache:6379/0"}
    load("DEBUG", SECRET_KEY="x" * 60, VAR_DIR=str(folder), **servers)
    assert folder.stat().st_mode & 0o077 == 0


def test_without_addresses_everything_is_in_one_folder(tmp_path):
    folder = tmp_path / "a #folder with 100% odd ? characters"
    got = load("DATABASES", "CELERY_BROKER_URL", "EMAIL_FILE_PATH", DEBUG="1", VAR_DIR=str(folder))
    database = got["DATABASES"]["default"]
    assert database["NAME"] == str(folder / "clinic.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert got["CELERY_BROKER_URL"] == "files://localhost"
    assert got["EMAIL_FILE_PATH"] == str(folder / "mail")
    assert folder.stat().st_mode & 0o077 == 0, "nobody else reads patients' data"


def test_every_variable_is_explained():
    explained = (running.BASE_DIR / "docs" / "operations.md").read_text()
    read = set()
    for file in ("clinic/settings.py", "gunicorn.conf.py"):
        code = (running.BASE_DIR / file).read_text()
        read |= set(re.findall(r"(?:env\.\w+|flag|environ\.get)\(\s*\"([A-Z_]+)\"", code))
    assert len(read) > 20
    assert not [name for name in sorted(read) if f"`{name}`" not in explained]
