"""Every refusal and every mistake as a problem document (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from clinic.errors import Refused
from clinic.throttle import retry_after

from ..errors import Busy, StartTaken
from .payloads import StartOut


class TooMany(Exception):  # noqa: N818  like Refused, an answer rather than a fault
    """This address has asked too often within the minute."""


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    alternatives: list[StartOut] | None = None,
) -> HttpResponse:
    """The document, with the status' own name as its title."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    if alternatives is not None:
        body["alternatives"] = [a.model_dump(mode="json") for a in alternatives]
    response = HttpResponse(
        json.dumps(body), status=status, content_type="application/problem+json"
    )
    response["Cache-Control"] = "no-store"
    return response


def register(api: NinjaAPI) -> None:
    """Teach `api` to answer every exception with a problem document."""

    def refused(request: HttpRequest, error: Refused) -> HttpResponse:
        errors = [{"field": error.field, "message": str(error.sentence)}] if error.field else []
        near = None
        if isinstance(error, StartTaken):
            near = [StartOut.of(start) for start in error.alternatives]
        response = problem(
            error.status, error.code, str(error.sentence), errors=errors, alternatives=near
        )
        if isinstance(error, Busy):
            response["Retry-After"] = str(error.RETRY_AFTER_SECONDS)
        return response

    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        errors = [
            {"field": _field(item["loc"]), "message": item["msg"]} for item in error.errors[:20]
        ]
        # Half a surrogate pair is no text at all, like a zero byte: 400, as on the pages.
        status = 400 if any(e["type"] == "string_unicode" for e in error.errors) else 422
        return problem(status, "invalid", _("Some of the input is not valid."), errors=errors)

    def http(request: HttpRequest, error: HttpError) -> HttpResponse:
        return problem(error.status_code, "bad_request", str(error))

    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return problem(404, "not_found", _("There is nothing at this address."))

    def too_many(request: HttpRequest, error: TooMany) -> HttpResponse:
        response = problem(429, "too_many_requests", _("Please wait a minute, then try again."))
        response["Retry-After"] = str(retry_after())
        return response

    def let_through(request: HttpRequest, error: Exception) -> HttpResponse:
        # A fault of ours or of the database: the middleware answers, with DEBUG on as well.
        raise error

    api.add_exception_handler(Exception, let_through)  # type: ignore[arg-type]
    api.add_exception_handler(Refused, refused)  # type: ignore[arg-type]
    api.add_exception_handler(ValidationError, invalid)  # type: ignore[arg-type]
    api.add_exception_handler(HttpError, http)  # type: ignore[arg-type]
    api.add_exception_handler(Http404, missing)  # type: ignore[arg-type]
    api.add_exception_handler(TooMany, too_many)  # type: ignore[arg-type]


def _field(location: tuple[Any, ...]) -> str:
    """("body", "payload", "patient", "email") -> patient.email"""
    parts = [str(part) for part in location if part not in ("body", "query", "path", "payload")]
    return ".".join(parts)
