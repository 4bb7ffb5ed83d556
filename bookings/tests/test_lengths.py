"""A treatment in several lengths: each is shown, held, booked, moved and priced as itself."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from bookings import appointments, messages
from bookings.actors import PATIENT
from bookings.models import Appointment, Notification
from bookings.models.reservations import Reservation
from bookings.tests import factories as make
from bookings.tests.patient import TYPED, Visitor
from clinic.errors import Refused
from practitioners.models import Length, Treatment

pytestmark = pytest.mark.django_db
MONDAY = datetime(2027, 1, 11, 8, tzinfo=UTC)
TEN = "2027-01-12T10:00:00+00:00"
AT_TEN = datetime(2027, 1, 12, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _monday_morning():
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def world() -> make.World:
    """The treatment is 60 minutes for £60, and comes in 30 and 90 minutes too."""
    made = make.bookable_clinic(minutes=60, price_pence=6000)
    made.treatment.lengths.create(minutes=90, price_pence=8500)
    made.treatment.lengths.create(minutes=30, price_pence=3800)
    return made


@pytest.fixture
def visitor(world: make.World) -> Visitor:
    return Visitor(world)


def words(response: Any) -> str:
    """The text of a page, tags and line ends left out."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def hold(visitor: Visitor, minutes: int | None = None, start: str = TEN) -> Any:
    """Keep a start whose questions were answered before."""
    said = {"minutes": str(minutes)} if minutes else {}
    return visitor.client.post(visitor.url("book-hold", start, **said))


def live() -> list[int]:
    """Minutes of what is held."""
    return list(Appointment.objects.filter(state="held").values_list("minutes", flat=True))


# --- what is said about it --------------------------------------------------------
@pytest.mark.parametrize(
    "address", ["/book/", "/therapies/acupuncture/", "/practitioners/ana-okafor/"]
)
def test_a_price_list_names_every_length_and_leads_to_its_calendar(
    client: Client, world: make.World, address: str
):
    page = client.get(address)
    assert "30 to 90 minutes" in words(page)
    assert "from £38" in words(page)
    assert "90 minutes, £85" in words(page)
    html = page.content.decode()
    assert "minutes=30" in html and "minutes=90" in html
    # Its own length is what the address means without saying so.
    assert "minutes=60" not in html


def test_a_treatment_of_one_length_has_its_own_words(client: Client):
    make.bookable_clinic(price_pence=6000)
    page = client.get("/book/")
    assert "60 minutes" in words(page)
    assert "from £" not in words(page) and "minutes=" not in page.content.decode()


def test_a_therapys_card_says_the_lowest_price_of_any_length(client: Client, world: make.World):
    assert "from £38" in words(client.get("/therapies/"))
    Length.objects.all().delete()
    assert "from £60" in words(client.get("/therapies/"))


# --- from the gate to the mail ------------------------------------------------------
def test_every_step_shows_the_length_and_price_that_were_chosen(visitor: Visitor):
    gate = visitor.get_details(TEN, minutes="90")
    assert "90 minutes, £85" in words(gate)
    answers = {f"gate-{code}": no for code, no in make.all_no(visitor.world.screening).items()}
    kept = visitor.client.post(visitor.url("book-safety", TEN, minutes="90"), answers)
    assert kept.status_code == 303 and "minutes=90" in kept["Location"]
    details = visitor.client.get(kept["Location"])
    assert "90 minutes" in words(details) and "£85" in words(details)
    assert "£60" not in words(details)
    data = {**TYPED, "of_age": "yes", "form": details.context["kept"].form}
    booked = visitor.client.post(kept["Location"], data)
    own = visitor.client.get(booked["Location"])
    assert "10:00 to 11:30 90 minutes" in words(own) and "£85" in words(own)
    row = Appointment.objects.get()
    assert (row.minutes, row.price_pence) == (90, 8500)
    assert row.ends_at == AT_TEN + timedelta(minutes=90)
    entry = visitor.client.get(f"{booked['Location']}calendar.ics").content.decode()
    assert "DTEND:20270112T113000Z" in entry


def book(world: make.World, start: datetime = AT_TEN, minutes: int | None = 90) -> Appointment:
    return appointments.book(
        treatment=world.treatment,
        start=start,
        minutes=minutes,
        screening=make.passed_screening(world.screening),
        details=appointments.Details(name="Pat Example", email="pat@example.org"),
        by=PATIENT,
        source="web",
    )


def test_the_confirmation_and_its_calendar_entry_end_when_the_visit_does(world: make.World):
    booked = book(world)
    letter = messages.render(Notification.objects.get(appointment=booked, kind="confirmation"))
    assert "10:00 to 11:30" in " ".join(letter.text.split())
    assert "11:30" in letter.html
    assert b"DTEND:20270112T113000Z" in letter.calendar


# --- the same start in another length -----------------------------------------------
def test_another_length_of_a_held_start_takes_its_place(visitor: Visitor):
    visitor.hold(TEN)
    page = visitor.get_details(TEN, minutes="90")
    assert page.status_code == 200 and "£85" in words(page)
    assert hold(visitor, 90).status_code == 303
    assert live() == [90]
    assert visitor.get_details(TEN, minutes="90").context["kept"].appointment.minutes == 90
    # The shorter one again, from the page of the longer one.
    assert hold(visitor).status_code == 303
    assert live() == [60]


def test_a_length_that_cannot_be_had_leaves_the_held_time_and_says_so(
    visitor: Visitor, world: make.World
):
    book(world, AT_TEN + timedelta(hours=1), 60)
    visitor.hold(TEN)
    for refused in (visitor.get_details(TEN, minutes="90"), hold(visitor, 90)):
        assert refused.status_code == 409
        assert "we are still keeping Tuesday 12 January 2027 at 10:00 for you, 60" in words(refused)
        link = re.search(r'href="([^"]+)">Go on with this time', refused.content.decode())
        assert link and visitor.client.get(link[1].replace("&amp;", "&")).context["kept"].is_live
    assert live() == [60]
    assert Reservation.objects.filter(starts_at=AT_TEN, ends_at=AT_TEN + timedelta(hours=1)).count()


def test_a_third_time_that_cannot_be_had_takes_none_of_the_two_held(
    visitor: Visitor, world: make.World
):
    visitor.hold(TEN)
    hold(visitor, 30, "2027-01-12T12:00:00+00:00")
    book(world, AT_TEN + timedelta(hours=4), 60)
    assert hold(visitor, None, "2027-01-12T14:00:00+00:00").status_code == 409
    assert sorted(live()) == [30, 60]
    assert hold(visitor, None, "2027-01-12T15:00:00+00:00").status_code == 303
    assert sorted(live()) == [30, 60]
    assert not Appointment.objects.filter(state="held", starts_at=AT_TEN).exists()


def test_a_page_of_a_held_length_leads_back_to_that_length(visitor: Visitor):
    visitor.hold(TEN)
    hold(visitor, 90)
    page = visitor.client.get("/book/visit/").content.decode()
    link = re.search(r'href="(/book/visit/details/[^"]+minutes=90[^"]*)"', page)
    assert link
    kept = visitor.client.get(link[1].replace("&amp;", "&")).context["kept"]
    assert (kept.appointment.minutes, kept.is_live) == (90, True)


@pytest.mark.parametrize("minutes", ["45", "0", "-30", "half", "9999999", "30.0", "٣٠"])
def test_a_length_it_does_not_come_in_is_refused_and_holds_nothing(visitor: Visitor, minutes: str):
    visitor.hold(TEN)
    refused = visitor.client.post(visitor.url("book-hold", TEN, minutes=minutes))
    assert refused.status_code in (400, 404)
    assert live() == [60]


def test_a_held_length_is_kept_longer_and_let_go_as_itself(visitor: Visitor):
    visitor.hold(TEN)
    hold(visitor, 90)
    longer = visitor.client.post(visitor.url("book-longer", TEN, minutes="90"))
    assert longer.status_code == 200
    assert Appointment.objects.get(state="held").hold_extended
    # The address of the length that was given up lets nothing go.
    visitor.client.post(visitor.url("book-let-go", TEN))
    assert live() == [90]
    visitor.client.post(visitor.url("book-let-go", TEN, minutes="90"))
    assert live() == []


def test_the_way_round_by_a_proved_address_keeps_the_length(visitor: Visitor, world: make.World):
    Treatment.objects.update(audience="returning")
    page = visitor.get_details(TEN, minutes="90")
    assert page.status_code == 302 and "minutes%3D90" in page["Location"]
    assert "minutes=90" in visitor.client.get(page["Location"]).content.decode()


# --- afterwards ---------------------------------------------------------------------
def test_a_moved_visit_keeps_the_length_and_price_that_were_agreed(world: make.World):
    booked = book(world)
    world.treatment.lengths.all().delete()
    moved = appointments.reschedule(booked, start=AT_TEN + timedelta(hours=2), by=PATIENT)
    assert (moved.minutes, moved.price_pence) == (90, 8500)
    assert moved.ends_at == AT_TEN + timedelta(hours=3, minutes=30)
    taken = Reservation.objects.filter(appointment=moved).values_list("ends_at", flat=True)
    assert set(taken) == {moved.ends_at}


def test_the_calendar_of_a_move_offers_what_its_length_fits(client: Client, world: make.World):
    booked = book(world)
    page = client.get(f"/appointments/{booked.token}/move/?date=2027-01-13").content.decode()
    starts = set(re.findall(r"start=2027-01-13T(\d\d)", page))
    assert {"09", "15"} <= starts and "16" not in starts
    assert "minutes=" not in page
    client.post(f"/appointments/{booked.token}/move/", {"start": "2027-01-13T15:00:00+00:00"})
    booked.refresh_from_db()
    assert booked.ends_at == datetime(2027, 1, 13, 16, 30, tzinfo=UTC)


def test_a_visit_is_not_moved_to_where_only_a_shorter_one_fits(world: make.World):
    booked = book(world)
    with pytest.raises(Refused):
        appointments.reschedule(booked, start=datetime(2027, 1, 12, 16, tzinfo=UTC), by=PATIENT)
    booked.refresh_from_db()
    assert booked.starts_at == AT_TEN


def test_a_group_has_one_length(world: make.World):
    world.treatment.is_group = True
    world.treatment.save()
    with pytest.raises(ValidationError) as refused:
        Length(treatment=world.treatment, minutes=45, price_pence=100).full_clean()
    assert "minutes" in refused.value.message_dict
    # Lengths from before it became a group are not sold either.
    with pytest.raises(Refused):
        book(world, minutes=90)


# --- at the desk ----------------------------------------------------------------------
def desk_form(world: make.World, minutes: int) -> dict[str, object]:
    return {
        "treatment": world.treatment.pk,
        "practitioner": "",
        "location": world.location.pk,
        "day": "2027-01-12",
        "time": "10:00",
        "minutes": minutes,
        "patient": make.patient().pk,
        "asked": "on",
        "note": "",
    }


def test_staff_book_the_length_they_type(admin_client: Client, world: make.World):
    url = reverse("admin:bookings_appointment_add")
    assert admin_client.post(url, desk_form(world, 90)).status_code == 302
    row = Appointment.objects.get()
    assert (row.minutes, row.price_pence) == (90, 8500)
    page = admin_client.get(reverse("admin:bookings_appointment_change", args=[row.pk]))
    assert "£85" in words(page)


def test_staff_are_told_which_lengths_there_are(admin_client: Client, world: make.World):
    page = admin_client.post(reverse("admin:bookings_appointment_add"), desk_form(world, 45))
    assert page.status_code == 200
    assert "It comes in: 30, 60, 90 minutes." in str(
        page.context["adminform"].form.errors["minutes"]
    )
    assert not Appointment.objects.exists()
