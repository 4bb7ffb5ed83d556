"""One day of the clinic, in memory: who and what is free, in five-minute ticks. No database."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from bookings.freetime import Part, assign
from bookings.models import Absence, Opening
from bookings.ticks import MINUTES, Window, wall_hours

from .shapes import TreatmentData
from .world import World

Claim = tuple[int, datetime, datetime]


class Floor:
    """The hours and absences of a world, a day at a time: `turn_to` a day, then `take`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.free: dict[int, int] = {}
        self._hours: dict[tuple[int | None, int], list[Opening]] = defaultdict(list)
        for row in world.openings:
            self._hours[row.resource_id, row.location_id].append(row)
        self._own = {resource for resource, _location in self._hours if resource}
        self._away: dict[int, list[Absence]] = defaultdict(list)
        self._shut: dict[int, list[Absence]] = defaultdict(list)
        for absence in world.absences:
            if absence.resource_id:
                self._away[absence.resource_id].append(absence)
            else:
                self._shut[absence.location_id or 0].append(absence)
        self._things = {r.pk: r for members in world.pools.values() for r in members}
        self._homes = {pk: t.lives_in_id for pk, t in self._things.items() if t.lives_in_id}
        self._parts: dict[tuple[str, int, int, int, bool], list[Part]] = {}

    def turn_to(self, day: date) -> None:
        """Start a day in which nothing is taken."""
        self.day, self.window = day, Window(day, 1)
        self.closed = {
            place.pk: self._mask(self._shut[place.pk]) for place in self.world.locations.values()
        }
        house = {place.pk: self._open(None, place.pk) for place in self.world.locations.values()}
        self.free = {}
        for pk, thing in self._things.items():
            place = thing.location_id or 0
            mask = self._open(pk, place) if pk in self._own else house[place]
            self.free[pk] = mask & ~self._absent(pk)

    def arrive(self, body: int, location: int) -> int:
        """The practitioner's hours at a location that day, less absences; they are now there."""
        mask = self._open(body, location) & ~self._absent(body)
        self.free[body] = mask
        return mask

    def take(
        self, treatment: TreatmentData, body: int, location: int, tick: int, *, joins: bool = False
    ) -> list[Claim] | None:
        """What the visit takes from `tick` on, as resource, from, to; None where it can't be.

        With `joins`, without what the group has taken already. Takes nothing: see `keep`.
        """
        parts = self._parts_of(treatment, body, location, joins)
        chosen = assign(parts, self.free, tick, self._homes)
        if chosen is None:
            return None
        return [
            (
                member,
                self.window.instant(tick + part.start),
                self.window.instant(tick + part.end),
            )
            for part, members in zip(parts, chosen, strict=True)
            for member in members
        ]

    def keep(self, claims: Sequence[Claim]) -> None:
        """Nobody else gets these."""
        for pk, start, end in claims:
            self.free[pk] &= ~self.window.touching(start, end)

    def _parts_of(
        self, treatment: TreatmentData, body: int, location: int, joins: bool
    ) -> list[Part]:
        key = (treatment.slug, treatment.minutes, body, location, joins)
        if key not in self._parts:
            self._parts[key] = [
                Part(
                    need.start // MINUTES,
                    need.end // MINUTES,
                    tuple(r.pk for r in self.world.pools[need.pool] if r.location_id == location)
                    if need.pool
                    else (body,),
                    need.quantity,
                    bool(need.pool) and self.world.pools[need.pool][0].kind == "room",
                )
                for need in treatment.needs
                if not (joins and need.shared)
            ]
        return self._parts[key]

    def _open(self, resource: int | None, location: int) -> int:
        mask = 0
        for row in self._hours[resource, location]:
            if row.on_date == self.day or (row.on_date is None and self._is_on(row)):
                mask |= wall_hours(self.window, "Europe/London", self.day, row.starts, row.ends)
        return mask & ~self.closed[location]

    def _is_on(self, row: Opening) -> bool:
        weeks = (self.day - self.world.epoch).days // 7
        return row.weekday == self.day.weekday() and weeks % row.every_weeks == 0

    def _absent(self, resource: int) -> int:
        return self._mask(self._away[resource]) if resource in self._away else 0

    def _mask(self, absences: list[Absence]) -> int:
        mask, window = 0, self.window
        for absence in absences:
            if absence.starts_at < window.end and absence.ends_at > window.origin:
                mask |= window.touching(absence.starts_at, absence.ends_at)
        return mask


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
