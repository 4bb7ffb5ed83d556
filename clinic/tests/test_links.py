"""Every link on the demo's public pages leads somewhere."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import time_machine
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.once

MIDWEEK = datetime(2026, 11, 18, 11, 10, tzinfo=UTC)


def kinds(address: str) -> set[tuple[str, str]]:
    """What an address says but for the values: a calendar has hundreds that differ by the day.

    Each name it says is a kind by itself: a calendar's filters go together in hundreds of ways.
    """
    parts = urlsplit(address)
    return {(parts.path, name) for name in ("", *parse_qs(parts.query, keep_blank_values=True))}


@pytest.fixture
def demo(db: None) -> Iterator[None]:
    with time_machine.travel(MIDWEEK, tick=False):
        call_command("demo_data", "--force", verbosity=0)
        yield


def test_every_link_a_stranger_can_follow_leads_somewhere(demo: None) -> None:
    client, waiting, seen = Client(), ["/"], kinds("/")
    while waiting:
        address = waiting.pop()
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        if not answer["Content-Type"].startswith("text/html"):
            continue
        page = answer.content.decode()
        here = answer.request["PATH_INFO"]
        for raw in re.findall(r'<(?:a|img|link|use|script)\b[^>]*?\s(?:href|src)="([^"]*)"', page):
            link = unescape(raw)
            if link.startswith(("mailto:", "tel:")) or urlsplit(link).netloc:
                continue
            relative, _hash, anchor = link.partition("#")
            path = urljoin(here, relative) if relative else address
            if path.startswith("/static/"):
                assert finders.find(path.removeprefix("/static/")), (address, link)
                continue
            if anchor and not relative:
                assert f'id="{anchor}"' in page, (address, link)
            if not kinds(path) <= seen:
                seen |= kinds(path)
                waiting.append(path)
    paths = {path for path, _name in seen}
    assert {"/contact/", "/book/massage-60/details/", "/therapies/idd-therapy/"} <= paths
    assert "/practitioners/imogen-oyelaran/portrait.svg" in paths
