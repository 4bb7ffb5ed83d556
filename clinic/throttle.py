"""How often one address may knock: a counter a minute in the cache, one for each kind of door.

settings.THROTTLES says how many requests a minute each kind allows; 0 means no limit. Holds are
counted for as long as one may be kept, and given back when they are booked or let go: so many
people behind one address can book, but nobody keeps a diary's worth of times.
"""

import ipaddress
import time
from hashlib import blake2b

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from clinic import fuse

WINDOW_SECONDS = 60


def client_ip(request: HttpRequest) -> str:
    """Return the address the request came from, as far as our own proxies vouch for it.

    Each of our TRUSTED_PROXIES proxies adds one entry at the right end of X-Forwarded-For; what
    stands further left was typed by the client and is not believed. With fewer entries than
    proxies the header did not come through all of them, and the peer's own address counts.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    proxies = settings.TRUSTED_PROXIES
    if not proxies:
        return peer
    hops = [h.strip() for h in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if h.strip()]
    if len(hops) < proxies:
        return peer
    return hops[-proxies]


def network(address: str) -> str:
    """Return what is counted as one sender: an IPv4 address, or the /64 an IPv6 address is in."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def allow(request: HttpRequest, kind: str) -> bool:
    """Count this request and say whether it is still within the limit of its kind.

    A cache that is down lets everybody in: a limit is a courtesy, a page is the service. It is the
    only thing the cache is for.
    """
    limit = settings.THROTTLES[kind]
    if not limit or fuse.cache.is_blown:
        return True
    key = _counter(request, kind)
    try:
        cache.add(key, 0, timeout=2 * _window(kind))
        return cache.incr(key) <= limit
    except Exception as error:
        fuse.cache.blow(error)
        return True


def give_back(request: HttpRequest, kind: str) -> None:
    """Take back one that `allow` has counted; nothing happens when that was a window ago."""
    if fuse.cache.is_blown:
        return
    key = _counter(request, kind)
    try:
        if cache.get(key, 0) > 0:
            cache.decr(key)
    except ValueError:
        return
    except Exception as error:
        fuse.cache.blow(error)


def retry_after(kind: str = "") -> int:
    """Return the seconds until the current window ends: the Retry-After of a 429 answer."""
    window = _window(kind)
    return window - int(time.time()) % window


def _window(kind: str) -> int:
    return settings.HOLD_MINUTES * 60 if kind == "hold" else WINDOW_SECONDS


def _counter(request: HttpRequest, kind: str) -> str:
    sender = blake2b(network(client_ip(request)).encode(), digest_size=16).hexdigest()
    return f"throttle:{kind}:{int(time.time() // _window(kind))}:{sender}"
