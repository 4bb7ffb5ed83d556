import pytest

from bookings import notifications


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    """The outbox is written, nobody is told: the broker is not what these races are about."""
    monkeypatch.setattr(notifications, "nudge", lambda: None)
