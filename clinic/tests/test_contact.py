"""The contact form: what arrives, what is refused and how, and who is told to get help first."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client

from bookings import notifications
from bookings.models import Notification, ScreeningForm, ScreeningRecord
from bookings.tests import factories as diary
from clinic import clock, contact, sums
from clinic.errors import Refused
from clinic.forms import LONGEST
from clinic.models import ContactMessage
from practitioners.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate():
    factories.clinic_row()
    return diary.screening_form()


def typed(gate: ScreeningForm, **changes: str) -> dict[str, str]:
    """A form that would be sent, as the browser posts it."""
    question = changes.pop("question", None) or sums.fresh()
    return {
        "safety": "no",
        "version": str(gate.version),
        "name": "Pat Example",
        "email": "pat@example.org",
        "reply_by": "mail",
        "phone": "",
        "best_time": "",
        "subject": "Parking",
        "message": "Can I park\nbehind the house?",
        "answer": str(question.first + question.second),
        "website": "",
        "sum": question.token,
        **changes,
    }


def post(client: Client, data: dict[str, str]):
    return client.post("/contact/", data)


def error_beside(answer, field: str) -> str:
    """The sentence beside a field."""
    errors = answer.context["form"].errors.get(field)
    assert errors, f"no error beside {field}: {answer.context['form'].errors}"
    assert errors[0] in answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
    return errors[0]


# --- what arrives ---------------------------------------------------------------
def test_a_message_is_kept_and_told_to_both_sides(client, gate):
    answer = post(client, typed(gate, reply_by="phone", phone="0117 496 0123", best_time="Noon"))
    assert (answer.status_code, answer["Location"]) == (302, "/contact/thanks/")
    row = ContactMessage.objects.get()
    assert (row.name, row.email, row.phone) == ("Pat Example", "pat@example.org", "+441174960123")
    assert (row.subject, row.message) == ("Parking", "Can I park\nbehind the house?")
    assert (row.state, row.reply_by, row.best_time) == ("new", "phone", "Noon")
    told = {n.kind: n.recipient for n in Notification.objects.all()}
    assert told == {
        "contact_clinic": "hello@tidewell.example.org",
        "contact_receipt": "pat@example.org",
    }


def test_the_mails_go_out_one_to_each(client, gate):
    post(client, typed(gate))
    for pk, attempt in notifications.claim():
        assert notifications.deliver(pk, attempt)
    by_recipient = {m.to[0]: m for m in mail.outbox}
    assert set(by_recipient) == {"hello@tidewell.example.org", "pat@example.org"}
    clinics = by_recipient["hello@tidewell.example.org"]
    assert clinics.reply_to == ["pat@example.org"]
    assert "Can I park\nbehind the house?" in clinics.body
    receipt = by_recipient["pat@example.org"]
    assert "one working day" in receipt.body and "park" not in receipt.body


def test_the_thanks_say_how_soon_we_answer_and_can_be_reloaded(client, gate):
    answer = post(client, typed(gate))
    for _n in range(2):
        page = client.get(answer["Location"])
        assert page.status_code == 200
        assert "one working day" in page.content.decode()
    assert ContactMessage.objects.count() == 1


def test_nothing_is_kept_when_the_outbox_fails(client, gate, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr(contact.notifications, "enqueue", broken)
    client.raise_request_exception = False
    assert post(client, typed(gate)).status_code == 500
    assert ContactMessage.objects.count() == Notification.objects.count() == 0


def test_a_form_sent_twice_is_one_message_and_thanked_twice(client, gate):
    data = typed(gate)
    first, second = post(client, data), post(client, data)
    assert first["Location"] == second["Location"] == "/contact/thanks/"
    assert ContactMessage.objects.count() == 1
    assert Notification.objects.count() == 2


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_row_01_a_double_click_is_one_message(gate, settings):
    settings.THROTTLES = {**settings.THROTTLES, "contact": 0}
    data = typed(gate)

    def send(_n):
        try:
            return Client().post("/contact/", data).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(send, range(6))) == [302] * 6
    assert ContactMessage.objects.count() == 1
    assert Notification.objects.count() == 2


# --- what the page says ---------------------------------------------------------
def test_the_page_shows_the_other_ways_and_warns_first(client, gate):
    page = client.get("/contact/").content.decode()
    assert "0117 496 0100" in page and "mailto:hello@tidewell.example.org" in page
    assert "We answer within one working day." in page
    assert page.index("Not for emergencies.") < page.index("<form class=")
    assert "tel:999" in page and "tel:111" in page
    for words in ("Do you have pain in your chest?", "No, none of these", "I am not sure"):
        assert words in page
    assert "no-store" in client.get("/contact/")["Cache-Control"]


def test_the_sum_is_words_in_a_label_and_the_trap_is_out_of_everybodys_way(client, gate):
    page = client.get("/contact/").content.decode()
    assert re.search(r'<label\s+for="id_answer"[^>]*>\s*What is \w+ plus \w+\?', page)
    trap = re.search(r'<div[^>]*class="hp"[^>]*>.*?</div>\s*</div>', page, re.S)[0]
    assert 'aria-hidden="true"' in trap
    assert 'tabindex="-1"' in trap and 'autocomplete="off"' in trap


def test_fields_say_what_a_browser_can_fill_in(client, gate):
    page = client.get("/contact/").content.decode()
    for value in ('autocomplete="name"', 'autocomplete="email"', 'autocomplete="tel"'):
        assert value in page


# --- the safety question --------------------------------------------------------
@pytest.mark.parametrize("said", ["yes", "unsure"])
def test_a_red_flag_stops_the_message_and_keeps_the_words(client, gate, said):
    answer = post(client, typed(gate, safety=said))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Please get help now" in page and "tel:999" in page and "0117 496 0100" in page
    assert "Your message was not sent" in page
    assert "behind the house?" in page and 'value="Pat Example"' in page
    assert ContactMessage.objects.count() == Notification.objects.count() == 0
    record = ScreeningRecord.objects.get()
    assert (record.passed, record.door) == (False, "contact")


def test_a_red_flag_comes_first_whatever_else_is_wrong(client, gate):
    answer = post(client, {"safety": "yes"})
    assert answer.status_code == 422
    assert "Please get help now" in answer.content.decode()


def test_after_a_red_flag_the_question_is_asked_again(client, gate):
    form = post(client, typed(gate, safety="yes")).context["form"]
    assert form["safety"].value() is None
    again = {name: form[name].value() or "" for name in form.fields}
    asked = sums.read(again["sum"])
    again |= {"safety": "no", "answer": str(asked.first + asked.second)}
    assert post(client, again).status_code == 302
    assert ContactMessage.objects.get().name == "Pat Example"


def test_a_no_is_recorded_without_a_name(client, gate):
    post(client, typed(gate))
    record = ScreeningRecord.objects.get()
    assert record.passed and record.form == gate
    assert set(record.answers.values()) == {"no"}


@pytest.mark.parametrize("said", ["", "maybe", "no,yes"])
def test_without_an_answer_nothing_is_sent(client, gate, said):
    answer = post(client, typed(gate, safety=said))
    assert answer.status_code == 422
    error_beside(answer, "safety")
    assert ContactMessage.objects.count() == 0


@pytest.mark.parametrize("version", ["", "0", "999", "x", "99999999999999999999"])
def test_a_no_to_other_questions_than_todays_is_asked_again(client, gate, version):
    answer = post(client, typed(gate, version=version))
    assert answer.status_code == 422
    error_beside(answer, "safety")
    assert answer.context["form"]["version"].value() == str(gate.version)


def test_without_questions_there_is_no_form_but_advice_and_a_number(client):
    factories.clinic_row()
    for answer in (client.get("/contact/"), client.post("/contact/", {"message": "Hello"})):
        assert answer.status_code == 503
        page = answer.content.decode()
        assert "tel:999" in page and "0117 496 0100" in page and "<textarea" not in page
    assert ContactMessage.objects.count() == 0


# --- guards ---------------------------------------------------------------------
@pytest.mark.parametrize("wrong", ["99", "many", "-1", "7.5", "٣٣٣٣", ""])
def test_a_wrong_sum_brings_a_new_one_and_keeps_the_text(client, gate, wrong):
    question = sums.Sum(3, 4, "form")
    answer = post(client, typed(gate, question=question, answer=wrong))
    assert answer.status_code == 422
    error_beside(answer, "answer")
    form = answer.context["form"]
    assert form["sum"].value() != question.token
    assert form["answer"].value() == ""
    assert form.fields["answer"].label == sums.read(form["sum"].value()).question
    assert "behind the house?" in answer.content.decode()


@pytest.mark.parametrize("right", ["7", " 7 ", "seven", "Seven.", "\u0667", "7\u200e"])
def test_a_sum_may_be_answered_in_digits_or_words(client, gate, right):
    question = sums.Sum(3, 4, "form")
    assert post(client, typed(gate, question=question, answer=right)).status_code == 302


def test_a_sum_is_good_for_an_hour(client, gate):
    data = typed(gate)
    with time_machine.travel(clock.now() + timedelta(minutes=61), tick=False):
        answer = post(client, data)
        assert answer.status_code == 422
        assert "too old" in error_beside(answer, "answer")


@pytest.mark.parametrize("token", ["", "x", "a:b:c", "W10:1xyz:sig"])
def test_a_forged_sum_is_no_sum(client, gate, token):
    answer = post(client, typed(gate, sum=token))
    assert answer.status_code == 422
    error_beside(answer, "answer")


def test_a_solved_sum_sends_one_message_only(client, gate):
    question = sums.fresh()
    post(client, typed(gate, question=question))
    post(client, typed(gate, question=question, message="Something else"))
    assert [m.message for m in ContactMessage.objects.all()] == ["Can I park\nbehind the house?"]


def test_who_fills_in_the_trap_can_try_again(client, gate):
    answer = post(client, typed(gate, website="https://example.org"))
    assert answer.status_code == 422
    assert "looked like a robot" in answer.content.decode()
    assert answer.context["form"]["website"].value() == ""
    assert ContactMessage.objects.count() == 0


def test_row_53_too_many_messages_from_one_address_are_asked_to_wait(client, gate, settings):
    settings.THROTTLES = {**settings.THROTTLES, "contact": 2}
    with time_machine.travel("2026-11-23T12:00:05Z", tick=False):
        assert [post(client, typed(gate)).status_code for _n in range(2)] == [302, 302]
        answer = post(client, typed(gate, message="The third one"))
        assert (answer.status_code, answer["Retry-After"]) == (429, "55")
        page = answer.content.decode()
        assert "The third one" in page and "0117 496 0100" in page
        other = client.post("/contact/", typed(gate), REMOTE_ADDR="192.0.2.7")
        assert other.status_code == 302
    assert ContactMessage.objects.count() == 3


def test_a_post_from_another_site_is_refused(gate):
    assert Client(enforce_csrf_checks=True).post("/contact/", typed(gate)).status_code == 403


# --- hostile input --------------------------------------------------------------
@pytest.mark.parametrize("field", ["name", "subject"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\u2028", "\u2029", "\x85", "\x0b"])
def test_row_39_a_header_cannot_be_slipped_in(client, gate, field, line_end):
    evil = f"Pat{line_end}Bcc: everybody@example.org"
    answer = post(client, typed(gate, **{field: evil}))
    assert answer.status_code == 400
    error_beside(answer, field)
    assert ContactMessage.objects.count() == 0


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org,b@example.org",
        "a@example.org b@example.org",
        "a@example.org;b@example.org",
        "Pat <pat@example.org>",
        "pat",
        "pat@",
        "@example.org",
        "pat@example..org",
        "pat@example.org\r\nBcc: x@example.org",
        "p" * 300 + "@example.org",
        "pat@" + "e" * 300 + ".org",
    ],
)
def test_row_43_a_mail_address_that_is_none_or_two_is_refused(client, gate, address):
    answer = post(client, typed(gate, email=address))
    assert answer.status_code in (400, 422)
    error_beside(answer, "email")
    assert "behind the house?" in answer.content.decode()
    assert ContactMessage.objects.count() == 0


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("pat+clinic@example.org", "pat+clinic@example.org"),
        ("Pat@EXAMPLE.org", "Pat@example.org"),
        ("pat@bücher.example", "pat@xn--bcher-kva.example"),
        ("o'neil@example.org", "o'neil@example.org"),
    ],
)
def test_row_43_unusual_mail_addresses_are_welcome(client, gate, address, kept):
    assert post(client, typed(gate, email=address)).status_code == 302
    assert ContactMessage.objects.get().email == kept


@pytest.mark.parametrize("number", ["0909 879 0123", "12", "call me", "0117 496 0123 ext 4"])
def test_row_44_a_phone_number_we_cannot_use_is_refused_with_a_reason(client, gate, number):
    answer = post(client, typed(gate, phone=number))
    assert answer.status_code == 422
    assert len(error_beside(answer, "phone")) > 20


def test_who_wants_a_call_must_leave_a_number(client, gate):
    answer = post(client, typed(gate, reply_by="phone"))
    assert answer.status_code == 422
    error_beside(answer, "phone")


def test_row_40_a_megabyte_is_turned_away_at_once(client, gate):
    assert post(client, typed(gate, message="a" * 1_000_000)).status_code == 413
    assert ContactMessage.objects.count() == 0


@pytest.mark.parametrize(("count", "status"), [(400, 400), (10_000, 413)])
def test_row_40_hundreds_of_fields_are_turned_away(client, gate, count, status):
    data = typed(gate) | {f"x{n}": "" for n in range(count)}
    assert post(client, data).status_code == status
    assert ContactMessage.objects.count() == 0


@pytest.mark.parametrize("text", ["a" * (LONGEST + 1), "a\n" * 30_000])
def test_a_message_that_is_too_long_is_kept_for_shortening(client, gate, text):
    answer = post(client, typed(gate, message=text))
    assert answer.status_code == 422
    assert "5000" in error_beside(answer, "message")
    assert answer.context["form"]["message"].value() == text


def test_the_longest_message_arrives_whole(client, gate):
    assert post(client, typed(gate, message="ä" * LONGEST)).status_code == 302
    assert len(ContactMessage.objects.get().message) == LONGEST


@pytest.mark.parametrize("field", ["name", "subject", "message", "best_time"])
@pytest.mark.parametrize("bad", ["\x00", "\x07", "\x1b[31m", "\x7f"])
def test_row_41_what_cannot_be_printed_is_refused_beside_its_field(client, gate, field, bad):
    answer = post(client, typed(gate, **{field: f"Hello{bad}there"}))
    assert answer.status_code == 400
    error_beside(answer, field)
    assert ContactMessage.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("O’Neil", "O’Neil"),
        ("名前", "名前"),
        ("Null", "Null"),
        ("👩‍⚕️ Pat", "👩‍⚕️ Pat"),
        ("محمد", "محمد"),
        ("\u202egnp.exe", "gnp.exe"),
        ("  Pat \t Example ", "Pat Example"),
        ("{{7*7}} %n ${x}", "{{7*7}} %n ${x}"),
        ("é", "é"),
        ("e\u0301", "é"),
        ("X", "X"),
    ],
)
def test_row_42_names_from_anywhere_are_kept_as_people_see_them(client, gate, name, kept):
    assert post(client, typed(gate, name=name)).status_code == 302
    assert ContactMessage.objects.get().name == kept


def test_row_42_a_name_of_300_letters_is_too_long(client, gate):
    answer = post(client, typed(gate, name="a" * 300))
    assert answer.status_code == 422
    assert "200" in error_beside(answer, "name")


def test_row_46_markup_is_text(client, gate):
    answer = post(client, typed(gate, name="<script>alert(1)</script>", answer="wrong"))
    assert "<script>alert" not in answer.content.decode()


def test_row_35_fields_that_are_not_asked_for_change_nothing(client, gate):
    post(client, typed(gate) | {"state": "closed", "id": "7", "form_token": "x"})
    row = ContactMessage.objects.get()
    assert (row.state, row.form_token == "x") == ("new", False)


@pytest.mark.parametrize(
    "name",
    ["Win at https://x.example", "www.x.example", "Call 0900123456", "a@x.example", "b" * 99],
)
def test_our_receipt_carries_nobodys_advertisement(client, gate, name):
    post(client, typed(gate, name=name))
    receipt = Notification.objects.get(kind="contact_receipt")
    assert receipt.payload["name"] == "there"


def test_row_39_no_subject_of_a_mail_has_two_lines(client, gate):
    post(client, typed(gate, subject="a" * 120, name="b" * 200))
    for pk, attempt in notifications.claim():
        notifications.deliver(pk, attempt)
    for message in mail.outbox:
        assert "\n" not in message.subject and "\r" not in message.subject
        assert len(message.recipients()) == 1
        message.message().as_bytes()


# --- answering ------------------------------------------------------------------
@pytest.fixture
def message(client, gate):
    post(client, typed(gate))
    Notification.objects.all().delete()
    return ContactMessage.objects.get()


def test_an_answer_is_kept_and_mailed(message, admin_user):
    contact.answer(message, "Yes.\nBehind the house.", admin_user)
    message.refresh_from_db()
    assert (message.state, message.answered_by) == ("answered", admin_user)
    assert message.answered_at is not None
    row = Notification.objects.get()
    assert (row.kind, row.recipient) == ("contact_answer", "pat@example.org")
    assert row.payload["answer"] == "Yes.\nBehind the house."


def test_two_colleagues_do_not_both_answer(message, admin_user):
    contact.answer(message, "Yes.", admin_user)
    with pytest.raises(contact.AlreadyAnswered):
        contact.answer(message, "No.", admin_user)
    assert Notification.objects.count() == 1
    assert ContactMessage.objects.get().answer == "Yes."


def test_an_empty_answer_is_not_sent(message, admin_user):
    with pytest.raises(Refused):
        contact.answer(message, " \n ", admin_user)
    assert Notification.objects.count() == 0
