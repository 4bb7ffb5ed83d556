"""What goes to the log: a line of JSON an event in production, no key to a page, nobody's data.

Every line names the request it belongs to; a task carries the id of the request that asked for it
(clinic/celery.py), so that one search finds what a page and its mail had to say.
"""

import json
import logging
import re
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime

# What stands in these addresses opens an appointment or a diary to whoever reads the log.
_SECRET_PATH = re.compile(r"(/appointments/|/schedule/feed/)[^/\s?\"'.]+")
# PostgreSQL says which values, which whole row, which part of our SQL it refused. A value may have
# lines of its own, so all that follows goes, up to the next error of a trace.
_REFUSED_VALUES = re.compile(
    r"(?P<what>DETAIL|CONTEXT|QUERY|LINE \d+): .*?"
    r"(?=\n\n(?:The above exception|During handling)|\Z)",
    re.DOTALL,
)
# “invalid input syntax for type integer: "what was typed"”, at the end of a line or of a repr()
_QUOTED_VALUE = re.compile(r""": ".*"(?=$|'?\)|\\n)""", re.MULTILINE)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

# The id of the request, or of the task, that this thread is at work for; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def new_id() -> str:
    """An id for a request that came without one."""
    return uuid.uuid4().hex


def hide_secrets(text: str) -> str:
    """Return `text` with dots for secret addresses, mail addresses and values that were refused."""
    text = _SECRET_PATH.sub(r"\1...", text)
    text = _REFUSED_VALUES.sub(r"\g<what>: ...", text)
    return _MAIL.sub("...@...", _QUOTED_VALUE.sub(': "..."', text))


def id_of(record: logging.LogRecord) -> str:
    """The id of the request that a line belongs to. Django's own lines bring the request along."""
    return getattr(getattr(record, "request", None), "id", "") or request_id.get()


class PlainFormatter(logging.Formatter):
    """Lines for a person at a terminal; the format may say %(request_id)s."""

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = id_of(record)[:8] or "-"
        return hide_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """One object a line: time (UTC), level, logger, request, message and, if any, the trace."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "request_id": id_of(record),
            "message": hide_secrets(record.getMessage()),
        }
        if record.exc_info:
            entry["trace"] = hide_secrets(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)
