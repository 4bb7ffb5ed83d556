"""Hours, absences, bank holidays, practitioners and needs in the admin."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings.actors import Actor
from bookings.appointments import Details, book
from bookings.models import Absence, BankHoliday, Journey, Opening, Pool, Resource
from clinic.clock import now
from practitioners.models import Practitioner
from practitioners.tests import factories as directory

from . import factories
from .admin_forms import fields_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("dora"))
    return client


def errors(response: object) -> dict[str, list[str]]:
    form = response.context["adminform"].form
    return {name: [str(e) for e in found] for name, found in form.errors.items()}


def test_a_new_practitioner_gets_a_resource_of_their_name(staff: Client) -> None:
    url = reverse("admin:practitioners_practitioner_add")
    form = {**fields_of(staff.get(url)), "name": "Noor Example", "slug": "noor-example"}
    assert staff.post(url, form).status_code == 302
    person = Practitioner.objects.get()
    assert (person.resource.kind, person.resource.name) == ("practitioner", "Noor Example")
    change = reverse("admin:practitioners_practitioner_change", args=[person.pk])
    page = staff.get(change)
    link = reverse("admin:bookings_resource_change", args=[person.resource.pk])
    assert link in page.content.decode()
    staff.post(change, {**fields_of(page), "name": "Noor Newname"})
    assert Resource.objects.get(kind="practitioner").name == "Noor Newname"


def test_bank_holiday_closes_each_location_from_its_own_midnight(staff: Client) -> None:
    london = directory.location()
    york = directory.location(time_zone="America/New_York")
    url = reverse("admin:bookings_bankholiday_add")
    form = {"day": "2026-12-25", "locations": [london.pk, york.pk], "note": "Christmas Day"}
    assert staff.post(url, form).status_code == 302
    starts = dict(BankHoliday.objects.values_list("location", "starts_at"))
    assert starts[london.pk] == datetime(2026, 12, 25, tzinfo=UTC)
    assert starts[york.pk] == datetime(2026, 12, 25, 5, tzinfo=UTC)
    assert "Friday 25 December 2026" in (
        staff.get(reverse("admin:bookings_bankholiday_changelist")).content.decode()
    )


def test_bank_holiday_twice_is_refused_by_name(staff: Client) -> None:
    place = directory.location(name="Hilltop")
    BankHoliday.on(date(2026, 12, 25), place).save()
    url = reverse("admin:bookings_bankholiday_add")
    response = staff.post(url, {"day": "2026-12-25", "locations": [place.pk], "note": ""})
    assert response.status_code == 200
    assert "Hilltop" in errors(response)["locations"][0]
    assert BankHoliday.objects.count() == 1


@pytest.mark.parametrize("day", ["", "2027-02-30", "soon"])
def test_bank_holiday_on_no_day_is_refused(staff: Client, day: str) -> None:
    place = directory.location()
    url = reverse("admin:bookings_bankholiday_add")
    response = staff.post(url, {"day": day, "locations": [place.pk], "note": ""})
    assert "day" in errors(response)


def test_bank_holiday_note_can_be_corrected(staff: Client) -> None:
    row = BankHoliday.on(date(2026, 12, 25), directory.location())
    row.save()
    url = reverse("admin:bookings_bankholiday_change", args=[row.pk])
    staff.post(url, {**fields_of(staff.get(url)), "note": "Christmas"})
    row.refresh_from_db()
    assert (row.note, row.reason) == ("Christmas", Absence.Reason.HOLIDAY)


def absence_form(**fields: object) -> dict[str, object]:
    return {
        "resource": "",
        "location": "",
        "starts_at_0": "2027-01-11",
        "starts_at_1": "09:00",
        "ends_at_0": "2027-01-11",
        "ends_at_1": "12:00",
        "reason": "repair",
        "note": "",
        **fields,
    }


def test_absence_is_typed_by_the_clock_of_its_place(staff: Client) -> None:
    table = factories.equipment(directory.location(time_zone="America/New_York"))
    url = reverse("admin:bookings_absence_add")
    assert staff.post(url, absence_form(resource=table.pk)).status_code == 302
    row = Absence.objects.get()
    assert row.starts_at == datetime(2027, 1, 11, 14, tzinfo=UTC)
    change = reverse("admin:bookings_absence_change", args=[row.pk])
    form = fields_of(staff.get(change))
    assert (form["starts_at_0"], form["starts_at_1"]) == ("11/01/2027", "09:00:00")
    staff.post(change, {**form, "note": "New belt"})
    row.refresh_from_db()
    assert (row.note, row.starts_at) == ("New belt", datetime(2027, 1, 11, 14, tzinfo=UTC))


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends_at_1": "08:00"},
        {"starts_at_0": "2027-02-30"},
        {"reason": "holiday"},
        {"note": "x" * 200},
    ],
)
def test_absence_that_cannot_be_is_refused(staff: Client, wrong: dict[str, str]) -> None:
    room = factories.room(directory.location())
    url = reverse("admin:bookings_absence_add")
    response = staff.post(url, absence_form(resource=room.pk, **wrong))
    assert response.status_code == 200
    assert errors(response)
    assert not Absence.objects.exists()


def test_absence_is_of_one_thing(staff: Client) -> None:
    place = directory.location()
    room = factories.room(place)
    url = reverse("admin:bookings_absence_add")
    both = staff.post(url, absence_form(resource=room.pk, location=place.pk))
    neither = staff.post(url, absence_form())
    assert "not both" in str(errors(both))
    assert "not both" in str(errors(neither))


def test_absence_lists_what_it_clashes_with(staff: Client) -> None:
    world = factories.bookable_clinic()
    start = (now() + timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
    made = book(
        treatment=world.treatment,
        start=start,
        details=Details(name="Kit Clash", email="kit@example.org"),
        by=Actor("staff"),
        source="desk",
        override=True,
    )
    of_room = factories.absence(world.room, start, start + timedelta(hours=1))
    of_place = factories.absence(
        None, start, start + timedelta(hours=1), location=world.location, reason="other"
    )
    later = factories.absence(world.room, start + timedelta(hours=5), start + timedelta(hours=6))
    page = staff.get(reverse("admin:bookings_absence_changelist"))
    counts = {a.pk: a.clash_count for a in page.context["cl"].result_list}
    assert counts == {of_room.pk: 1, of_place.pk: 1, later.pk: 0}
    for row, clash in ((of_room, True), (of_place, True), (later, False)):
        change = reverse("admin:bookings_absence_change", args=[row.pk])
        assert (made.reference in staff.get(change).content.decode()) is clash


def visits(world: factories.World, day: datetime, count: int) -> list[str]:
    """References of booked visits at nine, ten, eleven …"""
    made = [
        book(
            treatment=world.treatment,
            start=day.replace(hour=9 + n),
            details=Details(name=f"Kit Clash {n}", email=f"kit{n}@example.org"),
            by=Actor("staff"),
            source="desk",
            override=True,
        )
        for n in range(count)
    ]
    return [visit.reference for visit in made]


JANUARY = datetime(2027, 1, 11, tzinfo=UTC)


def warning(response: object) -> str:
    found = [m for m in response.context["messages"] if m.level_tag == "warning"]
    return str(found[0]) if found else ""


def test_row_20_an_absence_that_is_saved_names_the_visits_it_meets(staff: Client) -> None:
    world = factories.bookable_clinic()
    early, late = visits(world, JANUARY, 2)
    url = reverse("admin:bookings_absence_add")
    form = absence_form(resource=world.room.pk, ends_at_1="10:00")
    said = warning(staff.post(url, form, follow=True))
    assert "meets 1 booked visit:" in said
    assert f"{early}, Kit Clash 0, Mon 11 Jan 2027, 09:00" in said
    assert late not in said
    assert reverse("desk-attention") in said


def test_of_many_visits_an_absence_names_five(staff: Client) -> None:
    world = factories.bookable_clinic()
    met = visits(world, JANUARY, 7)
    url = reverse("admin:bookings_absence_add")
    form = absence_form(location=world.location.pk, ends_at_1="17:00")
    said = warning(staff.post(url, form, follow=True))
    assert "meets 7 booked visits:" in said and "and 2 more" in said
    assert [reference in said for reference in met] == [True] * 5 + [False] * 2


def test_an_absence_that_meets_nobody_warns_of_nothing(staff: Client) -> None:
    world = factories.bookable_clinic()
    visits(world, JANUARY + timedelta(days=1), 1)
    url = reverse("admin:bookings_absence_add")
    response = staff.post(url, absence_form(resource=world.room.pk), follow=True)
    assert Absence.objects.exists()
    assert warning(response) == ""


def test_a_bank_holiday_and_an_absence_typed_at_the_room_name_them_too(staff: Client) -> None:
    world = factories.bookable_clinic()
    [reference] = visits(world, JANUARY, 1)
    url = reverse("admin:bookings_resource_change", args=[world.room.pk])
    form = fields_of(staff.get(url))
    typed = {**absence_form(), "id": "", "resource": world.room.pk}
    form |= {f"absences-0-{name}": value for name, value in typed.items() if name != "location"}
    form["absences-TOTAL_FORMS"] = "1"
    assert reference in warning(staff.post(url, form, follow=True))
    holiday = {"day": "2027-01-11", "locations": [world.location.pk], "note": ""}
    url = reverse("admin:bookings_bankholiday_add")
    assert reference in warning(staff.post(url, holiday, follow=True))


def test_hours_of_a_room_need_no_location(staff: Client) -> None:
    room = factories.room(directory.location())
    url = reverse("admin:bookings_resource_change", args=[room.pk])
    form = fields_of(staff.get(url))
    form |= {"openings-TOTAL_FORMS": "1", "openings-0-weekday": "0", "openings-0-location": ""}
    form |= {
        "openings-0-starts": "09:00",
        "openings-0-ends": "12:00",
        "openings-0-resource": room.pk,
    }
    form |= {"openings-0-every_weeks": "2", "openings-0-valid_from": "2026-01-05"}
    assert staff.post(url, form).status_code == 302
    row = Opening.objects.get()
    assert (row.location, row.every_weeks) == (room.location, 2)


def test_hours_of_a_practitioner_need_one(staff: Client) -> None:
    body = factories.body(directory.practitioner())
    form = {"resource": body.pk, "weekday": 0, "starts": "09:00", "ends": "12:00"}
    form |= {"every_weeks": 1, "valid_from": "2026-01-05"}
    response = staff.post(reverse("admin:bookings_opening_add"), form)
    assert "location" in errors(response)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [("weekly", "every week"), ("alternate", "every 2 weeks"), ("once", "once")],
)
def test_hours_are_filtered_by_how_often(staff: Client, chosen: str, words: str) -> None:
    place = directory.location()
    hours = {"location": place, "starts": "09:00", "ends": "17:00"}
    Opening.objects.create(weekday=0, **hours)
    Opening.objects.create(weekday=0, every_weeks=2, **hours)
    Opening.objects.create(on_date="2027-01-02", **hours)
    page = staff.get(reverse("admin:bookings_opening_changelist"), {"rhythm": chosen})
    [row] = page.context["cl"].result_list
    assert page.context["cl"].model_admin.rhythm(row) == words


def test_location_page_holds_its_own_hours_only(staff: Client) -> None:
    world = factories.bookable_clinic()
    url = reverse("admin:practitioners_location_change", args=[world.location.pk])
    page = staff.get(url)
    assert page.context["inline_admin_formsets"][0].formset.initial_form_count() == 7
    assert staff.post(url, fields_of(page)).status_code == 302
    assert Opening.objects.count() == 14


def test_a_practitioners_resource_is_made_nowhere_else(staff: Client) -> None:
    form = {"kind": "practitioner", "name": "Nobody", "position": 0}
    response = staff.post(reverse("admin:bookings_resource_add"), form)
    assert response.status_code == 200
    body = factories.body(directory.practitioner())
    gone = reverse("admin:bookings_resource_delete", args=[body.pk])
    assert staff.post(gone, {"post": "yes"}).status_code == 403


def test_pool_takes_rooms_and_equipment_only(staff: Client) -> None:
    room = factories.room(directory.location())
    body = factories.body(directory.practitioner())
    url = reverse("admin:bookings_pool_add")
    form = {"name": "Rooms", "slug": "rooms", "members": [room.pk, body.pk]}
    assert "members" in errors(staff.post(url, form))
    staff.post(url, {**form, "members": [room.pk]})
    assert list(Pool.objects.get().members.all()) == [room]


def test_price_is_typed_in_pounds(staff: Client) -> None:
    treatment = directory.treatment(price_pence=7050)
    url = reverse("admin:practitioners_treatment_change", args=[treatment.pk])
    form = fields_of(staff.get(url))
    assert form["price"] == "70.50"
    page = staff.post(url, {**form, "price": "72.25"}, follow=True)
    treatment.refresh_from_db()
    assert treatment.price_pence == 7225
    assert "needs no practitioner" in page.content.decode()


def test_needs_go_in_steps_of_five_minutes(staff: Client) -> None:
    treatment = directory.treatment()
    url = reverse("admin:practitioners_treatment_change", args=[treatment.pk])
    form = fields_of(staff.get(url))
    need = {"pool": "", "from_minute": "0", "to_minute": "33", "quantity": "1"}
    form |= {f"needs-0-{name}": value for name, value in need.items()}
    form["needs-TOTAL_FORMS"] = "1"
    response = staff.post(url, form)
    assert response.status_code == 200
    assert "steps of five" in response.content.decode()
    assert staff.post(url, {**form, "needs-0-to_minute": "35"}).status_code == 302


# --- lengths, homes, journeys, first visits -------------------------------------------
def saved_treatment(staff: Client, world: factories.World, **typed: object) -> object:
    """Post a treatment's page with changes; a new length is typed into the first empty row."""
    url = reverse("admin:practitioners_treatment_change", args=[world.treatment.pk])
    page = fields_of(staff.get(url))
    return staff.post(url, {**page, **typed})


def a_length(minutes: object, price: str, row: int = 0) -> dict[str, object]:
    return {
        "lengths-TOTAL_FORMS": row + 1,
        f"lengths-{row}-treatment": "",
        f"lengths-{row}-id": "",
        f"lengths-{row}-minutes": minutes,
        f"lengths-{row}-price": price,
    }


def test_another_length_is_typed_in_minutes_and_pounds(staff: Client) -> None:
    world = factories.bookable_clinic(price_pence=6000)
    assert saved_treatment(staff, world, **a_length(90, "84.50")).status_code == 302
    assert world.treatment.choices() == [(60, 6000), (90, 8450)]
    page = staff.get(reverse("admin:practitioners_treatment_change", args=[world.treatment.pk]))
    assert fields_of(page)["lengths-0-price"] == "84.50"


@pytest.mark.parametrize(
    ("minutes", "typed", "sentence"),
    [
        (60, {}, "own length"),
        (90, {"is_group": "on"}, "one length"),
        (42, {}, "steps of five"),
        (0, {}, "greater than or equal to 5"),
    ],
)
def test_a_length_that_makes_no_sense_is_refused_beside_it(
    staff: Client, minutes: int, typed: dict[str, str], sentence: str
) -> None:
    world = factories.bookable_clinic()
    page = saved_treatment(staff, world, **a_length(minutes, "10"), **typed)
    assert page.status_code == 200
    formset = next(
        f.formset for f in page.context["inline_admin_formsets"] if "lengths" in f.formset.prefix
    )
    assert sentence in str(formset.forms[0].errors)
    assert not world.treatment.lengths.exists()


def test_a_treatment_with_lengths_becomes_no_group_until_they_are_gone(staff: Client) -> None:
    world = factories.bookable_clinic()
    world.treatment.lengths.create(minutes=90, price_pence=8500)
    assert saved_treatment(staff, world, is_group="on").status_code == 200
    gone = saved_treatment(staff, world, **{"is_group": "on", "lengths-0-DELETE": "on"})
    assert gone.status_code == 302
    world.treatment.refresh_from_db()
    assert world.treatment.is_group and not world.treatment.lengths.exists()


def test_a_need_can_be_told_to_follow_the_end(staff: Client) -> None:
    world = factories.bookable_clinic()
    assert saved_treatment(staff, world, **{"needs-1-follows_end": "on"}).status_code == 302
    assert [need.follows_end for need in world.treatment.needs.order_by("pk")] == [False, True]


def test_equipment_is_told_which_room_of_its_location_it_lives_in(staff: Client) -> None:
    here, there = directory.location(name="Quayside"), directory.location(name="Hilltop")
    laser, room = factories.equipment(here), factories.room(here, name="Room 1")
    far = factories.room(there, name="Room 1")
    url = reverse("admin:bookings_resource_change", args=[laser.pk])
    page = staff.get(url)
    assert "Room 1, Quayside" in page.content.decode()
    refused = staff.post(url, {**fields_of(page), "lives_in": far.pk})
    assert errors(refused)["lives_in"] == ["Choose a room at the same location."]
    assert staff.post(url, {**fields_of(page), "lives_in": room.pk}).status_code == 302
    laser.refresh_from_db()
    assert laser.lives_in == room
    # A room and a practitioner live in none, and are not asked.
    for other in (room, factories.body(directory.practitioner())):
        change = staff.get(reverse("admin:bookings_resource_change", args=[other.pk]))
        assert "lives_in" not in fields_of(change)


def test_a_journey_stands_once_and_is_found_from_both_ends(staff: Client) -> None:
    here, there = directory.location(name="Quayside"), directory.location(name="Hilltop")
    url = reverse("admin:bookings_journey_add")
    form = fields_of(staff.get(url))
    assert (
        staff.post(url, {**form, "one": here.pk, "other": there.pk, "minutes": 30}).status_code
        == 302
    )
    for wrong in ({"one": there.pk, "other": here.pk}, {"one": here.pk, "other": here.pk}):
        assert staff.post(url, {**form, **wrong, "minutes": 20}).status_code == 200
    assert Journey.objects.get().minutes == 30
    listed = reverse("admin:bookings_journey_changelist")
    for asked in ({"q": "hilltop"}, {"q": "quayside"}, {"place": here.pk}, {"place": there.pk}):
        assert staff.get(listed, asked).context["cl"].result_count == 1
    assert staff.get(listed, {"q": "elsewhere"}).context["cl"].result_count == 0


def test_first_visits_a_day_are_set_at_the_practitioner(staff: Client) -> None:
    person = directory.practitioner()
    url = reverse("admin:practitioners_practitioner_change", args=[person.pk])
    staff.post(url, {**fields_of(staff.get(url)), "first_visits_a_day": "2"})
    person.refresh_from_db()
    assert person.first_visits_a_day == 2
