"""The signed-in practitioner's own day and week, theirs alone."""

from datetime import timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from bookings import diary
from bookings.actors import Actor
from bookings.models import Appointment
from clinic import clock
from clinic.access import practitioner_only
from practitioners.models import Practitioner

from .desk import chosen_day
from .moves import back, move

# Cancelling and moving are the desk's: a patient has to be told, and offered another time.
THEIR_VERBS = ("arrived", "completed", "no-show", "undo")


def me(request: HttpRequest) -> Practitioner | None:
    """The practitioner behind the login; None when nobody has linked the two."""
    return Practitioner.objects.filter(user=request.user.pk).first()


def not_linked(request: HttpRequest) -> HttpResponse:
    return render(request, "bookings/schedule/not_linked.html")


@require_safe
@practitioner_only
def day_and_week(request: HttpRequest) -> HttpResponse:
    """A day with its week: /schedule/?date=2026-11-23."""
    practitioner = me(request)
    if practitioner is None:
        return not_linked(request)
    now, today = clock.now(), clock.today(settings.TIME_ZONE)
    day = chosen_day(request, today)
    monday = day - timedelta(days=day.weekday())
    week = diary.days_of(practitioner, monday, monday + timedelta(days=6), now=now)
    page = {
        "practitioner": practitioner,
        "now": now,
        "day": day,
        "today": today,
        "is_today": day == today,
        "monday": monday,
        "previous_day": day - timedelta(days=1),
        "next_day": day + timedelta(days=1),
        "previous_week": day - timedelta(days=7),
        "next_week": day + timedelta(days=7),
        "shown": week[day.weekday()],
        "week": week,
        "next": diary.next_of(practitioner, now=now) if day == today else None,
    }
    paper = request.GET.get("view") == "print"
    name = "print.html" if paper else "day.html"
    return render(request, f"bookings/schedule/{name}", page)


@require_POST
@practitioner_only
def action(request: HttpRequest, reference: str, verb: str) -> HttpResponse:
    """Move one of their own appointments; anybody else's is not there."""
    if verb not in THEIR_VERBS:
        raise Http404
    mine = Appointment.objects.with_people().filter(practitioner__user=request.user.pk)
    appointment = get_object_or_404(mine, reference=reference, patient__isnull=False)
    by = Actor.of(request.user, "practitioner")
    outcome = request.POST.get("outcome", "")
    if outcome not in Appointment.Outcome.values:
        raise Http404
    how = {"outcome": outcome} if verb == "completed" else {}
    move(request, appointment, verb, by=by, **how)
    return back(request, "schedule", appointment)
