"""The machine and the settings: time zones, room on the disk, combinations that go wrong."""

import re
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

from django.conf import settings
from django.core.checks import ERROR, run_checks

from clinic.clock import now
from practitioners.models import Location

from .findings import Findings, ok, problem, warning

MB = 1024 * 1024
LITTLE_ROOM, NO_ROOM = 1000 * MB, 200 * MB
# Governments change their clocks at a few months' notice.
TZDATA_YEARS = 2
# What a stranger can guess opens every signed link: Django calls it a warning.
GRAVE = {"security.W009"}


def time_zones() -> Findings:
    """Each location's zone is known, by data that is not out of date."""
    for place in Location.objects.order_by("pk"):
        try:
            now().astimezone(ZoneInfo(place.time_zone))
        except (KeyError, ValueError, OSError):
            yield problem(
                f"“{place.time_zone}”, the zone of {place.name}, is not known here.",
                "Correct it in the admin, or install the time zone data: pip install tzdata",
            )
    version = _version()
    if not version:
        yield warning("Nobody knows how old the time zone data is.", "pip install -U tzdata")
    elif now().year - int(version[:4]) >= TZDATA_YEARS:
        yield warning(
            f"The time zone data is {version}: a clock change since then is not known.",
            "Upgrade the system's package tzdata, or the one of pip where the system has none.",
        )
    else:
        yield ok(f"Time zone data {version}.")


def _version() -> str:
    """The version of the data that Python reads: the system's first, then the package's."""
    for folder in map(Path, TZPATH):
        if (folder / "Europe").is_dir():
            for name in ("tzdata.zi", "+VERSION"):
                if (folder / name).is_file():
                    with (folder / name).open() as file:
                        found = re.search(r"\d{4}[a-z]*", file.readline())
                    return found[0] if found else ""
            return ""
    try:
        return metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        return ""


def folder() -> Findings:
    """VAR_DIR can be written, and the disk has room."""
    try:
        with tempfile.NamedTemporaryFile(dir=settings.VAR_DIR) as file:
            file.write(b"room for this")
            file.flush()
        free = shutil.disk_usage(settings.VAR_DIR).free
    except OSError as error:
        yield problem(
            f"VAR_DIR cannot be written ({type(error).__name__}).",
            f"Give the site's user the folder {settings.VAR_DIR}, or set VAR_DIR.",
        )
        return
    room = f"{free // MB} MB are free in VAR_DIR."
    make = "Make room: a full disk stops a SQLite site, and the counters of any."
    if free < NO_ROOM:
        yield problem(room, make)
    elif free < LITTLE_ROOM:
        yield warning(room, make)
    else:
        yield ok(room)


def combinations() -> Findings:
    """The settings go together: Django's own checks and ours (clinic/checks.py)."""
    found = run_checks(include_deployment_checks=not settings.DEBUG)
    for message in found:
        say = problem if message.level >= ERROR or message.id in GRAVE else warning
        yield say(f"{message.msg} ({message.id})", message.hint or "See manage.py check --deploy.")
    if not found:
        yield ok("manage.py check finds nothing.")
