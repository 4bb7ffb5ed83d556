"""The front desk: the day by location, what needs attention, finding a patient."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from bookings import diary, notifications, undo
from bookings.actors import Actor
from bookings.attention import attention
from bookings.errors import HasMoved
from bookings.models import Appointment
from clinic import clock
from clinic.access import desk_only
from clinic.text import LineField, clean_line, form_status
from practitioners.models import Location

from .moves import VERBS, back, came_from, has_moved, move

SHORT_LIST, LONG_LIST = 4, 100


class CancelForm(forms.Form):
    """Why the clinic or the patient calls a visit off."""

    reason = LineField(
        label=_("Why is it cancelled?"),
        max_length=200,
        help_text=_("For staff: the patient does not see it."),
    )


def chosen_day(request: HttpRequest, today: date) -> date:
    """The date in the address, or today; Http404 for one that does not exist."""
    typed = request.GET.get("date", "")
    if not typed:
        return today
    try:
        day = parse_date(typed)
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 2100:
        raise Http404(gettext("There is no such day."))
    return day


def _where(request: HttpRequest) -> tuple[list[Location], Location | None, list[Location]]:
    """All locations, the one in the address or None for all, and those to show."""
    everywhere = list(Location.objects.all())
    slug = request.GET.get("location", "")
    chosen = next((place for place in everywhere if place.slug == slug), None)
    if slug and chosen is None:
        raise Http404(gettext("There is no such location."))
    return everywhere, chosen, [chosen] if chosen else everywhere


def _page(request: HttpRequest) -> dict[str, Any]:
    """What the day's list and its print-out share."""
    everywhere, chosen, shown = _where(request)
    now = clock.now()
    today = clock.today(chosen.time_zone if chosen else settings.TIME_ZONE)
    day = chosen_day(request, today)
    return {
        "day": day,
        "today": today,
        "previous_day": day - timedelta(days=1),
        "next_day": day + timedelta(days=1),
        "now": now,
        "locations": everywhere,
        "chosen": chosen,
        "shown": shown,
        "days": diary.days_at(shown, day, now=now),
    }


@require_safe
@desk_only
def today(request: HttpRequest) -> HttpResponse:
    """A day at one location or at all: /desk/?location=quayside&date=2026-11-23."""
    page = _page(request)
    page["away"] = diary.away_on(page["shown"], page["day"])
    page["tally"] = sum((there.tally for there in page["days"]), Counter())
    page["undo"] = undo.still_open(page["shown"], at=page["now"])
    page["attention"] = attention(page["shown"], now=page["now"], at_most=SHORT_LIST)
    return render(request, "bookings/desk/day.html", page)


@require_safe
@desk_only
def print_day(request: HttpRequest) -> HttpResponse:
    """The same day as a table for paper: enough to run it without the network."""
    page = _page(request)
    page["away"] = diary.away_on(page["shown"], page["day"])
    return render(request, "bookings/desk/print.html", page)


@require_safe
@desk_only
def all_attention(request: HttpRequest) -> HttpResponse:
    """Everything that waits, in full."""
    everywhere, chosen, shown = _where(request)
    waiting = attention(shown, now=clock.now(), at_most=LONG_LIST)
    page = {
        "locations": everywhere,
        "chosen": chosen,
        "attention": waiting,
        "undo": undo.still_open(shown, at=clock.now()),
    }
    return render(request, "bookings/desk/attention.html", page)


@require_safe
@desk_only
def search(request: HttpRequest) -> HttpResponse:
    """Patients by name, phone, mail or reference."""
    typed, problem, status = request.GET.get("q", "")[:200], "", 200
    try:
        typed = clean_line(typed)
    except ValidationError as error:
        typed, problem, status = "", error.messages[0], 400
    found = diary.find(typed)
    page = {
        "typed": typed,
        "problem": problem,
        "found": found,
        "too_short": 0 < len(typed) < diary.FIND_AT_LEAST,
        "there_may_be_more": len(found) == diary.FOUND_AT_MOST,
    }
    return render(request, "bookings/desk/search.html", page, status=status)


@require_http_methods(["GET", "POST"])
@desk_only
def action(request: HttpRequest, reference: str, verb: str) -> HttpResponse:
    """Move one appointment; cancelling asks for a reason on a page of its own."""
    if verb not in VERBS:
        raise Http404
    found = Appointment.objects.with_people()
    appointment = get_object_or_404(found, reference=reference, patient__isnull=False)
    by = Actor.of(request.user)
    if verb == "cancel":
        return _cancel(request, appointment, by)
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    if has_moved(request, appointment):
        messages.error(request, str(HasMoved().sentence))
    else:
        move(request, appointment, verb, by=by)
    return back(request, "desk", appointment)


def _cancel(request: HttpRequest, appointment: Appointment, by: Actor) -> HttpResponse:
    form = CancelForm(request.POST if request.method == "POST" else None)
    refused = HasMoved() if has_moved(request, appointment) else None
    if form.is_valid() and not refused:
        move(request, appointment, "cancel", by=by, reason=form.cleaned_data["reason"])
        return back(request, "desk", appointment, at="undo" if undo.of(appointment) else "")
    page = {
        "appointment": appointment,
        "form": form,
        "refused": refused,
        "back": came_from(request, "desk"),
        "told": notifications.how_told(appointment.patient) if appointment.patient else "",
        "is_late": clock.now() > appointment.free_until,
    }
    status = refused.status if refused else form_status(form) if form.is_bound else 200
    return render(request, "bookings/desk/cancel.html", page, status=status)
