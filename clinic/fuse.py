"""A page pays once for a service that is away, not each page and not each call."""

import logging
import time

from clinic import metrics

log = logging.getLogger(__name__)

REST_SECONDS = 10.0


class Fuse:
    """Between us and a service we can do without: after a failure it is left alone for a while.

    The caller asks `is_blown` before each call and says `blow(error)` after one that failed.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self._resume = 0.0

    @property
    def is_blown(self) -> bool:
        return time.monotonic() < self._resume

    def blow(self, error: Exception) -> None:
        """Log and count a failure, and leave the service alone for ten seconds."""
        self._resume = time.monotonic() + REST_SECONDS
        metrics.count(metrics.failures, self.service)
        # The name alone: what the error says may quote what we sent.
        log.warning("the %s is away: %s", self.service, type(error).__name__)

    def mend(self) -> None:
        """Ask the service again at once."""
        self._resume = 0.0


cache = Fuse("cache")
broker = Fuse("broker")
