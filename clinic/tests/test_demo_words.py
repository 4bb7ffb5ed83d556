"""What the demo's modules say: invented people, true citations, numbers that ring nowhere."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from clinic import demo
from clinic.demo.evidence import WORKS
from clinic.demo.holidays import bank_holidays
from clinic.demo.pages import THERAPIES
from clinic.demo.patients import AWKWARD, everybody


def test_every_citation_resolves_and_every_work_is_cited() -> None:
    keys = {work.key for work in WORKS}
    cited = {key for t in THERAPIES for key in re.findall(r"\[@([^\]]+)\]", t.evidence)}
    claimed = {key for t in THERAPIES for claim in t.claims for key in claim.references}
    assert cited | claimed == keys
    for therapy in THERAPIES:
        for claim in therapy.claims:
            assert set(claim.references) <= {*re.findall(r"\[@([^\]]+)\]", therapy.evidence)}


def test_phones_come_from_the_ranges_kept_for_drama() -> None:
    drama = re.compile(
        r"(\+44|0)(117 ?496 ?0\d{3}|7700 ?900 ?\d{0,3})|\+331990\d{5}|116 123|23456789"
    )
    numbers = re.compile(r"(?<![\w-])\+?\d[\d ]{5,}\d")
    for file in Path(demo.__file__).parent.rglob("*.py"):
        for number in numbers.findall(file.read_text(encoding="utf-8")):
            assert drama.match(number), f"{file.name}: {number}"
    for person in everybody(1):
        assert not person.phone or drama.fullmatch(person.phone), person.phone


def test_mail_goes_nowhere() -> None:
    assert all(p.email.endswith("@example.org") for p in everybody(2) if p.email)


def test_the_awkward_are_awkward() -> None:
    assert len(AWKWARD) >= 45
    assert "Null" in {p.name for p in AWKWARD}
    assert Counter(p.email for p in AWKWARD)["the-ropewalks@example.org"] == 4


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2022, "0103 0415 0418 0502 0530 0829 1226 1227"),
        (2026, "0101 0403 0406 0504 0525 0831 1225 1228"),
        (2027, "0101 0326 0329 0503 0531 0830 1227 1228"),
        (2028, "0103 0414 0417 0501 0529 0828 1225 1226"),
    ],
)
def test_bank_holidays_are_computed(year: int, days: str) -> None:
    wanted = [date(year, int(d[:2]), int(d[2:])) for d in days.split()]
    assert list(bank_holidays(year)) == wanted
