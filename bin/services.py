"""Find a PostgreSQL and a Redis for the tests, or start one for as long as they run."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

# Who usually may create a database on a developer's machine or in a CI service.
POSTGRES_GUESSES = (
    "postgresql://127.0.0.1:5432/test",
    "postgresql://postgres@127.0.0.1:5432/postgres",
    "postgresql://postgres:postgres@127.0.0.1:5432/postgres",
    "postgresql:///postgres",
)
REDIS_GUESS = "redis://127.0.0.1:6379/9"

# An address, and a word on why there is none: one of the two is empty.
Found = tuple[str, str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_problem(address: str) -> str:
    """Return why the tests cannot use this server, or an empty string."""
    try:
        with psycopg.connect(address, connect_timeout=2) as connection:
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        return str(error).strip().splitlines()[0]
    return "" if row and row[0] else "its user may not create databases"


def redis_problem(address: str) -> str:
    """Return why the tests cannot use this server, or an empty string."""
    try:
        with redis.from_url(address, socket_connect_timeout=2) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return str(error)
    return ""


def find_postgres(stack: ExitStack) -> Found:
    """Return the address of a server that lets us create databases; `stack` ends what we start."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        problem = postgres_problem(given)
        return ("", f"TEST_DATABASE_URL: {problem}") if problem else (given, "")
    for guess in POSTGRES_GUESSES:
        if not postgres_problem(guess):
            return guess, ""
    if address := start_postgres(stack):
        return address, ""
    return "", "no PostgreSQL answers here that lets us create databases; set TEST_DATABASE_URL"


def find_redis(stack: ExitStack) -> Found:
    """Return the address of a Redis; `stack` ends what we start."""
    if given := os.environ.get("TEST_REDIS_URL"):
        problem = redis_problem(given)
        return ("", f"TEST_REDIS_URL: {problem}") if problem else (given, "")
    if not redis_problem(REDIS_GUESS):
        return REDIS_GUESS, ""
    if address := start_redis(stack):
        return address, ""
    return "", "no Redis answers here; set TEST_REDIS_URL"


@dataclass
class Server:
    """A server of our own on a port of its own, which may be ended and started again."""

    address: str
    command: list[str | Path]
    problem: Callable[[str], str]
    options: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Return when it answers; False when it has not after ten seconds."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, **quiet, **self.options)
        for _ in range(100):
            if not self.problem(self.address):
                return True
            time.sleep(0.1)
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None


def start_redis(stack: ExitStack) -> str:
    """Start one until `stack` ends; return its address, or "" where there is none."""
    return _started(own_redis(), stack)


def start_postgres(stack: ExitStack) -> str:
    """Start one until `stack` ends; return its address, or "" where there is none."""
    return _started(own_postgres(stack), stack)


def _started(server: Server | None, stack: ExitStack) -> str:
    if server is None:
        return ""
    stack.callback(server.stop)
    return server.address if server.start() else ""


def own_redis() -> Server | None:
    """A Redis that keeps nothing; None where there is no redis-server."""
    program = shutil.which("redis-server")
    if not program:
        return None
    port = free_port()
    command: list[str | Path] = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    return Server(f"redis://127.0.0.1:{port}/0", command, redis_problem)


def own_postgres(stack: ExitStack) -> Server | None:
    """A PostgreSQL in a folder of its own until `stack` ends; None where none is installed.

    PostgreSQL refuses to run as root: then it runs as the user its package made, or nobody.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (str(programs[-1]) if programs else "")
    if not found:
        return None
    programs_folder = Path(found).parent
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clinic-pg-")))
    options: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        options["user"] = "postgres" if "postgres" in names else "nobody"
        shutil.chown(folder, options["user"])
    port = free_port()
    data = folder / "data"
    initdb = [programs_folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    serve = [programs_folder / "postgres", "-D", data, "-k", folder, "-p", str(port), "-F"]
    serve += ["-c", "listen_addresses=127.0.0.1"]
    if subprocess.run(initdb, check=False, capture_output=True, **options).returncode:
        return None
    address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    return Server(address, serve, postgres_problem, options)
