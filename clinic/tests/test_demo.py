"""`make demo` opens the clinic, and leaves nothing running, however it ends."""

import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find what was left running"),
    pytest.mark.skipif(bool(settings.DATABASE_URL), reason="tried once, on the embedded set-up"),
]


def environment(folder: Path) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
    return keep | {
        "DJANGO_SETTINGS_MODULE": "clinic.settings",
        "DEBUG": "1",
        "FRIENDLY_ERRORS": "1",
        "VAR_DIR": str(folder),
    }


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port)],
        cwd=settings.BASE_DIR,
        env=environment(folder) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def running(folder: Path) -> list[int]:
    """The processes that were started with this VAR_DIR."""
    mark = f"VAR_DIR={folder}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes() and (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.fixture
def demo(tmp_path):
    """A demo that says it is open: its process, its port, its folder and what it said."""
    port = free_port()
    process = start(tmp_path, port)
    killer = threading.Timer(120, process.kill)
    killer.start()
    said = ""
    while "Ctrl-C stops it." not in said and (line := process.stdout.readline()):
        said += line
    killer.cancel()
    assert process.poll() is None, said
    assert answers(port)
    yield process, port, tmp_path, said
    process.kill()
    process.wait(10)
    assert until(lambda: not running(tmp_path), 15)


def test_ctrl_c_ends_every_process(demo):
    process, port, folder, said = demo
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
        assert page.status == 200
        assert f'href="http://localhost:{port}/"' in page.read().decode(), "links carry its port"
    assert until(lambda: len(running(folder)) >= 4, 20), "web, its workers, the worker, its beat"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert running(folder) == []
    assert f"http://localhost:{port}/" in said
    assert "owner" in said


def test_a_second_one_on_the_same_folder_is_told_so(tmp_path):
    import fcntl

    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        output, _ = start(tmp_path, free_port()).communicate(timeout=60)
    assert "already running" in output


def test_a_port_that_is_taken_is_said_with_a_way_out(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        output, _ = start(tmp_path, port).communicate(timeout=60)
    assert f"Port {port} of 127.0.0.1 cannot be used" in output
    assert "make demo PORT=8001" in output
    assert "Traceback" not in output
    assert running(tmp_path) == []


def test_killed_outright_it_takes_the_others_with_it(demo):
    process, _, folder, _ = demo
    process.kill()
    process.wait(10)
    assert until(lambda: not running(folder), 20), "an orphan is left"


def test_a_terminal_that_closes_ends_every_process(tmp_path):
    port = free_port()
    child, terminal = pty.fork()
    if not child:
        os.chdir(settings.BASE_DIR)
        command = ["make", "demo", f"PORT={port}"]
        os.execvpe(command[0], command, environment(tmp_path))
    try:
        assert until(lambda: answers(port), 120)
    finally:
        os.close(terminal)
    assert until(lambda: not running(tmp_path), 20), "it goes on without anybody to stop it"
    os.waitpid(child, 0)
