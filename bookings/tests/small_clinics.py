"""Random small clinics, drawn as plain values and written as rows, for property tests."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from bookings.models import Absence, Appointment, Journey, Need, Opening, Resource, State
from bookings.models.reservations import Reservation
from clinic.clock import midnight
from practitioners.models import Length, Location, Practitioner, Treatment
from practitioners.tests import factories as directory

from . import factories

# Zones, each with a day on which something happens to its clocks (or, in Kolkata, nothing).
WHEN = [
    ("Europe/London", date(2027, 3, 28)),
    ("Europe/London", date(2027, 10, 31)),
    ("Asia/Kolkata", date(2027, 5, 12)),
    ("America/St_Johns", date(2027, 3, 14)),
    ("America/St_Johns", date(2027, 11, 7)),
    ("Asia/Beirut", date(2027, 3, 28)),
    ("Asia/Beirut", date(2027, 10, 31)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Australia/Lord_Howe", date(2027, 10, 3)),
]
# Most of the hours lie where clocks change; a few minutes are not in fives.
HOURS = [
    (time(0), time(3)),
    (time(0, 30), time(2, 30)),
    (time(1), time(5)),
    (time(1, 2), time(3, 58)),
    (time(22), time(0)),
    (time(9), time(10, 30)),
    (time(13), time(15)),
]


@dataclass
class SmallClinic:
    """What was written; `treatment` is the one to ask for, on `first`..`last`, at `now`."""

    zone: str
    first: date
    last: date
    now: datetime
    treatment: Treatment
    locations: list[Location] = field(default_factory=list)
    people: list[Practitioner] = field(default_factory=list)
    things: list[Resource] = field(default_factory=list)
    new_patient: bool = False
    # The length asked for, where it is not the treatment's own.
    minutes: int | None = None

    @property
    def wishes(self) -> list[datetime]:
        """Some times in the thick of it."""
        return [midnight(self.first, self.zone) + timedelta(minutes=5 * n) for n in (0, 18, 31)]


def a_span(random: Random) -> dict[str, Any]:
    """Hours of something: weekly, every other week, from or until a date, or on one day only."""
    return {
        "hours": random.choice(HOURS),
        "kind": random.choice(["weekly", "weekly", "weekly", "date"]),
        "day": random.randint(0, 2),
        "every": random.choice([1, 1, 2]),
        "from": random.choice([-15, -14, -7, -1, 0, 1]),
        "until": random.choice([None, None, None, 0, 1]),
    }


def a_plan(seed: int) -> dict[str, Any]:
    """The plan of one clinic. A seed makes every example another one; shrinking a clinic drawn
    piece by piece showed the same dull ones again and again."""
    random = Random(seed)
    choice, integer = random.choice, random.randint

    def some(most: int, make: Any, least: int = 0) -> list[Any]:
        return [make() for _n in range(integer(least, most))]

    return {
        "when": choice(WHEN),
        "first": integer(-1, 0),
        "days": integer(1, 2),
        "now": choice([-30, -30, -3, 0, 2, 5]),
        "places": choice([1, 1, 2]),
        "people": integer(1, 2),
        "things": integer(2, 5),
        "house": [a_day_long(0), a_day_long(1), *some(1, lambda: a_span(random))],
        "openings": some(3, lambda: (integer(0, 9), a_span(random))),
        "absences": some(3, lambda: (integer(0, 9), integer(-600, 2400), choice([1, 20, 60, 200]))),
        "pools": some(2, lambda: {integer(0, 3) for _n in range(integer(2, 5))}, least=1),
        "minutes": integer(1, 9) * 5,
        "grid": choice([5, 10, 15, 20, 30, 60]),
        "notice": choice([0, 0, 0, 1, 120, 1440]),
        "horizon": choice([1, 2, 60, 60, 60]),
        "audience": choice(["all", "all", "new"]),
        "longer": choice([None, None, None, 5, 10, 25]),
        "follows": [choice([False, False, True]) for _n in range(6)],
        "lives": choice([None, None, 0, 1]),
        "journey": choice([0, 0, 12, 30]),
        "first_visits": [choice([None, None, 0, 1, 2]), choice([None, 1])],
        "group": choice([False, False, True]),
        "practitioner_parts": choice([[], [(0, 2)], [(-1, 3)], [(0, 3), (6, 2)], [(0, 3), (2, 2)]]),
        "parts": some(
            3, lambda: (integer(0, 1), integer(-2, 5), integer(1, 6), choice([1, 1, 1, 2]))
        ),
        "taken": some(
            6,
            lambda: (
                integer(0, 9),
                integer(-60, 480),
                integer(1, 18),
                choice(["booked", "booked", "held", "over"]),
                integer(0, 3),
            ),
        ),
        "insured": choice([0, 1, 300, 300, 300, 300]),
        "taking_new": [choice([True, True, True, False]), choice([True, False])],
        "new_patient": choice([True, False]),
    }


def a_day_long(day: int) -> dict[str, Any]:
    return {
        "hours": (time(0), time(5)),
        "kind": "weekly",
        "day": day,
        "every": 1,
        "from": -15,
        "until": None,
    }


def described(small: "SmallClinic") -> str:
    """The rows that matter, for a failing example."""
    lines = [f"{small.zone} {small.first}..{small.last} now {small.now}", str(small.treatment)]
    for model in (Need, Opening, Absence, Reservation):
        for row in model.objects.all():
            lines.append(str({f.attname: getattr(row, f.attname) for f in row._meta.fields}))
    return "\n".join(lines)


def build(plan: dict[str, Any]) -> SmallClinic:
    """Write a plan's rows; what the database would refuse (an overlap) is left out."""
    zone, change = plan["when"]
    first = change + timedelta(days=plan["first"])
    last = first + timedelta(days=plan["days"] - 1)
    origin = midnight(first, zone)
    now = origin + timedelta(minutes=37 * plan["now"])
    directory.clinic_row()
    therapy = directory.therapy()
    treatment = directory.treatment(
        therapy=therapy,
        minutes=plan["minutes"],
        grid_minutes=plan["grid"],
        notice_minutes=plan["notice"],
        horizon_days=plan["horizon"],
        audience=plan["audience"],
        is_group=plan["group"],
    )
    small = SmallClinic(zone, first, last, now, treatment, new_patient=plan["new_patient"])
    zones = [zone, "Asia/Kolkata"]
    small.locations = [directory.location(time_zone=z) for z in zones[: plan["places"]]]
    for n in range(plan["people"]):
        person = directory.practitioner(
            treatments=[treatment],
            insured_until=first + timedelta(days=plan["insured"]) if n == 0 else date(2035, 1, 1),
            takes_new_patients=plan["taking_new"][n],
            first_visits_a_day=plan["first_visits"][n],
        )
        factories.body(person)
        small.people.append(person)
    for n in range(plan["things"]):
        place = small.locations[-1 if n == 2 else 0]
        small.things.append(factories.room(place) if n < 2 else factories.equipment(place))
    if plan["lives"] is not None and small.things[-1].kind == "equipment":
        home = small.things[plan["lives"]]
        if home.location == small.things[-1].location:
            small.things[-1].lives_in = home
            small.things[-1].save()
    if plan["journey"] and len(small.locations) > 1:
        one, other = small.locations
        Journey.objects.create(one=one, other=other, minutes=plan["journey"])
    if plan["longer"] and not plan["group"]:
        small.minutes = treatment.minutes + plan["longer"]
        Length.objects.create(treatment=treatment, minutes=small.minutes, price_pence=1)
    _hours(plan, small, first)
    _needs(plan, small)
    everything = [*(p.resource for p in small.people), *small.things]
    for who, start, length in plan["absences"]:
        at = origin + timedelta(minutes=start)
        until = at + timedelta(minutes=length)
        if who == 9:
            Absence.objects.create(location=small.locations[0], starts_at=at, ends_at=until)
        else:
            factories.absence(everything[who % len(everything)], at, until)
    _taken(plan, small, everything, origin)
    return small


def _hours(plan: dict[str, Any], small: SmallClinic, first: date) -> None:
    def opening(resource: Resource | None, place: Location, span: dict[str, Any]) -> None:
        day = first + timedelta(days=span["day"])
        starts, ends = span["hours"]
        fields: dict[str, Any] = {"resource": resource, "location": place}
        if span["kind"] == "date":
            fields["on_date"] = day
        else:
            fields |= {
                "weekday": day.weekday(),
                "every_weeks": span["every"],
                "valid_from": first + timedelta(days=span["from"]),
                "valid_until": first + timedelta(days=span["until"]) if span["until"] else None,
            }
        Opening.objects.create(starts=starts, ends=ends, **fields)

    for place in small.locations:
        for span in plan["house"]:
            opening(None, place, span)
    # Every practitioner has hours, or the clinic would be a dull one.
    for person in small.people:
        for place in small.locations:
            for span in plan["house"]:
                opening(person.resource, place, span)
    everything = [*(p.resource for p in small.people), *small.things]
    for who, span in plan["openings"]:
        resource = everything[who % len(everything)]
        opening(resource, resource.location or small.locations[who % len(small.locations)], span)


def _needs(plan: dict[str, Any], small: SmallClinic) -> None:
    pools = [
        factories.pool(*(small.things[m % len(small.things)] for m in members))
        for members in plan["pools"]
    ]
    for start, length in plan["practitioner_parts"]:
        follows = plan["follows"][start % 6]
        _need(small, None, start, length, 1, shared=plan["group"], follows=follows)
    if not plan["practitioner_parts"]:
        _need(small, None, 0, plan["minutes"] // 5, 1, shared=plan["group"])
    for n, (which, start, length, quantity) in enumerate(plan["parts"]):
        # The last of a group's parts is each person's own.
        own = n == len(plan["parts"]) - 1
        shared = plan["group"] and not own
        own = pools[which % len(pools)]
        _need(small, own, start, length, quantity, shared=shared, follows=plan["follows"][n % 6])


def _need(
    small: SmallClinic,
    pool: Any,
    start: int,
    length: int,
    quantity: int,
    *,
    shared: bool,
    follows: bool = False,
) -> None:
    Need.objects.create(
        treatment=small.treatment,
        pool=pool,
        from_minute=start * 5,
        to_minute=(start + length) * 5,
        quantity=quantity,
        is_shared=shared,
        follows_end=follows,
    )


def _taken(
    plan: dict[str, Any], small: SmallClinic, everything: list[Resource], origin: datetime
) -> None:
    """Other people's appointments, each with one reservation of one resource."""
    others = [
        directory.treatment(therapy=small.treatment.therapy),
        directory.treatment(therapy=small.treatment.therapy, audience="new"),
    ]
    spans: list[tuple[int, datetime, datetime]] = []
    for who, start, length, kind, where in plan["taken"]:
        resource = everything[who % len(everything)]
        at = origin + timedelta(minutes=5 * start)
        until = at + timedelta(minutes=5 * length)
        if any(pk == resource.pk and a < until and at < b for pk, a, b in spans):
            continue
        spans.append((resource.pk, at, until))
        take(others[where // 2], small, resource, at, until, kind, where)


def take(
    treatment: Treatment,
    small: SmallClinic,
    resource: Resource,
    at: datetime,
    until: datetime,
    kind: str,
    where: int = 0,
) -> Appointment:
    """One appointment that takes one resource: booked, held, or a hold that is over."""
    held = {"held": timedelta(minutes=5), "over": timedelta(0)}.get(kind)
    row = Appointment.objects.create(
        state=State.BOOKED if held is None else State.HELD,
        held_until=None if held is None else small.now + held,
        patient=factories.patient() if held is None else None,
        treatment=treatment,
        practitioner=resource.practitioner or small.people[0],
        location=resource.location or small.locations[where % len(small.locations)],
        starts_at=at,
        ends_at=until,
        treatment_name="Visit",
        minutes=(until - at) // timedelta(minutes=1),
        price_pence=1,
        cancellation_hours=24,
    )
    Reservation.objects.create(resource=resource, starts_at=at, ends_at=until, appointment=row)
    return row
