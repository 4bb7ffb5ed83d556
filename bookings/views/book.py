"""Choosing a treatment and a time. Everything chosen stands in the address."""

from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from bookings import availability
from bookings.availability import Start
from bookings.forms import ChooseForm
from practitioners.models import Audience, Location, Practitioner, Therapy, Treatment

from . import flow
from .calendar import answer, make_board
from .choice import BadAddress, for_treatment
from .refusals import answers_refusals


@dataclass(frozen=True)
class Offer:
    """A treatment on the list, with its earliest start."""

    treatment: Treatment
    next: Start | None


@require_safe
@cache_control(private=True, no_cache=True)
@answers_refusals
def choose(request: HttpRequest) -> HttpResponse:
    """Step 1: what is offered to first-time and to returning patients, by therapy."""
    who = request.GET.get("who", Audience.NEW)
    if who not in (Audience.NEW, Audience.RETURNING):
        raise BadAddress(_("Please choose: a first visit, or been here before."), status=404)
    form = ChooseForm(
        Therapy.objects.published().filter(treatments__is_published=True).distinct(),
        Practitioner.objects.published(),
        Location.objects.published(),
        request.GET,
    )
    if not form.is_valid():
        raise BadAddress(
            _("We could not find whom or where you chose. Please choose again."), status=404
        )
    treatments = list(_offered(form, who))
    soonest = availability.next_for_treatments(
        treatments, practitioner=form.chosen("practitioner"), location=form.chosen("location")
    )
    offers = [Offer(t, soonest.get(t.pk)) for t in treatments]
    context = {
        "who": who,
        "form": form,
        "filters": urlencode(form.query()),
        "groups": [
            (therapy, list(rows))
            for therapy, rows in groupby(offers, lambda o: o.treatment.therapy)
        ],
        "chosen_practitioner": form.chosen("practitioner"),
        "chosen_location": form.chosen("location"),
        "proved": flow.proved(request),
    }
    return render(request, "bookings/book/choose.html", context)


def _offered(form: ChooseForm, who: str) -> QuerySet[Treatment]:
    found = Treatment.objects.bookable().filter(audience__in=[Audience.ALL, who])
    therapy, person, place = (form.chosen(name) for name in ("therapy", "practitioner", "location"))
    if therapy:
        found = found.filter(therapy=therapy)
    if person:
        found = found.filter(practitioners=person)
    if place:
        has_room = Q(needs__pool__members__location=place)
        needs_none = ~Q(pk__in=Treatment.objects.filter(needs__pool__isnull=False))
        found = found.filter(has_room | needs_none).distinct()
    return found.order_by("therapy__position", "therapy__name", "position", "minutes")


@require_safe
@answers_refusals
def treatment(request: HttpRequest, slug: str) -> HttpResponse:
    """Step 2: a calendar in which free days can be told from full ones, and a day's starts."""
    choice = for_treatment(request, slug)
    board = make_board(request.GET, choice, holds=flow.live(request))
    context = {"choice": choice, "board": board}
    return answer(
        request, "bookings/book/calendar.html", "bookings/book/calendar_part.html", context
    )
