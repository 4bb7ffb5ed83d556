"""`make demo`: the whole clinic on one machine, from one terminal, until Ctrl-C.

Migrates, loads the demo clinic, starts the web server and a Celery worker with beat, and ends
all of it together: on Ctrl-C, on SIGTERM, when the terminal is closed, when `make` is gone, and
when one of the processes dies by itself.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connections

# How long the processes get to finish what they have in hand.
PATIENCE_SECONDS = 8
PR_SET_PDEATHSIG = 1


class Stopped(Exception):  # noqa: N818  (asked for, not an error)
    """Somebody wants the demo to end."""


def die_with_parent() -> None:
    """Ask Linux to end this child when the process that started it is gone, even by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def check_port(host: str, port: int) -> None:
    """Raise CommandError with a way out when nobody can listen on `port`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Port {port} of {host} cannot be used ({error}).\n"
                f"Another program may be listening there. Choose another: make demo PORT=8001"
            ) from None


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a lock on `folder`: two workers and two beats on one queue are a puzzle, not a demo."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CommandError(
                f"A demo is already running on {folder}. Stop it first, or give this one "
                "a folder of its own: make demo PORT=8001 VAR_DIR=/some/other/folder"
            ) from None
        yield


class Household:
    """The processes of the demo, started one by one and ended together."""

    def __init__(self) -> None:
        self.members: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        """Start `python -m command...` in a session of its own: Ctrl-C reaches only us."""
        self.members[name] = subprocess.Popen(  # noqa: S603
            [sys.executable, "-W", "ignore", "-m", *command],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def dead(self) -> str:
        """The name of a process that has ended by itself, or an empty string."""
        return next((n for n, p in self.members.items() if p.poll() is not None), "")

    def stop(self) -> None:
        """End every process and what it started: politely, then not."""
        for process in self.members.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for process in self.members.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            # Each has its own session, so its group is all that it ever started.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Command(BaseCommand):
    help = "Run the demo clinic: web server, worker and beat, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        self.parent = os.getppid()
        self.terminal = os.isatty(0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        household = Household()
        try:
            with only_one(Path(settings.VAR_DIR)):
                check_port(host, port)
                self.prepare()
                try:
                    self.run(household, host, port)
                finally:
                    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                        signal.signal(number, signal.SIG_IGN)
                    household.stop()
        except Stopped:
            self.say("Stopped.")

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        raise Stopped

    def say(self, text: str) -> None:
        """Print, unless the terminal is gone: that must not keep us from cleaning up."""
        with contextlib.suppress(OSError):
            self.stdout.write(text)
            self.stdout.flush()

    def prepare(self) -> None:
        """Bring the database up to date and load the demo clinic."""
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        self.say("Preparing the database ...")
        call_command("migrate", interactive=False, verbosity=0)
        self.say("Loading the demo clinic ...")
        # Its summary and its logins come at the end, under the address.
        call_command("demo_data", stdout=StringIO())
        connections.close_all()

    def run(self, household: Household, host: str, port: int) -> None:
        """Start everything, say where it is, and wait for the end."""
        shown = f"[{host}]" if ":" in host else host
        named = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else shown  # noqa: S104
        address = f"http://{named}:{port}/"
        # The links in its mails lead to this demo, whatever its port.
        os.environ.setdefault("SITE_URL", address.rstrip("/"))
        household.start(
            "web server",
            *("gunicorn", "clinic.wsgi", "--bind", f"{shown}:{port}"),
            *("--preload", "--log-level", "warning"),
        )
        # The worker starts when the site answers: on a small machine they would wait for
        # each other, and what a visitor sees first is the site.
        self.wait_until_ready(household, f"http://{self.reach(shown)}:{port}/readyz")
        household.start(
            "worker",
            *("celery", "--quiet", "--app", "clinic", "worker", "--beat", "--pool", "threads"),
            *("--concurrency", "4", "--loglevel", "WARNING", "--hostname", f"demo-{port}@%h"),
            *("--without-mingle", "--without-gossip", "--without-heartbeat"),
        )
        self.say(f"\nThe clinic is open: {address}")
        self.say(f"The mail it sends:  {address}dev/mail/\n")
        call_command("demo_data", logins=True, stdout=self.stdout)
        self.say("\nCtrl-C stops it.")
        while True:
            self.watch(household)
            time.sleep(0.5)

    @staticmethod
    def reach(host: str) -> str:
        """The address under which this machine itself reaches a server bound to `host`."""
        return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104

    def watch(self, household: Household) -> None:
        """Raise when it is time to end: a process died, or whoever started us is gone."""
        if name := household.dead():
            raise CommandError(f"The {name} has stopped by itself; see above. Everything ends.")
        # A terminal that closes tells make, when nothing stands between; make tells nobody.
        if os.getppid() != self.parent or os.isatty(0) != self.terminal:
            raise Stopped

    def wait_until_ready(self, household: Household, address: str) -> None:
        """Return when the site answers that it can serve; CommandError after two minutes."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self.watch(household)
            try:
                with urllib.request.urlopen(address, timeout=5):  # noqa: S310
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise CommandError("The site did not become ready within two minutes; see above.")
