"""The log names no key that opens a patient's page."""

import json
import logging

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
