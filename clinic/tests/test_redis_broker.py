"""Redis comes and goes: a page pays little for it, and the worker outlives it."""

import socket
import time
import uuid

import pytest
import redis
from django.conf import settings
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport import redis as upstream

from bookings import notifications
from clinic import redis_broker
from clinic.celery import app

pytestmark = pytest.mark.skipif(not settings.REDIS_URL, reason="this run has no Redis")


@pytest.fixture
def prefix():
    """The beginning of every key of this test; gone again afterwards."""
    mark = f"test-{uuid.uuid4().hex}-"
    yield mark
    with redis.from_url(settings.REDIS_URL) as client:
        for key in client.scan_iter(f"{mark}*"):
            client.delete(key)


def lose(transport, prefix):
    """A worker has a message in hand, and its connection is gone."""
    options = {"global_keyprefix": prefix}
    with Connection(settings.REDIS_URL, transport=transport, transport_options=options) as link:
        channel = link.channel()
        queue = link.SimpleQueue("work", channel=channel)
        queue.put({"task": 1})
        queue.get(timeout=2)
        link.transport.client = None
        channel.close()


def test_a_worker_outlives_a_redis_that_goes_away_while_it_is_at_work(prefix):
    lose(redis_broker.Transport, prefix)


def test_upstream_s_would_have_died(prefix):
    """The control. Where it fails, kombu has mended it, and clinic/redis_broker.py can go."""
    with pytest.raises(AttributeError, match="hostname"):
        lose(upstream.Transport, prefix)


def test_it_is_the_transport_of_our_address():
    with app.connection_for_write() as link:
        assert link.get_transport_cls() is redis_broker.Transport


def test_a_redis_that_refuses_costs_a_page_next_to_nothing(monkeypatch):
    monkeypatch.setattr(app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    with app.connection_for_write() as link:
        started = time.monotonic()
        with pytest.raises(OperationalError):
            app.send_task("bookings.tasks.send_due", connection=link, retry=False)
    assert time.monotonic() - started < 1, "kombu left to itself takes six seconds"


def test_a_redis_that_hangs_costs_one_page_and_not_the_next(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        monkeypatch.setattr(app.conf, "broker_write_url", address)
        monkeypatch.setitem(app.conf.broker_transport_options, "socket_timeout", 0.2)
        monkeypatch.setattr(app.amqp, "_producer_pool", None)
        try:
            started = time.monotonic()
            notifications.nudge()
            first = time.monotonic() - started
            notifications.nudge()
            second = time.monotonic() - started - first
        finally:
            app.amqp._producer_pool = None
    assert 0.2 <= first < 2
    assert second < 0.05
