"""`manage.py doctor`: is everything there that the clinic leans on, and if not, how is it mended?

An examination is a function that yields findings. To add one, write it and put it on the list.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import database, machine, services
from .findings import Finding, Findings, problem


@dataclass(frozen=True)
class Examination:
    """`name` stands before its findings; what needs the database is not tried without it."""

    name: str
    look: Callable[[], Findings]
    needs_database: bool = False


EXAMINATIONS = (
    Examination("database", database.server),
    Examination("extensions", database.extensions, needs_database=True),
    Examination("migrations", database.migrations, needs_database=True),
    Examination("constraints", database.constraints, needs_database=True),
    Examination("double booking", database.double_booking, needs_database=True),
    Examination("clock", database.clock, needs_database=True),
    Examination("broker", services.broker),
    Examination("cache", services.kept),
    Examination("worker", services.worker, needs_database=True),
    Examination("beat", services.beat, needs_database=True),
    Examination("outbox", services.outbox, needs_database=True),
    Examination("mail", services.mail),
    Examination("time zones", machine.time_zones, needs_database=True),
    Examination("folder", machine.folder),
    Examination("settings", machine.combinations),
)


def examine() -> Iterator[tuple[str, Finding]]:
    """Every finding with the name of its examination; never raises."""
    has_database = True
    for examination in EXAMINATIONS:
        if examination.needs_database and not has_database:
            continue
        try:
            for finding in examination.look():
                if examination.look is database.server:
                    has_database = finding.level == "ok"
                yield examination.name, finding
        except Exception as error:
            mend = "Mend what stands above first; then LOG_LEVEL=DEBUG says more."
            yield (
                examination.name,
                problem(f"Could not be looked at ({type(error).__name__}).", mend),
            )
