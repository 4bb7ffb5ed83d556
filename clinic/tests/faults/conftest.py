"""The site of these tests runs on the test run's own database, with a Redis that may die."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from .audit import Auditor
from .site import ROOT, Site, running

sys.path.insert(0, str(ROOT / "bin"))
from services import Server, own_redis


def test_database() -> str:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Server | None]:
    """A Redis of these tests' own, where the test run has one; None where the queue is files."""
    if not settings.REDIS_URL:
        yield None
        return
    server = own_redis()
    if server is None:
        pytest.skip("no redis-server here to start and to kill")
    with ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        yield server


@pytest.fixture(scope="module")
def whole_site(
    django_db_setup: None,
    own_broker: Server | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    site = Site(
        tmp_path_factory.mktemp("site"),
        test_database(),
        own_broker.address if own_broker else "",
        crashing=True,
        settings={"WEB_WORKERS": "2", "WEB_THREADS": "4", "DATABASE_POOL": "4"},
    )
    # Two schedulers, which never should be: nothing here may be sent twice for it.
    with running(site, beats=2):
        yield site


@pytest.fixture
def site(whole_site: Site, transactional_db: Any) -> Iterator[Site]:
    """The running site, with nothing in its database and nothing that is about to die."""
    yield whole_site
    whole_site.disarm()


@pytest.fixture
def audit(site: Site) -> Auditor:
    return Auditor(site.database)
