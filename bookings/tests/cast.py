"""The cast of the staff's pages, and visits in any state without going through a booking.

Ana is an acupuncturist, Ben another practitioner, Dora runs the desk, Olga owns the clinic,
Pat is a patient, Zed has a login and no role.
"""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Group, User

from bookings.models import Appointment, State
from bookings.tests import factories
from bookings.tests.factories import World
from clinic.access import OWNER, PRACTITIONER, RECEPTION
from practitioners.models import Practitioner

_numbers = count(1)


def login(name: str, *roles: str, practitioner: Practitioner | None = None) -> User:
    """A user in these roles, linked to `practitioner` where there is one."""
    user = User.objects.create_user(name, password="a-password-of-nobody")
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    if practitioner:
        practitioner.user = user
        practitioner.save()
    return user


def dora() -> User:
    return login("dora", RECEPTION)


def olga() -> User:
    return login("olga", OWNER)


def zed() -> User:
    return login("zed")


def ana(world: World) -> User:
    """The world's practitioner signs in."""
    return login("ana", PRACTITIONER, practitioner=world.practitioner)


def ben(world: World) -> User:
    return login("ben", PRACTITIONER, practitioner=world.another_practitioner(name="Ben Tidewell"))


def visit(world: World, start: datetime, *, room: Any = "", **fields: Any) -> Appointment:
    """A booked visit of Pat's with the world's practitioner, in a room that nobody else takes.

    `patient`, `state`, `treatment`, `location` and the rest may be given; `room` is a resource.
    """
    treatment = fields.pop("treatment", world.treatment)
    location = fields.pop("location", world.location)
    minutes = fields.get("minutes", treatment.minutes)
    values = {
        "treatment": treatment,
        "practitioner": world.practitioner,
        "location": location,
        "starts_at": start,
        "ends_at": start + timedelta(minutes=minutes),
        "treatment_name": str(treatment),
        "minutes": minutes,
        "price_pence": treatment.price_pence,
        "cancellation_hours": 24,
        "state": State.BOOKED,
        **fields,
    }
    if values["state"] == State.HELD:
        values.setdefault("held_until", start)
    elif "patient" not in values:
        values["patient"] = factories.patient()
    row = Appointment.objects.create(**values)
    if row.state not in (State.CANCELLED, State.EXPIRED):
        place = room or factories.room(location, name=f"Side room {next(_numbers)}")
        for resource in (factories.body(row.practitioner), place):
            if not resource.reservations.filter(
                starts_at__lt=row.ends_at, ends_at__gt=row.starts_at
            ).exists():
                row.reservations.create(
                    resource=resource, starts_at=row.starts_at, ends_at=row.ends_at
                )
    return row
