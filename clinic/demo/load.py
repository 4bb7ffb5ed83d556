"""The order in which the demo clinic is written: all of it, or nothing."""

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.db import transaction

from bookings.models import Patient, ScreeningForm
from clinic import clock
from clinic.errors import Refused
from practitioners.models import Clinic, Practitioner

from . import inbox, logins, rows, world
from .clients import Client
from .diary import Diary
from .history import Teller
from .patients import birthday, everybody
from .people import PRACTITIONERS

Say = Callable[[str], None]
ZONE = "Europe/London"


class NotEmpty(Refused):
    """This database holds somebody's clinic; invented people have no place in it."""

    code = "not_empty"


def is_loaded() -> bool:
    """Whether the demo clinic is in this database."""
    return Practitioner.objects.filter(slug=PRACTITIONERS[0].slug).exists()


def load(*, scale: int, say: Say) -> bool:
    """Write the demo clinic, unless it is there already; True when it was written.

    Raises NotEmpty where the database holds another clinic or anybody's patients.
    """
    if is_loaded():
        return False
    if Clinic.objects.exists() or Practitioner.objects.exists() or Patient.objects.exists():
        raise NotEmpty("This database holds a clinic already, and not the demo clinic.")
    with transaction.atomic():
        _write(scale, say)
    return True


def _write(scale: int, say: Say) -> None:
    now, today = clock.now(), clock.today(ZONE)
    built = world.build(today, scale)
    logins.build()
    say(f"{len(built.people)} practitioners, {len(built.treatments)} treatments")
    clients = [Client(n, p, birthday(p, today)) for n, p in enumerate(everybody(scale))]
    diary = Diary(built, clients)
    diary.fill()
    say(
        f"{len(diary.visits)} appointments for {len(clients)} patients found their place: "
        f"{diary.worked / diary.there:.0%} of the practitioners’ hours"
    )
    people = rows.write_patients(clients)
    desk = get_user_model().objects.filter(username="reception").first()
    form = ScreeningForm.objects.prefetch_related("questions").get()
    teller = Teller(
        now=now,
        zone=ZONE,
        treatments=built.treatments,
        form=form,
        desk=desk,
        policy_hours=Clinic.current().cancellation_hours,
    )
    stories = (
        teller.tell(visit, people[visit.client.index] if visit.client else None)
        for visit in diary.visits
    )
    for written in rows.write_stories(stories):
        say(f"{written} appointments written")
    rows.write_matches(people)
    rows.write_stopped(form, now)
    rows.write_clash(now)
    rows.write_failure(now)
    rows.write_outcomes(now, desk)
    rows.set_dates(now)
    inbox.build()
