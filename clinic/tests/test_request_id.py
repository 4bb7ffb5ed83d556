"""A request has an id: in its answer, in each line it logs, in the tasks that it asks for."""

import logging
import re

import pytest
from celery import shared_task
from kombu import Connection

from clinic.celery import app
from clinic.logs import JsonFormatter, PlainFormatter, request_id

OURS = re.compile(r"[0-9a-f]{32}")
THEIRS = "7f9c24e5-2f41-4a1d-9e3b-0c6a5d1b8e77"
log = logging.getLogger("clinic.tests")


def test_each_answer_has_an_id_of_its_own(client):
    first, second = (client.get("/healthz")["X-Request-ID"] for _ in range(2))
    assert OURS.fullmatch(first) and OURS.fullmatch(second)
    assert first != second


def test_the_id_of_a_stranger_is_not_believed(client):
    assert client.get("/healthz", headers={"X-Request-ID": THEIRS})["X-Request-ID"] != THEIRS


def test_the_id_of_our_own_proxy_is(client, settings):
    settings.TRUSTED_PROXIES = 1
    assert client.get("/healthz", headers={"X-Request-ID": THEIRS})["X-Request-ID"] == THEIRS


@pytest.mark.parametrize(
    "word", ["short", "x" * 65, "Ada Lovelace was here", "aaaaaaaaaaaaaaaa\r\nSet-Cookie: a=b", ""]
)
def test_what_does_not_look_like_an_id_is_replaced(client, settings, word):
    settings.TRUSTED_PROXIES = 1
    assert OURS.fullmatch(client.get("/healthz", headers={"X-Request-ID": word})["X-Request-ID"])


@pytest.fixture
def lines(caplog, monkeypatch):
    """Each line that is logged, as it would stand in the log at that moment."""
    written = []
    monkeypatch.setattr(
        caplog.handler, "emit", lambda record: written.append(JsonFormatter().format(record))
    )
    return written


def test_every_line_of_a_request_names_it_and_the_next_one_does_not(client, settings, lines):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.talkative"]
    answer = client.get("/healthz")
    assert f'"request_id": "{answer["X-Request-ID"]}"' in lines[0]
    log.warning("outside of a request")
    assert '"request_id": ""' in lines[1]


def talkative(get_response):
    def middleware(request):
        log.warning("inside of a request")
        return get_response(request)

    return middleware


def test_a_plain_line_shows_the_beginning_of_it():
    record = logging.LogRecord("clinic", logging.INFO, "f.py", 1, "hello", (), None)
    formatter = PlainFormatter("[%(request_id)s] %(message)s")
    assert formatter.format(record) == "[-] hello"
    token = request_id.set("0123456789abcdef")
    assert formatter.format(record) == "[01234567] hello"
    request_id.reset(token)


@shared_task(name="clinic.tests.who_asked")
def who_asked() -> str:
    log.warning("at work")
    return request_id.get()


def test_a_task_takes_the_id_along():
    """Over a real queue of messages, in memory: what is published is what the worker runs."""
    token = request_id.set(THEIRS)
    try:
        headers = published()
    finally:
        request_id.reset(token)
    assert headers["request_id"] == THEIRS
    assert who_asked.apply(headers=headers).get() == THEIRS
    assert request_id.get() == "", "the next task of this thread starts afresh"


def test_a_task_of_beats_has_an_id_of_its_own():
    assert OURS.fullmatch(published()["request_id"])


def published() -> dict[str, str]:
    """The headers of a message that asks for `who_asked`, as a worker gets it."""
    with Connection("memory://") as broker:
        with broker.SimpleQueue("who-asked") as queue:
            app.send_task(who_asked.name, connection=broker, queue="who-asked")
            message = queue.get(timeout=2)
            message.ack()
            return dict(message.headers)


@pytest.mark.django_db
def test_the_line_about_an_outage_names_its_request(client, lines):
    from clinic.tests.test_outage import away

    with away():
        answer = client.get("/")
    assert [answer["X-Request-ID"] in line for line in lines if "database is away" in line] == [
        True
    ]
