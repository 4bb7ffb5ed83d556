"""A diary for tests: plain functions with defaults, keywords change what matters to the test.

`bookable_clinic()` gives a whole small clinic in which one treatment can be booked on any day.
Every other function saves and returns one row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import count
from typing import Any

from bookings.models import (
    Absence,
    Need,
    Opening,
    Patient,
    Pool,
    Resource,
    SafetyQuestion,
    ScreeningForm,
    ScreeningQuestion,
    ScreeningRecord,
)
from clinic import clock
from practitioners.models import Clinic, Location, Practitioner, Therapy, Treatment
from practitioners.tests import factories as directory

_numbers = count(1)
EVERY_DAY = range(7)
PUBLISHED = datetime(2026, 1, 5, 9, tzinfo=UTC)


def room(location: Location, **fields: Any) -> Resource:
    values = {"kind": Resource.Kind.ROOM, "name": f"Room {next(_numbers)}", **fields}
    return Resource.objects.create(location=location, **values)


def equipment(location: Location, **fields: Any) -> Resource:
    values = {"kind": Resource.Kind.EQUIPMENT, "name": f"Table {next(_numbers)}", **fields}
    return Resource.objects.create(location=location, **values)


def body(practitioner: Practitioner) -> Resource:
    """The practitioner as a resource; made at the first call."""
    return Resource.objects.get_or_create(
        practitioner=practitioner,
        defaults={"kind": Resource.Kind.PRACTITIONER, "name": practitioner.name},
    )[0]


def pool(*members: Resource, **fields: Any) -> Pool:
    number = next(_numbers)
    values = {"name": f"Pool {number}", "slug": f"pool-{number}", **fields}
    row = Pool.objects.create(**values)
    row.members.set(members)
    return row


def need(treatment: Treatment, pool: Pool | None = None, **fields: Any) -> Need:
    """The whole visit of the practitioner, or of one member of `pool`."""
    values = {"from_minute": 0, "to_minute": treatment.minutes, **fields}
    return Need.objects.create(treatment=treatment, pool=pool, **values)


def opening(
    location: Location,
    resource: Resource | None = None,
    *,
    days: Iterable[int] = EVERY_DAY,
    starts: time = time(9),
    ends: time = time(17),
    **fields: Any,
) -> list[Opening]:
    """The same hours on several weekdays (all, unless said); with `on_date` on that one only."""
    common = {"location": location, "resource": resource, "starts": starts, "ends": ends, **fields}
    if "on_date" in fields:
        return [Opening.objects.create(**common)]
    return [Opening.objects.create(weekday=day, **common) for day in days]


def absence(
    resource: Resource | None, starts_at: datetime, ends_at: datetime, **fields: Any
) -> Absence:
    """Of one resource, or with `resource=None, location=...` of a whole location."""
    return Absence.objects.create(resource=resource, starts_at=starts_at, ends_at=ends_at, **fields)


def screening_form(**fields: Any) -> ScreeningForm:
    """A published version with a question of each tier: `chest` 999, `numb` A&E, `fever` GP."""
    version = (ScreeningForm.objects.values_list("version", flat=True).first() or 0) + 1
    form = ScreeningForm.objects.create(
        **{"version": version, "published_at": PUBLISHED, "approved_by": "Clinical lead", **fields}
    )
    tiers = ScreeningQuestion.Tier
    for position, (code, text, tier) in enumerate(
        [
            ("chest", "Do you have pain in your chest?", tiers.CALL_999),
            ("numb", "Is it numb or tingling between your legs?", tiers.EMERGENCY),
            ("fever", "Do you have a fever of 38 °C or more?", tiers.URGENT),
        ]
    ):
        ScreeningQuestion.objects.create(
            form=form, code=code, text=text, tier=tier, position=position
        )
    return form


def all_no(form: ScreeningForm) -> dict[str, str]:
    """The answers that pass, as the gate's form posts them."""
    return {question.code: "no" for question in form.questions.all()}


def passed_screening(form: ScreeningForm | None = None, **fields: Any) -> ScreeningRecord:
    """Somebody answered no to every question, just now."""
    form = form or ScreeningForm.objects.first() or screening_form()
    values = {"at": clock.now(), "answers": all_no(form), "passed": True, "door": "web", **fields}
    return ScreeningRecord.objects.create(form=form, **values)


def safety_question(therapy: Therapy, **fields: Any) -> SafetyQuestion:
    """A question whose answer is told to the practitioner; `effect="block"` stops the booking."""
    number = next(_numbers)
    values = {"code": f"question-{number}", "text": f"Do you have problem {number}?", **fields}
    return SafetyQuestion.objects.create(therapy=therapy, **values)


def patient(**fields: Any) -> Patient:
    number = next(_numbers)
    values = {
        "name": f"Pat Example {number}",
        "email": f"pat{number}@example.org",
        "phone": "+441174960200",
        **fields,
    }
    if "resource" not in values:
        values["resource"] = Resource.objects.create(
            kind=Resource.Kind.PERSON, name=values["name"], person_key=f"test-{number}"
        )
    return Patient.objects.create(**values)


@dataclass
class World:
    """A clinic in which `treatment` can be booked with `practitioner` in `room` at `location`."""

    clinic: Clinic
    location: Location
    room: Resource
    rooms: Pool
    practitioner: Practitioner
    therapy: Therapy
    treatment: Treatment
    screening: ScreeningForm

    def another_practitioner(self, **fields: Any) -> Practitioner:
        """One more who gives the treatment, in the same hours; the room stays the bottleneck."""
        person = directory.practitioner(treatments=[self.treatment], **fields)
        opening(self.location, body(person))
        return person

    def another_treatment(self, **fields: Any) -> Treatment:
        """One more of the same therapy by the same practitioner in the same room."""
        row = directory.treatment(**{"therapy": self.therapy, **fields})
        need(row)
        need(row, self.rooms)
        self.practitioner.treatments.add(row)
        return row


def bookable_clinic(
    *,
    starts: time = time(9),
    ends: time = time(17),
    days: Iterable[int] = EVERY_DAY,
    location: dict[str, Any] | None = None,
    practitioner: dict[str, Any] | None = None,
    **treatment: Any,
) -> World:
    """One location, room, practitioner and treatment, open every day 9 to 17, one gate form.

    Other keywords go to the treatment: 60 minutes on the hour for everybody, unless said.
    """
    days = list(days)
    clinic = directory.clinic_row()
    place = directory.location(**{"name": "Tidewell Quayside", **(location or {})})
    opening(place, days=days, starts=starts, ends=ends)
    therapy = directory.therapy(name="Acupuncture", bring="Loose clothes.")
    row = directory.treatment(
        **{"therapy": therapy, "name": "Visit", "slug": "visit", "grid_minutes": 60, **treatment}
    )
    person = directory.practitioner(
        **{"name": "Ana Okafor", "treatments": [row], **(practitioner or {})}
    )
    opening(place, body(person), days=days, starts=starts, ends=ends)
    one_room = room(place, name="Room 1")
    rooms = pool(one_room, name="Treatment room", slug="treatment-room")
    need(row)
    need(row, rooms)
    return World(clinic, place, one_room, rooms, person, therapy, row, screening_form())
