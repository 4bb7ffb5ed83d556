"""`manage.py doctor`: is everything there that the clinic leans on, and if not, how is it mended?

An examination is a function that yields findings. To add one, write it and put it on the list.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import database, machine, services
from .findings import PROBLEM, Finding, Findings, problem


@dataclass(frozen=True)
class Examination:
    """`name` stands before its findings; `needs` names another, without which it is not tried."""

    name: str
    look: Callable[[], Findings]
    needs: str = ""


EXAMINATIONS = (
    Examination("database", database.server),
    Examination("extensions", database.extensions, needs="database"),
    Examination("migrations", database.migrations, needs="database"),
    Examination("constraints", database.constraints, needs="migrations"),
    Examination("double booking", database.double_booking, needs="migrations"),
    Examination("clock", database.clock, needs="migrations"),
    Examination("broker", services.broker),
    Examination("cache", services.kept),
    Examination("worker", services.worker, needs="migrations"),
    Examination("beat", services.beat, needs="migrations"),
    Examination("outbox", services.outbox, needs="migrations"),
    Examination("mail", services.mail),
    Examination("time zones", machine.time_zones, needs="migrations"),
    Examination("folder", machine.folder),
    Examination("settings", machine.combinations),
)


def examine() -> Iterator[tuple[str, Finding]]:
    """Every finding with the name of its examination; never raises."""
    unsound: set[str] = set()
    for examination in EXAMINATIONS:
        if examination.needs in unsound:
            unsound.add(examination.name)
            continue
        try:
            for finding in examination.look():
                if finding.level == PROBLEM:
                    unsound.add(examination.name)
                yield examination.name, finding
        except Exception as error:
            mend = "Mend what stands above first; then LOG_LEVEL=DEBUG says more."
            yield (
                examination.name,
                problem(f"Could not be looked at ({type(error).__name__}).", mend),
            )
