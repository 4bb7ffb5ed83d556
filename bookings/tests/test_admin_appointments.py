"""Staff book, move and end appointments in the admin; what is taken stays taken."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings import appointments as verbs
from bookings.actors import Actor
from bookings.admin.columns import clock_time
from bookings.appointments import Details, book
from bookings.models import Appointment, Kind, Notification, State
from clinic.clock import now

from . import factories
from .admin_forms import fields_of
from .factories import World

pytestmark = pytest.mark.django_db


TODAY = datetime(2027, 1, 4, 10, tzinfo=UTC)


@pytest.fixture
def monday() -> Iterator[None]:
    with time_machine.travel(TODAY - timedelta(hours=2), tick=False):
        yield


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("dora"))
    return client


def day_after_tomorrow(hour: int = 10, days: int = 2) -> datetime:
    return (now() + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)


def booked(world: World, start: datetime, **details: object) -> Appointment:
    return book(
        treatment=world.treatment,
        start=start,
        practitioner=world.practitioner,
        details=Details(**{"name": "Pat Sample", "email": "pat@example.org", **details}),
        by=Actor("staff"),
        source="desk",
        override=True,
    )


def add_form(world: World, start: datetime, **changes: object) -> dict[str, object]:
    patient = changes.pop("patient", None) or factories.patient()
    return {
        "treatment": world.treatment.pk,
        "practitioner": world.practitioner.pk,
        "location": world.location.pk,
        "day": start.date().isoformat(),
        "time": start.strftime("%H:%M"),
        "patient": patient.pk,
        "asked": "on",
        "note": "",
        **changes,
    }


def change_form(staff: Client, appointment: Appointment, **changes: object) -> dict[str, object]:
    return {**fields_of(staff.get(change_url(appointment))), **changes}


ADD = "admin:bookings_appointment_add"
LIST = "admin:bookings_appointment_changelist"


def change_url(appointment: Appointment) -> str:
    return reverse("admin:bookings_appointment_change", args=[appointment.pk])


def shown_errors(response: object) -> dict[str, list[str]]:
    form = response.context["adminform"].form
    return {name: [str(e) for e in errors] for name, errors in form.errors.items()}


# --- booking --------------------------------------------------------------------
def test_add_books_through_the_verb(world: World, staff: Client) -> None:
    start = day_after_tomorrow()
    patient = factories.patient()
    response = staff.post(reverse(ADD), add_form(world, start, patient=patient))
    assert response.status_code == 302
    made = Appointment.objects.get()
    assert (made.state, made.starts_at, made.patient) == (State.BOOKED, start, patient)
    assert made.reservations.count() == 3
    assert made.screening.passed
    assert made.events.get(verb="book").user.username == "dora"
    assert made.notifications.filter(kind=Kind.CONFIRMATION).exists()


def test_add_without_a_practitioner_takes_who_is_free(world: World, staff: Client) -> None:
    staff.post(reverse(ADD), add_form(world, day_after_tomorrow(), practitioner=""))
    assert Appointment.objects.get().practitioner == world.practitioner


def test_add_inside_the_notice_is_allowed_to_staff(world: World, staff: Client) -> None:
    world.treatment.notice_minutes = 60 * 24 * 30
    world.treatment.save()
    staff.post(reverse(ADD), add_form(world, day_after_tomorrow()))
    assert Appointment.objects.get().state == State.BOOKED


def test_add_what_is_taken_is_refused_beside_the_time(world: World, staff: Client) -> None:
    start = day_after_tomorrow()
    booked(world, start)
    response = staff.post(reverse(ADD), add_form(world, start, note="Bring the stick"))
    assert response.status_code == 200
    assert "taken" in shown_errors(response)["time"][0]
    assert shown_errors(response)["time"][-1].startswith("Free:")
    assert "Bring the stick" in response.content.decode()
    assert Appointment.objects.count() == 1


def test_add_while_the_room_is_cleaned_is_refused(world: World, staff: Client) -> None:
    world.treatment.needs.filter(pool=world.rooms).update(to_minute=70)
    taken = booked(world, day_after_tomorrow())
    other = world.another_practitioner()
    form = add_form(world, taken.ends_at, practitioner=other.pk)
    response = staff.post(reverse(ADD), form)
    assert "taken" in shown_errors(response)["time"][0]
    assert Appointment.objects.count() == 1


def test_add_for_a_patient_who_is_elsewhere_is_refused(world: World, staff: Client) -> None:
    start = day_after_tomorrow()
    patient = booked(world, start).patient
    other = world.another_practitioner()
    treatment = world.another_treatment()
    other.treatments.add(treatment)
    treatment.needs.filter(pool__isnull=False).delete()
    form = add_form(world, start, patient=patient, practitioner=other.pk, treatment=treatment.pk)
    response = staff.post(reverse(ADD), form)
    assert response.status_code == 200
    assert "time" in shown_errors(response)
    assert Appointment.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "beside"),
    [
        ("day", "2027-02-30", "day"),
        ("time", "25:00", "time"),
        ("time", "23:00", "time"),
        ("day", "2020-01-06", "time"),
        ("patient", "", "patient"),
        ("patient", "999999", "patient"),
        ("asked", "", "asked"),
        ("note", "a\x00b", "note"),
        ("treatment", "", "treatment"),
    ],
)
def test_add_with_something_wrong_says_so_beside_the_field(
    world: World, staff: Client, field: str, value: str, beside: str
) -> None:
    form = add_form(world, day_after_tomorrow())
    response = staff.post(reverse(ADD), {**form, field: value})
    assert response.status_code == 200
    assert beside in shown_errors(response)
    assert not Appointment.objects.exists()


def test_add_in_the_hour_that_the_clocks_skip_is_refused(world: World, staff: Client) -> None:
    form = add_form(world, day_after_tomorrow(), day="2027-03-28", time="01:30")
    response = staff.post(reverse(ADD), form)
    assert "does not exist" in shown_errors(response)["time"][0]


def test_add_while_the_gate_is_down_books_nobody(world: World, staff: Client) -> None:
    world.screening.questions.all().delete()
    response = staff.post(reverse(ADD), add_form(world, day_after_tomorrow()))
    assert "asked" in shown_errors(response)
    assert not Appointment.objects.exists()


# --- moving ---------------------------------------------------------------------
def test_change_of_the_time_moves_it(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    response = staff.post(change_url(appointment), change_form(staff, appointment, time="14:00"))
    assert response.status_code == 302
    appointment.refresh_from_db()
    assert appointment.starts_local.hour == 14
    assert appointment.sequence == 1
    assert appointment.events.get(verb="reschedule").user.username == "dora"


def test_change_to_a_taken_time_keeps_the_old_one(world: World, staff: Client) -> None:
    booked(world, day_after_tomorrow(14))
    appointment = booked(world, day_after_tomorrow(10), name="Zed")
    form = change_form(staff, appointment, time=day_after_tomorrow(14).strftime("%H:%M"))
    response = staff.post(change_url(appointment), form)
    assert response.status_code == 200
    assert "taken" in shown_errors(response)["time"][0]
    appointment.refresh_from_db()
    assert appointment.starts_at == day_after_tomorrow(10)
    assert appointment.reservations.count() == 3


def test_change_to_a_practitioner_who_is_taken_keeps_the_old_one(
    world: World, staff: Client
) -> None:
    world.rooms.members.add(factories.room(world.location))
    other = world.another_practitioner()
    appointment = booked(world, day_after_tomorrow())
    book(
        treatment=world.treatment,
        start=day_after_tomorrow(),
        practitioner=other,
        details=Details(name="Zed", email="zed@example.org"),
        by=Actor("staff"),
        source="desk",
        override=True,
    )
    form = change_form(staff, appointment, practitioner=other.pk)
    response = staff.post(change_url(appointment), form)
    assert "taken" in shown_errors(response)["time"][0]
    appointment.refresh_from_db()
    assert appointment.practitioner == world.practitioner


def test_what_was_moved_is_told_in_words(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    staff.post(change_url(appointment), change_form(staff, appointment, time="14:00"))
    page = staff.get(change_url(appointment)).content.decode()
    before = clock_time(day_after_tomorrow(), world.location)
    assert f"from {before}, was with {world.practitioner.name}" in page


def test_change_of_a_note_moves_nothing(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    staff.post(
        change_url(appointment), change_form(staff, appointment, staff_note="Rings the bell")
    )
    appointment.refresh_from_db()
    assert (appointment.staff_note, appointment.sequence) == ("Rings the bell", 0)
    assert not appointment.events.filter(verb="reschedule").exists()


def test_change_from_an_old_page_is_refused(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    form = change_form(staff, appointment)
    staff.post(change_url(appointment), change_form(staff, appointment, time="14:00"))
    response = staff.post(change_url(appointment), form)
    assert response.status_code == 200
    assert "meanwhile" in shown_errors(response)["__all__"][0]
    appointment.refresh_from_db()
    assert appointment.starts_local.hour == 14


def test_what_was_agreed_cannot_be_changed(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    form = change_form(
        staff, appointment, price_pence=1, minutes=5, state="completed", reference="X"
    )
    staff.post(change_url(appointment), form)
    after = Appointment.objects.get()
    assert (after.price_pence, after.minutes, after.state) == (6000, 60, State.BOOKED)


def test_a_cancelled_one_cannot_be_moved(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    _act(staff, "cancel_with_reason", appointment, reason="Ill")
    staff.post(change_url(appointment), change_form(staff, appointment, time="14:00"))
    appointment.refresh_from_db()
    assert appointment.starts_at == day_after_tomorrow()


# --- actions --------------------------------------------------------------------
def _act(staff: Client, action: str, *chosen: Appointment, **more: object) -> object:
    data = {"action": action, "_selected_action": [a.pk for a in chosen], **more}
    return staff.post(reverse(LIST), data, follow=True)


def test_cancel_asks_for_a_reason_first(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    page = _act(staff, "cancel_with_reason", appointment)
    assert appointment.reference in page.content.decode()
    assert Appointment.objects.get().state == State.BOOKED


def test_cancel_with_a_reason_frees_the_time(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    _act(staff, "cancel_with_reason", appointment, reason="Practitioner is ill")
    appointment.refresh_from_db()
    assert appointment.state == State.CANCELLED
    assert appointment.cancel_reason == "Practitioner is ill"
    assert appointment.cancelled_by_clinic
    assert not appointment.reservations.exists()


def test_an_old_page_does_not_cancel_what_has_moved_since(world: World, staff: Client) -> None:
    moved, other = booked(world, day_after_tomorrow()), booked(world, day_after_tomorrow(14))
    page = _act(staff, "cancel_with_reason", moved, other).content.decode()
    seen = {f"seen_{row.pk}": str(row.sequence) for row in (moved, other)}
    assert all(f'name="{name}" value="{value}"' in page for name, value in seen.items())
    Appointment.objects.filter(pk=moved.pk).update(sequence=1)
    _act(staff, "cancel_with_reason", moved, other, reason="Ill", **seen)
    states = Appointment.objects.in_bulk([moved.pk, other.pk])
    assert [states[row.pk].state for row in (moved, other)] == [State.BOOKED, State.CANCELLED]


def test_cancel_with_an_empty_reason_asks_again(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    page = _act(staff, "cancel_with_reason", appointment, reason="  ")
    assert "Please give a reason" in page.content.decode()


def test_staff_are_told_whom_to_ring_of_those_they_move_or_cancel(
    world: World, staff: Client
) -> None:
    mailed = booked(world, day_after_tomorrow())
    rung = booked(world, day_after_tomorrow(14), name="Zed", email="", phone="+441174960222")
    ring, mail = 'ring <a href="tel:+441174960222">0117 496 0222</a>', "told by mail"
    for of, said, unsaid in ((mailed, mail, ring), (rung, ring, mail)):
        cancel = reverse("admin:bookings_appointment_admin_cancel", args=[of.pk])
        for html in (staff.get(change_url(of)), staff.get(cancel)):
            words = html.content.decode()
            assert said in words and unsaid not in words
    both = _act(staff, "cancel_with_reason", mailed, rung).content.decode()
    assert ring in both and "Each patient" not in both


@pytest.mark.usefixtures("monday")
def test_one_refusal_does_not_stop_the_others(world: World, staff: Client) -> None:
    first = booked(world, day_after_tomorrow())
    second = booked(world, TODAY.replace(hour=14), name="Zed")
    _act(staff, "cancel_with_reason", first, reason="Ill")
    page = _act(staff, "mark_arrived", first, second)
    texts = [str(message) for message in page.context["messages"]]
    assert any("1 appointment" in text for text in texts)
    assert any(first.reference in text for text in texts)
    second.refresh_from_db()
    assert second.state == State.ARRIVED


@pytest.mark.usefixtures("monday")
def test_arrived_completed_and_no_show(world: World, staff: Client) -> None:
    came = booked(world, TODAY)
    missed = booked(world, TODAY.replace(hour=14), name="Zed")
    _act(staff, "mark_arrived", came)
    _act(staff, "mark_completed", came)
    _act(staff, "mark_no_show", missed)
    came.refresh_from_db()
    missed.refresh_from_db()
    assert (came.state, missed.state) == (State.COMPLETED, State.NO_SHOW)


@pytest.mark.usefixtures("monday")
def test_a_slip_is_taken_back_by_button_and_in_the_list(world: World, staff: Client) -> None:
    came = booked(world, TODAY)
    missed = booked(world, TODAY.replace(hour=14), name="Zed")
    _act(staff, "mark_arrived", came)
    _act(staff, "mark_no_show", missed)
    undo = reverse("admin:bookings_appointment_admin_do", args=[came.pk, "undo"])
    assert undo in staff.get(change_url(came)).content.decode()
    staff.post(undo)
    _act(staff, "take_back", missed)
    came.refresh_from_db()
    missed.refresh_from_db()
    assert (came.state, missed.state) == (State.BOOKED, State.BOOKED)


def test_buttons_that_the_day_forbids_are_not_there(world: World, staff: Client) -> None:
    ahead = booked(world, day_after_tomorrow())
    html = staff.get(change_url(ahead)).content.decode()
    for verb, there in (("arrived", False), ("no-show", False), ("resend", True)):
        url = reverse("admin:bookings_appointment_admin_do", args=[ahead.pk, verb])
        assert (url in html) == there
    with time_machine.travel(ahead.starts_at, tick=False):
        verbs.no_show(ahead, by=Actor("staff"))
    with time_machine.travel(ahead.starts_at + timedelta(days=1), tick=False):
        html = staff.get(change_url(ahead)).content.decode()
    assert reverse("admin:bookings_appointment_admin_do", args=[ahead.pk, "undo"]) not in html


def test_confirmation_is_sent_again(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    _act(staff, "resend", appointment)
    assert appointment.notifications.filter(kind=Kind.CONFIRMATION).count() == 2


@pytest.mark.usefixtures("monday")
def test_buttons_act_on_post_only(world: World, staff: Client) -> None:
    appointment = booked(world, TODAY)
    url = reverse("admin:bookings_appointment_admin_do", args=[appointment.pk, "arrived"])
    assert staff.get(url).status_code == 405
    assert staff.post(url).status_code == 302
    appointment.refresh_from_db()
    assert appointment.state == State.ARRIVED
    unknown = reverse("admin:bookings_appointment_admin_do", args=[appointment.pk, "explode"])
    assert staff.post(unknown).status_code == 404


def test_buttons_need_the_permission(world: World, client: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    client.force_login(User.objects.create_user("guest", is_staff=True))
    do = reverse("admin:bookings_appointment_admin_do", args=[appointment.pk, "no-show"])
    cancel = reverse("admin:bookings_appointment_admin_cancel", args=[appointment.pk])
    assert client.post(do).status_code == 403
    assert client.get(cancel).status_code == 403


def test_nothing_is_deleted(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    url = reverse("admin:bookings_appointment_delete", args=[appointment.pk])
    assert staff.post(url, {"post": "yes"}).status_code == 403
    _act(staff, "delete_selected", appointment, post="yes")
    assert Appointment.objects.exists()


# --- finding --------------------------------------------------------------------
@pytest.mark.parametrize(
    "typed",
    [
        "{reference}",
        "{lower}",
        "élodie",
        "Durand",
        "elodie@example.org",
        "0117 496 0222",
        "+44 117 4960222",
    ],
)
def test_search_finds_it(world: World, staff: Client, typed: str) -> None:
    found = booked(
        world,
        day_after_tomorrow(),
        name="Élodie Durand",
        email="elodie@example.org",
        phone="+441174960222",
    )
    booked(world, day_after_tomorrow(14), name="Zed Other", email="zed@example.org")
    words = typed.format(reference=found.reference, lower=found.reference.lower())
    page = staff.get(reverse(LIST), {"q": words})
    assert [a.pk for a in page.context["cl"].result_list] == [found.pk]


def test_times_are_those_of_the_location(staff: Client) -> None:
    world = factories.bookable_clinic(location={"time_zone": "America/New_York"})
    start = datetime(2027, 1, 11, 15, tzinfo=UTC)
    form = add_form(world, start, day="2027-01-11", time="10:00")
    staff.post(reverse(ADD), form)
    assert Appointment.objects.get().starts_at == start
    assert "11 Jan 2027, 10:00" in staff.get(reverse(LIST)).content.decode()


def test_messages_about_it_are_listed(world: World, staff: Client) -> None:
    appointment = booked(world, day_after_tomorrow())
    assert Notification.objects.filter(appointment=appointment).exists()
    page = staff.get(change_url(appointment)).content.decode()
    assert "pat@example.org" in page
    assert world.room.name in page
