"""Pages that show two apps: the directory, with the free times that bookings knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from bookings import availability, screening
from bookings.availability import NextFree, Start
from bookings.errors import ScreeningUnavailable
from bookings.models import Opening, ScreeningForm
from clinic import clock
from clinic.addresses import canonical
from clinic.text import form_status
from practitioners import citations, search
from practitioners.models import (
    Audience,
    Claim,
    Condition,
    Location,
    Practitioner,
    Reference,
    Therapy,
    Treatment,
)

# Free times are gone in seconds: nothing on the way may show an old page, or anybody's to another.
fresh = cache_control(private=True, no_cache=True)
CARDS_A_PAGE = 12
SOONEST_ON_HOME = 6


@dataclass(frozen=True)
class Card:
    """A practitioner in a list, with their earliest start where there is one."""

    practitioner: Practitioner
    next: NextFree | None


@dataclass(frozen=True)
class Soon:
    """An earliest start of a therapy, with the treatment that it is of."""

    treatment: Treatment
    start: Start


# --- home -----------------------------------------------------------------------
@require_safe
@fresh
def home(request: HttpRequest) -> HttpResponse:
    """Who we are, the ways in, and what is free next."""
    therapies = list(Therapy.objects.published())
    context = {
        "therapies": therapies,
        "conditions": Condition.objects.published(),
        "soon": soonest_by_therapy(_for_strangers())[:SOONEST_ON_HOME],
        "canonical": canonical(request),
    }
    return render(request, "clinic/home.html", context)


def soonest_by_therapy(treatments: Iterable[Treatment]) -> list[Soon]:
    """The earliest start of each therapy among `treatments`, earliest first."""
    by_id = {t.pk: t for t in treatments}
    best: dict[int, Soon] = {}
    for pk, start in availability.next_for_treatments(by_id.values()).items():
        therapy = by_id[pk].therapy_id
        if therapy not in best or start.at < best[therapy].start.at:
            best[therapy] = Soon(by_id[pk], start)
    return sorted(best.values(), key=lambda soon: soon.start.at)


def _for_strangers() -> QuerySet[Treatment]:
    """What somebody who has never been here may book."""
    return (
        Treatment.objects.bookable()
        .exclude(audience=Audience.RETURNING)
        .filter(requires__isnull=True)
    )


# --- practitioners --------------------------------------------------------------
@require_safe
@fresh
def directory(request: HttpRequest) -> HttpResponse:
    """The practitioners who match the filters, the one with the earliest start first."""
    form = search.DirectoryForm(request.GET)
    wanted = form.filters()
    day = _today()
    found = search.directory(day, wanted)
    if wanted.location:
        found = found.filter(pk__in=_who_works_at(wanted.location, day))
    cards = _cards(found, therapy=wanted.therapy, location=wanted.location)
    page = Paginator(cards, CARDS_A_PAGE).get_page(request.GET.get("page"))
    _fill_cards(page.object_list)
    others = request.GET.copy()
    others.pop("page", None)
    context = {
        "form": form,
        "page_obj": page,
        "querystring": others.urlencode(),
        "is_filtered": wanted != search.Filters(),
        "canonical": canonical(request),
    }
    status = 200 if form.is_valid() else form_status(form)
    return render(request, "practitioners/directory.html", context, status=status)


def _today() -> date:
    return clock.now().date()


def _cards(
    people: Iterable[Practitioner],
    *,
    therapy: Therapy | None = None,
    location: Location | None = None,
) -> list[Card]:
    """A card each, earliest start first, in the directory's order where there is none."""
    people = list(people)
    free = availability.next_free(people, therapy=therapy, location=location)
    cards = [Card(person, free.get(person.pk)) for person in people]
    return sorted(cards, key=lambda c: (c.next is None, c.next.at if c.next else clock.now()))


def _fill_cards(cards: Iterable[Card]) -> None:
    """Load what the cards on one page show. Four queries."""
    people = [card.practitioner for card in cards]
    prefetch_related_objects(people, "registrations", "languages", "treatments__therapy")


def _who_works_at(location: Location, day: date) -> QuerySet[Opening, Any]:
    """Ids of practitioners who have hours at a location on or after `day`."""
    return _hours_from(day).filter(location=location).values("resource__practitioner")


def _hours_from(day: date) -> QuerySet[Opening]:
    """Practitioners' hours that are in force on `day` or later."""
    weekly = Q(on_date__isnull=True) & (Q(valid_until__isnull=True) | Q(valid_until__gte=day))
    return Opening.objects.filter(
        weekly | Q(on_date__gte=day),
        resource__practitioner__isnull=False,
        location__is_published=True,
    )


@require_safe
@fresh
def practitioner(request: HttpRequest, slug: str) -> HttpResponse:
    """One practitioner: who, what, where on which days, and the next free start."""
    day = _today()
    people = search.in_practice(day).prefetch_related("registrations", "languages")
    person = get_object_or_404(people, slug=slug)
    context = {
        "practitioner": person,
        "groups": by_therapy(Treatment.objects.bookable().filter(practitioners=person)),
        "places": _places(person, day),
        "next": availability.next_free([person], new_patient=person.takes_new_patients).get(
            person.pk
        ),
        "canonical": canonical(request),
    }
    return render(request, "practitioners/practitioner.html", context)


def by_therapy(treatments: Iterable[Treatment]) -> list[tuple[Therapy, list[Treatment]]]:
    """Treatments under their therapy, in the directory's order. Reads `therapy`."""
    groups: dict[Therapy, list[Treatment]] = {}
    for treatment in sorted(
        treatments, key=lambda t: (t.therapy.position, t.therapy.name, t.position, t.minutes)
    ):
        groups.setdefault(treatment.therapy, []).append(treatment)
    return list(groups.items())


def _places(person: Practitioner, day: date) -> list[tuple[Location, list[Opening]]]:
    """Where a practitioner works, with the hours there. One query."""
    hours = _hours_from(day).filter(resource__practitioner=person).select_related("location")
    places: dict[Location, list[Opening]] = {}
    for opening in hours.order_by("location__position", "weekday", "on_date", "starts"):
        places.setdefault(opening.location, []).append(opening)
    return list(places.items())


# --- therapies and conditions ---------------------------------------------------
@require_safe
@fresh
def therapy(request: HttpRequest, slug: str) -> HttpResponse:
    """One therapy: what it is, what it costs, how strong the evidence is, who gives it when."""
    day = _today()
    found = get_object_or_404(Therapy.objects.published().prefetch_related(_claims(day)), slug=slug)
    cards = _cards(search.directory(day, search.Filters(therapy=found)), therapy=found)
    _fill_cards(cards)
    texts = [getattr(found, name) for name in Therapy.CITING]
    claimed = (work.key for claim in found.claims.all() for work in claim.references.all())
    numbers = citations.numbers(*texts, then=claimed)
    context = {
        "therapy": found,
        "treatments": Treatment.objects.bookable().filter(therapy=found),
        "cards": cards,
        "conditions": found.conditions.published(),
        "numbers": numbers,
        "references": sorted(
            Reference.objects.filter(key__in=numbers), key=lambda work: numbers[work.key]
        ),
        # The cards come earliest first, so the therapy's next start is the first card's.
        "soonest": cards[0] if cards and cards[0].next else None,
        "is_overdue": is_overdue(found, day),
        "canonical": canonical(request),
    }
    return render(request, "practitioners/therapy.html", context)


def _claims(day: date) -> Prefetch:
    """Claims that somebody approved and that are still approved on `day`."""
    approved = Claim.objects.exclude(approved_by="").filter(
        Q(approved_until__isnull=True) | Q(approved_until__gte=day)
    )
    return Prefetch("claims", approved.prefetch_related("references"))


def is_overdue(page: Therapy | Condition, day: date) -> bool:
    """Whether a health page should have been reviewed by now."""
    return page.review_due is not None and page.review_due < day


@require_safe
def condition(request: HttpRequest, slug: str) -> HttpResponse:
    """One condition: what it is, when to get help now, what one can do, what we offer."""
    found = get_object_or_404(Condition.objects.published(), slug=slug)
    context = {
        "condition": found,
        "therapies": found.therapies.published(),
        "gate": red_flags(),
        "is_overdue": is_overdue(found, _today()),
        "canonical": canonical(request),
    }
    return render(request, "practitioners/condition.html", context)


def red_flags() -> ScreeningForm | None:
    """The red-flag questions; None when there are none, and the page says its own words."""
    try:
        return screening.current_form()
    except ScreeningUnavailable:
        return None


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What the site keeps about people, for how long, and who reads it."""
    return render(request, "clinic/privacy.html")
