"""What the front desk sees and may do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings import appointments
from bookings.actors import Actor
from bookings.models import Answer, Appointment, Notification, PatientMatch, State
from bookings.tests import cast, factories
from bookings.tests.factories import World
from clinic.access import PRACTITIONER
from practitioners.models import Registration
from practitioners.tests import factories as directory

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
NOW = MONDAY + timedelta(hours=10, minutes=30)


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return MONDAY + timedelta(days=days, hours=hour, minutes=minute)


@pytest.fixture(autouse=True)
def monday_half_past_ten() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world() -> World:
    return factories.bookable_clinic()


@pytest.fixture
def dora() -> User:
    return cast.dora()


@pytest.fixture
def desk(client: Client, dora: User) -> Client:
    client.force_login(dora)
    return client


def page(desk: Client, **query: str) -> str:
    response = desk.get(reverse("desk"), query)
    assert response.status_code == 200
    return response.content.decode()


def press(desk: Client, visit: Appointment, verb: str, **data: str):
    return desk.post(reverse("desk-action", args=[visit.reference, verb]), data)


def messages_of(response) -> list[str]:
    return [str(m) for m in response.wsgi_request._messages]


# --- who may ---------------------------------------------------------------------
ADDRESSES = ["desk", "desk-print", "desk-attention", "desk-search", "desk-why", "desk-audit"]


@pytest.mark.parametrize("name", ADDRESSES)
def test_strangers_are_sent_to_the_login(client: Client, name: str):
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("name", ADDRESSES)
def test_practitioners_and_people_without_a_role_are_refused(
    client: Client, world: World, name: str
):
    for user in (cast.ana(world), cast.zed()):
        client.force_login(user)
        assert client.get(reverse(name)).status_code == 403


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_desk_and_the_owner_may(client: Client, world: World, name: str):
    for user in (cast.dora(), cast.olga()):
        client.force_login(user)
        response = client.get(reverse(name))
        assert response.status_code == 200
        assert "no-store" in response["Cache-Control"]


def test_somebody_who_left_is_a_stranger(client: Client, world: World, dora: User):
    client.force_login(dora)
    dora.is_active = False
    dora.save()
    assert client.get(reverse("desk")).status_code == 302


def test_only_the_desk_moves_an_appointment(client: Client, world: World):
    visit = cast.visit(world, at(11))
    assert press(client, visit, "arrived").status_code == 302
    for user in (cast.login("mira", PRACTITIONER), cast.zed()):
        client.force_login(user)
        assert press(client, visit, "arrived").status_code == 403
    visit.refresh_from_db()
    assert visit.state == State.BOOKED


# --- the day ---------------------------------------------------------------------
def test_the_day_tells_who_comes_when_with_whom_and_where(desk: Client, world: World):
    table = factories.equipment(world.location, name="IDD table")
    pat = factories.patient(name="Pat Example", access_needs="Uses a wheelchair")
    visit = cast.visit(
        world, at(11), room=world.room, patient=pat, wants_chaperone=True, note="Back is sore"
    )
    visit.reservations.create(resource=table, starts_at=visit.starts_at, ends_at=visit.ends_at)
    html = page(desk)
    for words in (
        "11:00",
        "Pat Example",
        "Acupuncture: Visit with Ana Okafor",
        "Room 1",
        "IDD table",
        "Uses a wheelchair",
        "Wants a chaperone",
        "Back is sore",
        "Booked",
        "First visit",
        "Has not confirmed",
    ):
        assert words in html


def test_visits_stand_in_order(desk: Client, world: World):
    for hour, name in ((15, "Last"), (9, "Early"), (12, "Middle")):
        cast.visit(world, at(hour), patient=factories.patient(name=name))
    html = page(desk)
    assert html.index("Early") < html.index("Middle") < html.index("Last")


def test_another_day_is_another_address(desk: Client, world: World):
    cast.visit(world, at(9, days=1), patient=factories.patient(name="Tomorrow Person"))
    assert '<h3 class="diary__who"><bdi>Tomorrow Person' not in page(desk)
    html = page(desk, date="2026-11-24")
    assert "Tomorrow Person" in html
    assert "date=2026-11-23" in html
    assert "date=2026-11-25" in html


def test_one_location_at_a_time_or_all(desk: Client, world: World):
    hill = directory.location(name="Tidewell Hilltop")
    cast.visit(world, at(9), patient=factories.patient(name="Down There"))
    cast.visit(world, at(13), location=hill, patient=factories.patient(name="Up There"))
    assert "Down There" in page(desk)
    assert "Up There" in page(desk)
    html = page(desk, location="tidewell-hilltop")
    assert "Up There" in html
    assert "<bdi>Down There" not in html


def test_each_location_lives_by_its_own_clock(desk: Client, world: World):
    york = directory.location(name="Tidewell York", time_zone="America/New_York")
    # Half past nine in the evening of the 23rd there; the 24th in London.
    cast.visit(world, at(2, 30, days=1), location=york, patient=factories.patient(name="Far Away"))
    html = page(desk, location="tidewell-york")
    assert "21:30" in html
    assert "Far Away" in html
    assert "Far Away" not in page(desk, location="tidewell-york", date="2026-11-24")


@pytest.mark.parametrize(
    "typed", ["2027-02-30", "tomorrow", "0001-01-01", "9999-12-31", "2026-13-01", "١٢"]
)
def test_a_day_that_does_not_exist_is_not_found(desk: Client, world: World, typed: str):
    assert desk.get(reverse("desk"), {"date": typed}).status_code == 404


def test_an_unknown_location_is_not_found(desk: Client, world: World):
    assert desk.get(reverse("desk"), {"location": "atlantis"}).status_code == 404


def test_an_empty_day_says_so(desk: Client, world: World):
    assert "Nobody is booked here on this day" in page(desk)


def test_a_site_without_a_location_has_a_page(desk: Client):
    assert "There is no location yet" in page(desk)


def test_safety_answers_are_flagged_and_not_told(desk: Client, world: World):
    visit = cast.visit(world, at(11))
    Answer.objects.create(
        appointment=visit,
        code="clot",
        question="Do you bleed easily?",
        value="yes",
        needs_look=True,
    )
    html = page(desk)
    assert "Safety answers for the practitioner" in html
    assert "Do you bleed easily?" not in html


def test_a_second_visit_is_no_first_visit(desk: Client, world: World):
    pat = factories.patient()
    cast.visit(world, at(9, days=-7), patient=pat, state=State.COMPLETED)
    cast.visit(world, at(11), patient=pat)
    assert "First visit" not in page(desk)


def test_a_missed_visit_does_not_count_as_the_first(desk: Client, world: World):
    pat = factories.patient()
    cast.visit(world, at(9, days=-7), patient=pat, state=State.NO_SHOW)
    cast.visit(world, at(11), patient=pat)
    assert "First visit" in page(desk)


def test_somebody_who_said_they_come_is_shown_so(desk: Client, world: World):
    cast.visit(world, at(11), coming_at=NOW)
    assert "Said “I’m coming”" in page(desk)


def test_a_live_hold_is_shown_without_a_name_and_a_dead_one_not(desk: Client, world: World):
    cast.visit(world, at(12), state=State.HELD, held_until=NOW + timedelta(minutes=5))
    cast.visit(world, at(14), state=State.HELD, held_until=NOW - timedelta(minutes=5))
    html = page(desk)
    assert html.count("Held for somebody who is booking") == 1
    assert "until 10:35" in html


def test_cancelled_visits_stand_apart_with_their_reason(desk: Client, world: World):
    cast.visit(world, at(12), state=State.CANCELLED, cancel_reason="Has a cold")
    html = page(desk)
    assert "1 cancelled" in html
    assert "Has a cold" in html
    assert "Nobody is booked here on this day" in html


def test_a_class_is_one_entry_with_its_names_and_places(desk: Client, world: World):
    mats = factories.pool(*(factories.equipment(world.location) for _i in range(8)))
    course = directory.treatment(therapy=world.therapy, name="Strength class", is_group=True)
    factories.need(course)
    factories.need(course, world.rooms, is_shared=True)
    factories.need(course, mats)
    for name in ("Ada", "Bea", "Cai"):
        person = factories.patient(name=name)
        cast.visit(world, at(17), treatment=course, room=world.room, patient=person)
    html = page(desk)
    assert "3 of 8 places taken" in html
    assert all(name in html for name in ("Ada", "Bea", "Cai"))
    assert html.count("Class with Ana Okafor") == 1
    assert html.count("Room 1") == 1


def test_a_name_is_text_and_never_markup(desk: Client, world: World):
    cast.visit(world, at(11), patient=factories.patient(name="<script>alert(1)</script>"))
    assert "<script>alert(1)" not in page(desk)


def test_late_people_are_marked(desk: Client, world: World):
    cast.visit(world, at(10))
    assert "Not here yet" in page(desk)


def test_the_day_prints_with_phone_numbers(desk: Client, world: World):
    cast.visit(world, at(11), patient=factories.patient(name="Pat", phone="+441174960207"))
    html = desk.get(reverse("desk-print")).content.decode()
    assert "0117 496 0207" in html
    assert "11:00" in html


def test_row_70_the_print_is_enough_to_run_the_day_without_the_network(desk: Client, world: World):
    """Who, when, where, with whom, how to reach them, what to know, and who is away."""
    pat = factories.patient(name="Pat Example", access_needs="Uses a wheelchair")
    visit = cast.visit(
        world, at(11), room=world.room, patient=pat, note="Back is sore", staff_note="Pays by card"
    )
    Answer.objects.create(appointment=visit, code="q", question="Q?", value="yes", needs_look=True)
    factories.absence(factories.equipment(world.location, name="Laser"), at(8), at(18))
    html = desk.get(reverse("desk-print")).content.decode()
    for told in (
        "11:00–12:00",
        "Pat Example",
        "0117 496 0200",
        visit.treatment_name,
        visit.reference,
        world.practitioner.name,
        world.room.name,
        "Uses a wheelchair",
        "Back is sore",
        "Pays by card",
        "Safety answers for the practitioner",
        "Laser",
    ):
        assert told in html, told


# --- the verbs -------------------------------------------------------------------
def test_arrived_then_completed(desk: Client, world: World, dora: User):
    visit = cast.visit(world, at(10))
    response = press(desk, visit, "arrived", back="/desk/?location=tidewell-quayside")
    assert response["Location"] == f"/desk/?location=tidewell-quayside#visit-{visit.reference}"
    visit.refresh_from_db()
    assert visit.state == State.ARRIVED
    press(desk, visit, "completed")
    visit.refresh_from_db()
    assert visit.state == State.COMPLETED
    event = visit.events.last()
    assert (event.actor, event.user) == ("staff", dora)


def test_did_not_come(desk: Client, world: World):
    visit = cast.visit(world, at(9))
    press(desk, visit, "no-show")
    visit.refresh_from_db()
    assert visit.state == State.NO_SHOW


@pytest.mark.parametrize("state", [State.ARRIVED, State.NO_SHOW])
def test_a_slip_is_undone(desk: Client, world: World, dora: User, state: str):
    visit = cast.visit(world, at(9), state=state)
    assert reverse("desk-action", args=[visit.reference, "undo"]) in page(desk)
    press(desk, visit, "undo")
    visit.refresh_from_db()
    event = visit.events.last()
    assert (visit.state, event.verb, event.user) == (State.BOOKED, "reopen", dora)


@pytest.mark.parametrize("state", [State.ARRIVED, State.NO_SHOW])
def test_another_days_visit_has_no_undo(desk: Client, world: World, state: str):
    cast.visit(world, at(9, days=-7), state=state)
    assert ">Undo<" not in page(desk, date="2026-11-16")


def test_is_coming(desk: Client, world: World):
    visit = cast.visit(world, at(9, days=1))
    press(desk, visit, "coming")
    visit.refresh_from_db()
    assert visit.coming_at == NOW


def test_a_refusal_is_told_and_changes_nothing(desk: Client, world: World):
    visit = cast.visit(world, at(9), state=State.CANCELLED)
    response = press(desk, visit, "arrived")
    assert response.status_code == 302
    assert any("cancelled already" in m for m in messages_of(response))
    visit.refresh_from_db()
    assert visit.state == State.CANCELLED


def test_pressing_twice_is_told_kindly(desk: Client, world: World):
    visit = cast.visit(world, at(10))
    press(desk, visit, "arrived")
    response = press(desk, visit, "arrived")
    assert any("arrived already" in m for m in messages_of(response))
    assert visit.events.count() == 1


def test_buttons_are_no_links(desk: Client, world: World):
    visit = cast.visit(world, at(10))
    response = desk.get(reverse("desk-action", args=[visit.reference, "arrived"]))
    assert response.status_code == 405
    visit.refresh_from_db()
    assert visit.state == State.BOOKED


def test_unknown_verbs_and_references_are_not_found(desk: Client, world: World):
    visit = cast.visit(world, at(10))
    assert press(desk, visit, "explode").status_code == 404
    assert desk.post("/desk/ABCDEFGH/arrived/").status_code == 404


def test_a_hold_cannot_be_moved_from_the_desk(desk: Client, world: World):
    visit = cast.visit(world, at(12), state=State.HELD, held_until=NOW + timedelta(minutes=5))
    assert press(desk, visit, "arrived").status_code == 404


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example.org/", "//evil.example.org", "javascript:alert(1)", "desk"]
)
def test_the_way_back_never_leaves_the_site(desk: Client, world: World, elsewhere: str):
    visit = cast.visit(world, at(10))
    response = press(desk, visit, "arrived", back=elsewhere)
    assert response["Location"] == f"/desk/#visit-{visit.reference}"
    other = cast.visit(world, at(12))
    asked = desk.get(reverse("desk-action", args=[other.reference, "cancel"]), {"back": elsewhere})
    assert (
        elsewhere
        not in asked.content.decode().replace('action="/desk', "").replace('href="/desk/"', "")
        or elsewhere == "desk"
    )


def test_cancelling_asks_for_a_reason(desk: Client, world: World):
    visit = cast.visit(world, at(12))
    address = reverse("desk-action", args=[visit.reference, "cancel"])
    assert desk.get(address).status_code == 200
    response = desk.post(address, {"reason": " "})
    assert response.status_code == 422
    visit.refresh_from_db()
    assert visit.state == State.BOOKED


@pytest.mark.parametrize(
    ("email", "phone", "words"),
    [
        ("pat@example.org", "+441174960207", "The patient is told by mail."),
        ("", "+441174960207", 'Please ring <a href="tel:+441174960207">0117 496 0207</a>.'),
        ("", "", "no mail address, and no phone."),
    ],
)
def test_cancelling_says_how_the_patient_hears_of_it(
    desk: Client, world: World, email: str, phone: str, words: str
):
    visit = cast.visit(world, at(12), patient=factories.patient(email=email, phone=phone))
    address = reverse("desk-action", args=[visit.reference, "cancel"])
    html = desk.get(address).content.decode()
    assert words in html
    assert ("by mail" in html) == bool(email)


def test_an_old_page_does_not_cancel_what_has_moved_since(desk: Client, world: World):
    visit = cast.visit(world, at(12), sequence=1)
    page = desk.get(reverse("desk-action", args=[visit.reference, "cancel"]))
    assert 'name="version" value="1"' in page.content.decode()
    response = press(desk, visit, "cancel", reason="Ill", version="0")
    assert response.status_code == 409
    assert "has been moved since" in response.content.decode()
    visit.refresh_from_db()
    assert visit.state == State.BOOKED
    press(desk, visit, "cancel", reason="Ill", version="1")
    visit.refresh_from_db()
    assert visit.state == State.CANCELLED


def test_cancelling_frees_the_time_and_keeps_the_reason(desk: Client, world: World):
    visit = cast.visit(world, at(12), room=world.room)
    press(desk, visit, "cancel", reason="Practitioner is ill", back="/desk/?date=2026-11-23")
    visit.refresh_from_db()
    assert (visit.state, visit.cancel_reason) == (State.CANCELLED, "Practitioner is ill")
    assert not visit.reservations.exists()
    assert visit.notifications.filter(kind="cancellation").count() == 1


def test_a_reason_that_cannot_be_printed_is_refused_and_kept(desk: Client, world: World):
    visit = cast.visit(world, at(12))
    response = press(desk, visit, "cancel", reason="bad\x07news")
    assert response.status_code == 400
    visit.refresh_from_db()
    assert visit.state == State.BOOKED


# --- what needs attention ----------------------------------------------------------
def test_nothing_to_look_at_says_so(desk: Client, world: World):
    assert "Nothing to look at" in page(desk)


def test_a_visit_on_an_absence_is_listed_with_the_absence(desk: Client, world: World):
    pat = factories.patient(name="Clash Ing")
    cast.visit(world, at(9, days=3), room=world.room, patient=pat)
    factories.absence(
        factories.body(world.practitioner), at(0, days=3), at(0, days=4), reason="sick"
    )
    html = page(desk)
    assert "1 visit meets an absence" in html
    assert "Clash Ing" in html
    assert "Ana Okafor: sick" in html


def test_row_20_a_room_or_a_location_that_is_closed_clashes_too(desk: Client, world: World):
    cast.visit(world, at(9, days=3), room=world.room)
    factories.absence(world.room, at(8, days=3), at(10, days=3), reason="repair")
    assert "Room 1: repair" in page(desk)
    cast.visit(world, at(9, days=5))
    factories.absence(None, at(0, days=5), at(0, days=6), location=world.location, reason="holiday")
    assert "2 visits meet an absence" in page(desk)


def test_an_absence_beside_the_part_that_is_needed_is_no_clash(desk: Client, world: World):
    visit = cast.visit(world, at(9, days=3), room=world.room)
    body = factories.body(world.practitioner)
    # The practitioner is needed for the first 20 minutes and away from the 25th on.
    visit.reservations.filter(resource=body).update(ends_at=at(9, 20, days=3))
    factories.absence(body, at(9, 25, days=3), at(17, days=3))
    assert "meets an absence" not in page(desk)


def test_past_and_cancelled_visits_do_not_clash(desk: Client, world: World):
    cast.visit(world, at(9, days=-1), state=State.COMPLETED)
    cast.visit(world, at(9, days=3), state=State.CANCELLED)
    body = factories.body(world.practitioner)
    factories.absence(body, at(0, days=-2), at(0, days=9))
    assert "absence" not in page(desk)


def test_row_19_a_visit_after_the_registration_ends_is_listed(desk: Client, world: World):
    cast.visit(world, at(9, days=3))
    assert "registration or insurance ends" not in page(desk)
    world.practitioner.registrations.update(status=Registration.Status.LAPSED)
    assert "1 visit after a registration or insurance ends" in page(desk)


def test_a_visit_after_the_insurance_ends_is_listed_and_one_before_not(desk: Client, world: World):
    cast.visit(world, at(9, days=3))
    cast.visit(world, at(9, days=1), coming_at=NOW)
    world.practitioner.insured_until = (MONDAY + timedelta(days=2)).date()
    world.practitioner.save()
    assert "1 visit after a registration or insurance ends" in page(desk)


def test_tomorrows_unconfirmed_visits_are_listed(desk: Client, world: World):
    cast.visit(world, at(9, days=1), patient=factories.patient(name="Not Yet"))
    cast.visit(world, at(11, days=1), coming_at=NOW)
    cast.visit(world, at(9, days=2))
    html = page(desk)
    assert "1 visit tomorrow is not confirmed" in html
    assert "Not Yet" in html


def test_an_earlier_visit_without_an_ending_is_listed(desk: Client, world: World):
    cast.visit(world, at(9, days=-1))
    cast.visit(world, at(9))
    assert "1 earlier visit has no ending" in page(desk)


def test_failed_mails_matches_and_messages_are_listed(desk: Client, world: World):
    visit = cast.visit(world, at(9, days=4))
    Notification.objects.create(
        kind="confirmation",
        appointment=visit,
        recipient="pat@example.org",
        state=Notification.State.FAILED,
        due_at=NOW,
        last_error="550 no such user",
    )
    match = PatientMatch.objects.create(
        newer=factories.patient(name="Pat A"),
        older=factories.patient(name="Pat B"),
        because="phone",
    )
    apps.get_model("clinic", "ContactMessage").objects.create(
        name="X", email="x@example.org", subject="Hi", message="Hello"
    )
    html = page(desk)
    assert "1 mail could not be sent" in html
    assert "550 no such user" in html
    assert reverse("admin:bookings_patient_merge", args=[match.older_id, match.newer_id]) in html
    assert "1 new message" in html


@pytest.mark.parametrize(("late", "listed"), [(15, False), (16, True)])
def test_messages_that_nobody_sends_are_listed(desk: Client, late: int, listed: bool):
    Notification.objects.create(
        kind="code", recipient="pat@example.org", due_at=NOW - timedelta(minutes=late)
    )
    assert ("1 message waits to be sent" in page(desk)) == listed


def test_one_letter_is_too_little_to_look_for(desk: Client, world: World):
    factories.patient(name="Pat A")
    html = desk.get(reverse("desk-search"), {"q": "a"}).content.decode()
    assert "at least two letters" in html
    assert "Nobody found" not in html


def test_long_lists_are_cut_and_lead_to_the_whole(desk: Client, world: World):
    for minute in range(0, 60, 10):
        cast.visit(world, at(9, minute, days=1), minutes=10)
    html = page(desk)
    assert "6 visits tomorrow are not confirmed" in html
    assert "2 more" in html
    whole = desk.get(reverse("desk-attention"), {"location": "tidewell-quayside"}).content.decode()
    assert whole.count("tel:+441174960200") == 6


def test_attention_keeps_to_the_chosen_location(desk: Client, world: World):
    hill = directory.location(name="Tidewell Hilltop")
    cast.visit(world, at(9, days=1))
    assert "not confirmed" in page(desk, location="tidewell-quayside")
    assert "not confirmed" not in page(desk, location=hill.slug)


# --- finding somebody -----------------------------------------------------------------
def found(desk: Client, typed: str) -> str:
    response = desk.get(reverse("desk-search"), {"q": typed})
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    "typed",
    ["pat exa", "EXAMPLE", "07700 900123", "900123", "pat@example.org", "+44 (0)7700 900123"],
)
def test_a_patient_is_found_by_name_phone_or_mail(desk: Client, world: World, typed: str):
    factories.patient(name="Pat Example", email="pat@example.org", phone="+447700900123")
    factories.patient(name="Quite Other", email="q@tidewell.test", phone="+441174960299")
    html = found(desk, typed)
    assert "Pat Example" in html
    assert "Quite Other" not in html


def test_a_patient_is_found_by_the_reference_of_a_visit(desk: Client, world: World):
    visit = cast.visit(world, at(11, days=2), patient=factories.patient(name="Ref Errer"))
    typed = f"{visit.reference[:4].lower()} {visit.reference[4:]}"
    html = found(desk, typed)
    assert "Ref Errer" in html
    assert "Wed 25 Nov 2026, 11:00" in html


def test_a_few_zeros_find_nobody(desk: Client, world: World):
    factories.patient(name="Pat Example")
    assert "Nobody found" in found(desk, "0000")


def test_names_in_other_letters_are_found(desk: Client, world: World):
    factories.patient(name="Élodie Œuvrard")
    assert "Œuvrard" in found(desk, "élodie")


def test_merged_records_are_not_found(desk: Client, world: World):
    keep = factories.patient(name="Pat Keep")
    factories.patient(name="Pat Gone", merged_into=keep)
    html = found(desk, "pat")
    assert "Pat Keep" in html
    assert "Pat Gone" not in html


def test_nobody_found_says_what_to_try(desk: Client, world: World):
    assert "Nobody found for “nobody”" in found(desk, "nobody")
    assert "Type a part of a name" in found(desk, "")


def test_a_search_shows_twenty_at_most(desk: Client, world: World):
    for i in range(25):
        factories.patient(name=f"Pat Many {i}")
    html = found(desk, "many")
    assert html.count("diary__who") == 20
    assert "There may be more" in html


def test_a_search_for_what_cannot_be_printed_is_refused(desk: Client, world: World):
    assert desk.get(reverse("desk-search"), {"q": "a\x07b"}).status_code == 400


# --- the cost ---------------------------------------------------------------------------
def fill(world: World, visits: int) -> None:
    for i in range(visits):
        cast.visit(world, at(6) + timedelta(minutes=15 * i), minutes=15)
        cast.visit(world, at(6, days=1) + timedelta(minutes=15 * i), minutes=15)


@pytest.mark.parametrize("name", ["desk", "desk-print", "desk-attention"])
def test_the_number_of_queries_is_constant(
    desk: Client, world: World, name: str, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    fill(world, 3)
    desk.get(reverse(name))
    with CaptureQueriesContext(connection) as few:
        desk.get(reverse(name))
    Appointment.objects.all().delete()
    for _i in range(5):
        world.another_practitioner()
    fill(world, 40)
    with django_assert_num_queries(len(few)):
        desk.get(reverse(name))
    assert len(few) <= 25


def test_a_real_booking_shows_on_the_desk(desk: Client, world: World):
    """The verbs and the page agree: what is booked through the one door is what is shown."""
    appointments.book(
        treatment=world.treatment,
        start=at(14),
        practitioner=world.practitioner,
        location=world.location,
        details=appointments.Details(name="Pat Real", email="real@example.org"),
        by=Actor("staff"),
        source=Appointment.Source.DESK,
    )
    html = page(desk)
    assert "Pat Real" in html
    assert "Room 1" in html


def test_who_and_what_is_away_is_told(desk: Client, world: World):
    body = factories.body(world.practitioner)
    factories.absence(body, at(0), at(0, days=1), reason="leave")
    factories.absence(world.room, at(9, days=1), at(12, days=1), reason="repair")
    html = page(desk)
    assert "Ana Okafor: leave" in html
    assert "Room 1: repair" not in html
    assert "Room 1: repair" in page(desk, date="2026-11-24")


def test_a_closed_location_says_why(desk: Client, world: World):
    factories.absence(None, at(0), at(0, days=1), location=world.location, reason="holiday")
    assert "Tidewell Quayside: bank holiday" in page(desk)
