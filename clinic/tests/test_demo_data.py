"""What the demo clinic holds, and that it hangs together. test_demo_load.py has the loading."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count, F, Q
from django.test import Client

from bookings import availability
from bookings.models import (
    Absence,
    Answer,
    Appointment,
    AppointmentEvent,
    Notification,
    Opening,
    Patient,
    PatientMatch,
    SafetyQuestion,
    ScreeningQuestion,
    State,
)
from bookings.models.appointments import LIVE
from bookings.models.reservations import Reservation
from clinic import clock, demo
from clinic.demo import logins
from clinic.demo.evidence import WORKS
from clinic.demo.holidays import bank_holidays
from clinic.demo.pages import THERAPIES
from clinic.demo.patients import AWKWARD, everybody
from clinic.models import ContactMessage
from practitioners.models import (
    Claim,
    Clinic,
    Condition,
    Location,
    Practitioner,
    Reference,
    Therapy,
    Treatment,
)

# A Wednesday at eleven in the morning: people have come and gone, others are on their way.
MIDWEEK = datetime(2026, 11, 18, 11, 10, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)


def run(*args: str) -> str:
    out = StringIO()
    call_command("demo_data", "--force", *args, stdout=out)
    return out.getvalue()


@pytest.fixture(scope="module")
def loaded(django_db_setup: None, django_db_blocker: object) -> Iterator[str]:
    """The demo clinic, loaded once on MIDWEEK for all tests of this file; gives what was said."""
    with django_db_blocker.unblock(), transaction.atomic():
        with time_machine.travel(MIDWEEK, tick=False):
            said = run()
        yield said
        transaction.set_rollback(True)


@pytest.fixture
def clinic(loaded: str, db: None) -> Iterator[None]:
    """The loaded clinic, on MIDWEEK."""
    with time_machine.travel(MIDWEEK, tick=False):
        yield


def free_starts(treatment: Treatment, **kwargs: object) -> list[availability.Start]:
    today = clock.today("Europe/London")
    return availability.starts(treatment, today, today + FORTNIGHT, **kwargs)


# --- what it holds --------------------------------------------------------------
def test_it_loads_the_whole_world(clinic: None) -> None:
    assert Clinic.current().name == "Tidewell Clinic"
    assert Location.objects.published().count() == 2
    assert Practitioner.objects.count() == 12
    assert Therapy.objects.published().count() == 10
    assert Treatment.objects.bookable().count() == 17
    assert Condition.objects.published().count() == 10
    assert ScreeningQuestion.objects.count() == 13
    assert set(ContactMessage.objects.values_list("state", flat=True)) == {
        "new",
        "answered",
        "closed",
    }


def test_every_state_is_there(clinic: None) -> None:
    assert set(Appointment.objects.values_list("state", flat=True)) == set(State.values)


def test_today_has_people_who_left_who_are_here_and_who_will_come(clinic: None) -> None:
    midnight = clock.midnight(clock.today("Europe/London"), "Europe/London")
    today = Appointment.objects.filter(
        starts_at__gte=midnight, starts_at__lt=midnight + timedelta(days=1)
    )
    states = Counter(today.values_list("state", flat=True))
    assert states["completed"] > 2
    assert states["arrived"] > 1
    assert states["booked"] > 5


def test_every_row_passes_its_own_validation(clinic: None) -> None:
    for model in (Clinic, Location, Practitioner, Therapy, Treatment, Condition, Reference, Claim):
        for row in model.objects.all():
            row.clean_fields()
    for model in (SafetyQuestion, Patient, PatientMatch, ContactMessage, Absence):
        for row in model.objects.all():
            row.clean_fields(exclude=["resource"])


def test_the_desk_finds_work(clinic: None) -> None:
    assert PatientMatch.objects.filter(state="open").count() == 4
    assert Notification.objects.filter(state="failed").count() == 1
    sick = Absence.objects.get(reason="sick", starts_at__gt=clock.now())
    assert Reservation.objects.filter(
        resource=sick.resource, starts_at__lt=sick.ends_at, ends_at__gt=sick.starts_at
    ).exists()


def test_a_second_run_changes_nothing_and_says_so(clinic: None) -> None:
    def everything() -> list[object]:
        models = (Appointment, Patient, Notification, ContactMessage, Practitioner, Opening)
        return [list(model.objects.order_by("pk").values()) for model in models]

    before = everything()
    assert "nothing was changed" in run()
    assert everything() == before


# --- booking in it --------------------------------------------------------------
def test_every_treatment_has_free_starts_in_the_next_fortnight(clinic: None) -> None:
    for treatment in Treatment.objects.bookable():
        found = free_starts(treatment)
        assert len(availability.by_day(found)) >= 2, treatment.slug


def test_some_days_of_a_treatment_are_full(clinic: None) -> None:
    lesson = Treatment.objects.get(slug="alexander-lesson")
    first = clock.today("Europe/London").replace(day=1)
    days = availability.month(lesson, first).days
    days += availability.month(lesson, (first + timedelta(days=31)).replace(day=1)).days
    assert sum(day.state == "full" for day in days) >= 2


def test_who_has_lapsed_is_shown_and_cannot_be_booked(clinic: None) -> None:
    lapsed = Practitioner.objects.published().get(registrations__status="lapsed")
    assert lapsed.treatments.exists()
    for treatment in lapsed.treatments.all():
        assert free_starts(treatment, practitioner=lapsed) == []


def test_the_draft_is_not_shown(clinic: None) -> None:
    draft = Practitioner.objects.get(is_published=False)
    assert not draft.name.isascii()
    assert not draft.treatments.exists()


# --- it hangs together ----------------------------------------------------------
def test_only_what_is_live_takes_anything(clinic: None) -> None:
    assert not Reservation.objects.exclude(appointment__state__in=LIVE).exists()
    assert not Appointment.objects.filter(state__in=LIVE, reservations=None).exists()


def test_a_visit_takes_what_its_treatment_needs(clinic: None) -> None:
    wanted = {
        t.pk: t.n for t in Treatment.objects.filter(is_group=False).annotate(n=Count("needs"))
    }
    live = Appointment.objects.filter(state__in=LIVE, treatment__in=wanted)
    for row in live.annotate(n=Count("reservations")):
        assert row.n == wanted[row.treatment_id] + (row.patient_id is not None), row


def test_a_class_takes_its_studio_once_and_a_mat_each(clinic: None) -> None:
    live = Appointment.objects.filter(state__in=LIVE, treatment__is_group=True)
    for start, joined in live.values_list("starts_at").annotate(n=Count("pk")).order_by():
        taken = Counter(
            Reservation.objects.filter(
                appointment__starts_at=start, appointment__treatment__is_group=True
            ).values_list("resource__kind", flat=True)
        )
        assert taken == {"room": 1, "practitioner": 1, "equipment": joined, "person": joined}
        assert joined <= 8


def test_a_session_on_the_table_follows_an_assessment(clinic: None) -> None:
    found = set(Appointment.objects.filter(outcome="suitable").values_list("patient", flat=True))
    sessions = Appointment.objects.filter(treatment__slug="idd-session", patient__isnull=False)
    assert set(sessions.values_list("patient", flat=True)) <= found
    assert Appointment.objects.filter(outcome="not_suitable").exists()


def test_nobody_is_booked_whose_answer_stops_them(clinic: None) -> None:
    stops = set(SafetyQuestion.objects.filter(effect="block").values_list("therapy", "code"))
    given = Answer.objects.exclude(value="no").values_list(
        "appointment__treatment__therapy", "code"
    )
    assert not stops & set(given)
    assert Answer.objects.filter(needs_look=True, code="pregnancy").exists()


def test_no_message_is_late_and_none_waits_for_what_is_over(clinic: None) -> None:
    waiting = Notification.objects.filter(state="pending")
    assert not waiting.filter(due_at__lte=clock.now()).exists()
    assert not waiting.exclude(appointment__state=State.BOOKED).exists()
    assert not waiting.exclude(start_version=F("appointment__sequence")).exists()
    assert not Notification.objects.filter(recipient="").exists()


def test_every_appointment_has_its_story(clinic: None) -> None:
    assert not Appointment.objects.filter(events=None).exists()
    for row in Appointment.objects.prefetch_related("events"):
        states = [(e.from_state, e.to_state) for e in row.events.all()]
        assert states[-1][1] == row.state
        assert all(a[1] == b[0] for a, b in zip(states, states[1:], strict=False))
    assert not AppointmentEvent.objects.filter(at__gt=clock.now()).exists()


# --- invented, all of it --------------------------------------------------------
def test_every_citation_resolves_and_every_work_is_cited() -> None:
    keys = {work.key for work in WORKS}
    cited = {key for t in THERAPIES for key in re.findall(r"\[@([^\]]+)\]", t.evidence)}
    claimed = {key for t in THERAPIES for claim in t.claims for key in claim.references}
    assert cited | claimed == keys
    for therapy in THERAPIES:
        for claim in therapy.claims:
            assert set(claim.references) <= {*re.findall(r"\[@([^\]]+)\]", therapy.evidence)}


def test_phones_come_from_the_ranges_kept_for_drama() -> None:
    drama = re.compile(
        r"(\+44|0)(117 ?496 ?0\d{3}|7700 ?900 ?\d{0,3})|\+331990\d{5}|116 123|23456789"
    )
    numbers = re.compile(r"(?<![\w-])\+?\d[\d ]{5,}\d")
    for file in Path(demo.__file__).parent.rglob("*.py"):
        for number in numbers.findall(file.read_text(encoding="utf-8")):
            assert drama.match(number), f"{file.name}: {number}"
    for person in everybody(1):
        assert not person.phone or drama.fullmatch(person.phone), person.phone


def test_mail_goes_nowhere() -> None:
    assert all(p.email.endswith("@example.org") for p in everybody(2) if p.email)


def test_the_awkward_are_awkward() -> None:
    assert len(AWKWARD) >= 45
    assert "Null" in {p.name for p in AWKWARD}
    assert Counter(p.email for p in AWKWARD)["the-ropewalks@example.org"] == 4


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2022, "0103 0415 0418 0502 0530 0829 1226 1227"),
        (2026, "0101 0403 0406 0504 0525 0831 1225 1228"),
        (2027, "0101 0326 0329 0503 0531 0830 1227 1228"),
        (2028, "0103 0414 0417 0501 0529 0828 1225 1226"),
    ],
)
def test_bank_holidays_are_computed(year: int, days: str) -> None:
    wanted = [date(year, int(d[:2]), int(d[2:])) for d in days.split()]
    assert list(bank_holidays(year)) == wanted


# --- logins ---------------------------------------------------------------------
def test_the_printed_logins_work(clinic: None) -> None:
    said = run("--logins")
    for username, _what in logins.usernames():
        assert username in said
        assert Client().login(username=username, password=logins.PASSWORD)


def test_practitioners_do_not_get_into_the_admin(clinic: None) -> None:
    users = get_user_model().objects
    assert set(users.filter(is_staff=True).values_list("username", flat=True)) == {
        "owner",
        "reception",
    }
    assert not users.filter(is_superuser=True).exists()
    assert users.filter(~Q(practitioner=None)).count() == 2
    reception = users.get(username="reception")
    assert reception.has_perm("bookings.change_appointment")
    assert not reception.has_perm("auth.change_user")
    assert not reception.has_perm("bookings.view_answer")
