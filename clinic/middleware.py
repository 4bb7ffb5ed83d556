"""What every request meets before a view, and every answer before it leaves."""

import logging
import re
import sys
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from django.views import defaults

from clinic import metrics, outage
from clinic.logs import new_id, request_id
from clinic.outage import problem

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

# Nothing of the site asks a browser for any of these.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "browsing-topics",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "payment",
        "usb",
    )
)


# What a proxy of ours may call a request; anything else gets an id of our own.
_AN_ID = re.compile(r"[A-Za-z0-9-]{16,64}")


class RequestId:
    """Give each request an id, which stands in every line it logs and in its answer.

    X-Request-ID is believed where a proxy of ours stands in front (TRUSTED_PROXIES).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "") if settings.TRUSTED_PROXIES else ""
        request.id = given if _AN_ID.fullmatch(given) else new_id()  # type: ignore[attr-defined]
        token = request_id.set(request.id)  # type: ignore[attr-defined]
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


class Measured:
    """Count every answer, and how long it took, under the name of its address: paths have keys."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        # The admin has hundreds of names, and a few people who wait for it.
        view = ("admin" if match.app_name == "admin" else match.view_name) if match else "none"
        metrics.observe(view or "none", time.perf_counter() - started, response.status_code)
        return response


class Outage:
    """Answer 503, with a number to call, when the database is away."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return outage.answer(request, error) if outage.is_outage(error) else None


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: what no view and no middleware caught. Without the database that is a 503, be it
    the session, the login or the 404 page that wanted to ask it."""
    error = sys.exception()
    if error is not None and outage.is_outage(error):
        return outage.answer(request, error)
    return defaults.server_error(request)


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """Answer 400 or 413: a page for a person, a problem document (RFC 9457) for the API."""
    if request.path_info.startswith("/api/"):
        return problem(status, sentence)
    return render(request, f"{status}.html", {"sentence": sentence}, status=status)


class ApiProblems:
    """Answer a program with a problem document also where the site would show a page: no such
    address, a method that does not belong to it, a fault of ours.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path_info.startswith("/api/"):
            return response
        if response["Content-Type"] != "application/problem+json":
            said = problem(response.status_code)
            if "Allow" in response:
                said["Allow"] = response["Allow"]
            response = said
        response["Cache-Control"] = "no-store"
        return response


class PermissionsPolicy:
    """Say in one header which of a browser's senses the site does not want."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class BadInput:
    """Turn input that no page can use into a 400 or 413 page, before or after a view meets it.

    A zero byte in the address is refused at once. In a form it is first the form's business,
    which can say so beside the field; only where a view let it through to the database is it
    answered here.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self.length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return self.too_large(request)
        values = (v for k, vs in request.GET.lists() for v in (k, *vs))
        if "\0" in request.path_info or any("\0" in value for value in values):
            return self.unreadable(request)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, RequestDataTooBig):
            return self.too_large(request)
        # What only the database found out: a zero byte, half a surrogate pair, a number of
        # thirty digits. The log has the trace, for a form should have noticed.
        if isinstance(error, DataError | UnicodeEncodeError | OverflowError):
            log.error("input that could not be stored: %s", request.path, exc_info=error)
            return self.unreadable(request)
        return None

    @staticmethod
    def length(request: HttpRequest) -> int:
        """The announced length of the body in bytes; 0 where there is none or it is no number."""
        try:
            return int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return 0

    @staticmethod
    def too_large(request: HttpRequest) -> HttpResponse:
        return refuse(request, 413, _("That is more text than this site can take at once."))

    @staticmethod
    def unreadable(request: HttpRequest) -> HttpResponse:
        return refuse(request, 400, _("Something in that request could not be read."))


class FriendlyErrors:
    """Show the visitors' error pages while DEBUG is on, in place of Django's technical ones.

    Only `make demo` asks for it (FRIENDLY_ERRORS=1): whoever looks at the demo should see what a
    patient would see. Stands just before BadInput, so that BadInput sees an exception first.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            resolve(request.path_info)
        except Resolver404 as error:
            return self.show(defaults.page_not_found, request, error)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, Http404):
            return self.show(defaults.page_not_found, request, error)
        if isinstance(error, PermissionDenied):
            return self.show(defaults.permission_denied, request, error)
        if isinstance(error, BadRequest | SuspiciousOperation | MultiPartParserError):
            return self.show(defaults.bad_request, request, error)
        log.error("server error: %s", request.path, exc_info=error)
        return defaults.server_error(request)

    @staticmethod
    def show(
        page: Callable[[HttpRequest, Exception], HttpResponse],
        request: HttpRequest,
        error: Exception,
    ) -> HttpResponse:
        """The page, or where even that cannot be had, what there is without it."""
        try:
            return page(request, error)
        except Exception:
            return server_error(request)
