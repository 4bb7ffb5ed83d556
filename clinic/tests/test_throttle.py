"""One address may knock so often a minute; nobody is locked out by somebody else's knocking."""

import time_machine
from django.test import RequestFactory

from clinic import throttle

rf = RequestFactory()


def test_row_53_it_lets_so_many_through_and_no_more(settings):
    settings.THROTTLES = {"contact": 3}
    with time_machine.travel("2026-11-21T12:00:05Z", tick=False):
        answers = [throttle.allow(rf.get("/"), "contact") for _ in range(5)]
    assert answers == [True, True, True, False, False]


def test_the_next_minute_starts_afresh(settings):
    settings.THROTTLES = {"contact": 1}
    with time_machine.travel("2026-11-21T12:00:05Z", tick=False) as clock:
        assert throttle.allow(rf.get("/"), "contact")
        assert not throttle.allow(rf.get("/"), "contact")
        assert throttle.retry_after() == 55
        clock.shift(56)
        assert throttle.allow(rf.get("/"), "contact")


def test_kinds_and_addresses_are_counted_apart(settings):
    settings.THROTTLES = {"contact": 1, "book": 1}
    with time_machine.travel("2026-11-21T12:00:05Z", tick=False):
        assert throttle.allow(rf.get("/", REMOTE_ADDR="192.0.2.1"), "contact")
        assert throttle.allow(rf.get("/", REMOTE_ADDR="192.0.2.1"), "book")
        assert throttle.allow(rf.get("/", REMOTE_ADDR="192.0.2.2"), "contact")
        assert not throttle.allow(rf.get("/", REMOTE_ADDR="192.0.2.2"), "contact")


def test_zero_means_no_limit(settings):
    settings.THROTTLES = {"api": 0}
    assert all(throttle.allow(rf.get("/"), "api") for _ in range(50))


def test_a_cache_that_is_down_never_breaks_the_page(settings):
    settings.THROTTLES = {"contact": 1}
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert all(throttle.allow(rf.get("/"), "contact") for _ in range(3))


def test_row_54_without_proxies_nobodys_header_is_believed(settings):
    settings.TRUSTED_PROXIES = 0
    request = rf.get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert throttle.client_ip(request) == "192.0.2.1"


def test_row_54_the_entry_our_own_proxy_wrote_is_believed_and_no_other(settings):
    settings.TRUSTED_PROXIES = 1
    request = rf.get("/", REMOTE_ADDR="10.0.0.2", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9")
    assert throttle.client_ip(request) == "203.0.113.9"


def test_row_54_two_proxies_shift_the_trusted_entry_by_one(settings):
    settings.TRUSTED_PROXIES = 2
    request = rf.get("/", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9, 10.0.0.7")
    assert throttle.client_ip(request) == "203.0.113.9"


def test_row_54_a_request_that_came_past_the_proxy_counts_as_its_peer(settings):
    settings.TRUSTED_PROXIES = 2
    request = rf.get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert throttle.client_ip(request) == "192.0.2.1"


def test_an_ipv6_household_is_one_sender():
    assert throttle.network("2001:db8:1:2:aaaa::1") == throttle.network("2001:db8:1:2:bbbb::2")
    assert throttle.network("2001:db8:1:3::1") != throttle.network("2001:db8:1:2::1")
    assert throttle.network("::ffff:192.0.2.1") == "192.0.2.1"
    assert throttle.network("not an address") == "not an address"
