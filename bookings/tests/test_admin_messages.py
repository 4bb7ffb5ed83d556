"""Messages in the admin: the outbox is read and steered, the clinic's words are checked."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings.actors import Actor
from bookings.appointments import Details, book
from bookings.models import Kind, MessageTemplate, Notification
from clinic.clock import now

from . import factories
from .admin_forms import fields_of

pytestmark = pytest.mark.django_db
LIST = "admin:bookings_notification_changelist"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("dora"))
    return client


@pytest.fixture
def confirmation() -> Notification:
    world = factories.bookable_clinic()
    start = (now() + timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
    made = book(
        treatment=world.treatment,
        start=start,
        details=Details(name="Pat Sample", email="pat@example.org"),
        by=Actor("staff"),
        source="desk",
        override=True,
    )
    return made.notifications.get(kind=Kind.CONFIRMATION)


@pytest.fixture
def template() -> MessageTemplate:
    factories.bookable_clinic()
    return MessageTemplate.objects.create(kind=Kind.REMINDER)


def act(staff: Client, action: str, *rows: Notification) -> object:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return staff.post(reverse(LIST), data, follow=True)


# --- the outbox -----------------------------------------------------------------
def test_the_message_can_be_read(staff: Client, confirmation: Notification) -> None:
    page = staff.get(reverse("admin:bookings_notification_change", args=[confirmation.pk]))
    assert "Hello Pat Sample" in page.content.decode()


def test_the_mail_is_shown_under_a_policy_of_its_own(
    staff: Client, confirmation: Notification
) -> None:
    mail = staff.get(reverse("admin:bookings_notification_mail", args=[confirmation.pk]))
    assert "Hello Pat Sample" in mail.content.decode()
    policy = mail.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert policy.endswith("sandbox")


def test_a_code_is_for_the_patients_eyes_only(staff: Client, confirmation: Notification) -> None:
    row = Notification.objects.create(
        kind=Kind.CODE, recipient="pat@example.org", due_at=now(), payload={"code": "918273"}
    )
    page = staff.get(reverse("admin:bookings_notification_change", args=[row.pk]))
    assert "918273" not in page.content.decode()
    assert "918273" not in staff.get(reverse(LIST)).content.decode()
    mail = staff.get(reverse("admin:bookings_notification_mail", args=[row.pk]))
    assert mail.status_code == 404


def test_failed_ones_are_sent_again(staff: Client, confirmation: Notification) -> None:
    Notification.objects.filter(pk=confirmation.pk).update(
        state="failed", attempts=8, refusals=8, last_error="no"
    )
    act(staff, "send_again", confirmation)
    confirmation.refresh_from_db()
    assert (confirmation.state, confirmation.refusals) == ("pending", 0)


def test_sent_ones_are_neither_sent_again_nor_dropped(
    staff: Client, confirmation: Notification
) -> None:
    Notification.objects.filter(pk=confirmation.pk).update(state="sent", sent_at=now())
    act(staff, "send_again", confirmation)
    act(staff, "drop", confirmation)
    confirmation.refresh_from_db()
    assert confirmation.state == "sent"


def test_waiting_ones_are_dropped(staff: Client, confirmation: Notification) -> None:
    act(staff, "drop", confirmation)
    confirmation.refresh_from_db()
    assert confirmation.state == "dropped"


def test_nothing_of_it_can_be_typed(staff: Client, confirmation: Notification) -> None:
    url = reverse("admin:bookings_notification_change", args=[confirmation.pk])
    assert staff.post(url, {"recipient": "evil@example.org"}).status_code == 403
    assert staff.get(reverse("admin:bookings_notification_add")).status_code == 403


def test_steering_needs_the_permission(client: Client, confirmation: Notification) -> None:
    from django.contrib.auth.models import Permission

    user = User.objects.create_user("guest", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_notification"))
    client.force_login(user)
    act(client, "drop", confirmation)
    confirmation.refresh_from_db()
    assert confirmation.state == "pending"


# --- the clinic's words ---------------------------------------------------------
def save(staff: Client, template: MessageTemplate, **words: str) -> object:
    url = reverse("admin:bookings_messagetemplate_change", args=[template.pk])
    return staff.post(url, {"subject": "", "body": "", **words})


def test_words_are_saved_and_previewed(staff: Client, template: MessageTemplate) -> None:
    saved = save(staff, template, subject="See you on {date}", body="Hello {name},\n\nsee you.")
    assert saved.status_code == 302
    page = staff.get(reverse("admin:bookings_messagetemplate_change", args=[template.pk]))
    text = page.content.decode()
    assert "Hello Alex Example" in text
    assert "{cancel_until}" in text


def test_unknown_placeholders_are_refused_with_the_known_ones(
    staff: Client, template: MessageTemplate
) -> None:
    response = save(staff, template, body="Hello {nmae}")
    assert response.status_code == 200
    [error] = response.context["adminform"].form.errors["body"]
    assert "{nmae}" in error
    assert "{name}" in error
    template.refresh_from_db()
    assert template.body == ""


@pytest.mark.parametrize("words", ["Your acupuncture visit", "ACUPUNCTURE!", "for acupuncture"])
def test_words_that_tell_what_for_are_refused(
    staff: Client, template: MessageTemplate, words: str
) -> None:
    response = save(staff, template, subject=words)
    assert "Acupuncture" in response.context["adminform"].form.errors["subject"][0]


def test_preview_shows_what_is_typed_and_saves_nothing(
    staff: Client, template: MessageTemplate
) -> None:
    url = reverse("admin:bookings_messagetemplate_preview", args=[template.pk])
    page = staff.post(url, {"subject": "Soon", "body": "Hello {name}, <b>soon</b>"})
    text = page.content.decode()
    assert "Hello Alex Example, &lt;b&gt;soon&lt;/b&gt;" in text
    assert "sandbox" in page.headers["Content-Security-Policy"]
    template.refresh_from_db()
    assert template.body == ""


def test_preview_of_refused_words_says_why(staff: Client, template: MessageTemplate) -> None:
    url = reverse("admin:bookings_messagetemplate_preview", args=[template.pk])
    page = staff.post(url, {"subject": "{oops}", "body": ""})
    assert page.status_code == 422
    assert "{oops}" in page.content.decode()
    assert staff.get(url).status_code == 405


def test_one_row_a_kind(staff: Client, template: MessageTemplate) -> None:
    add = reverse("admin:bookings_messagetemplate_add")
    response = staff.post(add, {"kind": Kind.REMINDER, "subject": "", "body": ""})
    assert "kind" in response.context["adminform"].form.errors


def test_preview_button_posts_the_form(staff: Client, template: MessageTemplate) -> None:
    page = staff.get(reverse("admin:bookings_messagetemplate_change", args=[template.pk]))
    url = reverse("admin:bookings_messagetemplate_preview", args=[template.pk])
    assert f'formaction="{url}"' in page.content.decode()
    assert {"subject", "body"} <= fields_of(page).keys()
