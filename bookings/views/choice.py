"""What a booking page's address says: treatment, practitioner, location, day and start."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TypeVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bookings import policy
from bookings.availability import Part, Start
from bookings.errors import StartNotOffered
from clinic import clock
from clinic.errors import Refused
from practitioners.models import Gender, Location, Practitioner, Treatment

VIEWS = {"month": _("Month"), "week": _("Week"), "list": _("First available")}
# Who or where: what is looked up by its slug.
Row = TypeVar("Row", Practitioner, Location)
LANGUAGE_CODE = re.compile(r"[A-Za-z-]{1,12}")


class BadAddress(Refused):
    """The address holds something that no link of ours says. `treatment` is known or None."""

    code = "bad_address"
    status = 400

    def __init__(self, sentence: str | Promise = "", *, status: int = 400) -> None:
        super().__init__(
            sentence or _("We could not read this address. Please choose a time from the calendar.")
        )
        self.status = status


@dataclass(frozen=True)
class Choice:
    """What was chosen so far. `people` and `places` are what can be chosen from."""

    treatment: Treatment
    people: list[Practitioner]
    places: list[Location]
    practitioner: Practitioner | None = None
    location: Location | None = None
    start: datetime | None = None
    # Another length than the treatment's own, and what it costs.
    length: tuple[int, int] | None = None
    # How the calendar was looked at on the way here: view, part of the day, gender and language,
    # and which of practitioner and location it left open though the start has one.
    seen: dict[str, str] = field(default_factory=dict)
    left_open: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        """How long the visit is."""
        return self.length[0] if self.length else self.treatment.minutes

    @property
    def price_pence(self) -> int:
        return self.length[1] if self.length else self.treatment.price_pence

    def params(self) -> dict[str, str]:
        """As an address says it; the start with its offset, so that a repeated hour is plain."""
        found = {}
        if self.start:
            found["start"] = clock.local(self.start, self.place.time_zone).isoformat()
        if self.practitioner:
            found["practitioner"] = self.practitioner.slug
        if self.location:
            found["location"] = self.location.slug
        if self.length:
            found["minutes"] = str(self.length[0])
        found |= self.seen
        if self.left_open:
            found["any"] = " ".join(self.left_open)
        return found

    @property
    def calendar_params(self) -> dict[str, str]:
        """The calendar this start was chosen from, open at its day; empty is what it left open."""
        found = self.params()
        start = found.pop("start", "")
        found.pop("any", None)
        # A location that is the only one was never chosen.
        only = ("location",) if len(self.places) == 1 else ()
        found |= dict.fromkeys((*self.left_open, *only), "")
        return {"date": start[:10], **found} if start else found

    @property
    def calendar_query(self) -> str:
        return urlencode(self.calendar_params)

    @property
    def place(self) -> Location:
        """The location whose clock the times are shown in."""
        return self.location or self.places[0]

    def url(self, name: str) -> str:
        """The page called `name` of this treatment, with what was chosen."""
        return self._address(name, self.params())

    def _address(self, name: str, params: dict[str, str]) -> str:
        address = reverse(name, args=[self.treatment.slug])
        return f"{address}?{urlencode(params)}" if params else address

    @property
    def details_url(self) -> str:
        return self.url("book-details")

    @property
    def safety_url(self) -> str:
        return self.url("book-safety")

    @property
    def hold_url(self) -> str:
        return self.url("book-hold")

    @property
    def let_go_url(self) -> str:
        return self.url("book-let-go")

    @property
    def again_url(self) -> str:
        """The safety questions once more, in spite of a pass that is still fresh."""
        return f"{self.details_url}&again=1"

    @property
    def longer_url(self) -> str:
        return self.url("book-longer")

    @property
    def calendar_url(self) -> str:
        """The calendar as it was looked at, open at the chosen start's day."""
        said = {name: value for name, value in self.calendar_params.items() if value}
        return self._address("book-treatment", said)

    def at(self, start: Start, named: Practitioner | None = None) -> "Choice":
        """This choice with a start of the calendar; with anyone, where the chosen one is not in.

        `named` is whom its address names where the calendar left that open.
        """
        stays = self.practitioner is not None and self.practitioner in start.practitioners
        found = {
            "practitioner": named is not None and self.practitioner is None,
            "location": self.location is None and len(self.places) > 1,
        }
        return replace(
            self,
            start=start.at,
            location=start.location,
            practitioner=self.practitioner if stays else named,
            left_open=tuple(n for n, is_open in found.items() if is_open or n in self.left_open),
        )


def people_for(treatment: Treatment) -> list[Practitioner]:
    """Who can be chosen for it: published, and registered and insured today. Two queries."""
    given: QuerySet[Practitioner] = Practitioner.objects.published().filter(
        treatments=treatment, resource__is_active=True
    )
    today = clock.now().date()
    people = given.prefetch_related("registrations")
    return [p for p in people if (until := p.bookable_until()) and until >= today]


def places_for(treatment: Treatment) -> list[Location]:
    """Where it can be had: where its rooms and equipment stand. One query, two when it has none."""
    standing = Location.objects.published().filter(resources__pools__needs__treatment=treatment)
    return list(standing.distinct()) or list(Location.objects.published())


def choose(treatment: Treatment, data: QueryDict) -> Choice:
    """The choice that `data` (an address's parameters) makes; BadAddress where it makes none."""
    people, places = people_for(treatment), places_for(treatment)
    person = _named(people, data.get("practitioner", ""))
    place = _named(places, data.get("location", ""))
    start, length = read_start(data.get("start", "")), _length(treatment, data.get("minutes", ""))
    return Choice(treatment, people, places, person, place, start, length, *_way_here(data))


def _way_here(data: QueryDict) -> tuple[dict[str, str], tuple[str, ...]]:
    """`Choice.seen` and `Choice.left_open`, as far as a link of ours says them; else nothing."""
    known = {"view": ["week", "list"], "part": Part.values, "gender": Gender.values}
    said = {name: data.get(name, "") for name in (*known, "language", "any")}
    seen = {n: said[n] for n, values in known.items() if said[n] and said[n] in values}
    if LANGUAGE_CODE.fullmatch(said["language"]):
        seen["language"] = said["language"]
    left_open = said["any"].split()
    return seen, tuple(name for name in ("practitioner", "location") if name in left_open)


def _length(treatment: Treatment, text: str) -> tuple[int, int] | None:
    """Another length the address asks for (BadAddress when the treatment does not come in it)."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise BadAddress
    if int(text) == treatment.minutes:
        return None
    try:
        return policy.length_of(treatment, int(text))
    except Refused as refused:
        raise BadAddress(refused.sentence, status=404) from None


def for_treatment(request: HttpRequest, slug: str) -> Choice:
    """The choice a page's address makes; BadAddress with 404 for an unknown treatment."""
    treatment = Treatment.objects.bookable().filter(slug=slug).first()
    if treatment is None:
        raise BadAddress(
            _("We do not offer this treatment online, or no longer. Please choose another one."),
            status=404,
        )
    return choose(treatment, request.GET)


def with_start(request: HttpRequest, slug: str) -> Choice:
    """As `for_treatment`, for pages that are about one start (BadAddress without one)."""
    choice = for_treatment(request, slug)
    if choice.start is None:
        raise BadAddress
    return choice


def _named(rows: list[Row], slug: str) -> Row | None:
    if not slug:
        return None
    for row in rows:
        if row.slug == slug:
            return row
    raise BadAddress(
        _("We could not find whom or where you chose. Please choose again."), status=404
    )


def read_start(text: str) -> datetime | None:
    """An instant in UTC from ISO 8601 with an offset, None from nothing (BadAddress else)."""
    if not text:
        return None
    try:
        # A plus sign that nobody encoded arrives as a space.
        start = datetime.fromisoformat(text.strip().replace(" ", "+"))
        if start.tzinfo is None:
            raise BadAddress
        start = start.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadAddress from None
    if not 2000 < start.year < 2200:
        raise StartNotOffered("past" if start.year <= 2000 else "beyond_horizon")
    return start


def read_day(text: str) -> date | None:
    """A date from ISO 8601 (BadAddress when there is no such day)."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadAddress(_("There is no such day. Please choose one from the calendar.")) from None


def read_month(text: str) -> date | None:
    """The first of a month from “2027-02” (BadAddress when there is no such month)."""
    return read_day(f"{text}-01") if text else None
