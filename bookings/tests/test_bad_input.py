"""Bad input at the doors a patient uses: what is still missing elsewhere, and where the rest is.

What goes wrong -> the tests that hold it. Without a file: below. Files: details, gate, calendar,
returning are test_book_*.py; manage, api, availability, ticks, contact, races are test_*.py.

The issue's list
  start past, off grid, too soon, too far   details: test_a_start_that_is_not_offered_says_why
  start on an absence                       details: test_a_start_on_an_absence_is_not_offered
  start of another practitioner             test_a_time_of_another_practitioner_is_refused,
                                            details: test_a_practitioner_who_does_not_...
  start of another treatment                test_a_start_of_another_treatment_is_refused
  hold expired, somebody else's             test_row_09_;
                                            details: test_somebody_elses_hold_...
  hold of another treatment                 test_a_form_sent_to_another_treatment_books_...
  double submit, two tabs, back             test_row_01_, test_row_04_;
                                            details: test_back_after_booking_...,
                                            test_letting_go_after_booking_cancels_nothing
  tampered, expired link                    manage: test_row_31_no_link_..., test_links_stop_...
  mail, names, zero bytes                   rows 41 to 43
  a message of 1 MB                         test_row_40_after_a_megabyte_the_time_is_still_theirs
  unknown slugs                             test_no_door_opens_for_an_unknown_treatment
  dates that do not exist                   calendar: test_nonsense_in_the_address_...,
                                            test_nonsense_in_the_address_of_a_move_...
  what was typed is kept                    test_what_was_refused_is_still_in_its_box

Rows of the hostile list are found by `git grep test_row_`.
"""

from dataclasses import replace
from datetime import time
from urllib.parse import urlencode

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from bookings import notifications
from bookings.models import (
    Appointment,
    Notification,
    Patient,
    ReminderRule,
    ScreeningQuestion,
    ScreeningRecord,
)
from bookings.models.reservations import Reservation

from . import factories
from .patient import TYPED, Visitor

pytestmark = pytest.mark.django_db
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
TUESDAY_11 = "2027-01-05T11:00:00+00:00"
ZED = {"name": "Zed Other", "email": "zed@example.org", "phone": ""}


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as now:
        yield now


@pytest.fixture
def world():
    return factories.bookable_clinic()


@pytest.fixture
def visitor(world):
    return Visitor(world)


def at(clock: str) -> str:
    return f"2027-01-05T{clock}:00+00:00"


# --- starts -------------------------------------------------------------------------
def test_a_time_of_another_practitioner_is_refused(visitor, world):
    late = factories.directory.practitioner(
        name="Ben Late", slug="ben-late", treatments=[world.treatment]
    )
    factories.opening(world.location, factories.body(late), starts=time(13))
    shown = visitor.get_details(TUESDAY_10, practitioner="ben-late")
    assert shown.status_code == 422
    assert b"See the calendar" in shown.content
    assert visitor.client.get(visitor.url("book-details", TUESDAY_10)).status_code == 200


def test_a_start_of_another_treatment_is_refused(visitor, world):
    world.another_treatment(slug="half", name="Half", minutes=30, grid_minutes=30)
    assert visitor.get_details(at("10:30")).status_code == 422
    assert visitor.answer(at("10:30")).status_code == 422
    assert not Appointment.objects.exists()


def test_a_form_sent_to_another_treatment_books_what_it_showed(visitor, world):
    other = world.another_treatment(slug="other", name="Other", grid_minutes=60)
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    elsewhere = Visitor(replace(world, treatment=other))
    elsewhere.client = visitor.client
    assert elsewhere.send(TUESDAY_11, form=form).status_code == 303
    booked = Appointment.objects.get()
    assert (booked.treatment, booked.starts_at.hour) == (world.treatment, 10)


def test_letting_go_after_booking_cancels_nothing(visitor):
    booked = visitor.book(TUESDAY_10)
    for name in ("book-let-go", "book-longer", "book-hold"):
        assert visitor.client.post(visitor.url(name, TUESDAY_10)).status_code == 303
    booked.refresh_from_db()
    assert booked.state == "booked"
    assert Appointment.objects.count() == 1


@pytest.mark.parametrize(
    "name", ["book-details", "book-safety", "book-hold", "book-longer", "book-let-go"]
)
def test_no_door_opens_for_an_unknown_treatment(world, name):
    address = f"{reverse(name, args=['never-heard'])}?{urlencode({'start': TUESDAY_10})}"
    response = Client().post(address)
    assert response.status_code == 404
    assert b"We do not offer this treatment online" in response.content


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("date=2027-02-30", 400),
        ("month=2027-13", 400),
        ("date=2030-01-01", 404),
        ("practitioner=nobody", 404),
        ("location=nowhere", 404),
    ],
)
def test_nonsense_in_the_address_of_a_move_leads_back_to_the_appointment(visitor, query, status):
    booked = visitor.book(TUESDAY_10)
    response = visitor.client.get(f"{reverse('appointment-move', args=[booked.token])}?{query}")
    assert response.status_code == status
    assert f'href="{booked.get_absolute_url()}"' in response.content.decode()


# --- what a visit takes ---------------------------------------------------------------
def test_row_06_one_table_two_treatments_and_two_practitioners(visitor, world):
    tables = factories.pool(factories.equipment(world.location))
    factories.need(world.treatment, tables)
    other = factories.directory.treatment(therapy=world.therapy, slug="session", grid_minutes=60)
    factories.need(other)
    factories.need(other, tables)
    ben = factories.directory.practitioner(treatments=[other])
    factories.opening(world.location, factories.body(ben))
    second = Visitor(replace(world, treatment=other))
    held = second.get_details(TUESDAY_10)
    assert held.status_code == 200

    visitor.book(TUESDAY_10)
    refused = second.answer(TUESDAY_10)
    assert refused.status_code == 409
    assert "start=2027-01-05T11" in refused.content.decode()
    assert second.book(TUESDAY_11, **ZED).practitioner == ben


def test_row_07_a_time_that_only_the_clean_up_overlaps_is_taken(visitor, world):
    world.treatment.grid_minutes = 10
    world.treatment.save()
    world.treatment.needs.filter(pool=world.rooms).update(to_minute=70)
    world.another_practitioner()
    visitor.book(TUESDAY_10)
    other = Visitor(world)
    assert other.answer(TUESDAY_11).status_code == 409
    assert other.book(at("11:10"), **ZED).state == "booked"


def test_row_08_while_the_needles_rest_the_next_patient_is_booked_next_door(visitor, world):
    world.treatment.grid_minutes = 5
    world.treatment.save()
    world.treatment.needs.filter(pool=None).update(to_minute=20)
    factories.need(world.treatment, from_minute=45)
    for _n in range(2):
        world.rooms.members.add(factories.room(world.location))
    visitor.book(TUESDAY_10)
    next_door = Visitor(world).book(at("10:20"), **ZED)
    assert next_door.practitioner == world.practitioner
    assert Visitor(world).answer(at("10:40")).status_code == 409


# --- the two clock changes ---------------------------------------------------------------
@pytest.fixture
def night(monday):
    monday.move_to("2027-03-26T12:00:00Z")
    return factories.bookable_clinic(
        starts=time(0), ends=time(6), grid_minutes=30, minutes=45, horizon_days=366
    )


def test_row_16_a_visit_over_the_clock_change_lasts_its_minutes(night):
    spring = Visitor(night).book("2027-03-28T00:30:00+00:00")
    page = Client().get(spring.get_absolute_url()).content.decode()
    assert "00:30</time> to 02:15" in page and "45 minutes" in page
    autumn = Visitor(night).book("2027-10-31T01:30:00+01:00", **ZED)
    page = Client().get(autumn.get_absolute_url()).content.decode()
    assert "01:30 BST</time> to 01:15 GMT" in page
    for booked in (spring, autumn):
        assert (booked.ends_at - booked.starts_at).total_seconds() == 45 * 60


def test_row_14_the_repeated_hour_is_two_instants_in_a_calendar_file(night):
    first = Visitor(night).book("2027-10-31T01:30:00+01:00")
    second = Visitor(night).book("2027-10-31T01:30:00+00:00", **ZED)
    starts = []
    for booked in (first, second):
        file = Client().get(reverse("appointment-ics", args=[booked.token])).content
        (event,) = Calendar.from_ical(file).walk("VEVENT")
        starts.append(event["DTSTART"].dt.isoformat())
    assert starts == ["2027-10-31T00:30:00+00:00", "2027-10-31T01:30:00+00:00"]


def test_row_17_a_reminder_of_a_day_keeps_the_wall_time_and_one_of_hours_the_hours(night):
    ReminderRule.objects.all().delete()
    for minutes in (24 * 60, 2 * 60):
        ReminderRule.objects.create(minutes_before=minutes)
    Visitor(night).book("2027-03-28T02:30:00+01:00")
    due = Notification.objects.filter(kind="reminder").order_by("due_at")
    assert [row.due_at.isoformat() for row in due] == [
        "2027-03-27T02:30:00+00:00",  # half past two the night before, by the clock on the wall
        "2027-03-27T23:30:00+00:00",  # two real hours
    ]


# --- the gate ------------------------------------------------------------------------
def test_answers_to_an_older_form_get_the_newer_one(visitor):
    visitor.get_details(TUESDAY_10)
    newer = factories.screening_form()
    tier = ScreeningQuestion.Tier.EMERGENCY
    ScreeningQuestion.objects.create(form=newer, code="legs", text="Are both legs weak?", tier=tier)
    response = visitor.answer(TUESDAY_10)
    assert response.status_code == 422
    assert "Are both legs weak? Please choose an answer." in response.content.decode()
    assert not ScreeningRecord.objects.exists() and not Appointment.objects.exists()


# --- what is typed -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "pat.example.org"),
        ("email", "a@example.org, b@example.org"),
        ("name", "P" * 300),
        ("phone", "call me"),
        ("note", "x" * 2001),
        ("access_needs", "y" * 301),
    ],
)
def test_what_was_refused_is_still_in_its_box(visitor, field, value):
    visitor.hold(TUESDAY_10)
    page = visitor.send(TUESDAY_10, **{field: value})
    assert page.status_code == 422
    assert page.context["form"][field].value() == value
    assert f'href="#id_{field}"' in page.content.decode()


def test_row_40_after_a_megabyte_the_time_is_still_theirs(visitor):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    refused = visitor.send(TUESDAY_10, form=form, note="x" * 1_000_000)
    assert refused.status_code == 413
    assert b"Make it shorter and send it again" in refused.content
    assert not Patient.objects.exists()
    assert visitor.send(TUESDAY_10, form=form, note="shorter").status_code == 303


BROKEN = {
    "zero byte": b"%00",
    "escape": b"%1b[31m",
    "C1": b"%c2%85",
    "overlong slash": b"%c0%af",
    "lone surrogate": b"%ed%a0%80",
    "half a letter": b"%f0%9f%92",
}


@pytest.mark.parametrize("field", ["name", "email", "phone", "access_needs", "note"])
@pytest.mark.parametrize("what", BROKEN)
def test_row_41_bytes_that_are_no_text_are_refused_beside_their_field(visitor, field, what):
    visitor.hold(TUESDAY_10)
    data = {**TYPED, "of_age": "yes", "form": visitor.form_token(TUESDAY_10)}
    before = data.pop(field, "Some words")
    body = urlencode(data).encode() + f"&{field}={before}".encode() + BROKEN[what]
    response = visitor.client.post(
        visitor.url("book-details", TUESDAY_10),
        body,
        content_type="application/x-www-form-urlencoded",
    )
    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    assert not Patient.objects.exists()


def test_row_41_a_byte_order_mark_is_dropped(visitor):
    assert visitor.book(TUESDAY_10, name="\ufeffPat \ufeffNewcomer").patient.name == "Pat Newcomer"


@pytest.mark.parametrize("bad", ["\x00", "\udc80", "\ufffd", "\u2028", "9" * 5000])
def test_row_41_no_field_of_any_door_breaks_it(visitor, world, bad, settings):
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0)
    world.treatment.asks_birth_date = True
    world.treatment.save()
    question = factories.safety_question(world.therapy)
    booked = visitor.book(
        TUESDAY_10,
        date_of_birth_day="1",
        date_of_birth_month="1",
        date_of_birth_year="1980",
        **{f"answer-{question.code}": "no"},
    )
    visitor.hold(TUESDAY_11)
    bad = bad.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    sent = {
        visitor.url("book-safety", TUESDAY_11): ["gate-chest", "gate-numb"],
        visitor.url("book-details", TUESDAY_11): [
            "form",
            "wants_chaperone",
            "date_of_birth_day",
            "date_of_birth_year",
            f"answer-{question.code}",
        ],
        visitor.url("book-longer", TUESDAY_11): ["name", "date_of_birth_day"],
        reverse("safety-advice"): ["next"],
        reverse("book-returning"): ["email", "next"],
        reverse("book-returning-code"): ["code", "next"],
        reverse("book-returning-who"): ["patient"],
        reverse("appointment-cancel", args=[booked.token]): ["reason"],
        reverse("appointment-move", args=[booked.token]): ["start", "practitioner", "location"],
    }
    for address, fields in sent.items():
        for field in fields:
            response = visitor.client.post(address, {**TYPED, "next": "/book/", field: bad})
            assert response.status_code < 500, (address, field)
    booked.refresh_from_db()
    held = Appointment.objects.exclude(pk=booked.pk).get()
    assert (booked.state, held.state, booked.starts_at.hour) == ("booked", "held", 10)
    assert Reservation.objects.exists()


def test_row_42_a_name_is_stored_in_one_form(visitor):
    assert visitor.book(TUESDAY_10, name="Rene\u0301e").patient.name == "Ren\u00e9e"


@pytest.mark.parametrize(
    ("typed", "goes_to"),
    [
        ("o'neil+clinic@example.org", "o'neil+clinic@example.org"),
        ('"pat"@example.org', '"pat"@example.org'),
        ('"pat,zed"@example.org', None),
        ('"pat@x"@example.org', '"pat@x"@example.org'),
        ("pat@[127.0.0.1]", None),
        ("Pat <pat@example.org>", None),
        ("p" * 64 + "@" + "e" * 190 + ".org", None),
    ],
)
def test_row_43_a_mail_address_goes_to_one_person_or_is_refused(visitor, typed, goes_to):
    visitor.hold(TUESDAY_10)
    response = visitor.send(TUESDAY_10, email=typed)
    if goes_to is None:
        assert response.status_code == 422
        assert "like name@example.org" in response.content.decode()
        return
    assert response.status_code == 303
    ((row, attempt),) = notifications.claim()
    assert notifications.deliver(row, attempt)
    (sent,) = mail.outbox
    assert sent.recipients() == [goes_to]


# --- age -----------------------------------------------------------------------------
def born(day: int, month: int, year: int) -> dict[str, str]:
    parts = {"day": day, "month": month, "year": year}
    return {f"date_of_birth_{part}": str(n) for part, n in parts.items()}


@pytest.mark.parametrize(("day", "status"), [(6, 303), (7, 422)])
def test_row_45_sixteen_counts_from_midnight_of_the_clinic(night, monday, day, status):
    night.treatment.asks_birth_date = True
    night.treatment.save()
    monday.move_to("2027-07-04T12:00:00Z")
    half_past_midnight = "2027-07-06T00:30:00+01:00"  # still the fifth in UTC
    visitor = Visitor(night)
    visitor.hold(half_past_midnight)
    response = visitor.send(half_past_midnight, **born(day, 7, 2011))
    assert response.status_code == status


@pytest.mark.parametrize(("day", "status"), [("2027-02-28", 422), ("2027-03-01", 303)])
def test_row_45_a_birthday_on_29_february_is_on_1_march_in_other_years(visitor, world, day, status):
    world.treatment.asks_birth_date, world.treatment.min_age = True, 15
    world.treatment.save()
    start = f"{day}T10:00:00+00:00"
    visitor.hold(start)
    assert visitor.send(start, **born(29, 2, 2012)).status_code == status
