"""Portraits are drawn from the seed alone, and nothing hostile comes through."""

from xml.etree import ElementTree

import pytest

from practitioners.models import Gender
from practitioners.portraits import portrait

SVG = "{http://www.w3.org/2000/svg}"


def test_it_draws_the_same_person_twice():
    assert portrait("ana-lee", "AL", "woman") == portrait("ana-lee", "AL", "woman")


def test_it_is_well_formed_for_many_people():
    for number in range(200):
        for gender in Gender.values:
            assert ElementTree.fromstring(portrait(f"p{number}", "P", gender)).tag == f"{SVG}svg"


def test_it_differs_by_seed():
    assert len({portrait(f"person-{number}", "P") for number in range(100)}) > 90


def test_a_woman_is_never_drawn_with_a_beard():
    drawn = {portrait(f"person-{number}", "P", "woman") for number in range(200)}
    assert not any("M107 150" in svg or "M126 172" in svg for svg in drawn)


@pytest.mark.parametrize(
    "hostile",
    [
        '"><script>alert(1)</script>',
        "'/><image href='https://example.org/x'/>",
        "\x00\ud800\u202e",
        "x" * 100_000,
        "",
    ],
)
def test_a_hostile_seed_and_hostile_initials_are_inert(hostile: str):
    svg = portrait(hostile, hostile)
    root = ElementTree.fromstring(svg)
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}svg",
        f"{SVG}rect",
        f"{SVG}circle",
        f"{SVG}path",
    }
    assert len(svg) < 8_000
    assert len(root.get("aria-label", "")) <= 3


def test_it_needs_no_font_script_or_inline_style():
    svg = portrait("ana-lee", "AL")
    assert not any(part in svg for part in ("<text", "<style", " style=", "<script", "href"))
