"""/healthz says the process is alive; /readyz says it can serve, and names what is missing.

Both answer JSON, to anybody, without a word about hosts or versions; the log has the details.
"""

import logging
import os
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

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


CHECKS: dict[str, Callable[[], str]] = {
    "database": check_database,
    "migrations": check_migrations,
    "broker": check_broker,
}


def run_check(name: str) -> str:
    """Return "ok" or a word on what is wrong; never raises."""
    try:
        return CHECKS[name]()
    except Exception:
        log.warning("not ready: %s", name, exc_info=True)
        return "unreachable"


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer while the process can answer anything."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when patients can be served, else 503; each check has its own line."""
    checks: dict[str, str] = {}
    for name in CHECKS:
        # Without the database they would only wait for it once more.
        lost = name == "migrations" and checks["database"] != "ok"
        checks[name] = "unreachable" if lost else run_check(name)
    ready = all(result == "ok" for result in checks.values())
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "checks": checks},
        status=200 if ready else 503,
    )
