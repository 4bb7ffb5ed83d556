"""What somebody may type or send, at every door, and what no answer may do with it."""

import os
from itertools import count

from django.http import HttpResponse

TAG = "<walk-tag"
# As they stand in a request's bytes, percent-encoded: a lone surrogate is no text at all.
NASTY = [
    f"%22%27%3E{TAG.replace('<', '%3C')}%20onload=alert(1)%3E",
    "%00",
    "%ed%a0%80",
    "%c0%af",
    "%f0%9f%92",
    "%27%29%20OR%201=1;--",
    "9" * 5000,
    "-1",
    "0",
    "99999999999999999999",
    "1e999",
    "%EF%BC%91%E0%A5%A7%C2%B2",
    "2027-02-30",
    "0001-01-01",
    "9999-12-31T23:59:59-12:00",
    "//evil.example/",
    "/%5Cevil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "%2f%2fevil.example",
    "%0d%0aSet-Cookie:%20a=b",
    "%E2%80%AE%E2%81%A6%EF%BB%BF%E2%80%A8",
    "a%CC%81" + "%CC%81" * 500,
    "{{7*7}}{%25%20debug%20%25}${7*7}%25n%25s{name}",
    "../../../../etc/passwd",
    "=HYPERLINK(%22http://evil.example%22)",
]


_turns = count()


def in_turn(others: int = 1) -> list[str]:
    """The tag, and the next few of the table; with WALK_ALL=1 the whole table."""
    if os.environ.get("WALK_ALL"):
        return NASTY
    rest = NASTY[1:]
    return [NASTY[0], *(rest[next(_turns) % len(rest)] for _n in range(others))]


def complaint(response: HttpResponse) -> str:
    """What is wrong with an answer to any of these; empty when nothing is."""
    if response.status_code >= 500:
        return f"status {response.status_code}"
    if not response.streaming and TAG.encode() in response.content:
        return "the tag came back raw"
    where = response.headers.get("Location", "")
    if where and (not where.startswith(("/", "?")) or where.startswith(("//", "/\\"))):
        return f"sent to {where}"
    if any("\n" in value or "\r" in value for value in response.headers.values()):
        return "a line break in a header"
    return ""
