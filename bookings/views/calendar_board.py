"""What a calendar page shows, and the addresses that lead on from it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bookings.availability import Day, Month, Part, Start
from bookings.forms import CalendarForm
from bookings.models import Appointment
from practitioners.models import Gender

from .choice import VIEWS, Choice
from .flow import Kept
from .look import Look, by_part

# So many starts a part of a day has, in the list and in a week; a link leads to the rest.
IN_LIST, IN_WEEK = 4, 3


@dataclass(frozen=True)
class Slot:
    """One start on the page, and where its link leads; without a link for the time they have."""

    choice: Choice
    url: str
    start: Start
    # Whether it is kept for whom is looking.
    is_held: bool = False


# From a start of the calendar to its link.
Link = Callable[[Choice, Start], Slot]
# A day's starts in morning, afternoon and evening, as far as there are any.
Parts = list[tuple[str, list[Slot]]]


class Option(NamedTuple):
    """A way to look at it: one of several links."""

    id: str
    text: str | Promise
    url: str
    is_chosen: bool


class Drop(NamedTuple):
    """A filter that is set, and the address without it."""

    name: str
    text: str
    url: str


class Zone(NamedTuple):
    """A clock on the page, in words; without a location where it is everybody's."""

    name: str
    city: str
    location: str


class Rest(NamedTuple):
    """A day among others: each part with its first slots, and how many more it has."""

    day: Day
    parts: list[tuple[str, list[Slot], int]]


@dataclass(frozen=True)
class Board:
    """What a calendar page shows, and the ways on. `month` are the days shown, also of a week."""

    choice: Choice
    look: Look
    form: CalendarForm
    today: date
    link: Link
    moving: Appointment | None = None
    # What this visitor holds at the moment, this treatment's first.
    holds: list[Kept] = field(default_factory=list)
    month: Month = field(default_factory=lambda: Month(date.min, []))
    day: Day | None = None
    previous: date | None = None
    following: date | None = None
    # The next start there is, where none is in sight.
    earliest: Start | None = None
    listed: list[Day] = field(default_factory=list)

    # --- addresses ------------------------------------------------------------------
    @property
    def state(self) -> dict[str, str]:
        """What the address says, without what goes without saying."""
        look, choice = self.look, self.choice
        found = {
            **look.said(),
            "date": look.day.isoformat() if look.day else "",
            "month": f"{look.month:%Y-%m}" if look.month and not look.day else "",
            "minutes": str(choice.length[0]) if choice.length else "",
            "practitioner": choice.practitioner.slug if choice.practitioner else "",
            "location": choice.location.slug if choice.location else "",
        }
        return self._said(found)

    def _said(self, state: dict[str, str]) -> dict[str, str]:
        """Without what goes without saying. A move without a practitioner means its own: anyone
        is said, too."""
        always = ("practitioner", "location") if self.moving else ()
        return {name: value for name, value in state.items() if value or name in always}

    def url(self, **changes: str) -> str:
        """This page with something else in its address; an empty value takes it out."""
        found = self.state
        if "date" in changes or "month" in changes:
            found = {k: v for k, v in found.items() if k not in ("date", "month")}
        return f"?{urlencode(self._said({**found, **changes}))}"

    @property
    def kept(self) -> dict[str, str]:
        """What the filters' form takes along unseen."""
        return {k: v for k, v in self.state.items() if k not in self.form.fields}

    def page_url(self, first: date) -> str:
        """The same view of an earlier or later week or month."""
        if self.look.view == "week":
            return self.url(date=first.isoformat())
        return self.url(month=f"{first:%Y-%m}")

    @property
    def previous_url(self) -> str:
        return self.page_url(self.previous) if self.previous else ""

    @property
    def following_url(self) -> str:
        return self.page_url(self.following) if self.following else ""

    @property
    def earliest_url(self) -> str:
        return self.url(date=self.earliest.local.date().isoformat()) if self.earliest else ""

    @property
    def held(self) -> Choice | None:
        """The first hold's start; from its page there is a way back to this calendar."""
        if not self.holds:
            return None
        held = self.holds[0].choice()
        if held.treatment != self.choice.treatment:
            return held
        mine = self.choice.practitioner == self.holds[0].appointment.practitioner
        return replace(
            held,
            seen=self.choice.seen,
            practitioner=self.choice.practitioner if mine else None,
            left_open=() if self.choice.location else ("location",),
        )

    # --- ways to look at it ---------------------------------------------------------
    @property
    def views(self) -> list[Option]:
        """The month and the week open at the day whose times the other of them shows, where
        another than the first was asked; a day of nobody's choosing goes no further."""
        shown = {"date": self.day.date.isoformat()} if self.day and self.look.asked else {}
        found = []
        for view, text in VIEWS.items():
            is_chosen = self.look.view == view
            day = {} if is_chosen or view == "list" else shown
            address = self.url(view="" if view == "month" else view, **day)
            found.append(Option(f"view-{view}", text, address, is_chosen))
        return found

    @property
    def day_parts(self) -> list[Option]:
        names = [("", _("Any time")), *Part.choices]
        return [
            Option(f"part-{part or 'any'}", name, self.url(part=part), self.look.part == part)
            for part, name in names
        ]

    @cached_property
    def lengths(self) -> list[tuple[Option, int]]:
        """Each length it comes in, with its price in pence; none where there is but one."""
        treatment = self.choice.treatment
        if self.moving:
            return []
        others = [(row.minutes, row.price_pence) for row in treatment.lengths.all()]
        if not others:
            return []
        found = []
        for minutes, pence in sorted([(treatment.minutes, treatment.price_pence), *others]):
            said = "" if minutes == treatment.minutes else str(minutes)
            text = _("%(n)d minutes") % {"n": minutes}
            chosen = minutes == self.choice.minutes
            found.append((Option(f"length-{minutes}", text, self.url(minutes=said), chosen), pence))
        return found

    @property
    def drops(self) -> list[Drop]:
        """The filters that are set."""
        choice, look = self.choice, self.look
        found = {
            "practitioner": choice.practitioner.name if choice.practitioner else "",
            "location": choice.location.name if choice.location else "",
            "part": str(Part(look.part).label) if look.part else "",
            "gender": str(Gender(look.gender).label) if look.gender else "",
            "language": look.language.name if look.language else "",
        }
        return [Drop(n, text, self.url(**{n: ""})) for n, text in found.items() if text]

    @property
    def chips(self) -> list[Drop]:
        """Those that are not seen at a glance otherwise."""
        return [drop for drop in self.drops if drop.name != "part"]

    @property
    def no_filters_url(self) -> str:
        return self.url(**dict.fromkeys((drop.name for drop in self.drops), ""))

    # --- who and when ---------------------------------------------------------------
    @cached_property
    def is_nobody(self) -> bool:
        """Whether the filters of persons contradict each other or suit none who gives it."""
        chosen = self.choice.practitioner
        people = [chosen] if chosen else self.choice.people
        return self.look.is_picky and not any(self.look.suits(p) for p in people)

    @property
    def helpful_drops(self) -> list[Drop]:
        """The filters of persons of which one alone, taken out, leaves somebody."""
        chosen, people = self.choice.practitioner, self.choice.people
        look = self.look
        without = {
            "practitioner": (look, people),
            "gender": (replace(look, gender=""), [chosen] if chosen else people),
            "language": (replace(look, language=None), [chosen] if chosen else people),
        }
        return [
            drop
            for drop in self.drops
            if drop.name in without and any(map(without[drop.name][0].suits, without[drop.name][1]))
        ]

    @property
    def weeks(self) -> list[list[Day | None]]:
        """Rows of seven, Monday first, with None where another month's days would be."""
        cells: list[Day | None] = [None] * self.month.first.weekday() + list(self.month.days)
        cells += [None] * (-len(cells) % 7)
        return [cells[n : n + 7] for n in range(0, len(cells), 7)]

    @property
    def free_days(self) -> int:
        return sum(bool(d.starts) for d in self.month.days)

    @property
    def several_places(self) -> bool:
        """Whether a start must say where it is, though all that are shown may be at one place."""
        return not self.choice.location and len(self.choice.places) > 1

    def slots(self, starts: Iterable[Start]) -> list[Slot]:
        found = [self.link(self.choice, s) for s in starts]
        if not self.holds:
            return found
        return [replace(s, is_held=any(k.is_at(s.choice) for k in self.holds)) for s in found]

    @property
    def parts(self) -> Parts:
        """The chosen day's."""
        found = by_part(self.day.starts if self.day else [])
        return [(name, self.slots(starts)) for name, starts in found.items()]

    @property
    def week(self) -> list[Rest]:
        return [self._rest(day, IN_WEEK) for day in self.month.days]

    @property
    def first_available(self) -> list[Rest]:
        """The first days with free times."""
        return [self._rest(day, IN_LIST) for day in self.listed]

    def _rest(self, day: Day, most: int) -> Rest:
        parts = by_part(day.starts).items()
        return Rest(day, [(n, self.slots(s[:most]), max(len(s) - most, 0)) for n, s in parts])

    @property
    def zones(self) -> list[Zone]:
        """Whose clock the times are shown by: one row a zone."""
        places = [self.choice.location] if self.choice.location else self.choice.places
        found: dict[str, list[str]] = {}
        for place in places:
            found.setdefault(place.time_zone, []).append(place.name)
        alone = len(found) == 1 and len(places) > 1
        return [
            Zone(name, name.rpartition("/")[2].replace("_", " "), "" if alone else ", ".join(here))
            for name, here in found.items()
        ]

    @property
    def is_elsewhere(self) -> bool:
        """Whether some clock on the page is not the clinic's own."""
        return any(zone.name != settings.TIME_ZONE for zone in self.zones)
