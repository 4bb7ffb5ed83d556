"""What the demo clinic holds, and that it hangs together.

test_demo_load.py has the loading, test_demo_words.py what is written in its modules.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count, F, Q
from django.test import Client
from django.utils.html import escape

from bookings import audit, availability
from bookings.attention import alarming, undeliverable
from bookings.models import (
    Absence,
    Answer,
    Appointment,
    AppointmentEvent,
    BankHoliday,
    CalledOff,
    Journey,
    Notification,
    Opening,
    Patient,
    PatientMatch,
    Resource,
    SafetyQuestion,
    ScreeningQuestion,
    State,
)
from bookings.models.appointments import LIVE
from bookings.models.reservations import Reservation
from clinic import clock
from clinic.demo import logins
from clinic.demo.holidays import bank_holidays
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
TICK = timedelta(minutes=5)
LONDON = ZoneInfo("Europe/London")

# Minutes, pence, and the practitioner's parts of the visit.
OFFERED = {
    "acupuncture-first-visit": (75, 7000, [(0, 35), (60, 75)]),
    "acupuncture-follow-up": (60, 5500, [(0, 20), (45, 60)]),
    "herbal-consultation": (60, 6000, [(0, 60)]),
    "massage-60": (60, 6200, [(0, 60)]),
    "sports-massage-60": (60, 6200, [(0, 60)]),
    "hot-stone-massage-90": (90, 8500, [(0, 90)]),
    "idd-assessment": (60, 9000, [(0, 60)]),
    "idd-session": (40, 7500, [(0, 10), (30, 40)]),
    "laser-session": (20, 4000, [(0, 20)]),
    "joint-adjustment-first-visit": (60, 6500, [(0, 60)]),
    "joint-adjustment-follow-up": (30, 4500, [(0, 30)]),
    "exercise-class": (60, 1200, [(0, 60)]),
    "alexander-lesson": (45, 5000, [(0, 45)]),
    "coaching-session": (50, 6000, [(0, 50)]),
    "supervision-session": (50, 6000, [(0, 50)]),
}


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
    assert Condition.objects.published().count() == 10
    assert ScreeningQuestion.objects.count() == 13
    assert set(ContactMessage.objects.values_list("state", flat=True)) == {
        "new",
        "answered",
        "closed",
    }


def test_treatments_have_their_minutes_prices_and_parts(clinic: None) -> None:
    rows = Treatment.objects.bookable().prefetch_related("needs")
    assert {
        row.slug: (
            row.minutes,
            row.price_pence,
            [(n.from_minute, n.to_minute) for n in row.needs.all() if n.pool_id is None],
        )
        for row in rows
    } == OFFERED


def test_a_massage_comes_in_three_lengths_and_each_is_booked(clinic: None) -> None:
    massage = Treatment.objects.get(slug="massage-60")
    assert massage.choices() == [(30, 3800), (60, 6200), (90, 8500)]
    visits = Appointment.objects.filter(treatment=massage)
    assert set(visits.values_list("minutes", "price_pence")) == {*massage.choices()}
    for minutes, _pence in massage.choices():
        assert len(availability.by_day(free_starts(massage, minutes=minutes))) >= 2
    for row in visits.filter(state__in=LIVE):
        taken = row.reservations.values_list("resource__kind", "starts_at", "ends_at")
        ends = {kind: end for kind, _start, end in taken}
        assert ends["practitioner"] == row.starts_at + timedelta(minutes=row.minutes)
        assert ends["room"] == ends["practitioner"] + timedelta(minutes=10)


def test_the_laser_lives_in_its_room_and_visits_have_them_together(clinic: None) -> None:
    laser = Resource.objects.get(name="Laser unit")
    assert laser.lives_in is not None and laser.lives_in.name == "Laser-safe room"
    for taken in laser.reservations.all():
        assert taken.appointment.reservations.filter(resource=laser.lives_in).exists()


def test_nobody_is_at_two_locations_without_the_time_to_travel(clinic: None) -> None:
    journey = Journey.objects.get()
    assert journey.minutes == 30
    visits = Appointment.objects.filter(state__in=LIVE).order_by("practitioner", "starts_at")
    days_at_both = 0
    for one, other in pairwise(visits):
        if one.practitioner_id != other.practitioner_id or one.location_id == other.location_id:
            continue
        assert other.starts_at - one.ends_at >= timedelta(minutes=journey.minutes)
        days_at_both += one.starts_local.date() == other.starts_local.date()
    assert days_at_both > 3


def test_who_limits_first_visits_has_no_more_a_day(clinic: None) -> None:
    person = Practitioner.objects.get(first_visits_a_day__isnull=False)
    first = Appointment.objects.filter(
        practitioner=person, treatment__audience="new", state__in=LIVE
    )
    days = Counter(row.starts_local.date() for row in first)
    assert max(days.values()) == person.first_visits_a_day


def test_each_location_has_one_table_and_one_has_the_laser(clinic: None) -> None:
    def where(name: str) -> list[str]:
        found = Resource.objects.filter(kind="equipment", name__startswith=name)
        return sorted(found.values_list("location__slug", flat=True))

    assert where("IDD table") == ["hilltop", "quayside"]
    assert where("Laser") == ["quayside"]
    rooms = Counter(Resource.objects.filter(kind="room").values_list("location__slug", flat=True))
    assert min(rooms["hilltop"], rooms["quayside"]) >= 5


def test_there_are_alternate_weeks_and_absences_of_people_and_things(clinic: None) -> None:
    assert Opening.objects.filter(every_weeks=2, resource__kind="practitioner").exists()
    reasons = set(Absence.objects.values_list("resource__kind", "reason"))
    assert {("practitioner", "leave"), ("practitioner", "sick"), ("equipment", "repair")} <= reasons


def test_both_locations_close_on_every_bank_holiday_of_this_year_and_the_next(clinic: None) -> None:
    for place in Location.objects.all():
        closed = BankHoliday.objects.filter(location=place).values_list("starts_at", flat=True)
        days = {at.astimezone(LONDON).date() for at in closed}
        assert {*bank_holidays(2026), *bank_holidays(2027)} <= days


def ticks(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += TICK


def hours_of(opening: Opening, day: date) -> Iterator[datetime]:
    """The five-minute ticks at which these hours are open on a day, whoever is away."""
    weeks = (day - opening.valid_from + timedelta(days=opening.valid_from.weekday())).days // 7
    weekly = opening.weekday == day.weekday() and weeks % opening.every_weeks == 0
    if opening.on_date == day or (opening.on_date is None and weekly):
        yield from ticks(
            datetime.combine(day, opening.starts or time(), LONDON).astimezone(UTC),
            datetime.combine(day, opening.ends, LONDON).astimezone(UTC),
        )


def test_ten_weeks_are_booked_to_about_sixty_per_cent(clinic: None) -> None:
    """Each week by itself, counted from the rows: time in visits, of the time people are there."""
    today = clock.today("Europe/London")
    away = list(Absence.objects.filter(ends_at__gte=MIDWEEK - timedelta(days=29)))
    there: dict[int, set[tuple[int, datetime]]] = {week: set() for week in range(-4, 6)}
    for opening in Opening.objects.filter(resource__practitioner__is_published=True):
        person = opening.resource.practitioner
        until = person.bookable_until() or date.min
        off = [
            a
            for a in away
            if a.resource_id == opening.resource_id or a.location_id == opening.location_id
        ]
        for number in range(-28, 42):
            day = today + timedelta(days=number)
            there[number // 7] |= {
                (person.pk, at)
                for at in (hours_of(opening, day) if day <= until else ())
                if not any(a.starts_at <= at < a.ends_at for a in off)
            }
    visits = Appointment.objects.filter(state__in=LIVE)
    busy = {
        (visit.practitioner_id, at)
        for visit in visits
        for at in ticks(visit.starts_at, visit.ends_at)
    }
    shares = {week: len(open_ & busy) / len(open_) for week, open_ in there.items()}
    assert all(0.5 < share < 0.75 for share in shares.values()), shares
    assert 0.55 < sum(shares.values()) / 10 < 0.68, shares


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
    failed = Notification.objects.get(state="failed")
    assert list(undeliverable(clock.now())) == [failed]
    assert not alarming(clock.now()).exists(), "a newcomer's /readyz is ready"
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


def test_who_has_lapsed_cannot_be_booked(clinic: None) -> None:
    lapsed = Practitioner.objects.published().get(registrations__status="lapsed")
    assert lapsed.treatments.exists()
    for treatment in lapsed.treatments.all():
        assert free_starts(treatment, practitioner=lapsed) == []


def test_the_draft_has_an_unusual_name_and_no_treatments(clinic: None) -> None:
    draft = Practitioner.objects.get(is_published=False)
    assert not draft.name.isascii()
    assert not draft.treatments.exists()


def test_staff_see_the_draft_and_the_lapsed_and_the_public_does_not(clinic: None) -> None:
    staff, public = Client(), Client()
    staff.force_login(get_user_model().objects.get(username="owner"))
    listed = staff.get("/admin/practitioners/practitioner/").content.decode()
    directory = public.get("/practitioners/").content.decode()
    for person in Practitioner.objects.filter(
        Q(is_published=False) | Q(registrations__status="lapsed")
    ):
        assert escape(person.name) in listed
        assert escape(person.name) not in directory
        assert public.get(f"/practitioners/{person.slug}/").status_code == 404


# --- it hangs together ----------------------------------------------------------
def test_the_auditor_finds_nothing(clinic: None) -> None:
    assert audit.findings() == []


def test_of_the_visits_called_off_a_few_wait_for_the_desk(clinic: None) -> None:
    outcomes = Counter(CalledOff.objects.values_list("outcome", flat=True))
    assert set(outcomes) == set(CalledOff.Outcome.values)
    assert 2 <= outcomes["open"] <= 9


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
