"""One place where a refusal becomes a page: what to say, with which status, and the ways on."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from bookings.errors import (
    Busy,
    NeedsProof,
    RedFlag,
    ScreeningUnavailable,
    StartTaken,
    TooManyHolds,
)
from clinic import throttle
from clinic.errors import Refused
from practitioners.models import Treatment

from . import flow
from .choice import BadAddress, Choice, choose
from .flow import private

View = Callable[..., HttpResponse]

# What a refusal's page is called; the refusal itself has the sentence.
TITLES = {
    "bad_address": _("We could not find that"),
    "start_taken": _("Somebody else was faster"),
    "hold_expired": _("The time has run out"),
    "patient_busy": _("You are somewhere else at that time"),
    "too_soon": _("Please call us"),
    "not_bookable": _("Please call us"),
    "assessment_needed": _("Something comes first"),
    "busy": _("Please try again"),
    "too_many_holds": _("Please wait a few minutes"),
}


def answers_refusals(view: View) -> View:
    """Let a view's verbs refuse: the refusal becomes a page of the treatment in the address."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refused as refused:
            return private(page(request, refused, slug=kwargs.get("slug", "")))

    return guarded


def page(request: HttpRequest, refused: Refused, *, slug: str = "") -> HttpResponse:
    """The page that says no. `slug` is the treatment's, where the address names one."""
    if isinstance(refused, NeedsProof):
        return redirect(_with_next("book-returning", request))
    if isinstance(refused, RedFlag):
        return redirect(_with_next("safety-advice", request))
    template = "bookings/book/refused.html"
    if isinstance(refused, ScreeningUnavailable):
        template = "bookings/book/help_now.html"
    choice = _choice(request, slug)
    if choice and isinstance(refused, BadAddress):
        # The way it was looked at may be what is wrong with it.
        choice = replace(choice, seen={}, left_open=())
    match = request.resolver_match
    context = {
        "refused": refused,
        "title": TITLES.get(refused.code, _("This time is not available")),
        "choice": choice,
        "alternatives": alternatives_of(refused, choice) if choice else [],
        "held": flow.live_hold(request, choice.treatment) if choice else None,
        # On the pages of one appointment: the token that leads back to it.
        "token": match.kwargs.get("token", "") if match else "",
    }
    response = render(request, template, context, status=refused.status)
    if isinstance(refused, TooManyHolds):
        response.headers["Retry-After"] = str(throttle.retry_after("hold"))
    if isinstance(refused, Busy):
        response.headers["Retry-After"] = str(refused.RETRY_AFTER_SECONDS)
    return response


def alternatives_of(refused: Refused | None, choice: Choice) -> list[Choice]:
    """The free starts that came with a refusal, each as a choice with its own addresses."""
    if not isinstance(refused, StartTaken):
        return []
    return [choice.at(start) for start in refused.alternatives]


def _choice(request: HttpRequest, slug: str) -> Choice | None:
    """What the address says, as far as it says anything that exists."""
    treatment = Treatment.objects.bookable().filter(slug=slug).first() if slug else None
    if treatment is None:
        return None
    try:
        return choose(treatment, request.GET)
    except Refused:
        return Choice(treatment, [], [])


def _with_next(name: str, request: HttpRequest) -> str:
    """The address of page `name`, that leads back to the details page of this start."""
    match = request.resolver_match
    back = request.get_full_path()
    if match and match.kwargs.get("slug"):
        query = request.META.get("QUERY_STRING", "")
        back = reverse("book-details", args=[match.kwargs["slug"]]) + (f"?{query}" if query else "")
    return f"{reverse(name)}?{urlencode({'next': back})}"


def too_fast(request: HttpRequest) -> HttpResponse:
    """429, with the seconds to wait."""
    response = render(request, "429.html", status=429)
    response.headers["Retry-After"] = str(throttle.retry_after())
    return response


def throttled(kind: str) -> Callable[[View], View]:
    """Count each POST against the limit of its kind."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "POST" and not throttle.allow(request, kind):
                return private(too_fast(request))
            return view(request, *args, **kwargs)

        return guarded

    return decorate
