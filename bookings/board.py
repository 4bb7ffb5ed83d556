"""The rows that availability needs, loaded in a constant number of queries, as masks.

A board holds one window for some treatments: who gives them, what they need, and the free ticks
of every resource in play. It answers nothing about people or pages; bookings.availability does.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import (
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Value,
    prefetch_related_objects,
)

from practitioners.models import Location, Practitioner, Registration, Treatment

from .freetime import Part, starts, starts_of
from .models import LIVE, Absence, Appointment, Need, Opening, Pool, Resource, State
from .models.reservations import Reservation
from .ticks import MINUTES, Window, dates, wall_dates, wall_hours


@dataclass(frozen=True)
class Hours:
    """Openings, absences and what is taken, each a mask by (resource, location) or resource."""

    open: dict[tuple[int, int], int]
    absent: dict[int, int]
    closed: dict[int, int]
    taken: dict[int, int]


class Board:
    """Masks of `treatments` over `window`, as they are in the database now.

    `moving` is an appointment whose own reservations are thought away. Costs 8 queries.
    """

    def __init__(
        self,
        window: Window,
        treatments: Sequence[Treatment],
        *,
        now: datetime,
        practitioner: Practitioner | None = None,
        moving: Appointment | None = None,
    ) -> None:
        self.window = window
        self.treatments = {t.pk: t for t in treatments}
        self.now = now
        self._only = practitioner
        self._moving = moving
        self._load_people()
        self._load_needs()
        self.locations = {loc.pk: loc for loc in Location.objects.published()}
        # Starts of groups that somebody has booked, by (treatment, practitioner, location).
        self._joinable: dict[tuple[int, int, int], int] = defaultdict(int)
        self._hours = self._load_hours()

    # --- loading --------------------------------------------------------------
    def _load_people(self) -> None:
        """Published practitioners of the treatments, with their last bookable day. 2 queries."""
        through = Practitioner.treatments.through.objects.filter(
            treatment__in=list(self.treatments),
            practitioner__is_published=True,
            practitioner__resource__is_active=True,
        ).select_related("practitioner__resource")
        if self._only:
            through = through.filter(practitioner=self._only)
        self.people: dict[int, Practitioner] = {}
        self.givers: dict[int, list[int]] = defaultdict(list)
        for row in through.order_by("practitioner__position", "practitioner__name"):
            person = self.people.setdefault(row.practitioner_id, row.practitioner)
            self.givers[row.treatment_id].append(person.pk)
        registrations = Prefetch("registrations", Registration.objects.all())
        prefetch_related_objects(list(self.people.values()), registrations)
        self.until = {pk: p.bookable_until() for pk, p in self.people.items()}

    def _load_needs(self) -> None:
        """Needs of the treatments and the members of their pools. 2 queries."""
        self.needs: dict[int, list[Need]] = defaultdict(list)
        for need in Need.objects.filter(treatment__in=list(self.treatments)):
            self.needs[need.treatment_id].append(need)
        pools = {n.pool_id for needs in self.needs.values() for n in needs if n.pool_id}
        self.resources: dict[int, Resource] = {
            p.resource.pk: p.resource for p in self.people.values()
        }
        self.members: dict[int, list[int]] = defaultdict(list)
        rows = Pool.members.through.objects.filter(pool__in=pools, resource__is_active=True)
        order = ("resource__position", "resource__name", "resource")
        for row in rows.select_related("resource").order_by(*order):
            self.members[row.pool_id].append(row.resource_id)
            self.resources[row.resource_id] = row.resource

    def _load_hours(self) -> Hours:
        """Openings, absences and reservations of the resources in play. 4 queries."""
        window, ids = self.window, list(self.resources)
        own: dict[tuple[int, int], int] = defaultdict(int)
        house: dict[int, int] = defaultdict(int)
        has_own: set[int] = set()
        where = Q(resource__in=ids) | Q(resource=None, location__in=list(self.locations))
        for row in Opening.objects.filter(where):
            place = self.locations.get(row.location_id)
            if row.resource_id:
                has_own.add(row.resource_id)
            if place is None:
                continue
            mask = self._opening(row, place.time_zone)
            if row.resource_id:
                own[row.resource_id, row.location_id] |= mask
            else:
                house[row.location_id] |= mask
        for pk, resource in self.resources.items():
            if resource.location_id and pk not in has_own:
                own[pk, resource.location_id] = house[resource.location_id]
        absent: dict[int, int] = defaultdict(int)
        closed: dict[int, int] = defaultdict(int)
        away = Absence.objects.filter(
            Q(resource__in=ids) | Q(location__in=list(self.locations)),
            starts_at__lt=window.end,
            ends_at__gt=window.origin,
        )
        for resource_id, location_id, start, end in away.values_list(
            "resource_id", "location_id", "starts_at", "ends_at"
        ):
            if resource_id:
                absent[resource_id] |= window.touching(start, end)
            else:
                closed[location_id] |= window.touching(start, end)
        return Hours(own, absent, closed, self._load_taken(ids))

    def _load_taken(self, ids: list[int]) -> dict[int, int]:
        window = self.window
        rows = Reservation.objects.filter(
            Q(appointment__held_until=None) | Q(appointment__held_until__gt=self.now),
            resource__in=ids,
            # No span is longer than 12 hours: the lower bound lets the index do the work.
            starts_at__gte=window.origin - timedelta(hours=12),
            starts_at__lt=window.end,
            ends_at__gt=window.origin,
        )
        if self._moving:
            away = Q(appointment=self._moving)
            if (
                self._moving.treatment.is_group
                and attending(mates(self._moving), self.now).exists()
            ):
                away &= ~of_the_group()
            rows = rows.exclude(away)
        taken: dict[int, int] = defaultdict(int)
        nobody = {"treatment": Value(0), "place": Value(0)}
        columns = ("who", "starts_at", "ends_at", "treatment", "place")
        arms: list[QuerySet[Any, Any]] = [
            found.annotate(who=F("resource_id"), **nobody).values_list(*columns)
            for found in (rows.order_by(), self._left_over(ids).order_by())
        ]
        groups = [t.pk for t in self.treatments.values() if t.is_group]
        if groups:
            arms.append(
                self._joined(groups)
                .order_by()
                .annotate(who=F("practitioner_id"), place=F("location_id"))
                .values_list("who", "starts_at", "ends_at", "treatment_id", "place")
            )
        # One statement sees one moment: read apart, a group could have its instructor taken and
        # nobody in it, because the last of it left in between.
        for who, start, end, treatment, place in arms[0].union(*arms[1:], all=True):
            if treatment:
                self._joinable[treatment, who, place] |= 1 << window.floor(start)
            else:
                taken[who] |= window.touching(start, end)
        return taken

    def _left_over(self, ids: list[int]) -> QuerySet[Reservation]:
        """What a hold that is over took for a group, and others of the group still use."""
        others = Appointment.objects.filter(
            treatment=OuterRef("appointment__treatment"),
            practitioner=OuterRef("appointment__practitioner"),
            location=OuterRef("appointment__location"),
            starts_at=OuterRef("appointment__starts_at"),
            state__in=LIVE,
        ).exclude(pk=OuterRef("appointment"))
        return Reservation.objects.filter(
            of_the_group(),
            Exists(attending(others, self.now)),
            appointment__state=State.HELD,
            appointment__held_until__lte=self.now,
            appointment__treatment__is_group=True,
            resource__in=ids,
            starts_at__lt=self.window.end,
            ends_at__gt=self.window.origin,
        )

    def _joined(self, groups: list[int]) -> QuerySet[Appointment]:
        """Who is in a group of one of these treatments."""
        rows = attending(Appointment.objects.filter(state__in=LIVE), self.now).filter(
            treatment__in=groups,
            starts_at__gte=self.window.origin,
            starts_at__lt=self.window.end,
        )
        return rows.exclude(pk=self._moving.pk) if self._moving else rows

    def _opening(self, row: Opening, zone: str) -> int:
        first, last = self.window.first, self.window.first + timedelta(days=self.window.days - 1)
        if row.on_date:
            if not first <= row.on_date <= last:
                return 0
            return wall_hours(self.window, zone, row.on_date, row.starts, row.ends)
        first = max(first, row.valid_from)
        last = min(last, row.valid_until or last)
        mask = 0
        # Weeks are counted from the Monday of the week in which the hours became valid.
        anchor = row.valid_from - timedelta(days=row.valid_from.weekday())
        for day in dates(first, last):
            if day.weekday() == row.weekday and (day - anchor).days // 7 % row.every_weeks == 0:
                mask |= wall_hours(self.window, zone, day, row.starts, row.ends)
        return mask

    # --- asking ---------------------------------------------------------------
    def free(self, resource: int, location: int, *, ignore_taken: bool = False) -> int:
        """Ticks at which a resource can be used at a location."""
        hours = self._hours
        mask = hours.open.get((resource, location), 0)
        mask &= ~hours.absent.get(resource, 0) & ~hours.closed.get(location, 0)
        if not ignore_taken:
            mask &= ~hours.taken.get(resource, 0)
        return mask & self._registered(resource, location)

    def open(self, resource: int, location: int) -> int:
        """Ticks at which a resource's hours say it is there, whatever came in between."""
        return self._hours.open.get((resource, location), 0)

    def taken(self, resource: int) -> int:
        return self._hours.taken.get(resource, 0)

    def _registered(self, resource: int, location: int) -> int:
        person = self.resources[resource].practitioner_id
        if person is None:
            return -1
        return self._allowed_days.get((person, location), 0)

    @cached_property
    def _allowed_days(self) -> dict[tuple[int, int], int]:
        """Ticks on or before the last day on which a practitioner may be booked."""
        masks = {}
        for pk, until in self.until.items():
            for place in self.locations.values():
                masks[pk, place.pk] = (
                    wall_dates(self.window, place.time_zone, self.window.first, until)
                    if until
                    else 0
                )
        return masks

    def parts(
        self, treatment: int, person: int, location: int, *, shared: bool = True
    ) -> list[Part]:
        """A treatment's needs with one practitioner at one location.

        With `shared` off, without those that a group has taken already.
        """
        found = []
        for need in self.needs[treatment]:
            if need.is_shared and not shared:
                continue
            if need.pool_id is None:
                members: tuple[int, ...] = (self.people[person].resource.pk,)
            else:
                members = tuple(
                    m
                    for m in self.members[need.pool_id]
                    if self.resources[m].location_id == location
                )
            start, end = need.from_minute // MINUTES, need.to_minute // MINUTES
            found.append(Part(start, end, members, need.quantity))
        return found

    def free_map(
        self, parts: Iterable[Part], location: int, *, ignore_taken: bool = False
    ) -> dict[int, int]:
        ids = {m for part in parts for m in part.members}
        return {m: self.free(m, location, ignore_taken=ignore_taken) for m in ids}

    def starts(
        self, treatment: int, person: int, location: int, *, ignore_taken: bool = False
    ) -> int:
        """Ticks at which a treatment can start, as far as resources are concerned."""
        parts = self.parts(treatment, person, location)
        if not parts:
            return 0
        # The practitioner's own parts come first: most often they rule a place out at once.
        own = self.people[person].resource.pk
        mine = -1
        for part in parts:
            if part.members == (own,):
                mine &= starts_of(self.free(own, location, ignore_taken=ignore_taken), part)
        mask = 0
        if mine:
            free = self.free_map(parts, location, ignore_taken=ignore_taken)
            mask = starts(parts, free)
        joinable = self._joinable.get((treatment, person, location), 0)
        if joinable and not ignore_taken:
            # The group has its instructor; but nobody joins one whose instructor has fallen ill.
            joinable &= starts(parts, self.free_map(parts, location, ignore_taken=True))
            rest = self.parts(treatment, person, location, shared=False)
            mask |= joinable & starts(rest, self.free_map(rest, location))
        return mask & self.window.clip(0, self.window.ticks)

    def is_joinable(self, treatment: int, person: int, location: int, tick: int) -> bool:
        return bool(self._joinable.get((treatment, person, location), 0) >> tick & 1)


def attending(rows: QuerySet[Appointment], at: datetime) -> QuerySet[Appointment]:
    """Those of `rows` that are no holds which are over."""
    return rows.filter(Q(held_until=None) | Q(held_until__gt=at))


def of_the_group() -> Q:
    """Of a group's reservations those that are taken once for all: the instructor, the studio."""
    shared = Need.objects.filter(
        treatment=OuterRef("appointment__treatment"),
        is_shared=True,
        pool__members=OuterRef("resource"),
    )
    return Q(resource__practitioner__isnull=False) | Q(Exists(shared))


def mates(appointment: Appointment) -> "QuerySet[Appointment]":
    """The others who share a group's start with `appointment`, oldest first, as a queryset."""
    return (
        Appointment.objects.filter(
            treatment=appointment.treatment_id,
            practitioner=appointment.practitioner_id,
            location=appointment.location_id,
            starts_at=appointment.starts_at,
            state__in=LIVE,
        )
        .exclude(pk=appointment.pk)
        .order_by("pk")
    )
