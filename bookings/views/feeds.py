"""A practitioner's private calendar addresses, and what stands behind each."""

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookings import feeds
from bookings.models import FeedToken
from clinic import clock, throttle
from clinic.access import practitioner_only
from clinic.errors import Refused
from clinic.text import LineField, form_status
from practitioners.models import Practitioner

from .schedule import me, not_linked


class FeedForm(forms.Form):
    """How much a new calendar address tells, and what to call it."""

    detail = forms.ChoiceField(
        label=_("What should each visit show?"),
        choices=[
            (FeedToken.Detail.INITIALS, _("The patient’s initials")),
            (FeedToken.Detail.BUSY, _("Only that you are busy")),
        ],
        initial=FeedToken.Detail.INITIALS,
        widget=forms.RadioSelect,
    )
    label = LineField(
        label=_("Name (if you like)"),
        max_length=60,
        required=False,
        help_text=_("So that you know it again: “My phone”."),
    )


@require_http_methods(["GET", "POST"])
@practitioner_only
def manage(request: HttpRequest) -> HttpResponse:
    """The list of addresses; a new one is shown in the answer that makes it, and never again."""
    practitioner = me(request)
    if practitioner is None:
        return not_linked(request)
    form = FeedForm(request.POST if request.method == "POST" else None)
    address = ""
    if form.is_valid():
        try:
            _feed, token = feeds.make(practitioner, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal.sentence))
        else:
            address = request.build_absolute_uri(reverse("schedule-feed", args=[token]))
            form = FeedForm()
    status = form_status(form) if form.is_bound else 200
    return render(
        request, "bookings/schedule/feeds.html", _page(practitioner, form, address), status=status
    )


def _page(practitioner: Practitioner, form: FeedForm, address: str) -> dict[str, object]:
    return {
        "form": form,
        "address": address,
        # Calendar programs open this scheme themselves.
        "subscribe": f"webcal:{address.partition(':')[2]}" if address else "",
        "feeds": list(practitioner.feed_tokens.filter(revoked_at=None)),
    }


@require_POST
@practitioner_only
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop one of their own addresses."""
    feeds.revoke(get_object_or_404(FeedToken, pk=pk, practitioner__user=request.user.pk))
    return HttpResponseRedirect(reverse("schedule-feeds"))


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """The calendar itself: open to whoever holds the address, the same 404 for all others."""
    if not throttle.allow(request, "api"):
        return HttpResponse(status=429, headers={"Retry-After": str(throttle.retry_after())})
    found = feeds.find(token)
    if found is None:
        return _private(HttpResponse(status=404, content_type="text/plain"))
    body = feeds.calendar(found, feeds.appointments(found.practitioner, now=clock.now()))
    tag = feeds.etag(body)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="schedule.ics"'
    response["ETag"] = tag
    return _private(get_conditional_response(request, etag=tag, response=response) or response)


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, max-age=0, must-revalidate"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response
