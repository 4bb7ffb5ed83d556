"""The inbox: a message is read, answered once by mail, and closed; logins stay in their rank."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from bookings.models import Kind, Notification
from bookings.tests.admin_forms import fields_of
from clinic.access import OWNER, RECEPTION
from clinic.models import ContactMessage
from practitioners.tests import factories

pytestmark = pytest.mark.django_db
LIST = "admin:clinic_contactmessage_changelist"


@pytest.fixture
def message() -> ContactMessage:
    factories.clinic_row()
    return ContactMessage.objects.create(
        name="Sam Sample",
        email="sam@example.org",
        phone="+441174960150",
        subject="Parking",
        message="Can I park?",
    )


@pytest.fixture
def dora(client: Client) -> Client:
    user = User.objects.create_user("dora", is_staff=True)
    user.groups.add(Group.objects.get(name=RECEPTION))
    client.force_login(user)
    return client


def url(message: ContactMessage) -> str:
    return reverse("admin:clinic_contactmessage_change", args=[message.pk])


def answers() -> list[Notification]:
    return list(Notification.objects.filter(kind=Kind.CONTACT_ANSWER))


def act(client: Client, action: str, *rows: ContactMessage) -> None:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    client.post(reverse(LIST), data)


def test_answer_is_mailed_once_and_kept(dora: Client, message: ContactMessage) -> None:
    page = dora.get(url(message))
    assert "Can I park?" in page.content.decode()
    dora.post(url(message), {**fields_of(page), "answer": "Yes, behind the house."})
    message.refresh_from_db()
    assert (message.state, message.answer) == ("answered", "Yes, behind the house.")
    assert message.answered_by.username == "dora"
    [mail] = answers()
    assert mail.recipient == "sam@example.org"
    dora.post(url(message), {"answer": "Or in front."})
    message.refresh_from_db()
    assert message.answer == "Yes, behind the house."
    assert len(answers()) == 1


def test_second_answer_from_an_old_page_is_refused_with_a_sentence(
    dora: Client, message: ContactMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dora.post(url(message), {"answer": "Yes."})
    # The page was opened before the colleague answered.
    ContactMessage.objects.filter(pk=message.pk).update(answered_at=None)
    page = dora.post(url(message), {"answer": "No."})
    assert page.status_code == 200
    assert "already" in str(page.context["adminform"].form.errors["answer"])
    assert len(answers()) == 1


@pytest.mark.parametrize("text", ["a\x00b", "x" * 10_001])
def test_answer_that_cannot_be_sent_is_a_form_again(
    dora: Client, message: ContactMessage, text: str
) -> None:
    page = dora.post(url(message), {"answer": text})
    assert page.status_code == 200
    assert page.context["adminform"].form.errors["answer"]
    assert not answers()


def test_saving_without_an_answer_sends_nothing(dora: Client, message: ContactMessage) -> None:
    dora.post(url(message), {"answer": "  "})
    message.refresh_from_db()
    assert message.state == "new"
    assert not answers()


def test_what_they_wrote_cannot_be_changed(dora: Client, message: ContactMessage) -> None:
    dora.post(url(message), {"answer": "", "message": "I love it", "email": "x@example.org"})
    message.refresh_from_db()
    assert (message.message, message.email) == ("Can I park?", "sam@example.org")


def test_close_and_open_again(dora: Client, message: ContactMessage) -> None:
    act(dora, "close", message)
    message.refresh_from_db()
    assert message.state == "closed"
    act(dora, "reopen", message)
    message.refresh_from_db()
    assert message.state == "new"


def test_an_answered_one_that_was_closed_opens_as_answered(
    dora: Client, message: ContactMessage
) -> None:
    dora.post(url(message), {"answer": "Yes."})
    act(dora, "close", message)
    assert "answer" not in fields_of(dora.get(url(message)))
    act(dora, "reopen", message)
    message.refresh_from_db()
    assert message.state == "answered"


def test_messages_are_filtered_by_state(dora: Client, message: ContactMessage) -> None:
    closed = dora.get(reverse(LIST), {"state__exact": "closed"})
    assert closed.context["cl"].result_count == 0
    new = dora.get(reverse(LIST), {"state__exact": "new"})
    assert new.context["cl"].result_count == 1


def test_nothing_is_added_or_deleted(dora: Client, message: ContactMessage) -> None:
    assert dora.get(reverse("admin:clinic_contactmessage_add")).status_code == 403
    gone = reverse("admin:clinic_contactmessage_delete", args=[message.pk])
    assert dora.post(gone, {"post": "yes"}).status_code == 403


# --- logins ---------------------------------------------------------------------
@pytest.fixture
def olive(client: Client) -> Client:
    user = User.objects.create_user("olive", is_staff=True)
    user.groups.add(Group.objects.get(name=OWNER))
    client.force_login(user)
    return client


def test_an_owner_makes_logins_but_no_superuser(olive: Client) -> None:
    other = User.objects.create_user("dora", is_staff=True)
    change = reverse("admin:auth_user_change", args=[other.pk])
    form = fields_of(olive.get(change))
    assert "is_superuser" not in form
    reception = Group.objects.get(name=RECEPTION).pk
    olive.post(change, {**form, "is_superuser": "on", "groups": [reception]})
    other.refresh_from_db()
    assert not other.is_superuser
    assert other.groups.get().name == RECEPTION


def test_an_owner_does_not_touch_a_superuser(olive: Client) -> None:
    root = User.objects.create_superuser("root", password="long enough 1")
    change = reverse("admin:auth_user_change", args=[root.pk])
    assert olive.post(change, {"username": "mine"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert olive.post(password, {"password1": "x", "password2": "x"}).status_code == 403


def test_reception_has_nothing_to_do_with_logins(dora: Client) -> None:
    assert dora.get(reverse("admin:auth_user_changelist")).status_code == 403
    assert dora.get(reverse("admin:auth_group_changelist")).status_code == 403
