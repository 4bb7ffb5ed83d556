"""Nobody falls through: a visit that the clinic calls off, a mail that never arrives."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils.functional import Promise

from bookings import appointments, audit, notifications, outcomes, tasks
from bookings.actors import PATIENT, SYSTEM, Actor
from bookings.attention import alarming
from bookings.models import Appointment, Audit, CalledOff, Notification, Reached, ReminderRule
from bookings.patients import Details
from bookings.promises import CHECKS
from bookings.tests import cast, factories
from bookings.tests.factories import World
from clinic.access import OWNER
from clinic.celery import app
from clinic.errors import Refused
from practitioners.tests import factories as directory

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
TEN = datetime(2027, 1, 7, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAT = Details(name="Pat Example", email="pat@example.org", phone="+441174960200")
WAITS = "1 patient whose visit we cancelled has no new time"


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world() -> World:
    for minutes in (2880, 120):
        ReminderRule.objects.get_or_create(treatment=None, minutes_before=minutes)
    return factories.bookable_clinic()


@pytest.fixture
def dora() -> User:
    return cast.dora()


@pytest.fixture
def by(dora: User) -> Actor:
    return Actor.of(dora)


@pytest.fixture
def desk(client: Client, dora: User) -> Client:
    client.force_login(dora)
    return client


def book(world: World, start: datetime = TEN, **fields: Any) -> Appointment:
    return appointments.book(
        **{
            "treatment": world.treatment,
            "start": start,
            "screening": factories.passed_screening(world.screening),
            "details": PAT,
            "by": PATIENT,
            "source": "web",
            **fields,
        }
    )


@pytest.fixture
def called_off(world: World, by: Actor) -> CalledOff:
    visit = book(world)
    appointments.cancel(visit, reason="Burst pipe", by=by)
    return visit.called_off


def fresh(row: CalledOff) -> CalledOff:
    return CalledOff.objects.get(pk=row.pk)


def page(desk: Client) -> str:
    return desk.get(reverse("desk")).content.decode()


def say(desk: Client, row: CalledOff, outcome: str, reason: str = ""):
    url = reverse("desk-outcome", args=[row.appointment.reference])
    return desk.post(url, {"outcome": outcome, "reason": reason})


# --- a visit that is called off ---------------------------------------------------
def test_a_visit_that_the_clinic_cancels_is_a_task(called_off: CalledOff):
    assert called_off.outcome == "open"


def test_a_practitioner_is_the_clinic_too(world: World):
    visit = book(world)
    appointments.cancel(visit, by=Actor("practitioner"))
    assert CalledOff.objects.get().appointment == visit


@pytest.mark.parametrize("who", [PATIENT, Actor("api"), SYSTEM])
def test_what_the_patient_cancels_is_nobodys_task(world: World, who: Actor):
    appointments.cancel(book(world), by=who)
    assert not CalledOff.objects.exists()


def test_task_and_cancellation_are_one_transaction(world: World, by: Actor, monkeypatch):
    visit = book(world)
    monkeypatch.setattr(outcomes, "call_off", lambda row: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        appointments.cancel(visit, by=by)
    visit.refresh_from_db()
    assert visit.state == "booked"


def test_a_cancellation_taken_back_is_no_task(called_off: CalledOff, by: Actor):
    appointments.take_back(called_off.appointment, by=by)
    assert not CalledOff.objects.exists()
    assert audit.findings() == []


def test_cancelled_again_after_it_was_taken_back_it_is_a_task_again(
    called_off: CalledOff, by: Actor
):
    visit = appointments.take_back(called_off.appointment, by=by)
    appointments.cancel(visit, by=by)
    assert CalledOff.objects.get().outcome == "open"


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"outcome": "closed", "noted_at": NOW, "noted_by": "dora"}, "by_a_person_with_a_reason"),
        ({"outcome": "closed", "noted_at": NOW, "reason": "x"}, "by_a_person_with_a_reason"),
        ({"outcome": "rebooked", "noted_at": NOW}, "rebooked_names_the_visit"),
        ({"outcome": "offered"}, "outcome_has_a_time"),
        ({"outcome": "lost", "noted_at": NOW}, "outcome_has_a_time"),
        ({"noted_at": NOW}, "outcome_has_a_time"),
    ],
)
def test_the_database_refuses_an_outcome_without_what_it_needs(
    called_off: CalledOff, fields: dict[str, Any], rule: str
):
    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        CalledOff.objects.filter(pk=called_off.pk).update(**fields)


def test_an_appointment_has_one_task(called_off: CalledOff):
    with pytest.raises(IntegrityError), transaction.atomic():
        CalledOff.objects.create(appointment=called_off.appointment)


# --- booking again ----------------------------------------------------------------
def test_whoever_books_again_has_an_outcome(world: World, called_off: CalledOff):
    again = book(world, TEN + HOUR)
    row = fresh(called_off)
    assert (row.outcome, row.replacement, row.noted_by) == ("rebooked", again, "patient")


def test_a_booking_by_staff_is_one_too(world: World, called_off: CalledOff, by: Actor):
    patient = called_off.appointment.patient
    details = Details(name=patient.name, email=patient.email, patient=patient)
    book(world, TEN + HOUR, details=details, by=by, source="desk", screening=None)
    assert (fresh(called_off).outcome, fresh(called_off).noted_by) == ("rebooked", "dora")


def test_somebody_elses_booking_is_none(world: World, called_off: CalledOff):
    book(world, TEN + HOUR, details=Details(name="Zed", email="zed@example.org"))
    assert fresh(called_off).outcome == "open"


def test_another_therapy_is_none(world: World, called_off: CalledOff):
    other = world.another_treatment(therapy=directory.therapy(name="Massage"), grid_minutes=60)
    book(world, TEN + HOUR, treatment=other)
    assert fresh(called_off).outcome == "open"


def test_each_new_visit_stands_for_one_the_earliest_first(world: World, by: Actor):
    visits = [book(world, TEN + n * HOUR) for n in range(2)]
    for visit in reversed(visits):
        appointments.cancel(visit, by=by)
    again = book(world, TEN + 3 * HOUR)
    early, late = (CalledOff.objects.get(appointment=visit) for visit in visits)
    assert (early.replacement, late.outcome) == (again, "open")


def test_whoever_was_offered_a_time_and_takes_one_is_booked_again(
    world: World, called_off: CalledOff, by: Actor
):
    outcomes.settle(called_off, "offered", by=by)
    again = book(world, TEN + HOUR)
    assert fresh(called_off).replacement == again


def test_what_is_closed_stays_closed(world: World, called_off: CalledOff, by: Actor):
    outcomes.settle(called_off, "closed", by=by, reason="Moved away")
    book(world, TEN + HOUR)
    assert fresh(called_off).outcome == "closed"


# --- the desk -----------------------------------------------------------------------
def test_the_desk_sees_whom_to_ring_and_why(desk: Client, called_off: CalledOff):
    html = page(desk)
    assert WAITS in html
    assert "Pat Example" in html
    assert "tel:+441174960200" in html
    assert "Burst pipe" in html


def test_it_stands_there_until_it_has_an_outcome(desk: Client, called_off: CalledOff):
    with time_machine.travel(NOW + timedelta(days=13), tick=False):
        desk.force_login(User.objects.get(username="dora"))
        assert WAITS in page(desk)
        assert say(desk, called_off, "closed", "Moved away").status_code == 302
        assert WAITS not in page(desk)


def test_closing_needs_a_reason(desk: Client, called_off: CalledOff):
    response = say(desk, called_off, "closed")
    assert response.status_code == 422
    html = response.content.decode()
    assert "Please say why." in html
    assert "is-invalid" in html, "the field looks like one with an error"
    assert fresh(called_off).outcome == "open"


def test_it_keeps_who_closed_it_when_and_why(desk: Client, called_off: CalledOff, dora: User):
    say(desk, called_off, "closed", "Moved away")
    row = fresh(called_off)
    assert (row.user, row.noted_by, row.noted_at, row.reason) == (dora, "dora", NOW, "Moved away")


@pytest.mark.parametrize("outcome", ["offered", "refunded"])
def test_a_time_was_offered_or_the_money_given_back(
    desk: Client, called_off: CalledOff, outcome: str
):
    assert say(desk, called_off, outcome, "Paid 20 Dec").status_code == 302
    assert (fresh(called_off).outcome, fresh(called_off).reason) == (outcome, "Paid 20 Dec")


def test_staff_choose_the_visit_that_stands_for_it(
    desk: Client, world: World, called_off: CalledOff
):
    other = world.another_treatment(therapy=directory.therapy(name="Massage"), grid_minutes=60)
    visit = book(world, TEN + HOUR, treatment=other)
    assert say(desk, called_off, str(visit.pk)).status_code == 302
    assert fresh(called_off).replacement == visit


def test_somebody_elses_visit_cannot_be_chosen(desk: Client, world: World, called_off: CalledOff):
    other = book(world, TEN + HOUR, details=Details(name="Zed", email="zed@example.org"))
    assert say(desk, called_off, str(other.pk)).status_code == 422
    assert fresh(called_off).outcome == "open"


def test_a_colleague_who_was_faster_is_told(called_off: CalledOff, by: Actor):
    outcomes.settle(called_off, "closed", by=by, reason="Moved away")
    with pytest.raises(Refused) as refused:
        outcomes.settle(called_off, "closed", by=by, reason="Something else")
    assert refused.value.code == "settled"
    assert fresh(called_off).reason == "Moved away"


def test_nobody_in_particular_closes_nothing(called_off: CalledOff):
    with pytest.raises(Refused):
        outcomes.settle(called_off, "closed", by=SYSTEM, reason="Old")


def test_the_way_to_another_time_knows_who_what_and_with_whom(desk: Client, called_off: CalledOff):
    visit = called_off.appointment
    html = desk.get(reverse("desk-outcome", args=[visit.reference])).content.decode()
    form = (
        f"treatment={visit.treatment_id}&amp;practitioner={visit.practitioner_id}"
        f"&amp;location={visit.location_id}&amp;patient={visit.patient_id}"
    )
    assert form in html


def test_only_the_desk_may(client: Client, world: World, called_off: CalledOff):
    client.force_login(cast.zed())
    assert say(client, called_off, "offered").status_code == 403
    assert fresh(called_off).outcome == "open"


# --- a mail that never arrives --------------------------------------------------------
@pytest.fixture
def failed(world: World) -> Notification:
    row = book(world).notifications.get(kind="confirmation")
    row.state, row.last_error = "failed", "550 no such user"
    row.save()
    return row


def test_a_mail_that_failed_says_whom_to_ring(desk: Client, failed: Notification):
    html = page(desk)
    assert "1 mail could not be sent" in html
    assert "tel:+441174960200" in html


def test_a_mail_that_failed_alarms_until_its_visit_is_over_and_stays_a_task(
    desk: Client, failed: Notification
):
    assert list(alarming(NOW)) == [failed]
    for later, alarms in ((TEN, True), (TEN + timedelta(days=1), False)):
        with time_machine.travel(later, tick=False):
            assert alarming(later).exists() == alarms
            assert "1 mail could not be sent" in page(desk)


def test_i_rang_them_ends_it_and_keeps_who_and_when(desk: Client, failed: Notification, dora: User):
    response = desk.post(reverse("desk-mail", args=[failed.pk, "reached"]))
    assert response.status_code == 302
    row = Reached.objects.get()
    assert (row.notification, row.by, row.user, row.at) == (failed, "dora", dora, NOW)
    assert "could not be sent" not in page(desk)


def test_ringing_twice_keeps_the_first(desk: Client, failed: Notification):
    for _n in range(2):
        desk.post(reverse("desk-mail", args=[failed.pk, "reached"]))
    assert Reached.objects.count() == 1


def test_what_did_not_fail_was_not_rung_about(desk: Client, world: World):
    row = book(world).notifications.get(kind="confirmation")
    desk.post(reverse("desk-mail", args=[row.pk, "reached"]))
    assert not Reached.objects.exists()


def test_send_again_sends_it_again(desk: Client, failed: Notification):
    desk.post(reverse("desk-mail", args=[failed.pk, "again"]))
    failed.refresh_from_db()
    assert failed.state == "pending"
    assert "could not be sent" not in page(desk)


def test_who_presses_send_again_a_second_time_is_told_that_it_is_on_its_way(
    desk: Client, failed: Notification
):
    for said in ("The mail is sent again.", "That mail waits no more"):
        answer = desk.post(reverse("desk-mail", args=[failed.pk, "again"]), follow=True)
        assert said in answer.content.decode()


def test_a_link_sends_nothing(desk: Client, failed: Notification):
    assert desk.get(reverse("desk-mail", args=[failed.pk, "again"])).status_code == 405


def test_an_answer_to_a_letter_that_failed_stays_and_has_the_phone(desk: Client, world: World):
    apps.get_model("clinic", "ContactMessage").objects.create(
        name="Ferris", email="f@example.org", phone="+447700900091", subject="x", message="y"
    )
    Notification.objects.create(
        kind="contact_answer",
        recipient="f@example.org",
        payload={"name": "Ferris", "answer": "Yes."},
        state="failed",
        due_at=NOW - timedelta(days=60),
    )
    html = page(desk)
    assert "1 mail could not be sent" in html
    assert "tel:+447700900091" in html


# --- the nightly check ------------------------------------------------------------------
def test_what_the_auditor_found_is_a_task(desk: Client, world: World):
    finding = {"check": "overlap", "says": "Two at once.", "total": 3, "lines": ["resource 7"]}
    Audit.objects.create(at=NOW - HOUR, total=3, findings=[finding])
    assert "The nightly check found 3 things that cannot be" in page(desk)
    html = desk.get(reverse("desk-audit")).content.decode()
    assert "Two at once." in html
    assert "resource 7" in html
    assert "The first 1 of 3." in html


def test_what_the_auditor_says_can_be_translated():
    assert [check.name for check in CHECKS if not isinstance(check.says, Promise)] == []


@pytest.mark.parametrize(("hours", "listed"), [(49, False), (51, True)])
def test_an_auditor_who_stays_away_is_a_task(desk: Client, world: World, hours: int, listed: bool):
    Audit.objects.create(at=NOW - hours * HOUR, total=0)
    assert ("The nightly check has not run" in page(desk)) == listed


def test_the_nightly_run_keeps_what_it_found_and_forgets_old_runs(world: World, monkeypatch):
    monkeypatch.setattr(audit, "reading_only", nullcontext)
    Audit.objects.create(at=NOW - timedelta(days=91), total=9)
    book(world).events.all().delete()
    tasks.audit_the_diary()
    run = Audit.objects.get()
    (finding,) = run.findings
    assert (run.at, run.total, finding["check"], finding["total"]) == (NOW, 1, "event", 1)


def test_beat_asks_for_it_each_night():
    nightly = app.conf.beat_schedule["audit"]
    assert nightly["task"] == tasks.audit_the_diary.name
    assert (nightly["schedule"].hour, nightly["schedule"].day_of_week) == ({4}, set(range(7)))


def test_an_address_that_came_later_gets_confirmation_and_reminders(world: World):
    visit = book(world, details=Details(name="Pat Example", phone="+441174960200"))
    assert not visit.notifications.exists()
    visit.patient.email = "pat@example.org"
    visit.patient.save()
    assert [finding.check for finding in audit.findings()] == ["message_missing"]
    for _n in range(2):
        notifications.resend_confirmation(visit)
    assert audit.findings() == []
    kinds = list(visit.notifications.values_list("kind", flat=True))
    assert (kinds.count("confirmation"), kinds.count("reminder")) == (2, 2)


def test_a_reminder_that_staff_dropped_is_not_missed_by_the_audit(client: Client, world: World):
    client.force_login(cast.login("root", OWNER))
    User.objects.filter(username="root").update(is_staff=True, is_superuser=True)
    reminder = book(world).notifications.filter(kind="reminder").first()
    client.post(
        reverse("admin:bookings_notification_changelist"),
        {"action": "drop", "_selected_action": [reminder.pk]},
    )
    reminder.refresh_from_db()
    assert (reminder.state, reminder.payload) == ("dropped", {"dropped_by": "root"})
    assert audit.findings() == []
