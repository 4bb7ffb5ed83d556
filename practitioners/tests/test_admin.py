"""The directory's own admin pages."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from clinic.clock import now
from practitioners.models import Clinic, Registration

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
