"""The clinic that is measured, in our tables and in those of django-appointment.

Everybody works from Monday to Friday, 9 to 17, and has a week off. A talk needs its practitioner
alone, which is all that django-appointment knows; traction also needs a room and a table.
"""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Model

from bookings.models import Absence, Appointment, Need, Opening, Patient, Pool, Resource, State
from bookings.models.reservations import Reservation
from clinic.clock import midnight
from practitioners.models import Location, Practitioner, Registration, Therapy, Treatment

ZONE = "Europe/London"
OPENS, CLOSES, MINUTES = time(9), time(17), 30
SLOTS_A_DAY = 16
LONG_VALID = date(2099, 1, 1)

# (start, practitioner, room or None, table or None): the last three count from 0.
Visit = tuple[datetime, int, int | None, int | None]


def slots(days: Iterable[date]) -> Iterator[datetime]:
    """The starts of all visits there can be, in UTC."""
    for day in days:
        if day.weekday() < 5:
            for n in range(SLOTS_A_DAY):
                wall = datetime.combine(day, OPENS, ZoneInfo(ZONE)) + timedelta(minutes=MINUTES * n)
                yield wall.astimezone(UTC)


def days_from(first: date, days: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(days)]


def insert(model: type[Model], rows: list[dict[str, object]]) -> None:
    """Many rows at once, past the ORM."""
    if not rows:
        return
    table, columns = model._meta.db_table, ", ".join(rows[0])
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(tuple(row.values()))
        else:
            places = ", ".join(["%s"] * len(rows[0]))
            statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
            cursor.executemany(statement, (tuple(row.values()) for row in rows))


@contextmanager
def unguarded() -> Iterator[None]:
    """Without PostgreSQL's exclusion constraint, which is slow to fill; it is put back, and so
    proves that nothing overlaps. SQLite's triggers stay."""
    if connection.vendor != "postgresql":
        yield
        return
    name, table = "reservation_no_overlap", Reservation._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name]
        )
        (definition,) = cursor.fetchone()
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        yield
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


@dataclass
class House:
    """Who and what there is. Build it in an empty database."""

    people: int
    rooms: int = 20
    tables: int = 5
    practitioners: list[Practitioner] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _crowds: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.place = Location.objects.create(
            name="Tidewell Quayside", slug="quayside", street="1 Quay", city="Tidewell",
            postcode="TW1 1AA", time_zone=ZONE, is_published=True,
        )  # fmt: skip
        self._hours([None])
        self.therapy = Therapy.objects.create(name="Back care", slug="back", is_published=True)
        self.talk = self.treatment("talk")
        self.traction = self.treatment("traction")
        self.room_keys = self._things(Resource.Kind.ROOM, self.rooms)
        self.table_keys = self._things(Resource.Kind.EQUIPMENT, self.tables)
        for name, members in (("rooms", self.room_keys), ("tables", self.table_keys)):
            pool = Pool.objects.create(name=name, slug=name)
            pool.members.set(members)
            Need.objects.create(treatment=self.traction, pool=pool, to_minute=MINUTES)
        self.hire(self.people, [self.talk, self.traction])

    def treatment(self, slug: str) -> Treatment:
        row = Treatment.objects.create(
            therapy=self.therapy, name=slug, slug=slug, minutes=MINUTES, price_pence=6000,
            grid_minutes=MINUTES, notice_minutes=0, horizon_days=366,
        )  # fmt: skip
        Need.objects.create(treatment=row, to_minute=MINUTES)
        return row

    def _things(self, kind: str, how_many: int) -> list[int]:
        rows = [
            Resource(kind=kind, name=f"{kind} {n}", location=self.place, position=n)
            for n in range(how_many)
        ]
        return [r.pk for r in Resource.objects.bulk_create(rows)]

    def _hours(self, resources: Iterable[int | None]) -> None:
        Opening.objects.bulk_create(
            Opening(resource_id=pk, location=self.place, weekday=day, starts=OPENS, ends=CLOSES)
            for pk in resources
            for day in range(5)
        )

    def hire(self, how_many: int, gives: list[Treatment]) -> None:
        """More practitioners, who give some treatments."""
        known = len(self.practitioners)
        found = Practitioner.objects.bulk_create(
            Practitioner(
                name=f"Practitioner {n:03}",
                slug=f"practitioner-{n}",
                profession="Osteopath",
                position=n,
                insured_until=LONG_VALID,
                is_published=True,
            )  # fmt: skip
            for n in range(known, known + how_many)
        )
        self.practitioners += found
        Registration.objects.bulk_create(
            Registration(
                practitioner=p,
                body=Registration.Body.GOSC,
                number=p.slug,
                status=Registration.Status.CURRENT,
                valid_until=LONG_VALID,
                checked_on=date(2026, 1, 5),
                checked_by="Front desk",
            )  # fmt: skip
            for p in found
        )
        bodies = Resource.objects.bulk_create(
            Resource(kind=Resource.Kind.PRACTITIONER, name=p.name, practitioner=p) for p in found
        )
        self.bodies += [b.pk for b in bodies]
        self._hours(b.pk for b in bodies)
        for treatment in gives:
            self.give(treatment, found)

    def give(self, treatment: Treatment, people: Iterable[Practitioner]) -> None:
        through = Practitioner.treatments.through
        through.objects.bulk_create(through(practitioner=p, treatment=treatment) for p in people)

    # --- what is taken --------------------------------------------------------------
    def book(self, visits: Iterable[Visit], at_most: int | None = None) -> int:
        """Write visits and what they take, or the first of them; return how many reservations."""
        crowd = f"crowd-{next(self._crowds)}"
        # None comes twice within a slot.
        bodies = Resource.objects.bulk_create(
            Resource(kind=Resource.Kind.PERSON, name="Pat Example", person_key=f"{crowd}-{n}")
            for n in range(2 * len(self.practitioners))
        )
        patients = Patient.objects.bulk_create(
            Patient(name=b.name, email="pat@example.org", resource=b) for b in bodies
        )
        written = 0
        visits = iter(visits)
        while batch := list(islice(visits, 20_000)):
            appointments, taken = [], []
            for start, person, room, table in batch:
                if at_most is not None and written + len(taken) >= at_most:
                    break
                key = next(self._numbers)
                at = key % len(patients)
                starts = f"{start:%Y-%m-%d %H:%M:%S}"
                ends = f"{start + timedelta(minutes=MINUTES):%Y-%m-%d %H:%M:%S}"
                treatment = self.talk if table is None else self.traction
                appointments.append({
                    "id": key, "reference": f"{key:08}", "token": f"token-{key}",
                    "state": str(State.BOOKED), "patient_id": patients[at].pk,
                    "treatment_id": treatment.pk, "location_id": self.place.pk,
                    "practitioner_id": self.practitioners[person].pk, "starts_at": starts,
                    "ends_at": ends, "treatment_name": treatment.name, "minutes": MINUTES,
                    "price_pence": 6000, "cancellation_hours": 24, "hold_extended": False,
                    "sequence": 0, "source": "web", "note": "", "staff_note": "",
                    "wants_chaperone": False, "outcome": "", "cancel_reason": "",
                    "cancelled_by_clinic": False, "created_at": starts,
                })  # fmt: skip
                things = [self.bodies[person], bodies[at].pk]
                things += [] if room is None else [self.room_keys[room]]
                things += [] if table is None else [self.table_keys[table]]
                taken += [
                    {"resource_id": r, "starts_at": starts, "ends_at": ends, "appointment_id": key}
                    for r in things
                ]
            insert(Appointment, appointments)
            insert(Reservation, taken)
            written += len(taken)
            if len(appointments) < len(batch):
                break
        return written

    def weeks_off(self, first: date) -> list[tuple[int, date]]:
        """(practitioner, Monday of the week they are off), spread over eight weeks."""
        monday = first + timedelta(days=-first.weekday() % 7)
        return [(n, monday + timedelta(weeks=n % 8)) for n in range(len(self.practitioners))]

    def take_off(self, weeks: Iterable[tuple[int, date]]) -> None:
        Absence.objects.bulk_create(
            Absence(
                resource_id=self.bodies[n],
                starts_at=midnight(monday, ZONE),
                ends_at=midnight(monday + timedelta(days=5), ZONE),
            )
            for n, monday in weeks
        )


def diary(
    people: range,
    days: Iterable[date],
    *,
    busy: float,
    rooms: int = 0,
    tables: int = 0,
    full_days: int = 0,
    off: Iterable[tuple[int, date]] = (),
) -> Iterator[Visit]:
    """Visits by chance, the same each time: in each slot a share of the people is busy, the first
    `rooms` of them in a room, `tables` of these on a table; on the first days everybody is."""
    chance = random.Random(3)
    away = {n: (monday, monday + timedelta(days=5)) for n, monday in off}
    for number, start in enumerate(slots(days)):
        share = 1 if number < full_days * SLOTS_A_DAY else busy
        here = [n for n in people if n not in away or not away[n][0] <= start.date() < away[n][1]]
        chosen = chance.sample(here, min(round(share * len(people)), len(here)))
        some_rooms, some_tables = chance.sample(range(20), 20), chance.sample(range(5), 5)
        for n, person in enumerate(chosen):
            room = some_rooms[n] if n < rooms else None
            table = some_tables[n] if n < tables else None
            yield start, person, room, table


def past(people: range, before: date) -> Iterator[Visit]:
    """Visits of a clinic that was always full, from the day before backwards without end."""
    for day in (before - timedelta(days=n) for n in count(1)):
        for start in slots([day]):
            for person in people:
                yield start, person, person if person < 20 else None, None


# --- the same in the tables of django-appointment -----------------------------------
def theirs(house: House, visits: Iterable[Visit], weeks: Iterable[tuple[int, date]]) -> None:
    from appointment import models

    models.Config.objects.create(
        slot_duration=MINUTES, lead_time=OPENS, finish_time=CLOSES, appointment_buffer_time=0,
        website_name="Tidewell",
    )  # fmt: skip
    service = models.Service.objects.create(
        name="talk", duration=timedelta(minutes=MINUTES), price=60
    )
    users = get_user_model().objects.bulk_create(
        get_user_model()(username=p.slug, first_name=p.name) for p in house.practitioners
    )
    staff = models.StaffMember.objects.bulk_create(
        models.StaffMember(user=user, slot_duration=MINUTES) for user in users
    )
    offered = models.StaffMember.services_offered.through
    offered.objects.bulk_create(offered(staffmember=s, service=service) for s in staff)
    models.WorkingHours.objects.bulk_create(
        models.WorkingHours(staff_member=s, day_of_week=day, start_time=OPENS, end_time=CLOSES)
        for s in staff
        for day in range(1, 6)
    )
    models.DayOff.objects.bulk_create(
        models.DayOff(staff_member=staff[n], start_date=monday, end_date=monday + timedelta(days=4))
        for n, monday in weeks
    )
    requests = []
    for start, person, _room, _table in visits:
        wall = start.astimezone(ZoneInfo(ZONE))
        requests.append(
            models.AppointmentRequest(
                date=wall.date(),
                start_time=wall.time(),
                service=service,
                end_time=(wall + timedelta(minutes=MINUTES)).time(),
                staff_member=staff[person],
                id_request=f"request-{len(requests)}",
            )  # fmt: skip
        )
    models.AppointmentRequest.objects.bulk_create(requests, batch_size=1000)
    models.Appointment.objects.bulk_create(
        (
            models.Appointment(
                client=users[0], appointment_request=r, amount_to_pay=60, id_request=r.id_request
            )
            for r in requests
        ),
        batch_size=1000,
    )
