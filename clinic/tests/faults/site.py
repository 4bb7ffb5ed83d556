"""The whole site as processes that may be killed: web, worker, beat, and a mail server.

A keeper starts again whatever died, as docker-compose.yml's `restart: unless-stopped` does.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clinic.management.commands.demo import die_with_parent

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 40
SITE_NAME = "clinic-under-test"
# Where crashing.py can let a process die. In the worker from the scan to the mark, in order.
IN_THE_WORKER = ["claiming", "claimed", "taken", "sending", "sent", "marking"]
IN_THE_WEB = ["reserving", "committed", "answering"]
OWN = ("DATABASE_", "REDIS_", "EMAIL_", "THROTTLE_", "SECRET_KEY", "SITE_URL", "DEBUG", "HTTPS")


def wait_until(done: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Letter:
    id: str
    to: str
    subject: str


@dataclass
class Site:
    """`folder` is its VAR_DIR; `crashing` gives it points at which to die."""

    folder: Path
    database: str
    redis: str = ""
    crashing: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.postbox, self.crashes = self.folder / "postbox", self.folder / "crashes"
        self.crashes.mkdir(parents=True, exist_ok=True)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(OWN)}
        self.environment = {
            **clean,
            "DJANGO_SETTINGS_MODULE": "clinic.settings",
            "DEBUG": "1",
            "FRIENDLY_ERRORS": "1",
            "HTTPS": "0",
            "VAR_DIR": str(self.folder),
            "DATABASE_URL": self.database,
            "SITE_URL": self.url,
            "WEB_BIND": f"127.0.0.1:{self.port}",
            "CRASH_DIR": str(self.crashes),
            # By this name its connections are known to PostgreSQL.
            "PGAPPNAME": SITE_NAME,
            **({"REDIS_URL": self.redis} if self.redis else {}),
            **{f"THROTTLE_{kind}": "0" for kind in ("API", "BOOK", "CONTACT", "CODE", "LOGIN")},
            **self.settings,
        }
        self.members: dict[str, tuple[list[str], subprocess.Popen[bytes]]] = {}
        self.lock, self.over = threading.Lock(), threading.Event()
        self.keeper = threading.Thread(target=self._keep, daemon=True)

    # --- its processes ------------------------------------------------------------------
    def start(self, *, beats: int = 1) -> None:
        """Return when it serves. On files the worker carries the beat, as operations.md says."""
        module = "clinic.tests.faults.crashing" if self.crashing else "clinic"
        self._start("postbox", "clinic.tests.faults.postbox", str(self.postbox))
        wait_until((self.postbox / "port").exists, "the mail server")
        port = (self.postbox / "port").read_text()
        self.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{port}"
        wsgi = f"{module}:application" if self.crashing else "clinic.wsgi"
        self._start("web", "gunicorn", wsgi)
        worker = ["celery", "--app", module, "worker", "--pool", "threads", "--concurrency", "4"]
        worker += ["--loglevel", "WARNING", "--without-mingle", "--without-gossip"]
        if not self.redis:
            worker.append("--beat")
            beats -= 1
        self._start("worker", *worker)
        for n in range(beats):
            file = str(self.folder / f"beat-{n}")
            self._start(f"beat-{n}", "celery", "--app", module, "beat", "--schedule", file)
        self.keeper.start()
        self.wait_until_ready()

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", *command],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.members[name] = list(command), process

    def _keep(self) -> None:
        while not self.over.wait(0.1):
            with self.lock:
                for name, (command, process) in list(self.members.items()):
                    if process.poll() is not None and not self.over.is_set():
                        self.deaths[name] += 1
                        self._start(name, *command)

    def kill(self, name: str) -> None:
        """SIGKILL for it and what it started; the keeper starts it again."""
        deaths, (_command, process) = self.deaths[name], self.members[name]
        os.killpg(process.pid, signal.SIGKILL)
        wait_until(lambda: self.deaths[name] > deaths, f"the death of {name}")

    def stop(self) -> None:
        self.over.set()
        with self.lock:
            for _command, process in self.members.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.status("/readyz") == 200, f"the site, see {self.folder}")

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    # --- what goes wrong ------------------------------------------------------------------
    def arm(self, point: str) -> None:
        (self.crashes / point).touch()

    def is_armed(self, point: str) -> bool:
        return (self.crashes / point).exists()

    def disarm(self) -> None:
        for file in self.crashes.iterdir():
            file.unlink(missing_ok=True)

    # --- what came of it --------------------------------------------------------------------
    def letters(self) -> list[Letter]:
        file = self.postbox / "letters"
        lines = file.read_text().splitlines() if file.exists() else []
        return [Letter(m["message-id"], m["to"], m["subject"]) for m in map(json.loads, lines)]

    def doubles(self) -> int:
        """Mails that came more than once."""
        counts = Counter(letter.id for letter in self.letters())
        return sum(n - 1 for n in counts.values())

    def log_of(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


@contextmanager
def running(site: Site, **how: int) -> Iterator[Site]:
    try:
        site.start(**how)
        yield site
    finally:
        site.stop()
