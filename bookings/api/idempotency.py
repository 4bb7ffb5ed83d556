"""The Idempotency-Key of a call: the same request sent twice is done once and answered twice."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.responses import Response

from clinic.errors import Refused

from ..idempotency import once

LONGEST_KEY = 255


def answered_once(request: HttpRequest, body: Any, work: Callable[[], tuple[int, Any]]) -> Response:
    """The response of `work` (status, plain answer), done once for the key that came with it.

    The same key with another address or body is Refused with 422, like a key that is none.
    """
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Refused(
            _("The key must be 1 to 255 printable characters."),
            code="invalid",
            field="Idempotency-Key",
        )
    status, answer, replayed = once("api", key, [request.path, body], work)
    response = Response(answer, status=status)
    response["Cache-Control"] = "no-store"
    if replayed:
        response["Idempotency-Replayed"] = "true"
    return response
