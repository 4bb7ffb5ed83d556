"""Every page of the admin opens, and costs the same number of queries however much there is."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.actors import Actor
from bookings.appointments import Details, book
from bookings.models import (
    Absence,
    Answer,
    Appointment,
    BankHoliday,
    Journey,
    Kind,
    MessageTemplate,
    Notification,
    Opening,
    Patient,
    PatientMatch,
    ReminderRule,
)
from clinic.access import PRACTITIONER, RECEPTION, ROLES
from clinic.clock import now
from practitioners.tests import factories as directory

from . import factories

pytestmark = pytest.mark.django_db

REGISTERED = sorted(
    (model._meta.label for model in admin.site._registry), key=lambda label: label.lower()
)
# One row that is changed, not listed.
ONE_ROW = {"practitioners.Clinic"}
NOT_FOR_RECEPTION = {
    "auth.Group",
    "auth.User",
    "bookings.ScreeningRecord",
    "practitioners.Reference",
}
RECEPTION_ADDS = {
    "bookings.Absence",
    "bookings.Appointment",
    "bookings.Patient",
}
RECEPTION_CHANGES = {
    *RECEPTION_ADDS,
    "bookings.Resource",
    "clinic.ContactMessage",
    "practitioners.Practitioner",
}
RECEPTION_DELETES = {"bookings.Absence"}


def days_ahead(days: int, hour: int = 10) -> datetime:
    return (now() + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)


def booked(world: factories.World, start: datetime, name: str) -> Appointment:
    return book(
        treatment=world.treatment,
        start=start,
        practitioner=world.practitioner,
        details=Details(name=name, email=f"{name.lower().replace(' ', '.')}@example.org"),
        by=Actor("staff"),
        source="desk",
        override=True,
    )


def fill(world: factories.World, first: int, count: int) -> None:
    """`count` more rows of everything that is registered."""
    # The inbox stands above us in the house: asked for by name.
    messages = apps.get_model("clinic", "ContactMessage")
    for number in range(first, first + count):
        appointment = booked(world, days_ahead(2 + number), f"Pat Sample {number}")
        other = Patient.objects.create(name=f"Pat Sample {number}", email=f"o{number}@example.org")
        PatientMatch.objects.create(newer=other, older=appointment.patient, because="name")
        Answer.objects.create(
            appointment=appointment, code="fever", question="Fever?", value="yes", needs_look=True
        )
        Notification.objects.create(
            kind=Kind.CONTACT_RECEIPT, recipient="a@example.org", due_at=now(), payload={}
        )
        factories.passed_screening(world.screening)
        factories.screening_form()
        person = world.another_practitioner()
        directory.language(f"x{number}", f"Language {number}")
        therapy = directory.therapy()
        directory.condition(therapies=[therapy])
        directory.claim(therapy=therapy, references=[directory.reference()])
        treatment = directory.treatment(therapy=therapy)
        factories.need(treatment, factories.pool(factories.room(world.location)))
        factories.safety_question(therapy)
        ReminderRule.objects.create(treatment=treatment, minutes_before=60)
        place = directory.location()
        factories.equipment(place, lives_in=factories.room(place))
        Journey.objects.create(one=world.location, other=place, minutes=30)
        treatment.lengths.create(minutes=90, price_pence=8500)
        BankHoliday.on(date(2027, 1, 1), place, "New Year").save()
        factories.absence(factories.body(person), days_ahead(number), days_ahead(number + 1))
        factories.absence(None, days_ahead(2), days_ahead(3), location=place, reason="other")
        messages.objects.create(name="Sam", email="s@example.org", subject="A", message="B")
        User.objects.create_user(f"staff{number}", password="x")
    for kind in list(Kind)[first : first + count]:
        MessageTemplate.objects.create(kind=kind)


@pytest.fixture
def world() -> factories.World:
    made = factories.bookable_clinic()
    fill(made, 0, 2)
    return made


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


@pytest.fixture
def reception(client: Client) -> Client:
    user = User.objects.create_user("dora", is_staff=True)
    user.groups.add(Group.objects.get(name=RECEPTION))
    client.force_login(user)
    return client


def address(label: str, page: str, *args: object) -> str:
    return reverse(f"admin:{label.lower().replace('.', '_')}_{page}", args=args)


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as caught:
        assert client.get(url).status_code == 200
    return len(caught)


@pytest.mark.parametrize("label", [label for label in REGISTERED if label not in ONE_ROW])
def test_list_costs_the_same_with_many_rows(
    label: str,
    owner: Client,
    django_assert_max_num_queries: Callable[..., CaptureQueriesContext],
) -> None:
    world = factories.bookable_clinic()
    fill(world, 0, 1)
    url = address(label, "changelist")
    owner.get(url)
    few = queries_of(owner, url)
    fill(world, 1, 19)
    with django_assert_max_num_queries(few):
        response = owner.get(url)
    # Message texts: one a kind, and there are fewer kinds. Groups: one a role.
    least = {"bookings.MessageTemplate": len(Kind), "auth.Group": len(ROLES)}.get(label, 20)
    assert response.context["cl"].result_count >= least
    assert few <= 16


def test_a_long_list_comes_in_pages(owner: Client) -> None:
    Patient.objects.bulk_create(Patient(name=f"Pat {n}") for n in range(51))
    url = address("bookings.Patient", "changelist")
    shown = [len(owner.get(url, {"p": n}).context["cl"].result_list) for n in (1, 2)]
    assert shown == [50, 1]


@pytest.mark.parametrize("typed", ["²", "abc", "-1"])
@pytest.mark.parametrize(
    ("label", "name"),
    [("bookings.Absence", "place"), ("bookings.Resource", "pool"), ("bookings.Journey", "place")],
)
def test_row_55_a_filter_typed_by_hand_is_no_error(
    label: str, name: str, typed: str, world: factories.World, owner: Client
) -> None:
    assert owner.get(address(label, "changelist"), {name: typed}).status_code == 200


def test_reservations_can_be_typed_nowhere() -> None:
    reservation = apps.get_model("bookings", "Reservation")
    pages = admin.site._registry
    assert reservation not in pages
    inlines = {inline.model for page in pages.values() for inline in page.inlines}
    assert Opening in inlines
    assert reservation not in inlines


@pytest.mark.parametrize("label", REGISTERED)
def test_every_page_opens(label: str, world: factories.World, owner: Client) -> None:
    model_admin = next(a for m, a in admin.site._registry.items() if m._meta.label == label)
    assert owner.get(address(label, "changelist"), follow=True).status_code == 200
    for row in model_admin.model._default_manager.all()[:3]:
        if model_admin.get_queryset(_request()).filter(pk=row.pk).exists():
            response = owner.get(address(label, "change", row.pk))
            assert response.status_code == 200, row
    request = _request()
    added = owner.get(address(label, "add"))
    assert added.status_code == (200 if model_admin.has_add_permission(request) else 403)
    if model_admin.search_fields:
        found = owner.get(address(label, "changelist"), {"q": "pat 0117 496 0123"}, follow=True)
        assert found.status_code == 200


def _request() -> object:
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    return request


@pytest.mark.parametrize("label", REGISTERED)
def test_reception_sees_what_the_desk_needs_and_no_more(
    label: str, world: factories.World, reception: Client
) -> None:
    response = reception.get(address(label, "changelist"), follow=True)
    assert response.status_code == (403 if label in NOT_FOR_RECEPTION else 200)


@pytest.mark.parametrize("label", REGISTERED)
def test_reception_adds_changes_and_deletes_its_own_and_no_more(
    label: str, world: factories.World, reception: Client
) -> None:
    model = apps.get_model(label)
    rows = model._default_manager.all()
    if label == "bookings.Resource":
        rows = rows.filter(kind="room")
    if label == "bookings.Absence":
        rows = rows.exclude(reason=Absence.Reason.HOLIDAY)
    pk = rows.first().pk
    may = {
        "add": reception.get(address(label, "add")).status_code == 200,
        # What cannot be read is a form again, what may not be changed is forbidden.
        "change": reception.post(address(label, "change", pk), {}).status_code != 403,
        "delete": reception.get(address(label, "delete", pk)).status_code == 200,
    }
    assert may == {
        "add": label in RECEPTION_ADDS,
        "change": label in RECEPTION_CHANGES,
        "delete": label in RECEPTION_DELETES,
    }


def test_a_practitioner_has_no_part_in_the_admin(world: factories.World, client: Client) -> None:
    user = User.objects.create_user("ana", is_staff=True)
    user.groups.add(Group.objects.get(name=PRACTITIONER))
    client.force_login(user)
    for label in REGISTERED:
        assert client.get(address(label, "changelist")).status_code == 403


def test_reception_opens_what_it_may_change(world: factories.World, reception: Client) -> None:
    appointment = Appointment.objects.first()
    page = reception.get(address("bookings.Appointment", "change", appointment.pk))
    assert page.status_code == 200
    assert "Fever?" not in page.content.decode()
    patient = reception.get(address("bookings.Patient", "change", appointment.patient_id))
    assert patient.status_code == 200


def test_health_answers_are_shown_to_those_with_the_permission(
    world: factories.World, owner: Client
) -> None:
    appointment = Appointment.objects.filter(patient__isnull=False).first()
    page = owner.get(address("bookings.Appointment", "change", appointment.pk))
    assert "Fever?" in page.content.decode()


def test_front_page_is_grouped_and_named_after_the_clinic(
    world: factories.World, owner: Client
) -> None:
    page = owner.get(reverse("admin:index"))
    assert [group["app_label"] for group in page.context["app_list"]] == [
        "diary",
        "hours",
        "directory",
        "messages",
        "safety",
        "accounts",
    ]
    assert page.context["site_header"] == "Tidewell Clinic"


def test_front_page_of_reception_has_no_accounts(world: factories.World, reception: Client) -> None:
    page = reception.get(reverse("admin:index"))
    labels = {
        f"{model['object_name']}" for group in page.context["app_list"] for model in group["models"]
    }
    assert "Appointment" in labels
    assert not labels & {"User", "Group", "ScreeningRecord"}


def test_pages_hold_no_inline_style_or_script(world: factories.World, owner: Client) -> None:
    pages = [reverse("admin:index")]
    pages += [address(label, "changelist") for label in REGISTERED]
    pages += [address("bookings.Appointment", "change", Appointment.objects.first().pk)]
    for url in pages:
        text = owner.get(url, follow=True).content.decode()
        assert "<style" not in text
        assert ' style="' not in text
        assert "<script>" not in text


def test_absences_can_be_counted_by_hand(world: factories.World, owner: Client) -> None:
    start = days_ahead(20)
    booked(world, start, "Kit Clash")
    row = factories.absence(factories.body(world.practitioner), start, start + timedelta(hours=8))
    page = owner.get(address("bookings.Absence", "changelist"))
    listed = {absence.pk: absence.clash_count for absence in page.context["cl"].result_list}
    assert listed[row.pk] == 1
    assert "Kit Clash" in owner.get(address("bookings.Absence", "change", row.pk)).content.decode()
    assert isinstance(row, Absence)
    assert start.tzinfo is UTC
