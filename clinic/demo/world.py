"""Turns the data modules into rows: the directory, and what the diary is made of."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.text import slugify

from bookings.models import (
    Absence,
    BankHoliday,
    Journey,
    Need,
    Opening,
    Pool,
    ReminderRule,
    Resource,
)
from practitioners.models import Clinic, Language, Location, Practitioner, Registration, Treatment

from . import directory, names
from .holidays import closed_days
from .people import LANGUAGES, PRACTITIONERS
from .places import CLINIC, JOURNEY_MINUTES, LOCATION_HOURS, LOCATIONS, POOLS, THINGS, Thing
from .shapes import Hours, NeedData, PractitionerData, TreatmentData


@dataclass
class World:
    """What was written, by the names that the data modules use."""

    today: date
    scale: int
    locations: dict[str, Location] = field(default_factory=dict)
    treatments: dict[str, Treatment] = field(default_factory=dict)
    data: dict[str, TreatmentData] = field(default_factory=dict)
    people: list[tuple[Practitioner, PractitionerData]] = field(default_factory=list)
    bodies: dict[int, Resource] = field(default_factory=dict)  # by practitioner
    pools: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    openings: list[Opening] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)

    @property
    def epoch(self) -> date:
        """The Monday from which alternate weeks are counted: an even number of weeks ago."""
        return self.today - timedelta(days=self.today.weekday(), weeks=52)

    def at(self, days: int, clock: str, zone: str = "Europe/London") -> datetime:
        """The instant at which the wall shows `clock`, so many days from today."""
        return datetime.combine(
            self.today + timedelta(days=days), time.fromisoformat(clock), ZoneInfo(zone)
        )

    def next_weekday(self, weekday: int, at_least: int = 1) -> int:
        """Days from today until that weekday, `at_least` so many."""
        return at_least + (weekday - self.today.weekday() - at_least) % 7


def build(today: date, scale: int) -> World:
    """Write everything that stands still; returns it for those who place appointments in it."""
    world = World(today, scale)
    Clinic.objects.create(pk=1, **CLINIC)
    for position, row in enumerate(LOCATIONS):
        world.locations[str(row["slug"])] = Location.objects.create(position=position, **row)
    one, other = world.locations.values()
    Journey.objects.create(one=one, other=other, minutes=JOURNEY_MINUTES)
    directory.build(today)
    world.treatments = {t.slug: t for t in Treatment.objects.select_related("therapy")}
    world.data = directory.treatment_data()
    _people(world)
    _things(world)
    _needs(world)
    for hours in LOCATION_HOURS:
        _open(world, hours, None)
    Opening.objects.bulk_create(world.openings)
    _absences(world)
    for minutes in (2880, 120):
        ReminderRule.objects.get_or_create(treatment=None, minutes_before=minutes)
    return world


# --- people ---------------------------------------------------------------------
def _people(world: World) -> None:
    languages = {
        code: Language.objects.get_or_create(code=code, defaults={"name": name})[0]
        for code, name in LANGUAGES.items()
    }
    plan = [(person, person.name, person.slug) for person in PRACTITIONERS]
    for copy in range(1, world.scale):
        for n, person in enumerate(p for p in PRACTITIONERS if _can_work(p)):
            name = names.ordinary(copy * 31 + n * 7)
            plan.append((person, name, f"{slugify(name)}-{copy}-{n}"))
    rows = Practitioner.objects.bulk_create(
        [
            _practitioner(world.today, data, name, slug, position)
            for position, (data, name, slug) in enumerate(plan)
        ]
    )
    world.people = [(row, data) for row, (data, *_rest) in zip(rows, plan, strict=True)]
    _registrations(world)
    gives, speaks = Practitioner.treatments.through, Practitioner.languages.through
    gives.objects.bulk_create(
        gives(practitioner_id=row.pk, treatment_id=world.treatments[slug].pk)
        for row, data in world.people
        for slug in data.treatments
    )
    speaks.objects.bulk_create(
        speaks(practitioner_id=row.pk, language_id=languages[code].pk)
        for row, data in world.people
        for code in data.languages
    )
    bodies = Resource.objects.bulk_create(
        Resource(kind="practitioner", name=row.name, practitioner=row, position=row.position)
        for row, _data in world.people
    )
    world.bodies = {body.practitioner_id: body for body in bodies if body.practitioner_id}
    for row, data in world.people:
        for hours in data.hours:
            _open(world, hours, world.bodies[row.pk])


def _can_work(data: PractitionerData) -> bool:
    return data.is_published and all(r.status == "current" for r in data.registrations)


def _practitioner(
    today: date, data: PractitionerData, name: str, slug: str, position: int
) -> Practitioner:
    return Practitioner(
        name=name,
        slug=slug,
        profession=data.profession,
        pronouns=data.pronouns,
        gender=data.gender,
        summary=data.summary,
        about=data.about,
        qualifications="\n".join(data.qualifications),
        takes_new_patients=data.takes_new_patients,
        first_visits_a_day=data.first_visits_a_day,
        insured_until=today + timedelta(days=data.insured_days) if data.is_published else None,
        dbs_checked_on=today - timedelta(days=200) if data.is_published else None,
        is_published=data.is_published,
        position=position,
    )


def _registrations(world: World) -> None:
    checked = world.today - timedelta(days=45)
    Registration.objects.bulk_create(
        Registration(
            practitioner=row,
            body=r.body,
            number=r.number if n < len(PRACTITIONERS) else f"DEMO-{n:04d}-{r.number[-4:]}",
            status=r.status,
            valid_until=world.today + timedelta(days=r.valid_days),
            is_required=r.is_required,
            checked_on=None if r.status == "unchecked" else checked,
            checked_by="" if r.status == "unchecked" else "Front desk",
        )
        for n, (row, data) in enumerate(world.people)
        for r in data.registrations
    )


# --- rooms and equipment --------------------------------------------------------
def _things(world: World) -> None:
    rows: list[tuple[Thing, Resource]] = []
    rooms: dict[tuple[str, str, int], Resource] = {}
    for thing in THINGS:
        count = thing.count * world.scale
        for n in range(1, count + 1):
            name = thing.name if count == 1 else f"{thing.name} {n}"
            place = world.locations[thing.location]
            row = Resource(kind=thing.kind, name=name, location=place, position=len(rows))
            rows.append((thing, row))
            rooms[thing.location, thing.name, n] = row
            if thing.lives_in:
                row.lives_in = rooms[thing.location, thing.lives_in, n]
    # Rooms first: bulk_create takes the key of what a row points to.
    for kind in ("room", "equipment"):
        Resource.objects.bulk_create(row for _thing, row in rows if row.kind == kind)
    through = Pool.members.through
    members = []
    pools = {s: Pool.objects.create(slug=s, name=name) for s, name in POOLS.items()}
    for thing, row in rows:
        for slug in thing.pools:
            world.pools[slug].append(row)
            members.append(through(pool_id=pools[slug].pk, resource_id=row.pk))
        for hours in thing.hours:
            _open(world, hours, row)
    through.objects.bulk_create(members)


def _needs(world: World) -> None:
    pools = {pool.slug: pool for pool in Pool.objects.all()}
    Need.objects.bulk_create(
        _need(world.treatments[slug], need, pools.get(need.pool))
        for slug, data in world.data.items()
        for need in data.needs
    )


def _need(treatment: Treatment, need: NeedData, pool: Pool | None) -> Need:
    return Need(
        treatment=treatment,
        pool=pool,
        from_minute=need.start,
        to_minute=need.end,
        quantity=need.quantity,
        is_shared=need.shared,
        follows_end=need.follows_end,
    )


# --- hours ----------------------------------------------------------------------
def _open(world: World, hours: Hours, resource: Resource | None) -> None:
    def row(weekday: int | None, on_date: date | None) -> Opening:
        return Opening(
            resource=resource,
            location=world.locations[hours.location],
            weekday=weekday,
            on_date=on_date,
            starts=time.fromisoformat(hours.starts),
            ends=time.fromisoformat(hours.ends),
            every_weeks=hours.every_weeks,
            valid_from=world.epoch,
        )

    world.openings += [row(day, None) for day in hours.weekdays]
    if hours.sunday_after_days is not None:
        days = world.next_weekday(6, hours.sunday_after_days)
        world.openings.append(row(None, world.today + timedelta(days=days)))


def _absences(world: World) -> None:
    for location in world.locations.values():
        for year in range(world.today.year, world.today.year + 3):
            for day, name in closed_days(year).items():
                world.absences.append(BankHoliday.on(day, location, name))
    bodies = {row.slug: world.bodies[row.pk] for row, _data in world.people}
    table = next(r for r in world.pools["idd-table"] if r.location == world.locations["hilltop"])
    laser = world.pools["laser-unit"][0]
    repair = world.next_weekday(2, 7 - world.today.weekday())
    monday = world.next_weekday(0, 14)
    training = world.next_weekday(3, 8)
    for resource, first, start, last, end, reason, note in (
        (table, repair, "09:00", repair, "13:00", "repair", "Yearly service"),
        (laser, monday + 9, "08:00", monday + 9, "12:00", "repair", "Safety check"),
        (bodies["bartek-holloway"], monday, "00:00", monday + 7, "00:00", "leave", ""),
        (bodies["ash-thistlewood"], training, "13:00", training, "17:00", "training", "First aid"),
        (bodies["saoirse-fennimore"], -11, "00:00", -9, "00:00", "sick", ""),
    ):
        world.absences.append(
            Absence(
                resource=resource,
                starts_at=world.at(first, start),
                ends_at=world.at(last, end),
                reason=reason,
                note=note,
            )
        )
    Absence.objects.bulk_create(world.absences)
