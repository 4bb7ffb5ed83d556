"""The running site for the browser tests: `manage.py demo` with a real worker, and Chromium.

The site has a database, a queue and a mail folder of its own. On PostgreSQL and Redis it is
those servers that it runs on, as the rest of the test run does.
"""

import email
import email.policy
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

from clinic.tests.browser.ports import free_port

PATIENCE = 90
# Answers every question of the accessibility checker about pages, from inside them.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    for name in (os.environ.get("CHROMIUM", ""), *CHROMIUM):
        if name and (path := shutil.which(name)):
            return path
    return ""


@dataclass
class Site:
    """Where the running site is, and the mail it has sent."""

    url: str
    folder: Path
    environment: dict[str, str]

    def mails(self, to: str) -> list[EmailMessage]:
        """What was sent to this address, oldest first."""
        found = []
        for path in sorted((self.folder / "mail").glob("*.log"), key=lambda p: p.stat().st_mtime):
            text = path.read_bytes().rsplit(b"\n" + b"-" * 79, 1)[0]
            message = email.message_from_bytes(text, policy=email.policy.default)
            if message["To"] == to:
                found.append(message)
        return found

    def wait_for_mail(self, to: str, subject: str) -> EmailMessage:
        """The mail the worker delivers; fails when none has come after 40 seconds."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            for message in self.mails(to):
                if subject in message["Subject"]:
                    return message
            time.sleep(0.2)
        pytest.fail(f"no mail “{subject}” to {to}; sent: {[m['Subject'] for m in self.mails(to)]}")

    def manage(self, *command: str) -> str:
        """Run a management command on the running site's database."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=settings.BASE_DIR,
            check=True,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        return done.stdout


def links_in(message: EmailMessage) -> list[str]:
    """The addresses in the plain text of a mail."""
    body = message.get_body(("plain",))
    assert body is not None
    return re.findall(r"https?://\S+", body.get_content())


def _own_database(name: str) -> Iterator[str]:
    """A PostgreSQL database beside the test run's; gone again afterwards."""
    address = settings.DATABASE_URL
    parts = urlsplit(address)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
        yield parts._replace(path=f"/{name}").geturl()
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demo clinic, up and running until the tests are over."""
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "clinic.settings",
        "DEBUG": "1",
        "HTTPS": "0",
        "FRIENDLY_ERRORS": "1",
        "VAR_DIR": str(folder),
        "SITE_URL": f"http://localhost:{port}",
        "DATABASE_POOL": "4",
    }
    for kind in ("API", "BOOK", "CONTACT", "CODE", "LOGIN"):
        environment[f"THROTTLE_{kind}"] = "100000"
    databases: Iterator[str] = iter(())
    if settings.DATABASE_URL:
        databases = _own_database(f"clinic_browser_{port}")
        environment["DATABASE_URL"] = next(databases)
    if settings.REDIS_URL:
        # Two sites must not share a queue: each would take the other's messages.
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
        parts = urlsplit(settings.REDIS_URL)
        number = 10 + int(worker.removeprefix("gw") or 0) % 6
        environment["REDIS_URL"] = parts._replace(path=f"/{number}").geturl()
    log = (folder / "demo.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port)],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    running = Site(f"http://localhost:{port}", folder, environment)
    try:
        _wait_until_up(running, process, folder / "demo.log")
        yield running
    finally:
        process.terminate()
        process.wait(30)
        next(databases, None)


def _wait_until_up(site: Site, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{site.url}/readyz", timeout=2) as answer:
                if answer.status == 200 and "The clinic is open" in log.read_text():
                    return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the site did not come up:\n{log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for one file; its event loop must be gone before other tests use the database."""
    path = chromium()
    if not path:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail("CI needs a Chromium for the browser tests")
        pytest.skip("no Chromium here; `make browser` installs one")
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chrome
        chrome.close()


@pytest.fixture
def person(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """A new person with a browser of their own; a phone in light colours unless said.

    Whatever the page's policy refuses (an inline style, a foreign script) fails the test.
    """
    contexts = []
    refused: list[str] = []

    def come(*, width: int = 390, javascript: bool = True, dark: bool = False) -> Page:
        context = browser.new_context(
            base_url=site.url,
            viewport={"width": width, "height": 844},
            locale="en-GB",
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            timezone_id="Europe/London",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda m: refused.append(m.text) if "Security Policy" in m.text else None
        )
        return page

    yield come
    for context in contexts:
        context.close()
    assert not refused, refused
