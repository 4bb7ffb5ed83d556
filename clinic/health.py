"""/healthz says the process is alive; /readyz says it can serve, and names what is missing.

It is "ready", "degraded" (patients can book, something else waits) or "not ready". Both answer
JSON, to anybody, without a word about hosts or versions; the log has the details.
"""

import logging
import os
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from clinic import pulse, tasks
from clinic.celery import app

log = logging.getLogger(__name__)


def check_database() -> str:
    """Ask the database the smallest question there is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def check_migrations() -> str:
    """Compare the migrations in the code with those the database has had."""
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} not applied" if waiting else "ok"


def check_broker() -> str:
    """Open a channel to the broker, waiting a second or two at most."""
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)
        broker.default_channel  # noqa: B018  (opening it is the check)
    if not settings.REDIS_URL:
        folder = settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"]
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return "folder not writable"
    return "ok"


def check_cache() -> str:
    """Whether the cache keeps what it is given."""
    cache.set("readyz", "kept", timeout=5)
    return "ok" if cache.get("readyz") == "kept" else "does not keep"


def check_outbox() -> str:
    """Whether mail goes out: nothing waits too long, nothing was given up."""
    box = pulse.outbox()
    if box.stuck:
        return f"{box.stuck} waiting too long"
    return f"{box.undeliverable} undeliverable" if box.undeliverable else "ok"


def check_worker() -> str:
    """When a worker last did what beat asked. Before the first time nothing is wrong yet: where
    none ever comes, the outbox says so."""
    silence = pulse.silence()
    if silence is None:
        return "ok"
    if silence > pulse.SILENT_AFTER:
        return f"silent for {int(silence.total_seconds() // 60)} minutes"
    return "clock went back" if -silence > tasks.STEP_BACK else "ok"


CHECKS: dict[str, Callable[[], str]] = {
    "database": check_database,
    "migrations": check_migrations,
    "broker": check_broker,
    "cache": check_cache,
    "outbox": check_outbox,
    "worker": check_worker,
}
# Without these nobody can book; without the others people can, and something comes later.
VITAL = ("database", "migrations")
# They ask the database too: without it they would only wait for it once more.
NEED_DATABASE = ("migrations", "outbox", "worker")


def run_check(name: str) -> str:
    """Return "ok" or a word on what is wrong; never raises."""
    try:
        result = CHECKS[name]()
    except Exception as error:
        log.warning("not ready: %s: %s", name, type(error).__name__, exc_info=name in VITAL)
        return "unreachable"
    if result != "ok":
        log.warning("not ready: %s: %s", name, result)
    return result


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer while the process can answer anything."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while patients can be served, else 503; each check has its own line.

    "degraded" is a 200: who balances the load must not take away a site that still books.
    """
    checks: dict[str, str] = {}
    for name in CHECKS:
        lost = name in NEED_DATABASE and checks["database"] != "ok"
        checks[name] = "unreachable" if lost else run_check(name)
    wrong = [name for name, result in checks.items() if result != "ok"]
    down = any(name in VITAL for name in wrong)
    status = "not ready" if down else "degraded" if wrong else "ready"
    return JsonResponse({"status": status, "checks": checks}, status=503 if down else 200)
