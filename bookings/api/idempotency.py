"""The Idempotency-Key of a call: the same request sent twice is done once and answered twice."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.responses import Response

from clinic.errors import Refused

from ..idempotency import answered, once

LONGEST_KEY = 255
Work = Callable[[], tuple[int, Any]]


def answered_once(request: HttpRequest, body: Any, prepare: Callable[[], Work]) -> Response:
    """The response of the work (status, plain answer), done once for the key that came with it.

    `prepare` looks up what the request names and returns the work. Neither is called for what was
    answered before, whatever has become of those things since. The same key with another address
    or body is Refused with 422, like a key that is none.
    """
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Refused(
            _("The key must be 1 to 255 printable characters."),
            code="invalid",
            field="Idempotency-Key",
        )
    asked = [request.path, body]
    if stored := answered("api", key, asked):
        status, answer, replayed = *stored, True
    else:
        status, answer, replayed = once("api", key, asked, prepare())
    response = Response(answer, status=status)
    response["Cache-Control"] = "no-store"
    if replayed:
        response["Idempotency-Replayed"] = "true"
    return response
