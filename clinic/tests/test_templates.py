"""Every template compiles, and none carries what the content security policy forbids."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

FOLDER = Path(settings.BASE_DIR) / "templates"
TEMPLATES = sorted(str(f.relative_to(FOLDER)) for f in FOLDER.rglob("*.*") if f.is_file())
PAGES = [t for t in TEMPLATES if t.endswith(".html") and not t.startswith("mail/")]
FORBIDDEN = {
    "an inline style": re.compile(r"<[^>]+\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style", re.I),
    "an inline handler": re.compile(r"<[^>]+\son[a-z]+\s*=", re.I),
    "an inline script": re.compile(
        r"<script(?![^>]*(\bsrc=|application/(ld\+)?json))[^>]*>", re.I | re.S
    ),
    "something from another site": re.compile(
        r"<(script|img|iframe|link rel=\"stylesheet\")[^>]+(src|href)=[\"']?(https?:)?//", re.I
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_compiles(name):
    get_template(name)


@pytest.mark.parametrize("name", PAGES)
def test_it_has_nothing_the_policy_forbids(name):
    text = (FOLDER / name).read_text()
    assert not [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]


def test_no_two_style_sheets_claim_the_same_class():
    """What one page's `.week` says would otherwise change another page's."""
    owners: dict[str, set[str]] = {}
    sheets = Path(settings.BASE_DIR) / "static/css"
    for sheet in ("site", "components", "booking", "desk"):
        rules = re.sub(r"/\*.*?\*/", "", (sheets / f"{sheet}.css").read_text(), flags=re.S)
        for name in re.findall(r"^\.([a-z-]+(?:__[a-z-]+)?) \{", rules, re.M):
            owners.setdefault(name, set()).add(sheet)
    assert owners and not {name: by for name, by in owners.items() if len(by) > 1}
