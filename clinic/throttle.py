"""How often one address may knock: a counter a minute in the cache, one for each kind of door.

settings.THROTTLES says how many requests a minute each kind allows; 0 means no limit.
"""

import ipaddress
import logging
import time
from hashlib import blake2b

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

log = logging.getLogger(__name__)

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

    A cache that is down lets everybody in: a limit is a courtesy, a page is the service.
    """
    limit = settings.THROTTLES[kind]
    if not limit:
        return True
    sender = blake2b(network(client_ip(request)).encode(), digest_size=16).hexdigest()
    key = f"throttle:{kind}:{int(time.time() // WINDOW_SECONDS)}:{sender}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        return cache.incr(key) <= limit
    except Exception:
        log.warning("the cache is down: %s requests are not limited", kind, exc_info=True)
        return True


def retry_after() -> int:
    """Return the seconds until the current window ends: the Retry-After of a 429 answer."""
    return WINDOW_SECONDS - int(time.time()) % WINDOW_SECONDS
