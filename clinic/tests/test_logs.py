"""The log names no key that opens a patient's page, and nothing that a patient typed."""

import json
import logging
import os
import subprocess
import sys

import pytest
from django.conf import settings

from clinic.logs import JsonFormatter, PlainFormatter


def record(message, *args, exc_info=None):
    return logging.LogRecord("clinic", logging.WARNING, "f.py", 1, message, args, exc_info)


def test_a_token_never_reaches_the_log():
    line = PlainFormatter().format(record("Not Found: %s", "/appointments/s3cr3t-token/cancel/"))
    assert line == "Not Found: /appointments/.../cancel/"
    line = PlainFormatter().format(record("GET /schedule/feed/abcdef.ics 200"))
    assert line == "GET /schedule/feed/....ics 200"


def test_a_json_line_has_the_trace_and_no_token():
    try:
        raise ValueError("no appointment at /appointments/s3cr3t/")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    entry = json.loads(JsonFormatter().format(record("gone wrong", exc_info=info)))
    assert entry["level"] == "WARNING"
    assert entry["message"] == "gone wrong"
    assert "ValueError" in entry["trace"]
    assert "s3cr3t" not in entry["trace"]
    assert entry["time"].endswith("+00:00")


REFUSED = """null value in column "note" violates not-null constraint
LINE 1: ... VALUES ('Ada', 'ada@example.org')
                    ^
DETAIL:  Failing row contains (1, Ada, the first line

and the second of Ada's note).
CONTEXT:  while inserting Ada"""


def trace_of(raise_it):
    try:
        raise_it()
    except Exception as error:
        info = (type(error), error, error.__traceback__)
    return json.loads(JsonFormatter().format(record("gone wrong", exc_info=info)))["trace"]


def test_a_row_that_the_database_refused_is_not_in_the_trace():
    def refused():
        try:
            raise ValueError(REFUSED)
        except ValueError as error:
            raise RuntimeError("no such luck") from error

    trace = trace_of(refused)
    assert "Ada" not in trace.replace("refused()", "")
    assert "violates not-null constraint\nLINE 1: ...\n" in trace
    assert "RuntimeError: no such luck" in trace, "what follows the refused values is still there"


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ('invalid input for type integer: "Ada"', 'invalid input for type integer: "..."'),
        ("failed: E('type: \"Ada\"')", "failed: E('type: \"...\"')"),
        ('for type: "Ada "the first" L"', 'for type: "..."'),
        ("550 <ada.l+x@mail.example.org> unknown", "550 <...@...> unknown"),
    ],
)
def test_what_was_typed_is_not_in_the_trace(said, logged):
    def refused():
        raise ValueError(said)

    assert trace_of(refused).endswith(f"ValueError: {logged}")


def test_a_request_under_a_made_up_name_is_not_logged():
    code = (
        "import django, logging; django.setup(); "
        "logging.getLogger('django.security.DisallowedHost').error('made up')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "clinic.settings",
            "VAR_DIR": str(settings.VAR_DIR),
            "SECRET_KEY": "x" * 60,
        },
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout + done.stderr == ""


@pytest.mark.once
def test_the_web_server_s_own_lines_are_like_the_site_s():
    code = (
        "import runpy; from gunicorn.config import Config; from gunicorn.glogging import Logger; "
        "c = Config(); conf = runpy.run_path('gunicorn.conf.py'); "
        "c.set('logconfig_dict', conf['logconfig_dict']); "
        "Logger(c).error('Error handling request /appointments/s3cr3t/')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"]},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (done.stdout + done.stderr).splitlines()
    assert json.loads(line)["message"] == "Error handling request /appointments/.../"
