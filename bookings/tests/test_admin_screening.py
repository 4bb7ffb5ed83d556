"""The safety prompt in the admin: versions are copied and published, never edited."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings import screening
from bookings.models import ScreeningForm, ScreeningQuestion

from . import factories
from .admin_forms import fields_of

pytestmark = pytest.mark.django_db
LIST = "admin:bookings_screeningform_changelist"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("dora"))
    return client


def act(staff: Client, action: str, *rows: ScreeningForm) -> str:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return staff.post(reverse(LIST), data, follow=True).content.decode()


def change(form: ScreeningForm) -> str:
    return reverse("admin:bookings_screeningform_change", args=[form.pk])


def test_a_published_version_cannot_be_edited_or_deleted(staff: Client) -> None:
    form = factories.screening_form()
    assert staff.get(change(form)).status_code == 200
    assert staff.post(change(form), {"intro": "Other words"}).status_code == 403
    gone = reverse("admin:bookings_screeningform_delete", args=[form.pk])
    assert staff.post(gone, {"post": "yes"}).status_code == 403


def test_copy_makes_a_draft_with_the_same_questions(staff: Client) -> None:
    form = factories.screening_form(intro="Before we start")
    act(staff, "copy_as_draft", form)
    draft = ScreeningForm.objects.get(published_at=None)
    assert (draft.version, draft.intro, draft.approved_by) == (2, "Before we start", "")
    assert [q.code for q in draft.questions.all()] == ["chest", "numb", "fever"]
    assert form.questions.count() == 3
    assert screening.current_form() == form


def test_a_draft_is_edited_and_published(staff: Client) -> None:
    factories.screening_form()
    draft = factories.screening_form(published_at=None, approved_by="")
    assert "approved" in act(staff, "publish", draft)
    form = fields_of(staff.get(change(draft)))
    form |= {"approved_by": "Dr Sample", "questions-0-text": "Does your chest hurt?"}
    assert staff.post(change(draft), form).status_code == 302
    act(staff, "publish", draft)
    assert screening.current_form() == draft
    assert draft.questions.first().text == "Does your chest hurt?"


def test_a_version_without_questions_is_not_published(staff: Client) -> None:
    empty = ScreeningForm.objects.create(version=1, approved_by="Dr Sample")
    assert "no questions" in act(staff, "publish", empty)
    assert ScreeningForm.objects.get().published_at is None


def test_an_older_draft_does_not_replace_a_newer_version(staff: Client) -> None:
    draft = factories.screening_form(published_at=None)
    factories.screening_form()
    assert "newer version" in act(staff, "publish", draft)


def test_publish_wants_exactly_one(staff: Client) -> None:
    drafts = [factories.screening_form(published_at=None) for _n in range(2)]
    assert "exactly one" in act(staff, "publish", *drafts)


def test_a_new_draft_gets_the_next_version(staff: Client) -> None:
    factories.screening_form()
    add = reverse("admin:bookings_screeningform_add")
    form = {**fields_of(staff.get(add)), "intro": "New words"}
    assert staff.post(add, form).status_code == 302
    assert ScreeningForm.objects.get(intro="New words").version == 2


def test_records_are_read_only_and_nameless(staff: Client) -> None:
    record = factories.passed_screening()
    url = reverse("admin:bookings_screeningrecord_change", args=[record.pk])
    assert "chest: no" in staff.get(url).content.decode()
    assert staff.post(url, {"passed": ""}).status_code == 403
    assert ScreeningQuestion.objects.count() == 3
