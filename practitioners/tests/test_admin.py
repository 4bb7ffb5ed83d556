"""The directory's own admin pages."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from clinic.clock import now
from practitioners.models import Clinic, Registration, Therapy, Treatment

from . import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olive"))
    return client


def test_the_list_of_clinics_leads_to_the_one(owner: Client) -> None:
    factories.clinic_row()
    page = owner.get(reverse("admin:practitioners_clinic_changelist"))
    assert page.headers["Location"] == reverse("admin:practitioners_clinic_change", args=[1])


def test_there_is_one_clinic(owner: Client) -> None:
    add = reverse("admin:practitioners_clinic_add")
    form = {"name": "Tidewell", "phone": "0117 496 0100", "email": "a@example.org"}
    form |= {"answers_within": "a day", "cancellation_hours": "24", "strapline": ""}
    assert owner.post(add, form).status_code == 302
    assert Clinic.objects.get().pk == 1
    assert owner.post(add, form).status_code == 403
    gone = reverse("admin:practitioners_clinic_delete", args=[1])
    assert owner.post(gone, {"post": "yes"}).status_code == 403


def names(owner: Client, **query: str) -> list[str]:
    page = owner.get(reverse("admin:practitioners_practitioner_changelist"), query)
    return [row.name for row in page.context["cl"].result_list]


def test_who_is_not_bookable_is_marked_and_can_be_filtered(owner: Client) -> None:
    yesterday = now().date() - timedelta(days=1)
    factories.practitioner(name="Ana Current")
    factories.practitioner(name="Ben Uninsured", insured_until=None)
    factories.practitioner(name="Cat Overdue", insured_until=yesterday)
    factories.practitioner(name="Dan Unregistered", registered=False)
    lapsed = factories.practitioner(name="Eve Lapsed", registered=False)
    factories.registration(lapsed, status=Registration.Status.LAPSED)
    ended = factories.practitioner(name="Fay Ended", registered=False)
    factories.registration(ended, valid_until=yesterday)
    assert names(owner, bookable="yes") == ["Ana Current"]
    assert len(names(owner, bookable="no")) == 5
    page = owner.get(reverse("admin:practitioners_practitioner_changelist")).content.decode()
    assert page.count("⚠") == 5


def test_an_overdue_page_is_marked(owner: Client) -> None:
    factories.therapy(review_due=date(2020, 1, 1))
    factories.condition(review_due=date(2020, 1, 1))
    for model in ("therapy", "condition"):
        page = owner.get(reverse(f"admin:practitioners_{model}_changelist"))
        assert "overdue" in page.content.decode()


def test_treatments_show_their_price_as_money(owner: Client) -> None:
    factories.treatment(price_pence=7050)
    page = owner.get(reverse("admin:practitioners_treatment_changelist"))
    assert "£70.50" in page.content.decode()


def treatment_form(therapy: Therapy, **changes: object) -> dict[str, object]:
    inlines = ("lengths", "needs", "reminder_rules")
    management = {
        f"{name}-{count}": 0 for name in inlines for count in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    return {
        "therapy": therapy.pk,
        "name": "Foot hour",
        "slug": "",
        "minutes": 60,
        "price": "60",
        "audience": "all",
        "min_age": 16,
        "requires_within_days": 180,
        "grid_minutes": 15,
        "notice_minutes": 120,
        "horizon_days": 60,
        "position": 0,
        **management,
        **changes,
    }


def test_a_treatment_without_an_address_gets_one_of_its_name_that_is_free(owner: Client) -> None:
    add = reverse("admin:practitioners_treatment_add")
    for _again in range(2):
        assert owner.post(add, treatment_form(factories.therapy())).status_code == 302
    assert {t.slug for t in Treatment.objects.all()} == {"foot-hour", "foot-hour-2"}


def test_two_lines_of_a_therapy_without_addresses_get_one_each(owner: Client) -> None:
    therapy = factories.therapy()
    line = {"name": "Foot hour", "slug": "", "price": "60", "audience": "all", "position": 0}
    form: dict[str, object] = {
        name: getattr(therapy, name) for name in ("name", "slug", "summary", "evidence_strength")
    }
    form["position"] = 0
    for inline in ("treatments", "claims", "safety_questions"):
        form |= {f"{inline}-INITIAL_FORMS": 0, f"{inline}-TOTAL_FORMS": 0}
    form["treatments-TOTAL_FORMS"] = 2
    for number, minutes in enumerate((30, 60)):
        both = {**line, "minutes": minutes}
        form |= {f"treatments-{number}-{name}": value for name, value in both.items()}
    url = reverse("admin:practitioners_therapy_change", args=[therapy.pk])
    assert owner.post(url, form).status_code == 302
    assert {t.slug for t in therapy.treatments.all()} == {"foot-hour", "foot-hour-2"}


def test_an_address_that_was_typed_is_kept_and_refused_where_it_is_taken(owner: Client) -> None:
    add = reverse("admin:practitioners_treatment_add")
    first, second = factories.therapy(), factories.therapy()
    assert owner.post(add, treatment_form(first, slug="my-feet")).status_code == 302
    assert owner.post(add, treatment_form(second, slug="my-feet")).status_code == 200
    assert Treatment.objects.get().slug == "my-feet"


def test_the_address_of_a_treatment_is_typed_ahead_from_its_name_alone(owner: Client) -> None:
    page = owner.get(reverse("admin:practitioners_treatment_add")).content.decode()
    assert "#id_name" in page
    assert "#id_therapy" not in page


def test_a_new_therapy_claims_nothing_about_its_evidence() -> None:
    assert Therapy(name="Cupping").get_evidence_strength_display() == "not assessed yet"
