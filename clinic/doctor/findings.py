"""What an examination says: a level, what was found, how to mend it."""

from collections.abc import Iterator
from dataclasses import dataclass

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: `mend` is empty where all is well."""

    level: str
    what: str
    mend: str = ""


Findings = Iterator[Finding]


def ok(what: str) -> Finding:
    return Finding(OK, what)


def warning(what: str, mend: str) -> Finding:
    """Worth a look; bookings and mails go on."""
    return Finding(WARNING, what, mend)


def problem(what: str, mend: str) -> Finding:
    """Somebody is not served, or nobody would notice a double booking."""
    return Finding(PROBLEM, what, mend)
