"""`python -m benchmarks.availability`: how fast free time is found, beside django-appointment.

One run measures SQLite and PostgreSQL on the same clinic, prints a table and writes a plot.
It makes its own virtual environment in var/bench, with the site's requirements and the newest
django-appointment. --quick stops the growth early; --engine sqlite or postgresql runs one alone;
--docs puts table and plot into docs/.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks.plot import plot

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "bench"
VENV = FOLDER / "venv"
PYTHON = VENV / "bin" / "python"
DATABASE = "clinic_bench"
# Between these the page in docs/ holds what the last run printed.
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"

sys.path.insert(0, str(ROOT / "bin"))
from services import find_postgres

Figures = dict[str, Any]


def prepare() -> str:
    """Make the environment; return the versions of what matters in it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not PYTHON.exists():
        subprocess.run(["sh", "bin/make_venv.sh", VENV], cwd=ROOT, check=True)
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements.txt"], check=True)
    # Not pinned by hash: the newest is what we compare with. pip keeps what fits both.
    subprocess.run([*pip, "--upgrade", "django-appointment"], check=True)
    lines = subprocess.run(
        [PYTHON, "-m", "pip", "--disable-pip-version-check", "list", "--format", "freeze"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    versions = dict(line.split("==", 1) for line in lines if "==" in line)
    names = ("Django", "django-appointment", "psycopg")
    python = subprocess.run([PYTHON, "-V"], check=True, capture_output=True, text=True).stdout
    return ", ".join([python.strip(), *(f"{n} {versions[n]}" for n in names)])


def measure(database: str, *, quick: bool) -> Figures:
    """Run benchmarks.measure on one engine."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "DJANGO_SETTINGS_MODULE")
    }
    answer = FOLDER / "figures.json"
    environment |= {"VAR_DIR": str(FOLDER), "FIGURES": str(answer)}
    environment |= {"DATABASE_URL": database, "TIME_ZONE": "Europe/London"}
    command = [PYTHON, "-m", "benchmarks.measure", *(["--quick"] if quick else [])]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    figures: Figures = json.loads(answer.read_text())
    answer.unlink()
    return figures


def on_sqlite(*, quick: bool) -> Figures:
    files = [FOLDER / f"bench.sqlite3{end}" for end in ("", "-wal", "-shm")]
    try:
        return measure(f"sqlite:///{files[0]}", quick=quick)
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def on_postgresql(stack: ExitStack, *, quick: bool) -> Figures | None:
    server, problem = find_postgres(stack)
    if not server:
        print(f"PostgreSQL: not measured ({problem})", file=sys.stderr)
        return None
    found = conninfo_to_dict(server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.execute(f"CREATE DATABASE {DATABASE}")
        login = f"{found.get('user', '')}:{found.get('password', '')}".strip(":")
        where = f"{found.get('host', '')}:{found.get('port', '')}".strip(":")
        address = f"postgresql://{login}@{where}/{DATABASE}".replace("//@", "//")
        try:
            return measure(address, quick=quick)
        finally:
            connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


# --- the table --------------------------------------------------------------------
def milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def rows_of(figures: Figures) -> list[list[str]]:
    rows = []
    for row in figures["beside"]:
        ours, theirs = row["ours"], row["theirs"]
        rows.append([
            row["title"], figures["engine"], milliseconds(ours["ms"]), str(ours["queries"]),
            milliseconds(theirs["ms"]), f"{theirs['queries']:,}",
            f"{theirs['ms'] / ours['ms']:,.0f} ×",
        ])  # fmt: skip
    for row in figures["alone"]:
        ours = row["ours"]
        rows.append([
            row["title"], figures["engine"], milliseconds(ours["ms"]), str(ours["queries"]),
            "", "", "",
        ])  # fmt: skip
    return rows


def table(head: list[str], rows: list[list[str]], words: int) -> str:
    """In Markdown, and readable as it is; the first columns are words, the others figures."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]

    def line(cells: list[str]) -> str:
        padded = [
            c.ljust(w) if n < words else c.rjust(w)
            for n, (c, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * w if n < words else "-" * (w - 1) + ":" for n, w in enumerate(widths)]
    return "\n".join(map(line, [head, rule, *rows]))


def growth(found: list[Figures], key: str, names: dict[str, str], unit: str) -> str:
    """One table of growth: a row a size, a column an engine and question."""
    head = [unit] + [f"{f['engine']}: {title}" for f in found for title in names.values()]
    rows = []
    for n, first in enumerate(found[0][key]):
        size = next(iter(first.values()))
        cells = [milliseconds(f[key][n][name]["ms"]) for f in found for name in names]
        rows.append([f"{size:,}", *cells])
    return table(head, rows, 0)


def report(found: list[Figures], versions: str) -> str:
    head = ["question", "engine", "ours", "queries", "django-appointment", "queries", "faster"]
    rows = [row for figures in found for row in rows_of(figures)]
    rows.sort(key=lambda row: not row[4])
    parts = [versions, table(head, rows, 2)]
    for figures in found:
        apart = figures["apart"]
        lines = [
            f"{figures['engine']}, {apart['reservations']:,} reservations, 50 practitioners,"
            " 20 rooms, 5 tables, 60 days:",
            f"  masks from loaded rows {milliseconds(apart['pure'])},"
            f" loading the rows {milliseconds(apart['load'])}",
        ]
        if by_hand := apart.get("by_hand"):
            lines.append(
                f"  one query by hand {milliseconds(by_hand)}: loading takes"
                f" {apart['load'] / by_hand:.2f} times as long"
            )
        parts.append("\n".join(lines))
    everybody = {"everybody": "everybody"}
    asked = {"month": "one, month", **everybody, "with_rooms": "with rooms", "earliest": "earliest"}
    parts.append(growth(found, "stored", asked, "stored reservations"))
    parts.append(growth(found, "people", everybody, "practitioners"))
    parts.append(growth(found, "days", everybody, "days"))
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.availability")
    parser.add_argument("--quick", action="store_true", help="stop the growth early")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], help="this one alone")
    parser.add_argument("--docs", action="store_true", help="put table and plot into docs/")
    options = parser.parse_args()
    versions = prepare()
    found = []
    with ExitStack() as stack:
        if options.engine != "postgresql":
            found.append(on_sqlite(quick=options.quick))
        if options.engine != "sqlite":
            found.append(on_postgresql(stack, quick=options.quick))
    measured = [f for f in found if f]
    if not measured:
        sys.exit("Nothing was measured.")
    (FOLDER / "availability.json").write_text(json.dumps(measured, indent=1))
    words = report(measured, versions)
    print(words)
    picture = (ROOT / "docs" if options.docs else FOLDER) / "benchmarks.svg"
    picture.write_text(plot(measured, versions))
    print(f"\nPlot: {picture}")
    if options.docs:
        page = ROOT / "docs" / "benchmarks.md"
        before, _old, after = re.split(f"(?<={BEGIN}\n)(.*)(?={END})", page.read_text(), flags=re.S)
        page.write_text(f"{before}\n{words}\n\n{after}")


if __name__ == "__main__":
    main()
