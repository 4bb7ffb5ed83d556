"""What goes to the log: a line of JSON an event in production, no key to a page, nobody's data."""

import json
import logging
import re
from datetime import UTC, datetime

# What stands in these addresses opens an appointment or a diary to whoever reads the log.
_SECRET_PATH = re.compile(r"(/appointments/|/schedule/feed/)[^/\s?\"'.]+")
# PostgreSQL says which values, or which whole row, it refused.
_REFUSED_VALUES = re.compile(r"DETAIL: .*")


def hide_secrets(text: str) -> str:
    """Return `text` with the secret part of our addresses and refused values replaced by dots."""
    return _REFUSED_VALUES.sub("DETAIL: ...", _SECRET_PATH.sub(r"\1...", text))


class PlainFormatter(logging.Formatter):
    """Lines for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return hide_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """One object a line: time (UTC), level, logger, message and, where there is one, the trace."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": hide_secrets(record.getMessage()),
        }
        if record.exc_info:
            entry["trace"] = hide_secrets(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)
