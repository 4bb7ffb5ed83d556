"""The database is away: how that is known, what people are told, and the number they can call.

Every way in which PostgreSQL or SQLite can be gone, full, read-only or too slow is a 503 with a
Retry-After, never a 500. The page asks the database nothing: the clinic's name and number are
those that a page read last, in this process or in any other on the machine.
"""

import json
import logging
import os
import uuid
from http import HTTPStatus
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from clinic import metrics

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 30
FILE = "last-known.json"
# PostgreSQL says these by another class of error: read-only, and damaged pages.
_ALSO = ("25006", "XX001", "XX002")
# SQLite says "operational" also of SQL that is wrong (SQLITE_ERROR): that is a fault of ours.
_OURS_ON_SQLITE = ("SQLITE_ERROR", "SQLITE_MISUSE", "SQLITE_RANGE")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_known: dict[str, str] = {}


def is_outage(error: BaseException | None) -> bool:
    """Whether `error` means that the database cannot serve now, and may later."""
    if error is None:
        return False
    cause = error.__cause__ or error
    on_sqlite = getattr(cause, "sqlite_errorname", None) or ""
    if on_sqlite.startswith(_DAMAGED):
        return True
    if getattr(cause, "sqlstate", None) in _ALSO:
        return True
    if type(cause).__module__ == "sqlite3" and isinstance(error, InterfaceError):
        return False  # a parameter of a type that cannot be stored
    return isinstance(error, OperationalError | InterfaceError) and on_sqlite not in _OURS_ON_SQLITE


def remember(name: str, phone: str) -> None:
    """Keep the clinic's name and number for the day on which they cannot be asked for."""
    if not phone or _known == {"name": name, "phone": phone}:
        return
    _known.update(name=name, phone=phone)
    path = Path(settings.VAR_DIR) / FILE
    beside = path.with_name(f".{FILE}.{uuid.uuid4().hex}")
    try:
        beside.write_text(json.dumps(_known))
        os.replace(beside, path)
    except OSError as error:
        log.warning("the clinic's number could not be kept: %s", type(error).__name__)


def last_known() -> dict[str, str]:
    """The clinic's `name` and `phone` as a page last read them; empty if none ever did."""
    if not _known:
        try:
            kept = json.loads((Path(settings.VAR_DIR) / FILE).read_text())
            _known.update(name=str(kept["name"]), phone=str(kept["phone"]))
        except (OSError, ValueError, KeyError, TypeError):
            return {}
    return _known


def answer(request: HttpRequest, error: BaseException) -> HttpResponse:
    """The 503: a page with the clinic's number, a problem document (RFC 9457) for the API.

    The cause is logged here, once, without anything that was sent to the database.
    """
    metrics.count(metrics.failures, "database")
    cause = error.__cause__ or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or "-"
    view = request.resolver_match.view_name if request.resolver_match else "-"
    log.error("the database is away: %s %s, at %s", type(cause).__name__, code, view)
    is_api = request.path_info.startswith("/api/")
    response = problem(503, _("The diary cannot be reached just now.")) if is_api else _page()
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    # Django would log the answer a second time. It asks for this mark itself (django.utils.log).
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def problem(status: int, detail: str = "") -> HttpResponse:
    """A problem document (RFC 9457) for what the API itself never saw."""
    name = HTTPStatus(status)
    body = {
        "type": "about:blank",
        "title": name.phrase,
        "status": status,
        "code": name.name.lower(),
        "detail": detail or name.description or name.phrase,
    }
    return JsonResponse(body, status=status, content_type="application/problem+json")


def _page() -> HttpResponse:
    # Without the request: what the context processors add would ask the database.
    return HttpResponse(render_to_string("503.html", {"clinic": last_known()}), status=503)
