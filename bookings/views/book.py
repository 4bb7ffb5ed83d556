"""Choosing a treatment and a time. Everything chosen stands in the address."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from bookings import availability
from bookings.availability import Day, Month, Start
from bookings.forms import ChooseForm, FilterForm
from bookings.models import Appointment
from clinic import clock
from practitioners.models import Audience, Location, Practitioner, Therapy, Treatment

from . import flow
from .choice import BadAddress, Choice, for_treatment, read_day, read_month
from .refusals import answers_refusals

# Local hours at which a day's later parts begin.
AFTERNOON, EVENING = 12, 17


@dataclass(frozen=True)
class Offer:
    """A treatment on the list, with its earliest start."""

    treatment: Treatment
    next: Start | None


@require_safe
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
    """Step 2: a month in which free days can be told from full ones, and a day's starts."""
    choice = for_treatment(request, slug)
    form = FilterForm(choice.people, choice.places, initial=choice.params())
    board = month_page(request, choice)
    held = flow.live_hold(request, choice.treatment)
    context = {
        "choice": choice,
        "form": form,
        "board": board,
        "held": held,
        "held_choice": held.choice() if held else None,
    }
    return render(request, "bookings/book/calendar.html", context)


@dataclass(frozen=True)
class Slot:
    """One start on the page, and where its link leads; without a link for the time they have."""

    choice: Choice
    url: str


# From a start of the calendar to its link.
Link = Callable[[Choice, Start], Slot]


@dataclass(frozen=True)
class Board:
    """What a calendar page shows: the month in weeks, the day, its starts, the ways on."""

    choice: Choice
    month: Month
    weeks: list[list[Day | None]]
    today: date
    day: Day | None
    parts: list[tuple[str, list[Slot]]]
    previous: date | None
    following: date | None
    earliest: Start | None
    several_places: bool

    @property
    def filters(self) -> str:
        """The chosen practitioner and location, to go on with in an address.

        An empty one is said too: when an appointment is moved, saying nothing means its own.
        """
        person, place = self.choice.practitioner, self.choice.location
        return urlencode(
            {"practitioner": person.slug if person else "", "location": place.slug if place else ""}
        )


def booking_link(choice: Choice, start: Start) -> Slot:
    chosen = choice.at(start)
    return Slot(chosen, chosen.details_url)


def month_page(
    request: HttpRequest,
    choice: Choice,
    *,
    moving: Appointment | None = None,
    link: Link = booking_link,
) -> Board:
    """The calendar an address asks for; BadAddress for days that do not exist or are far off.

    An address that asks for none gets the first free day, or of one that is moved, the first
    from its own day on.
    """
    zone = (choice.location or choice.places[0]).time_zone if choice.places else "UTC"
    today = clock.today(zone)
    last = today + timedelta(days=choice.treatment.horizon_days)
    wanted = read_day(request.GET.get("date", ""))
    asked = wanted or read_month(request.GET.get("month", ""))
    own = max(today, min(moving.starts_local.date(), last)) if moving else today
    first = (asked or own).replace(day=1)
    if not today.replace(day=1) <= first <= last:
        raise BadAddress(
            _("This month is too far away. Please choose from the calendar."), status=404
        )

    def look(first: date) -> Month:
        return availability.month(
            choice.treatment,
            first,
            practitioner=choice.practitioner,
            location=choice.location,
            moving=moving,
        )

    month = look(first)
    earliest = None if month.starts else _earliest(choice)
    if earliest and not asked:
        # Nobody asked for this month: open the calendar where it begins to be free.
        first = earliest.local.date().replace(day=1)
        month, earliest = look(first), None
    free = [d for d in month.days if d.starts]
    day = next((d for d in free if d.date >= own), free[0] if free else None)
    day = month.day(wanted) if wanted else day
    following = (first + timedelta(days=32)).replace(day=1)
    return Board(
        choice=choice,
        month=month,
        weeks=_weeks(month),
        today=today,
        day=day,
        parts=_parts(day.starts if day else [], lambda start: link(choice, start)),
        previous=(first - timedelta(days=1)).replace(day=1) if first > today else None,
        following=following if following <= last else None,
        earliest=earliest,
        several_places=len({s.location.pk for s in month.starts}) > 1,
    )


def _weeks(month: Month) -> list[list[Day | None]]:
    """Rows of seven, Monday first, with None where another month's days would be."""
    cells: list[Day | None] = [None] * month.first.weekday() + list(month.days)
    cells += [None] * (-len(cells) % 7)
    return [cells[n : n + 7] for n in range(0, len(cells), 7)]


def _parts(starts: list[Start], slot: Callable[[Start], Slot]) -> list[tuple[str, list[Slot]]]:
    """A day's starts in morning, afternoon and evening, as far as there are any."""
    parts: dict[str, list[Slot]] = {}
    for start in starts:
        hour = start.local.hour
        name = _("Morning") if hour < AFTERNOON else _("Afternoon")
        if hour >= EVENING:
            name = _("Evening")
        parts.setdefault(str(name), []).append(slot(start))
    return list(parts.items())


def _earliest(choice: Choice) -> Start | None:
    """The first start there is at all, for a month that has none."""
    found = availability.next_for_treatments(
        [choice.treatment],
        days=availability.LONGEST_DAYS - 2,
        practitioner=choice.practitioner,
        location=choice.location,
    )
    return found.get(choice.treatment.pk)
