"""What is counted, in every process of the site; clinic/metrics_page.py shows it at /metrics.

Processes count into files of VAR_DIR/metrics, which outlive them. A process has the lowest number
that nobody else holds, not its pid: the files stay few, and a counter goes on where the last owner
of the number left it. Counting never costs a page: without the folder it happens in memory.
"""

import fcntl
import itertools
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import transaction
from prometheus_client import Counter, Histogram, values
from prometheus_client.mmap_dict import MmapedDict

log = logging.getLogger(__name__)

FOLDER = Path(settings.VAR_DIR) / "metrics"
# More than all label values together need. It is really taken from the disk beforehand: a process
# that writes into a mapped file dies of SIGBUS when the disk is full.
FILE_BYTES = 512 * 1024

_mine: dict[int, tuple[str, IO[str]]] = {}


def process_number() -> str:
    """This process's number, held by a lock for as long as it lives; a forked child takes its own.

    Raises OSError where the folder cannot be written.
    """
    pid = os.getpid()
    if pid not in _mine:
        _mine.clear()  # a parent's lock, inherited: closing our copy does not let it go
        _mine[pid] = _take_number()
    return _mine[pid][0]


def _take_number() -> tuple[str, IO[str]]:
    for number in itertools.count():
        lock = (FOLDER / f"{number}.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        for kind in ("counter", "histogram"):
            _reserve(FOLDER / f"{kind}_{number}.db")
        return str(number), lock
    raise AssertionError("unreachable")


def _reserve(path: Path) -> None:
    """Make the file, or make it anew where a power cut left it unreadable."""
    try:
        list(MmapedDict.read_all_values_from_file(path))
    except FileNotFoundError:
        pass
    except Exception:
        log.warning("counters made anew: %s could not be read", path.name)
        path.unlink()
    with path.open("ab") as file:
        if hasattr(os, "posix_fallocate"):  # not on a Mac
            os.posix_fallocate(file.fileno(), 0, FILE_BYTES)


def _choose_where_to_count() -> None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(FOLDER)
    try:
        FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
        values.ValueClass = values.MultiProcessValue(process_number)
    except OSError as error:
        log.warning("counting in memory only: %s", type(error).__name__)
        values.ValueClass = values.MutexValue


def is_shared() -> bool:
    """Whether all processes count together, or, for want of a folder, each for itself."""
    return bool(values.ValueClass is not values.MutexValue)


_choose_where_to_count()

bookings = Counter("clinic_bookings", "Appointments booked, by the door they came through.", ["by"])
conflicts = Counter(
    "clinic_conflicts",
    "lost_race: the database refused a reservation, somebody was faster; start_taken: no other way "
    "was left and the patient was told; patient_busy: they are elsewhere at that time.",
    ["kind"],
)
transaction_retries = Counter(
    "clinic_transaction_retries", "Transactions tried again: deadlock, busy.", ["verb"]
)
mails = Counter("clinic_mails", "Mails handed to the mail server, or not.", ["outcome"])
failures = Counter("clinic_failures", "Calls to a service that was away.", ["service"])
responses = Counter("clinic_responses", "Answers of the site.", ["status"])
request_seconds = Histogram(
    "clinic_request_seconds",
    "How long an answer took, by the name of the address.",
    ["view"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def count(counter: Counter, *labels: str) -> None:
    """Count one event; never raises."""
    with suppress(Exception):
        counter.labels(*labels).inc()


def count_after_commit(counter: Counter, *labels: str) -> None:
    """Count one event once this transaction is in; what is rolled back never happened."""

    def counted() -> None:
        count(counter, *labels)

    transaction.on_commit(counted, robust=True)


def observe(view: str, seconds: float, status: int) -> None:
    """Count one answer of the site and how long it took; never raises."""
    with suppress(Exception):
        responses.labels(str(status)).inc()
        request_seconds.labels(view).observe(seconds)
