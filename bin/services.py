"""Find a PostgreSQL and a Redis for the tests, or start one for as long as they run."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

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


def start_redis(stack: ExitStack) -> str:
    """Start a Redis that keeps nothing; return its address, or "" if there is no redis-server."""
    program = shutil.which("redis-server")
    if not program:
        return ""
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    address = f"redis://127.0.0.1:{port}/0"
    for _ in range(50):
        if not redis_problem(address):
            return address
        time.sleep(0.1)
    return ""


def start_postgres(stack: ExitStack) -> str:
    """Start a PostgreSQL in a folder of its own; return its address, or "" where none is installed.

    PostgreSQL refuses to run as root: then it runs as the user its package made, or nobody.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (str(programs[-1]) if programs else "")
    if not found:
        return ""
    programs_folder = Path(found).parent
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clinic-pg-")))
    options: dict[str, str] = {}
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        options = {"user": "postgres" if "postgres" in names else "nobody"}
        shutil.chown(folder, options["user"])
    port = free_port()
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    initdb = [programs_folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    serve = [programs_folder / "postgres", "-D", data, "-k", folder, "-p", str(port), "-F"]
    serve += ["-c", "listen_addresses=127.0.0.1"]
    if subprocess.run(initdb, check=False, **quiet, **options).returncode:
        return ""
    process = subprocess.Popen(serve, **quiet, **options)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    for _ in range(100):
        if not postgres_problem(address):
            return address
        time.sleep(0.1)
    return ""
