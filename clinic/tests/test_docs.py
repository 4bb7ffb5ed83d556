"""What the documents name is there: files, links, commands."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
# Where a name without a folder may stand: beside the code it is said of.
FOLDERS = ["", "docs", "bookings", "bookings/models", "clinic", "practitioners"]
FILE = re.compile(r"`((?:[\w.-]+/)*[\w*-]*\.(?:py|md|yml|toml|txt|in|sh|html|css|js)|[\w./-]+/)`")

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def is_there(name: str) -> bool:
    # An address of the site begins with a slash; what a run makes is in VAR_DIR.
    return name.startswith(("/", "var/")) or any(
        any((ROOT / folder).glob(name.rstrip("/"))) for folder in FOLDERS
    )


def test_there_are_documents_and_they_name_files():
    named = [name for document in DOCUMENTS for name in FILE.findall(document.read_text())]
    assert len(named) > 40
    assert not is_there("bookings/no_such_file.py")


@each_document
def test_every_file_that_is_named_exists(document):
    named = FILE.findall(document.read_text())
    assert [name for name in named if not is_there(name)] == []


@each_document
def test_every_link_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@each_document
def test_every_command_that_is_named_exists(document):
    text = document.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    made = set(re.findall(r"(?:`|^    )make ([a-z]+)", text, re.M))
    managed = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert made <= targets
    assert managed <= set(get_commands())
