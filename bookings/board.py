"""Masks of what is free over one window, made from its rows. Asks the database nothing.

A board holds the treatments of one question: who gives them, what they need, and the free ticks
of every resource in play. bookings.rows loads what it is made of, bookings.availability asks.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from functools import cache, cached_property

from clinic.clock import local
from practitioners.models import Location, Practitioner, Treatment

from .freetime import Part, mask_of, starts, starts_of
from .rows import REASONS, Hours, Rows, What
from .ticks import MINUTES, Window, wall_dates, wall_hours, weekly

_ROOM = "room"


class Board:
    """Masks over `window`, as the database was when `rows` were loaded.

    Masks are integers, a bit a tick of the window; locations, practitioners, treatments and
    resources are named by their primary keys.
    """

    def __init__(self, window: Window, rows: Rows) -> None:
        self.window = window
        self.rows = rows
        self.locations: dict[int, Location] = rows.locations
        self.treatments: dict[int, Treatment] = rows.treatments
        # The room that a thing lives in, of those that have one.
        self.homes = {t.pk: t.lives_in for t in rows.things.values() if t.lives_in}
        self._sort()
        # A board lives for one question, and is asked the same again and again.
        self.free = cache(self._free)
        self.on_the_way = cache(self._on_the_way)
        self._pools_start = cache(self._find_pools_start)

    def _sort(self) -> None:
        """Put the rows of what stands in the way where they belong."""
        spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
        elsewhere: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        # (resource, 0) or (0, location) -> reason -> spans
        away: dict[tuple[int, int], dict[str, list[tuple[int, int]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._joined: dict[tuple[int, int, int], int] = defaultdict(int)
        self._first_visits: dict[tuple[int, date | None], int] = defaultdict(int)
        self._journeys: dict[tuple[int, int], int] = {}
        # Plain numbers: there are tens of thousands of rows.
        taken, absent = int(What.TAKEN), int(What.ABSENT)
        for what, who, place, a, b in self.rows.busy:
            if what == taken:
                spans[who].append((a, b))
                if place:
                    elsewhere[who].append((place, a, b))
            elif what > 0:
                self._joined[what, who, place] |= 1 << a
            elif what <= absent:
                away[who, place][REASONS[absent - what]].append((a, b))
            elif what == What.FIRST_VISIT:
                self._first_visits[who, self._date(a, place)] += 1
            elif what == What.JOURNEY:
                # `a` is how many minutes it takes.
                self._journeys[who, place] = self._journeys[place, who] = -(-a // MINUTES)
        ticks = self.window.ticks
        self._taken = {who: mask_of(found, ticks) for who, found in spans.items()}
        self._elsewhere = elsewhere
        self._away: dict[tuple[int, int], dict[str, int]] = {
            key: {reason: mask_of(found, ticks) for reason, found in reasons.items()}
            for key, reasons in away.items()
        }

    def _date(self, tick: int, place: int) -> date | None:
        location = self.locations.get(place)
        return local(self.window.instant(tick), location.time_zone).date() if location else None

    # --- one resource ---------------------------------------------------------------
    @cached_property
    def _hours(self) -> Mapping[tuple[int, int], int]:
        """Ticks of each resource's hours, by (resource, location)."""
        own: dict[tuple[int, int], int] = defaultdict(int)
        house: dict[int, int] = defaultdict(int)
        has_own: set[int] = set()
        masks: dict[tuple[object, ...], int] = {}
        for row in self.rows.hours:
            key = row.key
            if key not in masks:
                masks[key] = self._mask_of_hours(row)
            if row.resource:
                has_own.add(row.resource)
                own[row.resource, row.location] |= masks[key]
            else:
                house[row.location] |= masks[key]
        for pk, thing in self.rows.things.items():
            if thing.location and pk not in has_own:
                own[pk, thing.location] = house[thing.location]
        return own

    def _mask_of_hours(self, row: Hours) -> int:
        zone = self.locations[row.location].time_zone
        if row.on_date:
            return wall_hours(self.window, zone, row.on_date, row.starts, row.ends)
        return weekly(
            self.window,
            zone,
            row.valid_from,
            row.valid_until or self.window.end.date(),
            weekday=row.weekday or 0,
            every=row.every,
            anchor=row.valid_from,
            starts=row.starts,
            ends=row.ends,
        )

    def open(self, resource: int, location: int) -> int:
        """Ticks at which a resource's hours say it is there, whatever came in between."""
        return self._hours.get((resource, location), 0)

    def away(self, resource: int, location: int) -> dict[str, int]:
        """Ticks of absences of a resource, by reason."""
        return self._away.get((resource, 0), {})

    def closed(self, location: int) -> dict[str, int]:
        """Ticks of absences of a whole location, by reason."""
        return self._away.get((0, location), {})

    def taken(self, resource: int) -> int:
        return self._taken.get(resource, 0)

    def _on_the_way(self, resource: int, location: int) -> int:
        """Ticks at which somebody can't be here, for they come from or go to another location."""
        spans = [(a, b) for _place, a, b in self.elsewhere(resource, location)]
        return mask_of(spans, self.window.ticks) if spans else 0

    def elsewhere(self, resource: int, location: int) -> list[tuple[int, int, int]]:
        """Visits at other locations, as (location, when they leave for it, when they are back)."""
        return [
            (place, a - self._journeys[place, location], b + self._journeys[place, location])
            for place, a, b in self._elsewhere.get(resource, ())
            if (place, location) in self._journeys
        ]

    def travels(self, resource: int) -> bool:
        """Whether a journey could keep them from where they are wanted."""
        return bool(self._journeys) and len({p for r, p in self._hours if r == resource}) > 1

    @cached_property
    def _registered(self) -> dict[tuple[int, int], int]:
        """Ticks on or before the last day on which a practitioner may be booked."""
        return {
            (person.body, place.pk): (
                wall_dates(self.window, place.time_zone, self.window.first, person.until)
                if person.until
                else 0
            )
            for person in self.rows.people.values()
            for place in self.locations.values()
        }

    def registered(self, resource: int, location: int) -> int:
        """Ticks at which a practitioner may be booked at all; every tick for a thing."""
        return self._registered.get((resource, location), -1)

    def _free(self, resource: int, location: int, ignore_taken: bool = False) -> int:
        """Ticks at which a resource can be used at a location."""
        mask = self.open(resource, location)
        if mask:
            mask &= self.registered(resource, location)
        for reasons in (self.away(resource, location), self.closed(location)):
            for gone in reasons.values():
                mask &= ~gone
        if not ignore_taken:
            mask &= ~self.taken(resource)
            if self._journeys:
                mask &= ~self.on_the_way(resource, location)
        return mask

    # --- a treatment ----------------------------------------------------------------
    def person(self, pk: int) -> Practitioner:
        return self.rows.people[pk].practitioner

    def givers(self, treatment: int) -> list[int]:
        """Who gives a treatment, in the directory's order."""
        return self.rows.givers.get(treatment, [])

    def parts(
        self,
        treatment: int,
        person: int | None,
        location: int,
        *,
        minutes: int | None = None,
        shared: bool = True,
    ) -> list[Part]:
        """A treatment's needs at one location, for a visit of `minutes` (its own length unless
        said). With nobody as `person` those of its pools alone.

        With `shared` off, without those that a group has taken already.
        """
        length = self.treatments[treatment].minutes
        longer = (minutes or length) - length
        found = []
        for need in self.rows.needs.get(treatment, ()):
            if need.is_shared and not shared:
                continue
            if need.pool is None:
                if person is None:
                    continue
                members: tuple[int, ...] = (self.rows.people[person].body,)
            else:
                members = tuple(
                    m
                    for m in self.rows.members.get(need.pool, ())
                    if self.rows.things[m].location == location
                )
            start, end = need.start, need.end
            if need.follows_end or start >= length:
                start += longer
            if need.follows_end or end >= length:
                end += longer
            is_room = need.pool is not None and all(
                self.rows.things[m].kind == _ROOM for m in members
            )
            found.append(Part(start // MINUTES, end // MINUTES, members, need.quantity, is_room))
        return found

    def starts(
        self,
        treatment: int,
        person: int,
        location: int,
        *,
        minutes: int | None = None,
        ignore_taken: bool = False,
    ) -> int:
        """Ticks at which a treatment can start, as far as resources are concerned."""
        if not self.rows.needs.get(treatment):
            return 0
        mask = self._begins(treatment, person, location, minutes, ignore_taken)
        joinable = self._joined.get((treatment, person, location), 0)
        if joinable and not ignore_taken:
            # The group has its instructor; but nobody joins one whose instructor has fallen ill.
            joinable &= self._begins(treatment, person, location, minutes, ignore_taken=True)
            mask |= joinable & self._begins(treatment, person, location, minutes, shared=False)
        return mask & self.window.all

    def _begins(
        self,
        treatment: int,
        person: int,
        location: int,
        minutes: int | None,
        ignore_taken: bool = False,
        shared: bool = True,
    ) -> int:
        # The practitioner's own parts come first: most often they rule a place out at once.
        body, mask, spans = self.rows.people[person].body, -1, []
        for part in self.parts(treatment, person, location, minutes=minutes, shared=shared):
            if part.members == (body,):
                spans.append((part.start, part.end))
                mask &= starts_of(self.free(body, location, ignore_taken), part)
                if not mask:
                    return 0
        spans.sort()
        if any(b > c for (_a, b), (c, _d) in zip(spans, spans[1:], strict=False)):
            # Nobody is needed twice at once.
            return 0
        return mask & self._pools_start(treatment, location, minutes, ignore_taken, shared)

    def _find_pools_start(
        self,
        treatment: int,
        location: int,
        minutes: int | None,
        ignore_taken: bool,
        shared: bool,
    ) -> int:
        """Ticks at which rooms and equipment let it start: the same whoever gives it."""
        parts = self.parts(treatment, None, location, minutes=minutes, shared=shared)
        return starts(parts, self.free_map(parts, location, ignore_taken), self.homes)

    def free_map(
        self, parts: list[Part], location: int, ignore_taken: bool = False
    ) -> dict[int, int]:
        """The free ticks of all members of some parts."""
        return {m: self.free(m, location, ignore_taken) for part in parts for m in part.members}

    def is_joinable(self, treatment: int, person: int, location: int, tick: int) -> bool:
        return bool(self._joined.get((treatment, person, location), 0) >> tick & 1)

    def attending(self, treatment: int, person: int, location: int, tick: int) -> int:
        """How many have booked a group's start."""
        return self.rows.busy.count((treatment, person, location, tick, 0))

    def has_room_for_first_visits(self, person: int, location: int) -> int:
        """Ticks of the dates on which a practitioner sees another new patient."""
        limit = self.person(person).first_visits_a_day
        if limit is None:
            return -1
        if not limit:
            return 0
        mask = -1
        for (who, day), count in self._first_visits.items():
            if who == person and day and count >= limit:
                mask &= ~wall_dates(self.window, self.locations[location].time_zone, day, day)
        return mask
