"""Patients at the door, over HTTP, in a process of their own: what they did, and how long it took.

    python -m clinic.tests.faults.visitors URL SECONDS CLIENTS ANSWER

Each client is a new patient again and again: looks at free times, holds, books, moves, cancels,
by web form or by API. The standard library alone, so that the load costs little beside the site.
ANSWER is a file; it gets a `Log` as JSON.
"""

import http.client
import json
import random
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

# Answers that say no, kindly and on purpose.
REFUSALS = (409, 422, 429)
# Most want the same days: the closer they stand, the more often they meet.
DAYS = range(3, 17)
PATIENCE = 30


@dataclass
class Log:
    """What happened. `seconds` and `statuses` by kind of request."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)
    # What was neither fine nor a refusal, in words; the first of them.
    errors: list[str] = field(default_factory=list)
    failed: int = 0
    # Tokens that an answer of 201 or 303 confirmed, and what became of them, as far as answered.
    booked: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    # Each Idempotency-Key, with the reference that each answer to it named.
    keys: dict[str, list[str]] = field(default_factory=dict)
    lasted: float = 0

    def fail(self, words: str) -> None:
        self.failed += 1
        if len(self.errors) < 20:
            self.errors.append(words)


class Form(HTMLParser):
    """The form of a page that goes to `path`: its address and what it sends.

    A form without an address goes to that of its page, which is `own`.
    """

    def __init__(self, page: str, path: str, own: str) -> None:
        super().__init__()
        self.path, self.own, self.action, self.fields = path, own, "", {}
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            address = has.get("action", self.own)
            self.inside = not self.action and urlsplit(address).path.endswith(self.path)
            self.action = address if self.inside else self.action
        elif self.inside and tag in ("input", "textarea") and "name" in has:
            kind = has.get("type")
            if kind == "radio" and has["name"] != "of_age":
                # "no" to every question; of several times or people, the first.
                if has["value"] == "no" or has["name"] not in self.fields:
                    self.fields[has["name"]] = has["value"]
            elif kind != "checkbox":
                self.fields[has["name"]] = has.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"


class Unanswered(Exception):  # noqa: N818  (an event, not an error)
    """The connection broke, or the answer was neither fine nor a refusal."""


@dataclass
class Answer:
    status: int
    body: str
    location: str

    @property
    def fine(self) -> bool:
        return self.status < 400

    @property
    def token(self) -> str:
        """Of the appointment that a redirect leads to."""
        found = re.search(r"/appointments/([\w-]+)/", self.location)
        return found[1] if found else ""


class Client:
    """One browser or program: a connection that is kept, and cookies."""

    def __init__(self, url: str, log: Log) -> None:
        self.host, self.log = urlsplit(url).netloc, log
        self.connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        self.cookies: dict[str, str] = {}

    def ask(self, kind: str, method: str, path: str, **sent: Any) -> Answer:
        """One request, timed and counted. Raises Unanswered where nothing useful came back."""
        began = time.perf_counter()
        try:
            answer = self._send(method, path, **sent)
            status = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            answer, status = None, type(error).__name__
        self.log.seconds.setdefault(kind, []).append(time.perf_counter() - began)
        counts = self.log.statuses.setdefault(kind, {})
        counts[status] = counts.get(status, 0) + 1
        if answer and (answer.fine or answer.status in REFUSALS):
            return answer
        words = " ".join(re.sub(r"<[^>]*>", " ", answer.body).split())[:300] if answer else ""
        self.log.fail(f"{kind}: {status} {method} {path.partition('?')[0]} {words}")
        raise Unanswered(status)

    def _send(
        self,
        method: str,
        path: str,
        *,
        form: dict[str, str] | None = None,
        data: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        head = {"Host": self.host, **(headers or {})}
        body = None
        if form is not None:
            body = urlencode(form).encode()
            head["Content-Type"] = "application/x-www-form-urlencoded"
        elif data is not None:
            body = json.dumps(data).encode()
            head["Content-Type"] = "application/json"
        if self.cookies:
            head["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        try:
            self.connection.request(method, path, body, head)
            got = self.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # A kept connection that the server had closed meanwhile: a browser tries a GET again.
            self.connection.close()
            if method != "GET":
                raise
            self.connection.request(method, path, body, head)
            got = self.connection.getresponse()
        for line in got.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        where = got.headers.get("Location", "")
        return Answer(got.status, got.read().decode(), where)


@dataclass
class Patient:
    """Somebody new, who wants one visit."""

    client: Client
    chance: random.Random

    def __post_init__(self) -> None:
        number = uuid.uuid4().hex[:12]
        self.name, self.email = f"Pat {number}", f"pat-{number}@example.org"
        self.log = self.client.log

    def period(self) -> tuple[date, date]:
        first = date.today() + timedelta(days=self.chance.choice(DAYS))  # noqa: DTZ011  any week
        return first, first + timedelta(days=6)

    # --- as a program -----------------------------------------------------------------
    def free_starts(self, slug: str) -> list[dict[str, Any]]:
        first, last = self.period()
        path = f"/api/v1/availability?treatment={slug}&from={first}&to={last}"
        answer = self.client.ask("API: free times", "GET", path)
        return json.loads(answer.body)["starts"] if answer.fine else []

    def order(self, slug: str, start: dict[str, Any]) -> dict[str, Any]:
        return {
            "treatment": slug,
            "start": start["start"],
            "location": start["location"],
            "patient": {
                "name": self.name,
                "email": self.email,
                "phone": "020 7946 0123",
                "date_of_birth": "1981-03-27",
            },
            "screening": {},
        }

    def post_order(self, order: dict[str, Any], key: str) -> str:
        """Send an order; the token when it is booked, else ''. Raises Unanswered."""
        self.log.keys.setdefault(key, [])
        answer = self.client.ask(
            "API: book",
            "POST",
            "/api/v1/appointments",
            data=order,
            headers={"Idempotency-Key": key},
        )
        if answer.status != 201:
            return ""
        said = json.loads(answer.body)
        token = urlsplit(said["manage_url"]).path.rstrip("/").rpartition("/")[2]
        if not self.log.keys[key]:
            self.log.booked.append(token)
        self.log.keys[key].append(said["reference"])
        return token

    def book_by_api(self, slug: str) -> str:
        starts = self.free_starts(slug)
        if not starts:
            return ""
        order, key = self.order(slug, self.chance.choice(starts)), uuid.uuid4().hex
        token = self.post_order(order, key)
        if token and self.chance.random() < 0.15:
            self.post_order(order, key)
        return token

    def move_by_api(self, slug: str, token: str) -> None:
        if starts := self.free_starts(slug):
            start = {"start": self.chance.choice(starts)["start"]}
            path = f"/api/v1/appointments/{token}/reschedule"
            self.client.ask("API: move", "POST", path, data=start)

    def cancel_by_api(self, token: str) -> None:
        path = f"/api/v1/appointments/{token}/cancel"
        if self.client.ask("API: cancel", "POST", path, data={}).fine:
            self.log.cancelled.append(token)

    # --- with a browser ---------------------------------------------------------------
    def calendar(self, slug: str) -> list[str]:
        """The links to a week's starts."""
        first, _last = self.period()
        page = self.client.ask("web: calendar", "GET", f"/book/{slug}/?date={first}&view=week")
        return links(page.body, f"/book/{slug}/details/")

    def fill(self, page: str, path: str, kind: str, *, own: str = "", **typed: str) -> Answer:
        """Send the page's form at `path`, as it stands, with what is typed into it."""
        form = Form(page, path, own)
        if not form.action:
            self.log.fail(f"{kind}: the page has no form that goes to {path}")
            raise Unanswered
        fields = form.fields | {k: v for k, v in typed.items() if k in form.fields or k == "of_age"}
        return self.client.ask(kind, "POST", form.action, form=fields)

    def book_by_web(self, slug: str) -> str:
        starts = self.calendar(slug)
        if not starts:
            return ""
        start = self.chance.choice(starts)
        gate = self.client.ask("web: a start", "GET", start)
        if not gate.fine:
            return ""
        held = self.fill(gate.body, "/safety/", "web: answer and hold")
        if held.status != 303:
            return ""
        page = self.client.ask("web: details", "GET", held.location)
        if self.chance.random() < 0.1:
            calendar = self.client.ask("web: calendar", "GET", f"/book/{slug}/")
            self.fill(calendar.body, "/let-go/", "web: let go")
            return ""
        return self.confirm(page.body)

    def confirm(self, page: str) -> str:
        born = {"date_of_birth_day": "27", "date_of_birth_month": "3", "date_of_birth_year": "1981"}
        typed = {"name": self.name, "email": self.email, "phone": "020 7946 0123", **born}
        done = self.fill(page, "/details/", "web: book", of_age="yes", **typed)
        if done.status != 303 or not done.token:
            return ""
        self.log.booked.append(done.token)
        self.client.ask("web: appointment", "GET", done.location)
        return done.token

    def move_by_web(self, token: str) -> None:
        first, _last = self.period()
        path = f"/appointments/{token}/move/"
        page = self.client.ask("web: calendar", "GET", f"{path}?date={first}&view=week")
        if starts := links(page.body, path + "?start="):
            compare = self.client.ask("web: compare", "GET", self.chance.choice(starts))
            if compare.fine:
                self.fill(compare.body, "/move/", "web: move")

    def cancel_by_web(self, token: str) -> None:
        path = f"/appointments/{token}/cancel/"
        page = self.client.ask("web: appointment", "GET", path)
        if self.fill(page.body, "/cancel/", "web: cancel", own=path).status == 303:
            self.log.cancelled.append(token)

    # --- a life -------------------------------------------------------------------------
    def live(self, treatments: list[str]) -> None:
        """Look, look again, book perhaps, and change one's mind perhaps."""
        chance, slug = self.chance, self.chance.choice(treatments)
        web = chance.random() < 0.5
        for _look in range(chance.choice([0, 1, 2])):
            self.calendar(slug) if web else self.free_starts(slug)
        if chance.random() < 0.2:
            return
        token = self.book_by_web(slug) if web else self.book_by_api(slug)
        if not token:
            return
        if chance.random() < 0.25:
            self.move_by_web(token) if web else self.move_by_api(slug, token)
        if chance.random() < 0.3:
            self.cancel_by_web(token) if web else self.cancel_by_api(token)


def links(page: str, beginning: str) -> list[str]:
    found = re.findall(rf'href="({re.escape(quote(beginning, safe="/?=-_"))}[^"]*)"', page)
    return [unescape(address) for address in found if "start=" in address]


def treatments_of(url: str) -> list[str]:
    """What anybody can book: no returning patients, no classes of many."""
    answer = Client(url, Log()).ask("", "GET", "/api/v1/treatments")
    return [t["slug"] for t in json.loads(answer.body) if t["audience"] != "returning"]


def crowd(
    url: str, clients: int, log: Log, live: Callable[[Patient], None], go_on: Callable[[], bool]
) -> None:
    """So many at once, each a new patient again and again for as long as `go_on` says.

    Who gets no answer gives up that visit, and comes back as somebody else.
    """

    def come(number: int) -> None:
        chance = random.Random(number)
        while go_on():
            client = Client(url, log)
            try:
                live(Patient(client, chance))
            except Unanswered:
                time.sleep(0.2)
            finally:
                client.connection.close()

    threads = [threading.Thread(target=come, args=(n,), daemon=True) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def timing(log: Log) -> Iterator[None]:
    began = time.monotonic()
    yield
    log.lasted = time.monotonic() - began


def main(url: str, seconds: str, clients: str, answer: str) -> None:
    log, treatments = Log(), treatments_of(url)
    end = time.monotonic() + float(seconds)
    with timing(log):
        crowd(
            url,
            int(clients),
            log,
            lambda patient: patient.live(treatments),
            lambda: time.monotonic() < end,
        )
    Path(answer).write_text(json.dumps(asdict(log)))


if __name__ == "__main__":
    main(*sys.argv[1:])
