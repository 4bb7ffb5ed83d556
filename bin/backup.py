"""Save the clinic, bring it back, and prove that what was saved can be brought back.

    python bin/backup.py save FOLDER       into a new folder of FOLDER; prints its path
    python bin/backup.py restore SAVED     into an empty database and an empty media folder
    python bin/backup.py check SAVED       into a fresh database, compared row for row, audited

The same DATABASE_URL and VAR_DIR as the site's say what is saved, and where it is brought back to.
PostgreSQL needs its own pg_dump and pg_restore here, not older than the server. The site may run
while it is saved: rows, digests and dump are of one moment. SAVED may also be a bare file of
pg_dump -Fc: it has no digests to compare with, so `check` restores and audits it only.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

ROOT = Path(__file__).resolve().parent.parent
MANIFEST, MEDIA = "manifest.json", "media.tar"
DUMPS = {"postgresql": "database.dump", "sqlite": "database.sqlite3"}
# {"rows": {table: [count, digest]}, "rules": {name: definition}}: equal for equal databases.
Contents = dict[str, dict[str, Any]]


def setting(name: str, default: str = "") -> str:
    """A setting of the site's: from the environment, or from the file that it names."""
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(name) or default


def var_dir() -> Path:
    return Path(setting("VAR_DIR", str(ROOT / "var")))


def address() -> str:
    return setting("DATABASE_URL", f"sqlite:///{var_dir().resolve() / 'clinic.sqlite3'}")


def engine(url: str) -> str:
    return "sqlite" if url.startswith("sqlite:") else "postgresql"


def sqlite_file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


# --- PostgreSQL -------------------------------------------------------------------
def pg_tool(name: str, url: str, *arguments: str, **streams: Any) -> None:
    """Run pg_dump or pg_restore; the password goes through the environment, which `ps` hides."""
    parts = conninfo_to_dict(url)
    env = {**os.environ, "PGPASSWORD": str(parts.pop("password", "") or "")}
    command = [name, "--dbname", make_conninfo("", **parts), "--no-owner", "--no-acl", *arguments]
    subprocess.run(command, check=True, env=env, **streams)


def pg_save(url: str, to: Path) -> Contents:
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        with to.open("wb") as out:
            pg_tool("pg_dump", url, "--format=custom", f"--snapshot={snapshot}", stdout=out)
        return pg_contents(connection)


def pg_contents(connection: psycopg.Connection) -> Contents:
    run = connection.execute
    run("SET TIME ZONE 'UTC'")
    tables = run(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    rows = {}
    for (table,) in tables.fetchall():
        # A digest a row, then one of them all, in an order that storage does not decide.
        counted = sql.SQL(
            "SELECT COUNT(*), COALESCE(MD5(STRING_AGG(d, '' ORDER BY d)), '')"
            " FROM (SELECT MD5(t::text) AS d FROM {} t) digests"
        )
        rows[table] = list(run(counted.format(sql.Identifier(table))).fetchone() or ())
    rules = run(
        "SELECT 'constraint ' || conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        " UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public'"
        " UNION ALL SELECT 'trigger ' || tgname, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE NOT tgisinternal"
        " UNION ALL SELECT 'extension ' || extname, '' FROM pg_extension"
    )
    return {"rows": rows, "rules": {name: plain(made) for name, made in rules.fetchall()}}


def plain(definition: str) -> str:
    """Without the casts and brackets that PostgreSQL writes otherwise the second time."""
    return re.sub(r"::[a-z ]+(\[\])?|[()]", "", definition)


def pg_sequences_behind(connection: psycopg.Connection) -> list[str]:
    """Sequences that would give a number again: the next booking would fail."""
    owned = connection.execute(
        "SELECT s.relname, t.relname, a.attname FROM pg_depend d"
        " JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'"
        " JOIN pg_class t ON t.oid = d.refobjid"
        " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid"
        " WHERE s.relnamespace = 'public'::regnamespace"
    ).fetchall()
    behind = []
    for sequence, table, column in owned:
        ask = sql.SQL("SELECT COALESCE(MAX({}), 0) > (SELECT last_value FROM {}) FROM {}")
        names = map(sql.Identifier, (column, sequence, table))
        if (connection.execute(ask.format(*names)).fetchone() or (True,))[0]:
            behind.append(f"sequence {sequence} is behind {table}")
    return behind


@contextmanager
def fresh_postgres(url: str) -> Iterator[str]:
    """An empty database beside the site's own, for as long as it is needed."""
    name = f"clinic_check_{uuid.uuid4().hex[:12]}"
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


# --- SQLite -----------------------------------------------------------------------
def sqlite_save(url: str, to: Path) -> Contents:
    source = sqlite_file(url)
    if not source.exists():
        sys.exit(f"There is no database at {source}.")
    with closing(sqlite3.connect(source)) as connection, closing(sqlite3.connect(to)) as copy:
        connection.execute("BEGIN")
        contents = sqlite_contents(connection)
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    return contents


def sqlite_contents(connection: sqlite3.Connection) -> Contents:
    found = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    ).fetchall()
    rows = {}
    for table in (name for kind, name, _sql in found if kind == "table"):
        digest, count = hashlib.sha256(), 0
        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid'):  # noqa: S608
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
            count += 1
        rows[table] = [count, digest.hexdigest()]
    return {"rows": rows, "rules": {f"{kind} {name}": made for kind, name, made in found}}


# --- save, restore, check ---------------------------------------------------------
def save(into: Path) -> Path:
    """Write a folder with the dump, the media and their digests; it appears when it is whole."""
    url, made = address(), datetime.now(UTC)
    final = into / f"clinic-{made:%Y%m%dT%H%M%SZ}"
    part = into / f"{final.name}.part"
    part.mkdir(parents=True)
    kind = engine(url)
    contents = (pg_save if kind == "postgresql" else sqlite_save)(url, part / DUMPS[kind])
    media = var_dir() / "media"
    with tarfile.open(part / MEDIA, "w") as tar:
        if media.is_dir():
            tar.add(media, arcname="media")
    files = {f.name: file_digest(f) for f in part.iterdir()}
    manifest = {"engine": kind, "made": made.isoformat(), "files": files, **contents}
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1))
    part.rename(final)
    return final


def restore(saved: Path, url: str, media: Path) -> None:
    """Bring it back into an empty database; what is there already is never overwritten."""
    dump, tar = dump_of(saved), saved / MEDIA
    fits(saved, url)
    if tar.is_file() and media.is_dir() and any(media.iterdir()):
        sys.exit(f"{media} is not empty. Move it away first.")
    if engine(url) == "sqlite":
        target = sqlite_file(url)
        if target.exists() and target.stat().st_size:
            sys.exit(f"{target} is there already. Move it away first.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(dump)) as copy, closing(sqlite3.connect(target)) as new:
            copy.backup(new)
    else:
        with psycopg.connect(url) as connection:
            if connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchone():
                sys.exit("The database is not empty. Create a new one and name it in DATABASE_URL.")
        with dump.open("rb") as stream:
            pg_tool("pg_restore", url, "--exit-on-error", "--single-transaction", stdin=stream)
    if tar.is_file():
        with tarfile.open(tar) as archive:
            archive.extractall(media.parent, filter="data")


def check(saved: Path) -> list[str]:
    """Restore into a fresh database, compare everything, run the auditor; returns what differs."""
    manifest = manifest_of(saved)
    wrong = [
        f"{name}: the file was changed after it was saved"
        for name, digest in manifest.get("files", {}).items()
        if file_digest(saved / name) != digest
    ]
    if wrong:
        return wrong
    with tempfile.TemporaryDirectory(prefix="clinic-check-") as folder:
        if manifest.get("engine") == "sqlite":
            url = f"sqlite:///{Path(folder, 'clinic.sqlite3')}"
            restore(saved, url, Path(folder, "media"))
            with closing(sqlite3.connect(sqlite_file(url))) as connection:
                wrong += differences(manifest, sqlite_contents(connection))
            return wrong + audit(url)
        fits(saved, address())
        with fresh_postgres(address()) as url:
            restore(saved, url, Path(folder, "media"))
            with psycopg.connect(url) as connection:
                wrong += differences(manifest, pg_contents(connection))
                wrong += pg_sequences_behind(connection)
            return wrong + audit(url)


def differences(saved: Contents, restored: Contents) -> list[str]:
    """What is not as it was: tables with other rows, rules that are missing or changed."""
    wrong = []
    for part in ("rows", "rules"):
        before, after = saved.get(part, {}), restored[part]
        if not before:
            continue
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                wrong.append(f"{name}: was {before.get(name)}, is {after.get(name)}")
    return wrong


def audit(url: str) -> list[str]:
    """What the auditor says about the restored database; its constraints are a part of it."""
    command = [sys.executable, str(ROOT / "manage.py"), "audit", "--json"]
    env = {**os.environ, "DATABASE_URL": url}
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    try:
        found = json.loads(said.stdout)
    except ValueError:
        return [f"the audit did not run: {said.stderr.strip()}"]
    # A hold of the moment it was saved is over by now, and nobody clears it away here.
    return [f"audit: {f['check']}: {f['lines']}" for f in found if f["check"] != "old_hold"]


def fits(saved: Path, url: str) -> None:
    """End here where what was saved is of another kind of database."""
    kind = manifest_of(saved).get("engine", "postgresql")
    if kind != engine(url):
        sys.exit(f"{saved} is of {kind}, and DATABASE_URL says {engine(url)}.")


def dump_of(saved: Path) -> Path:
    return saved / DUMPS[manifest_of(saved)["engine"]] if saved.is_dir() else saved


def manifest_of(saved: Path) -> dict[str, Any]:
    return json.loads((saved / MANIFEST).read_text()) if saved.is_dir() else {}


def file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("verb", choices=["save", "restore", "check"])
    parser.add_argument("where", type=Path)
    chosen = parser.parse_args()
    # It holds health data.
    os.umask(0o077)
    for tool in ("pg_dump", "pg_restore"):
        if engine(address()) == "postgresql" and not shutil.which(tool):
            sys.exit(f"{tool} is not installed here.")
    if chosen.verb != "save" and not chosen.where.exists():
        sys.exit(f"There is nothing at {chosen.where}.")
    if chosen.verb == "save":
        print(save(chosen.where))
    elif chosen.verb == "restore":
        restore(chosen.where, address(), var_dir() / "media")
        print("Restored. Run `python manage.py audit` before patients are let in.")
    else:
        wrong = check(chosen.where)
        print("\n".join(wrong) or "Restored into a fresh database: every row and rule is there.")
        return 1 if wrong else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
