"""The site with named points at which it dies, for tests alone: production knows nothing of it.

    celery --app clinic.tests.faults.crashing worker
    gunicorn clinic.tests.faults.crashing:application

A file in CRASH_DIR arms the point of its name: the first process that passes there takes the file
away and ends itself with SIGKILL. A lease and a tick take a few seconds here.
"""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

from clinic.celery import app
from clinic.wsgi import application as whole

# isort: split
from django.db.backends.signals import connection_created

from bookings import notifications
from clinic import mail

TICK_SECONDS = 1

_folder = Path(os.environ["CRASH_DIR"])
notifications.LEASE = timedelta(seconds=3)
app.conf.beat_schedule["send_due"]["schedule"] = timedelta(seconds=TICK_SECONDS)


def pass_by(point: str) -> None:
    try:
        (_folder / point).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def around(module: Any, name: str, *, before: str = "", after: str = "") -> None:
    """Put a point before or after a function; after one that returns something."""
    real = getattr(module, name)

    @wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        pass_by(before) if before else None
        result = real(*args, **kwargs)
        pass_by(after) if after and result not in (False, []) else None
        return result

    setattr(module, name, wrapped)


def within_statements(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
) -> Any:
    """Points inside transactions: what was written then is not committed yet."""
    marks = sql.startswith('UPDATE "bookings_notification"') and "sent" in (params or ())
    if marks:
        pass_by("marking")
    result = execute(sql, params, many, context)
    if sql.startswith('UPDATE "bookings_notification"') and '"attempts" + ' in sql:
        pass_by("claiming")
    elif sql.startswith('INSERT INTO "bookings_reservation"'):
        pass_by("reserving")
    return result


def watch(connection: Any, **_kwargs: Any) -> None:
    if within_statements not in connection.execute_wrappers:
        connection.execute_wrappers.append(within_statements)


connection_created.connect(watch)
around(notifications, "claim", after="claimed")
around(notifications, "deliver", before="taken")
around(mail, "send", before="sending", after="sent")
# What a booking does as soon as it is committed.
around(notifications, "nudge", before="committed")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    answer = whole(environ, start_response)
    if environ["REQUEST_METHOD"] == "POST":
        pass_by("answering")
    return answer
