"""Why is a time not free? The desk asks about one start, and reads what stands in the way."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from bookings import availability
from bookings.availability import Start
from bookings.explain import Explanation, Line, explain
from bookings.forms import RowField, StyledForm
from clinic import clock
from clinic.access import desk_only
from clinic.text import form_status
from practitioners.models import Location, Practitioner, Treatment


class TreatmentField(forms.ChoiceField):
    """A treatment in one of its lengths: its slug in the address, with “.90” for another length.

    Gives (treatment, minutes); minutes are None for the treatment's own.
    """

    def offer(self, treatments: Iterable[Treatment]) -> None:
        self.rows: dict[str, tuple[Treatment, int | None]] = {}
        choices: list[tuple[str, Any]] = [("", _("Choose one"))]
        for treatment in treatments:
            lengths = [minutes for minutes, _pence in treatment.choices()]
            for minutes in lengths:
                own = minutes == treatment.minutes
                key = treatment.slug if own else f"{treatment.slug}.{minutes}"
                self.rows[key] = (treatment, None if own else minutes)
                choices.append((key, _name(treatment, minutes) if lengths[1:] else str(treatment)))
        self.choices = choices


def _name(treatment: Treatment, minutes: int) -> str:
    named = ngettext("%(treatment)s, %(n)d minute", "%(treatment)s, %(n)d minutes", minutes)
    return named % {"treatment": treatment, "n": minutes}


class WhyForm(StyledForm):
    """Which start somebody wonders about. Sent by GET, so that the address says all of it."""

    treatment = TreatmentField(
        label=_("Treatment"),
        error_messages={"invalid_choice": _("There is no such treatment. Choose one of the list.")},
    )
    date = forms.DateField(
        label=_("Date"),
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={"invalid": _("There is no such day.")},
    )
    time = forms.TimeField(
        label=_("Time"),
        input_formats=["%H:%M"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "step": 300}),
        error_messages={"invalid": _("There is no such time. Write it like 14:30.")},
    )
    practitioner = RowField(
        _("Anyone"),
        label=_("With whom"),
        error_messages={"invalid_choice": _("There is nobody of that name. Choose from the list.")},
    )
    location = RowField(
        _("Any location"),
        label=_("Where"),
        help_text=_("The time is by the clock there."),
        error_messages={"invalid_choice": _("There is no such location. Choose from the list.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        treatments = Treatment.objects.bookable()
        ordered = treatments.order_by("therapy__position", "therapy__name", "position", "name")
        self.fields["treatment"].offer(ordered.prefetch_related("lengths"))  # type: ignore[attr-defined]
        self.fields["practitioner"].offer(Practitioner.objects.published())  # type: ignore[attr-defined]
        self.fields["location"].offer(Location.objects.published())  # type: ignore[attr-defined]

    def _row(self, name: str) -> Any:
        return self.fields[name].rows.get(self.cleaned_data[name])  # type: ignore[attr-defined]

    def clean_treatment(self) -> tuple[Treatment, int | None]:
        return self._row("treatment")

    def clean_practitioner(self) -> Practitioner | None:
        return self._row("practitioner")

    def clean_location(self) -> Location | None:
        return self._row("location")

    def clean_date(self) -> Any:
        day = self.cleaned_data["date"]
        if not 2000 <= day.year < 2100:
            raise forms.ValidationError(_("There is no such day."))
        return day

    @property
    def zone(self) -> str:
        """Whose clock the time is read off."""
        place = self.cleaned_data.get("location")
        return place.time_zone if place else settings.TIME_ZONE

    def clean(self) -> dict[str, Any]:
        typed = self.cleaned_data
        if {"date", "time", "location"} <= typed.keys():
            typed["start"] = clock.at_wall(typed["date"], typed["time"], self.zone)
            if typed["start"] is None:
                self.add_error(
                    "time",
                    _("The clocks go forward: this time does not exist on that day."),
                )
        return typed


@dataclass(frozen=True)
class Offer:
    """A start that staff can book, and the admin's form with all of it filled in."""

    start: Start
    who: Practitioner
    others: int
    url: str


@dataclass(frozen=True)
class Answer:
    """All the page says about one start."""

    start: datetime
    zone: str
    what: str
    practitioner: Practitioner | None
    location: Location | None
    # As a patient would find it online; reasons by location, first those that hold everywhere.
    said: Explanation
    reasons: list[tuple[Location | None, list[Line]]]
    # How it can be booked; where it is not offered online, by staff who go round the rules.
    ways: list[Offer]
    nearest: list[Offer]

    @property
    def is_first_of_two(self) -> bool:
        """Whether the clock shows this time again an hour later."""
        wall = clock.local(self.start, self.zone)
        return wall.utcoffset() != wall.replace(fold=1).utcoffset()


def _offer(
    start: Start, treatment: Treatment, minutes: int | None, wish: Practitioner | None
) -> Offer:
    people = start.practitioners
    params = {
        "treatment": treatment.pk,
        "location": start.location.pk,
        "day": f"{start.local:%Y-%m-%d}",
        "time": f"{start.local:%H:%M}",
    }
    who = wish if wish in people else people[0]
    # With anyone, whoever has least to do gets the visit, as when a patient books.
    if wish:
        params["practitioner"] = who.pk
    if minutes:
        params["minutes"] = minutes
    url = f"{reverse('admin:bookings_appointment_add')}?{urlencode(params)}"
    return Offer(start, who, 0 if wish else len(people) - 1, url)


def answer(form: WhyForm) -> Answer:
    """What is to be said about a valid form's start."""
    typed = form.cleaned_data
    treatment, minutes = typed["treatment"]
    start, person, place = typed["start"], typed["practitioner"], typed["location"]
    wanted: dict[str, Any] = {"practitioner": person, "location": place, "minutes": minutes}
    said = explain(treatment, start, **wanted)
    day = start.date()
    at_hand = availability.starts(
        treatment,
        day - timedelta(days=1),
        day + timedelta(days=1),
        override=not said.is_offered,
        **wanted,
    )
    nearest = []
    if not said.is_offered:
        nearest = availability.alternatives(treatment, start, **wanted)
        nearest = nearest or availability.earliest(treatment, 6, **wanted)

    def offers(found: Iterable[Start]) -> list[Offer]:
        return [_offer(s, treatment, minutes, person) for s in found]

    return Answer(
        start=start,
        zone=form.zone,
        what=_name(treatment, minutes) if minutes else str(treatment),
        practitioner=person,
        location=place,
        said=said,
        reasons=[
            (there, list(lines)) for there, lines in groupby(said.lines, key=lambda r: r.location)
        ],
        ways=offers(s for s in at_hand if s.at == start),
        nearest=offers(nearest),
    )


@require_safe
@desk_only
def why(request: HttpRequest) -> HttpResponse:
    """/desk/why/?treatment=massage&date=2026-11-23&time=14:00&location=quayside."""
    asked = "treatment" in request.GET
    initial = {"date": clock.today(settings.TIME_ZONE), **request.GET.dict()}
    form = WhyForm(request.GET) if asked else WhyForm(initial=initial)
    is_answered = asked and form.is_valid()
    page = {"form": form, "answer": answer(form) if is_answered else None}
    status = form_status(form) if asked and not is_answered else 200
    return render(request, "bookings/desk/why.html", page, status=status)
