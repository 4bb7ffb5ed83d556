"""What is saved can be brought back: into an empty database, row for row, and audited."""

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import pytest
from django.conf import settings as site
from django.db import connection

from bookings import appointments
from bookings.actors import PATIENT
from bookings.patients import Details
from bookings.tests import factories
from clinic import clock

TOOL = Path(site.BASE_DIR) / "bin" / "backup.py"
Environment = dict[str, str]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """The address of the test's own database, as the site would be told it."""
    there = connection.settings_dict
    url = f"sqlite:///{there['NAME']}"
    if connection.vendor != "sqlite":
        login = f"{quote(there['USER'])}:{quote(there['PASSWORD'])}@"
        host = f"{there['HOST']}:{there['PORT'] or 5432}"
        url = f"postgresql://{login}{host}/{there['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "VAR_DIR": str(tmp_path / "var"), "DEBUG": "1"}


def run(environment: Environment, verb: str, where: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), verb, str(where)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def saved(environment: Environment, tmp_path: Path) -> Path:
    """A clinic with a visit and a picture, saved."""
    world = factories.bookable_clinic()
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    appointments.book(
        treatment=world.treatment,
        start=noon + timedelta(days=3),
        screening=factories.passed_screening(world.screening),
        details=Details(name="Pat “Zoë” 名前", email="pat@example.org"),
        by=PATIENT,
        source="web",
    )
    picture = Path(environment["VAR_DIR"], "media", "portraits", "ana.webp")
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    done = run(environment, "save", tmp_path / "saved")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.mark.django_db(transaction=True)
def test_what_is_saved_comes_back_row_for_row_and_a_lost_row_would_be_seen(
    environment: Environment, saved: Path, tool: ModuleType
):
    done = run(environment, "check", saved)
    assert (done.returncode, done.stderr) == (0, "")
    assert "every row and rule is there" in done.stdout
    # The control: a clinic that had one visit more, and one rule more, is not this one.
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["rows"]["bookings_appointment"][0] == 1
    more = {**manifest["rows"], "bookings_appointment": [2, "of two"]}
    rules = {**manifest["rules"], "constraint of old": "CHECK"}
    lost = "\n".join(tool.differences({"rows": more, "rules": rules}, manifest))
    assert "bookings_appointment: was [2, 'of two']" in lost
    assert "constraint of old: was CHECK, is None" in lost
    # A database that holds a clinic is never written over.
    done = run(environment, "restore", saved)
    assert done.returncode == 1
    assert "Move it away first" in done.stderr or "not empty" in done.stderr


# --- its parts ---------------------------------------------------------------------
@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("backup_tool", TOOL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def a_file(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small SQLite database with a rule and a picture, saved; whatever the site runs on."""
    var = tmp_path / "var"
    (var / "media").mkdir(parents=True)
    (var / "media" / "ana.webp").write_bytes(b"a picture")
    monkeypatch.setenv("VAR_DIR", str(var))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with sqlite3.connect(var / "clinic.sqlite3") as made:
        made.execute("CREATE TABLE visit (id INTEGER PRIMARY KEY, who TEXT CHECK (who <> ''))")
        made.execute("INSERT INTO visit (who) VALUES ('Pat')")
    made.close()
    return tool.save(tmp_path / "saved")


def test_pictures_come_back_with_the_rows(tool: ModuleType, a_file: Path, tmp_path: Path):
    new = tmp_path / "new"
    tool.restore(a_file, f"sqlite:///{new / 'clinic.sqlite3'}", new / "media")
    assert (new / "media" / "ana.webp").read_bytes() == b"a picture"


def test_a_database_of_another_kind_is_refused_with_a_sentence(environment: Environment):
    saved = Path(environment["VAR_DIR"], "saved")
    saved.mkdir(parents=True)
    kind = "postgresql" if connection.vendor == "sqlite" else "sqlite"
    (saved / "manifest.json").write_text(json.dumps({"engine": kind}))
    done = run(environment, "restore", saved)
    assert done.returncode == 1
    assert f"is of {kind}, and DATABASE_URL says {connection.vendor}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_picture_in_the_way_stops_it_before_the_database_is_touched(
    tool: ModuleType, a_file: Path, tmp_path: Path
):
    media = tmp_path / "taken" / "media"
    media.mkdir(parents=True)
    (media / "old.webp").touch()
    target = tmp_path / "new.sqlite3"
    with pytest.raises(SystemExit, match="not empty"):
        tool.restore(a_file, f"sqlite:///{target}", media)
    assert not target.exists()


def test_a_file_that_was_changed_after_saving_is_refused(tool: ModuleType, a_file: Path):
    with (a_file / "media.tar").open("ab") as tar:
        tar.write(b"more")
    assert tool.check(a_file) == ["media.tar: the file was changed after it was saved"]


def test_only_its_owner_can_read_what_is_saved(environment: Environment, tmp_path: Path):
    source = tmp_path / "var" / "clinic.sqlite3"
    source.parent.mkdir(exist_ok=True)
    source.touch()
    own = {**environment, "DATABASE_URL": ""}
    path = Path(run(own, "save", tmp_path / "saved").stdout.strip())
    assert {f.stat().st_mode & 0o077 for f in [path, *path.iterdir()]} == {0}


def test_a_rule_that_postgresql_writes_otherwise_is_the_same_rule(tool: ModuleType):
    before = "CHECK (((state)::text = ANY ((ARRAY['a'::character varying])::text[])))"
    after = "CHECK (((state)::text = ANY (ARRAY[('a'::character varying)::text])))"
    assert tool.plain(before) == tool.plain(after)
    assert tool.plain(before) != tool.plain(before.replace("'a'", "'b'"))
