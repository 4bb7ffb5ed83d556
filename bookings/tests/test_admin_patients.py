"""Patients in the admin: found, corrected, and two records of one person made one."""

from datetime import date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings.actors import Actor
from bookings.appointments import Details, book
from bookings.models import Appointment, Patient, PatientMatch, Resource
from clinic.clock import now

from . import factories
from .admin_forms import fields_of

pytestmark = pytest.mark.django_db
LIST = "admin:bookings_patient_changelist"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("dora"))
    return client


def listed(staff: Client, **query: str) -> list[str]:
    return [p.name for p in staff.get(reverse(LIST), query).context["cl"].result_list]


@pytest.mark.parametrize(
    "typed",
    ["ana", "Ana B", "ana@example.org", "01174960123", "(0117) 496-0123", "2 May", "02/05/1980"],
)
def test_search_by_name_mail_phone_and_birth_date(staff: Client, typed: str) -> None:
    factories.patient(
        name="Ana Baker",
        email="ana@example.org",
        phone="+441174960123",
        date_of_birth=date(1980, 5, 2),
    )
    factories.patient(name="Zed", email="zed@example.org", phone="+441174960199")
    assert listed(staff, q=typed) == ([] if typed == "2 May" else ["Ana Baker"])


def test_add_cleans_the_phone_and_looks_for_matches(staff: Client) -> None:
    older = factories.patient(name="Pat", email="pat@example.org", phone="+441174960123")
    form = {"name": " Pat  New ", "email": "new@EXAMPLE.org", "phone": "0117 496 0123"}
    response = staff.post(reverse("admin:bookings_patient_add"), form)
    assert response.status_code == 302
    made = Patient.objects.get(name="Pat New")
    assert (made.phone, made.email) == ("+441174960123", "new@example.org")
    assert PatientMatch.objects.get().older == older


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\x00"),
        ("email", "nobody"),
        ("email", "a@b.example\nBcc: c@d.example"),
        ("phone", "0900"),
        ("date_of_birth", "1980-02-30"),
    ],
)
def test_add_with_something_wrong_is_a_form_again(staff: Client, field: str, value: str) -> None:
    form = {"name": "Pat", "email": "pat@example.org", "phone": "", field: value}
    response = staff.post(reverse("admin:bookings_patient_add"), form)
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert not Patient.objects.exists()


def test_change_keeps_what_the_site_wrote_meanwhile(staff: Client) -> None:
    patient = factories.patient()
    url = reverse("admin:bookings_patient_change", args=[patient.pk])
    form = fields_of(staff.get(url))
    Patient.objects.filter(pk=patient.pk).update(email_proved_at=now())
    staff.post(url, {**form, "name": "Pat Changed"})
    patient.refresh_from_db()
    assert patient.name == "Pat Changed"
    assert patient.email_proved_at


def test_another_mail_address_is_not_proved_yet(staff: Client) -> None:
    patient = factories.patient(email_proved_at=now())
    url = reverse("admin:bookings_patient_change", args=[patient.pk])
    staff.post(url, {**fields_of(staff.get(url)), "email": "new@example.org"})
    patient.refresh_from_db()
    assert (patient.email, patient.email_proved_at) == ("new@example.org", None)


def visit(world: factories.World, patient: Patient, start: datetime) -> Appointment:
    return book(
        treatment=world.treatment,
        start=start,
        details=Details(patient=patient),
        by=Actor("staff"),
        source="desk",
        override=True,
    )


def hour(days: int, at: int = 10) -> datetime:
    return (now() + timedelta(days=days)).replace(hour=at, minute=0, second=0, microsecond=0)


def test_page_shows_past_and_coming_visits_bounded(staff: Client) -> None:
    world = factories.bookable_clinic()
    patient = factories.patient()
    for day in range(12):
        visit(world, patient, hour(2 + day))
    before = visit(world, patient, hour(20))
    # Nobody books the past: it is made by waiting.
    Appointment.objects.filter(pk=before.pk).update(starts_at=hour(-3), ends_at=hour(-3, 11))
    page = staff.get(reverse("admin:bookings_patient_change", args=[patient.pk]))
    text = page.content.decode()
    assert before.reference in text
    shown = [a.reference for a in patient.appointments.all() if a.reference in text]
    assert len(shown) == 11
    assert f"?patient__id__exact={patient.pk}" in text


def test_merge_action_wants_exactly_two(staff: Client) -> None:
    pks = [factories.patient().pk for _n in range(3)]
    data = {"action": "merge_two", "_selected_action": pks}
    page = staff.post(reverse(LIST), data, follow=True)
    assert "exactly two" in page.content.decode()


def test_merge_page_shows_both_side_by_side(staff: Client) -> None:
    one = factories.patient(name="Pat Twice", phone="+441174960123")
    two = factories.patient(name="Pat Twyce", phone="")
    data = {"action": "merge_two", "_selected_action": [one.pk, two.pk]}
    page = staff.post(reverse(LIST), data, follow=True)
    text = page.content.decode()
    assert "Pat Twice" in text
    assert "Pat Twyce" in text
    assert Patient.objects.filter(merged_into=None).count() == 2


def test_merge_keeps_the_chosen_one(staff: Client) -> None:
    world = factories.bookable_clinic()
    one, two = factories.patient(), factories.patient()
    moved = visit(world, one, hour(3))
    PatientMatch.objects.create(newer=two, older=one, because="mail")
    url = reverse("admin:bookings_patient_merge", args=[one.pk, two.pk])
    staff.post(url, {"keep": two.pk})
    one.refresh_from_db()
    moved.refresh_from_db()
    assert one.merged_into == two
    assert moved.patient == two
    assert PatientMatch.objects.get().state == "merged"
    assert listed(staff) == [two.name]
    assert listed(staff, record="merged") == [one.name]


def test_merge_of_two_who_meet_is_refused_with_a_sentence(staff: Client) -> None:
    world = factories.bookable_clinic()
    world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    one, two = factories.patient(), factories.patient()
    visit(world, one, hour(3))
    visit(world, two, hour(3))
    url = reverse("admin:bookings_patient_merge", args=[one.pk, two.pk])
    page = staff.post(url, {"keep": one.pk}, follow=True)
    assert page.status_code == 200
    assert "same time" in page.content.decode()
    assert Patient.objects.filter(merged_into=None).count() == 2


def test_two_people_stay_apart(staff: Client) -> None:
    one, two = factories.patient(), factories.patient()
    PatientMatch.objects.create(newer=two, older=one, because="mail")
    url = reverse("admin:bookings_patient_merge", args=[one.pk, two.pk])
    staff.post(url, {"different": "1"})
    assert PatientMatch.objects.get().state == "different"
    assert Patient.objects.filter(merged_into=None).count() == 2


def test_merge_needs_two_records_and_the_permission(staff: Client, client: Client) -> None:
    one = factories.patient()
    same = reverse("admin:bookings_patient_merge", args=[one.pk, one.pk])
    nobody = reverse("admin:bookings_patient_merge", args=[one.pk, one.pk + 99])
    assert staff.get(same).status_code == 404
    assert staff.get(nobody).status_code == 404
    other = factories.patient()
    client.force_login(User.objects.create_user("guest", is_staff=True))
    pair = reverse("admin:bookings_patient_merge", args=[one.pk, other.pk])
    assert client.post(pair, {"keep": one.pk}).status_code in (403, 404)
    assert not Patient.objects.exclude(merged_into=None).exists()


def test_persons_are_never_listed_as_resources(staff: Client) -> None:
    world = factories.bookable_clinic()
    body = factories.patient().resource
    page = staff.get(reverse("admin:bookings_resource_changelist"))
    kinds = {resource.kind for resource in page.context["cl"].result_list}
    assert kinds == {"practitioner", "room"}
    change = reverse("admin:bookings_resource_change", args=[body.pk])
    assert staff.get(change).status_code == 302
    found = staff.get(
        reverse("admin:autocomplete"),
        {"app_label": "bookings", "model_name": "opening", "field_name": "resource", "term": ""},
    ).json()["results"]
    assert str(body.pk) not in [row["id"] for row in found]
    form = {"resource": body.pk, "location": world.location.pk, "weekday": 0}
    form |= {"starts": "09:00", "ends": "10:00", "every_weeks": 1, "valid_from": "2026-01-05"}
    refused = staff.post(reverse("admin:bookings_opening_add"), form)
    assert "resource" in refused.context["adminform"].form.errors
    assert Resource.objects.filter(kind="person").exists()
