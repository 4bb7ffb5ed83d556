"""From a held time to an appointment: what is typed, what goes wrong, what is sent twice."""

from datetime import date, timedelta

import pytest
import time_machine

from bookings.models import Appointment, BankHoliday, Notification, Patient
from bookings.models.reservations import Reservation

from . import factories
from .patient import Visitor

pytestmark = pytest.mark.django_db
MONDAY_15 = "2027-01-04T15:00:00+00:00"
TUESDAY_10 = "2027-01-05T10:00:00+00:00"
TUESDAY_11 = "2027-01-05T11:00:00+00:00"
TUESDAY_12 = "2027-01-05T12:00:00+00:00"


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as now:
        yield now


@pytest.fixture
def world():
    return factories.bookable_clinic()


@pytest.fixture
def visitor(world):
    return Visitor(world)


def confirmations():
    return Notification.objects.filter(kind="confirmation").count()


# --- booking ------------------------------------------------------------------------
def test_details_that_fit_book_the_held_time(visitor):
    booked = visitor.book(TUESDAY_10, note="Sore knee", wants_chaperone="on")
    assert booked.state == "booked"
    assert (booked.patient.name, booked.patient.phone) == ("Pat Newcomer", "+442079460123")
    assert booked.note == "Sore knee" and booked.wants_chaperone
    assert confirmations() == 1


def test_after_booking_the_page_says_booked_and_where_the_mail_goes(visitor):
    visitor.hold(TUESDAY_10)
    response = visitor.send(TUESDAY_10)
    page = visitor.client.get(response.url)
    text = page.content.decode()
    assert ">Booked<" in text and "pat@example.org" in text
    assert page.headers["Cache-Control"] == "no-store, private"


@pytest.mark.parametrize(("at", "free"), [(TUESDAY_10, True), (MONDAY_15, False)])
def test_free_changing_is_promised_only_where_there_is_time_for_it(visitor, at, free):
    visitor.hold(at)
    text = visitor.get_details(at).content.decode()
    assert ("You can move or cancel it online, free" in text) is free
    assert ("To move or cancel it, please call us." in text) is not free


def test_price_and_policy_are_shown_beside_the_button(visitor):
    visitor.hold(TUESDAY_10)
    text = visitor.get_details(TUESDAY_10).content.decode()
    for words in ("Tuesday 5 January 2027", "£60", "24 hours", "Ana Okafor", "1 Quay Street"):
        assert words in text


def test_row_35_price_and_state_in_the_form_change_nothing(visitor):
    booked = visitor.book(TUESDAY_10, state="completed", price_pence="0", is_staff="1", token="x")
    assert (booked.state, booked.price_pence) == ("booked", 6000)


# --- twice --------------------------------------------------------------------------
def test_row_01_a_double_click_makes_one_appointment_and_one_mail(visitor):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    first = visitor.send(TUESDAY_10, form=form)
    second = visitor.send(TUESDAY_10, form=form)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.url == second.url
    assert Appointment.objects.count() == 1 and confirmations() == 1


def test_the_same_form_with_other_words_changes_nothing(visitor):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    visitor.send(TUESDAY_10, form=form)
    changed = visitor.send(TUESDAY_10, form=form, name="Somebody Else")
    assert changed.status_code == 409
    assert b"nothing was changed" in changed.content
    assert Patient.objects.get().name == "Pat Newcomer"


def test_back_after_booking_says_that_it_is_booked(visitor):
    booked = visitor.book(TUESDAY_10)
    response = visitor.get_details(TUESDAY_10)
    assert response.status_code == 200
    assert booked.get_absolute_url() in response.content.decode()


def test_row_04_two_tabs_with_the_same_start_share_one_hold(visitor):
    visitor.hold(TUESDAY_10)
    second = visitor.answer(TUESDAY_10)
    assert second.status_code == 303
    assert Appointment.objects.count() == 1
    form = visitor.form_token(TUESDAY_10)
    assert visitor.send(TUESDAY_10, form=form).url == visitor.send(TUESDAY_10, form=form).url
    assert Appointment.objects.count() == 1


def test_row_10_a_session_holds_two_starts_and_no_more(visitor):
    for start in (TUESDAY_10, TUESDAY_11, TUESDAY_12):
        visitor.hold(start)
    held = Appointment.objects.filter(state="held").order_by("starts_at")
    assert [a.starts_at.hour for a in held] == [11, 12]
    assert Reservation.objects.count() == 4


def test_a_held_time_can_be_let_go(visitor):
    visitor.hold(TUESDAY_10)
    response = visitor.client.post(visitor.url("book-let-go", TUESDAY_10))
    assert response.status_code == 303
    assert not Reservation.objects.exists()


def test_the_calendar_reminds_of_the_held_time(visitor):
    visitor.hold(TUESDAY_10)
    text = visitor.client.get("/book/visit/").content.decode()
    assert "We are keeping Tuesday 5 January 2027 at 10:00 for you until 08:10" in text


# --- other people's ---------------------------------------------------------------------
def test_somebody_elses_hold_cannot_be_confirmed(visitor, world):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    thief = Visitor(world)
    thief.hold(TUESDAY_11)
    response = thief.send(TUESDAY_10, form=form)
    assert response.status_code == 409
    assert not Appointment.objects.filter(state="booked").exists()


def test_a_start_that_somebody_holds_is_taken_for_others(visitor, world):
    visitor.hold(TUESDAY_10)
    other = Visitor(world)
    response = other.get_details(TUESDAY_10)
    assert response.status_code == 409
    assert "start=2027-01-05T11" in response.content.decode()
    assert other.answer(TUESDAY_10).status_code == 409


def test_row_04_the_same_person_is_not_in_two_places_at_once(visitor, world):
    world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    visitor.book(TUESDAY_10)
    other = Visitor(world)
    response = other.answer(TUESDAY_10)
    assert response.status_code == 303
    refused = other.send(TUESDAY_10)
    assert refused.status_code == 409
    assert b"already an appointment with these details" in refused.content
    assert b'value="Pat Newcomer"' in refused.content


# --- the hold ends ------------------------------------------------------------------------
def test_the_hold_can_be_made_longer_once_and_keeps_what_was_typed(visitor, monday):
    held = visitor.hold(TUESDAY_10)
    monday.shift(timedelta(minutes=8))
    longer = visitor.client.post(visitor.url("book-longer", TUESDAY_10), {"name": "Half typ"})
    assert longer.status_code == 200
    text = longer.content.decode()
    assert 'value="Half typ"' in text and "08:20" in text and "error-summary" not in text
    held.refresh_from_db()
    assert held.hold_extended
    assert visitor.client.post(visitor.url("book-longer", TUESDAY_10)).status_code == 409


def test_row_09_an_expired_hold_is_taken_again_when_nobody_was_faster(visitor, monday):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    monday.shift(timedelta(minutes=25))
    response = visitor.send(TUESDAY_10, form=form)
    assert response.status_code == 303
    assert Appointment.objects.get().state == "booked"


def test_row_09_an_expired_hold_that_somebody_took_keeps_what_was_typed_and_offers_others(
    visitor, world, monday
):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    monday.shift(timedelta(minutes=11))
    Visitor(world).book(TUESDAY_10, name="Zed Faster", email="zed@example.org")
    refused = visitor.send(TUESDAY_10, form=form, note="My long story")
    text = refused.content.decode()
    assert refused.status_code == 409
    assert "has just been taken" in text
    assert 'value="Pat Newcomer"' in text and "My long story" in text
    assert 'formaction="/book/visit/hold/?start=2027-01-05T11' in text


def test_taking_an_alternative_carries_over_what_was_typed(visitor, world, monday):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    monday.shift(timedelta(minutes=11))
    Visitor(world).book(TUESDAY_10, name="Zed Faster", email="zed@example.org")
    refused = visitor.send(TUESDAY_10, form=form)
    option = next(o for o in refused.context["alternatives"] if o.start.hour == 11)
    again = visitor.client.post(option.hold_url, {"name": "Pat Newcomer", "of_age": "yes"})
    assert again.status_code == 200
    assert b'value="Pat Newcomer"' in again.content
    booked = visitor.send(TUESDAY_11, form=again.context["kept"].form)
    assert booked.status_code == 303


def test_row_11_a_clock_on_the_wall_of_the_client_does_not_matter(visitor, monday):
    """The countdown is shown from the server's own times, and the server alone decides."""
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    forged = {"held_until": "2099-01-01T00:00:00Z", "now": "2020-01-01T00:00:00Z"}
    monday.shift(timedelta(minutes=11))
    response = visitor.client.post(visitor.url("book-longer", TUESDAY_10), {**forged, "form": form})
    assert response.status_code == 303
    assert Appointment.objects.get().hold_extended is False


# --- starts that are not offered ---------------------------------------------------------
@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2027-01-03T10:00:00+00:00", "in the past"),
        ("2027-01-04T09:00:00+00:00", "too soon"),
        ("2027-01-05T10:05:00+00:00", "do not start at this time"),
        ("2027-01-05T10:00:01+00:00", "do not start at this time"),
        ("2027-01-05T20:00:00+00:00", "not open"),
        ("2027-05-05T10:00:00+00:00", "this far ahead"),
        ("2199-05-05T10:00:00+00:00", "this far ahead"),
    ],
)
def test_a_start_that_is_not_offered_says_why(visitor, start, words):
    shown = visitor.get_details(start)
    assert shown.status_code == 422
    assert words in shown.content.decode()
    assert visitor.answer(start).status_code == 422
    assert not Appointment.objects.exists()


def test_a_start_on_an_absence_is_not_offered(visitor, world):
    BankHoliday.on(date(2027, 1, 5), world.location).save()
    assert visitor.get_details(TUESDAY_10).status_code == 422


def test_a_practitioner_who_does_not_give_it_is_unknown_here(visitor, world):
    factories.directory.practitioner(slug="elsewhere")
    assert visitor.get_details(TUESDAY_10, practitioner="elsewhere").status_code == 404


@pytest.mark.parametrize(
    "start", ["", "now", "2027-01-05", "2027-02-30T10:00:00Z", "2027-01-05T10:00:00", "9" * 500]
)
def test_a_start_that_cannot_be_read_is_a_friendly_400(visitor, start):
    response = visitor.get_details(start)
    assert response.status_code == 400
    assert b"See the calendar" in response.content


def test_a_plus_sign_that_nobody_encoded_is_read(visitor):
    response = visitor.client.get("/book/visit/details/?start=2027-01-05T10:00:00+00:00")
    assert response.status_code == 200


# --- age ----------------------------------------------------------------------------------
def test_too_young_stops_with_the_reason_and_the_phone(visitor):
    visitor.hold(TUESDAY_10)
    response = visitor.send(TUESDAY_10, of_age="no")
    text = response.content.decode()
    assert response.status_code == 422
    assert "for people of 16 and over" in text and "0117 496 0101" in text
    assert 'value="Pat Newcomer"' in text


@pytest.fixture
def with_birth_date(world):
    world.treatment.asks_birth_date = True
    world.treatment.save()


def born(day: str, month: str, year: str) -> dict[str, str]:
    return {"date_of_birth_day": day, "date_of_birth_month": month, "date_of_birth_year": year}


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        (("5", "1", "2011"), 303),  # sixteen on the day of the visit
        (("6", "1", "2011"), 422),  # a day too young
        (("29", "2", "1980"), 303),
        (("30", "2", "1980"), 422),
        (("1", "1", "2030"), 422),
        (("1", "1", "1900"), 422),
        (("1", "1", "81"), 422),
        (("x", "y", "z"), 422),
        (("", "", ""), 422),
        (("1", "", "1980"), 422),
        (("٥", "١", "١٩٨٠"), 303),  # digits of another script are digits
    ],
)
def test_row_45_a_date_of_birth_is_read_exactly(visitor, with_birth_date, parts, status):
    visitor.hold(TUESDAY_10)
    assert visitor.send(TUESDAY_10, **born(*parts)).status_code == status


# --- safety questions of the therapy ---------------------------------------------------------
def test_a_blocking_answer_gives_the_reason_and_the_phone_and_loses_nothing(visitor, world):
    question = factories.safety_question(
        world.therapy, effect="block", reason="A clot needs a doctor first."
    )
    visitor.hold(TUESDAY_10)
    answer = f"answer-{question.code}"
    response = visitor.send(TUESDAY_10, **{answer: "yes"})
    text = response.content.decode()
    assert response.status_code == 422
    assert "A clot needs a doctor first." in text and "0117 496 0101" in text
    assert 'value="Pat Newcomer"' in text
    assert visitor.send(TUESDAY_10, **{answer: "no"}).status_code == 303


def test_other_answers_go_to_the_practitioner(visitor, world):
    question = factories.safety_question(world.therapy)
    booked = visitor.book(TUESDAY_10, **{f"answer-{question.code}": "unsure"})
    answer = booked.answers.get()
    assert (answer.value, answer.needs_look) == ("unsure", True)


def test_an_unanswered_question_is_named(visitor, world):
    factories.safety_question(world.therapy, text="Do you faint easily?")
    visitor.hold(TUESDAY_10)
    response = visitor.send(TUESDAY_10)
    assert response.status_code == 422
    assert "Do you faint easily? Please choose an answer." in response.content.decode()


def test_many_unanswered_questions_make_one_line(visitor, world):
    for _n in range(5):
        factories.safety_question(world.therapy)
    visitor.hold(TUESDAY_10)
    assert "5 questions have no answer." in visitor.send(TUESDAY_10).content.decode()


# --- what people type ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "Null",
        "O’Neil",
        "D'Arcy",
        "名前",
        "👩‍⚕️ Pat",
        "عمر بن أحمد",
        "X",
        "Jіll",
        "<b>Pat</b>",
        "{{7*7}}",
    ],
)
def test_row_42_names_are_taken_as_they_are(visitor, name):
    booked = visitor.book(TUESDAY_10, name=name)
    assert booked.patient.name == name
    page = visitor.client.get(booked.get_absolute_url())
    assert b"<b>Pat</b>" not in page.content


def test_row_42_a_direction_override_is_dropped_and_marks_are_limited(visitor):
    booked = visitor.book(TUESDAY_10, name="Pat \u202egnilrad Z" + "\u0301" * 40)
    assert "\u202e" not in booked.patient.name
    assert booked.patient.name.count("\u0301") <= 4


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("name", "Pat\x00", 400),
        ("name", "Pat\x07", 400),
        ("name", "Pat\r\nBcc: x@example.org", 400),
        ("name", "P" * 300, 422),
        ("name", "", 422),
        ("name", "   ", 422),
        ("email", "pat", 422),
        ("email", "pat@", 422),
        ("email", "pat@example.org\r\nBcc: x@example.org", 400),
        ("email", "a@example.org, b@example.org", 422),
        ("email", "a" * 300 + "@example.org", 422),
        ("email", "pat@example.org.", 422),
        ("phone", "09001234567", 422),
        ("phone", "12", 422),
        ("phone", "call me", 422),
        ("phone", "020 7946 0123 ext. 9", 422),
        ("note", "x" * 2001, 422),
        ("note", "zero\x00byte", 400),
        ("access_needs", "x" * 301, 422),
        ("of_age", "perhaps", 422),
    ],
)
def test_row_39_what_cannot_be_taken_is_said_beside_the_field_and_kept(
    visitor, field, value, status
):
    visitor.hold(TUESDAY_10)
    response = visitor.send(TUESDAY_10, **{field: value})
    text = response.content.decode()
    assert response.status_code == status
    assert "There is a problem" in text
    kept = "name" if field != "name" else "email"
    assert {"name": "Pat Newcomer", "email": "pat@example.org"}[kept] in text
    assert not Appointment.objects.filter(state="booked").exists()


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("pat+clinic@example.org", "pat+clinic@example.org"),
        ("Pat@EXAMPLE.org", "Pat@example.org"),
        ("pat@bücher.example", "pat@xn--bcher-kva.example"),
    ],
)
def test_row_43_unusual_mail_addresses_that_exist_are_taken(visitor, typed, stored):
    visitor.hold(TUESDAY_10)
    visitor.send(TUESDAY_10, email=typed)
    assert Patient.objects.get().email == stored


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+44 (0)20 7946 0123", "+442079460123"),
        ("020 7946 0123", "+442079460123"),
        ("٠٢٠٧٩٤٦٠١٢٣", "+442079460123"),
        ("+33 1 42 68 53 00", "+33142685300"),
        ("", ""),
    ],
)
def test_row_44_phone_numbers_are_stored_in_one_form(visitor, typed, stored):
    assert visitor.book(TUESDAY_10, phone=typed).patient.phone == stored


def test_row_40_a_message_of_a_megabyte_is_refused_fast(visitor):
    visitor.hold(TUESDAY_10)
    assert visitor.send(TUESDAY_10, note="x" * 1_000_000).status_code == 413
    assert not Appointment.objects.filter(state="booked").exists()


def test_row_40_ten_thousand_fields_are_refused(visitor):
    visitor.hold(TUESDAY_10)
    many = {f"f{n}": "" for n in range(10_000)}
    assert visitor.send(TUESDAY_10, **many).status_code in (400, 413)


def test_row_37_a_known_address_gets_the_same_answer_as_a_stranger(visitor, world):
    known = factories.patient(name="Known Person", email="pat@example.org")
    booked = visitor.book(TUESDAY_10)
    assert booked.patient != known
    known.refresh_from_db()
    assert known.name == "Known Person"


# --- limits and headers --------------------------------------------------------------------
def test_row_53_too_many_posts_get_429_and_what_was_typed_is_kept(visitor, settings):
    visitor.hold(TUESDAY_10)
    form = visitor.form_token(TUESDAY_10)
    settings.THROTTLES = {**settings.THROTTLES, "book": 1}
    visitor.client.post(visitor.url("book-longer", TUESDAY_11))
    response = visitor.send(TUESDAY_10, form=form)
    assert response.status_code == 429
    assert b'value="Pat Newcomer"' in response.content
    assert visitor.answer(TUESDAY_11).status_code == 429


def test_row_57_personal_pages_stay_out_of_caches_and_search_engines(visitor):
    visitor.hold(TUESDAY_10)
    response = visitor.get_details(TUESDAY_10)
    assert response.headers["Cache-Control"] == "no-store, private"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "noindex" in response.headers["X-Robots-Tag"]


def test_row_33_a_form_sent_with_a_null_origin_is_refused(world):
    """Why the policy is not no-referrer: browsers would then send this with our own forms."""
    strict = Visitor(world, enforce_csrf_checks=True)
    page = strict.get_details(TUESDAY_10)
    token = page.context["csrf_token"]
    data = {"csrfmiddlewaretoken": str(token), "gate-chest": "no"}
    url = strict.url("book-safety", TUESDAY_10)
    assert strict.client.post(url, data, headers={"origin": "null"}).status_code == 403
    assert strict.client.post(url, data, headers={"origin": "http://testserver"}).status_code == 422
