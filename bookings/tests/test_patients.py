"""A guest reveals and overwrites nothing; staff decide who is one person."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from bookings import appointments
from bookings.actors import PATIENT, Actor
from bookings.errors import PatientBusy
from bookings.models import Appointment, Patient, PatientMatch, Resource, State
from bookings.models.reservations import Reservation
from bookings.patients import Details, add_guest, body_of, merge, note_matches, proved_patients
from clinic.errors import Refused

from . import factories
from .factories import World

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
TEN = datetime(2027, 1, 7, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
DESK = Actor("staff")
ANA = Details(
    name="Ana Sample",
    email="family@example.org",
    phone="+442079460123",
    date_of_birth=date(1981, 3, 27),
    access_needs="Step-free, please.",
)
BEN = Details(name="Ben Sample", email="family@example.org", phone="+442079460123")


@pytest.fixture(autouse=True)
def monday() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as now:
        yield now


@pytest.fixture
def world() -> World:
    """Two can be treated at once."""
    world = factories.bookable_clinic()
    world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    return world


def book(world: World, details: Details, start: datetime = TEN) -> Appointment:
    return appointments.book(
        treatment=world.treatment,
        start=start,
        screening=factories.passed_screening(world.screening),
        details=details,
        by=PATIENT,
        source="web",
    )


def record(patient: Patient) -> tuple:
    return Patient.objects.values_list().get(pk=patient.pk)


def matches() -> list[tuple[int, int, str]]:
    return sorted(PatientMatch.objects.values_list("newer", "older", "because"))


# --- a guest ----------------------------------------------------------------------------
def test_what_a_guest_types_changes_no_record_that_we_have(world):
    known = book(world, ANA).patient
    before = record(known)
    guest = book(
        world,
        Details(
            name="ana sample",
            email="FAMILY@example.org",
            phone="+442079460199",
            date_of_birth=date(1990, 1, 1),
            access_needs="None",
        ),
        TEN + HOUR,
    ).patient
    assert guest != known
    assert record(known) == before


def test_what_a_proved_patient_types_changes_no_record_either(world):
    known = book(world, ANA).patient
    before = record(known)
    typed = Details(
        name="Somebody Else",
        email="else@example.org",
        phone="+442079460199",
        date_of_birth=date(1990, 1, 1),
        access_needs="A lift",
        note="Hello",
        patient=known,
    )
    row = book(world, typed, TEN + HOUR)
    assert (row.patient, record(known)) == (known, before)
    assert row.note == "Hello\nAccess needs: A lift"


def test_a_family_shares_an_address_and_each_has_a_record_and_a_body(world):
    """At the same time, too: nobody is busy because a relative is."""
    ana, ben = book(world, ANA), book(world, BEN)
    assert ana.patient != ben.patient
    assert ana.patient.resource != ben.patient.resource


def test_the_same_person_as_a_guest_again_is_one_body_in_two_records(world):
    first = book(world, ANA)
    with pytest.raises(PatientBusy):
        book(world, ANA)
    second = book(world, ANA, TEN + HOUR)
    assert first.patient != second.patient
    assert first.patient.resource == second.patient.resource


@pytest.mark.parametrize(
    "left_out", [{"phone": ""}, {"date_of_birth": None}, {"name": "ANA  sample"}]
)
def test_what_is_left_out_of_a_form_does_not_make_two_bodies_of_one(world, left_out):
    book(world, ANA)
    with pytest.raises(PatientBusy):
        book(world, replace(ANA, **left_out))


def test_a_body_does_not_tell_whose_it_is(world):
    resource = book(world, ANA).patient.resource
    told = f"{resource.name} {resource.person_key}".casefold()
    assert not any(word in told for word in ("ana", "sample", "family", "0123", "1981"))


# --- matches, for staff -------------------------------------------------------------------
OTHERWISE = {"name": "Other Name", "email": "other@example.org", "phone": "+442079460177"}


@pytest.mark.parametrize(
    ("same", "because"),
    [
        ({"email": "Family@Example.org"}, "mail"),
        ({"phone": "+442079460123"}, "phone"),
        ({"name": "ANA  SAMPLE", "email": "family@example.org"}, "name, mail"),
        ({"name": "ana sample", "date_of_birth": date(1981, 3, 27)}, "name, date of birth"),
        (
            {"email": "family@example.org", "date_of_birth": date(1981, 3, 27)},
            "mail, date of birth",
        ),
    ],
)
def test_who_may_be_the_same_person_is_offered_to_staff_with_the_reason(same, because):
    older = add_guest(ANA)
    newer = add_guest(Details(**{**OTHERWISE, **same}))
    assert matches() == [(newer.pk, older.pk, because)]


@pytest.mark.parametrize(
    "details",
    [
        OTHERWISE,
        {**OTHERWISE, "name": "Ana Sample"},
        {**OTHERWISE, "date_of_birth": date(1981, 3, 27)},
        {"name": "Ana Sample"},
    ],
    ids=["nothing", "name alone", "birth date alone", "no address"],
)
def test_who_shares_too_little_is_not_offered(details):
    add_guest(ANA)
    add_guest(Details(name="Without Address"))
    add_guest(Details(**details))
    assert matches() == []


def test_each_member_of_a_family_is_offered_once():
    ana, ben = add_guest(ANA), add_guest(BEN)
    cleo = add_guest(Details(name="Cleo Sample", email="family@example.org"))
    note_matches(cleo)
    pairs = [(newer, older) for newer, older, _because in matches()]
    assert pairs == [(ben.pk, ana.pk), (cleo.pk, ana.pk), (cleo.pk, ben.pk)]


def test_a_crowd_at_one_address_is_offered_in_part():
    for number in range(12):
        add_guest(Details(name=f"Guest {number}", email="crowd@example.org"))
    newest = Patient.objects.latest("pk")
    assert newest.matches_as_newer.count() == 10


def test_a_record_that_was_merged_is_offered_no_more():
    ana, twin = add_guest(ANA), add_guest(ANA)
    merge(keep=ana, duplicate=twin, by=DESK)
    newer = add_guest(BEN)
    assert [m.older for m in newer.matches_as_newer.all()] == [ana]


# --- merging ------------------------------------------------------------------------------
@pytest.fixture
def pair(world: World) -> tuple[Appointment, Appointment]:
    """Ana, and Ana again with another address."""
    again = Details(name="Ana Sample", email="ana@example.org", phone="+442079460123")
    return book(world, ANA), book(world, again, TEN + HOUR)


def test_a_merge_moves_every_appointment_and_the_time_of_the_body(world, pair):
    keep, duplicate = pair[0].patient, pair[1].patient
    cancelled = book(world, Details(patient=duplicate), TEN + 2 * HOUR)
    appointments.cancel(cancelled, by=DESK)
    merge(keep=keep, duplicate=duplicate, by=DESK)
    assert set(keep.appointments.all()) == {*pair, cancelled}
    assert not duplicate.appointments.exists()
    body = Reservation.objects.filter(resource__kind=Resource.Kind.PERSON)
    assert sorted(body.values_list("resource", "starts_at")) == [
        (keep.resource_id, TEN),
        (keep.resource_id, TEN + HOUR),
    ]
    with pytest.raises(PatientBusy):
        book(world, Details(patient=keep), TEN + HOUR)


def test_a_merge_fills_what_was_not_known_and_overwrites_nothing():
    known = {"email": "a@example.org", "phone": "", "date_of_birth": None, "access_needs": ""}
    keep = factories.patient(**known, name="Ana Sample", staff_note="Comes by bus.")
    duplicate = factories.patient(
        name="A. Sample",
        email="b@example.org",
        phone="+442079460123",
        date_of_birth=date(1981, 3, 27),
        access_needs="Loop",
        staff_note="Likes mornings.",
    )
    merge(keep=keep, duplicate=duplicate, by=DESK)
    kept = Patient.objects.get(pk=keep.pk)
    assert (kept.name, kept.email) == ("Ana Sample", "a@example.org")
    assert (kept.phone, kept.access_needs) == ("+442079460123", "Loop")
    assert kept.date_of_birth == date(1981, 3, 27)
    assert kept.staff_note.splitlines()[:2] == ["Comes by bus.", "Likes mornings."]
    assert "2027-01-04" in kept.staff_note


def test_a_mail_address_is_taken_over_with_its_proof():
    keep = factories.patient(email="", email_proved_at=None)
    duplicate = factories.patient(email="b@example.org", email_proved_at=NOW)
    merge(keep=keep, duplicate=duplicate, by=DESK)
    kept = Patient.objects.get(pk=keep.pk)
    assert (kept.email, kept.email_proved_at) == ("b@example.org", NOW)


def test_a_merge_of_two_who_are_booked_at_once_is_refused_and_changes_nothing(world):
    keep, duplicate = book(world, ANA).patient, book(world, BEN).patient
    book(world, Details(patient=duplicate), TEN + HOUR)
    rows = Patient, Appointment, Reservation, PatientMatch
    before = [list(row.objects.order_by("pk").values_list()) for row in rows]
    with pytest.raises(Refused) as refused:
        merge(keep=keep, duplicate=duplicate, by=DESK)
    assert refused.value.code == "patient_busy"
    assert [list(row.objects.order_by("pk").values_list()) for row in rows] == before


def test_visits_one_after_the_other_or_given_back_do_not_stop_a_merge(world):
    keep, twin = book(world, ANA), book(world, BEN)
    appointments.cancel(twin, by=DESK)
    merge(keep=keep.patient, duplicate=twin.patient, by=DESK)
    assert keep.patient.appointments.filter(state=State.BOOKED).get() == keep


def test_two_records_of_one_body_are_merged_without_touching_its_time(world):
    first, second = book(world, ANA), book(world, ANA, TEN + HOUR)
    before = list(Reservation.objects.order_by("pk").values_list())
    merge(keep=second.patient, duplicate=first.patient, by=DESK)
    assert list(Reservation.objects.order_by("pk").values_list()) == before
    assert second.patient.appointments.count() == 2


def test_only_two_records_that_stand_are_merged(world, pair):
    keep, duplicate = pair[0].patient, pair[1].patient
    merge(keep=keep, duplicate=duplicate, by=DESK)
    third = factories.patient()
    for one, other in ((keep, keep), (keep, duplicate), (third, duplicate), (duplicate, third)):
        with pytest.raises(Refused) as refused:
            merge(keep=one, duplicate=other, by=DESK)
        assert refused.value.code == "not_two_records"


def test_a_merge_answers_the_question_whether_they_are_one(world, pair):
    merge(keep=pair[0].patient, duplicate=pair[1].patient, by=DESK)
    assert PatientMatch.objects.get().state == PatientMatch.State.MERGED


def test_open_questions_about_the_duplicate_are_asked_about_the_one_kept():
    """Nobody can answer them any more about a record that is merged."""
    ana, stranger = add_guest(ANA), factories.patient(email="ana@example.org", phone="")
    twin = add_guest(Details(name="Ana Sample", email="ana@example.org", phone="+442079460123"))
    later = add_guest(Details(name="A. S.", email="ana@example.org"))
    merge(keep=ana, duplicate=twin, by=DESK)
    still_open = PatientMatch.objects.filter(state=PatientMatch.State.OPEN)
    pairs = {frozenset(pair) for pair in still_open.values_list("newer", "older")}
    assert pairs == {
        frozenset(pair)
        for pair in ((ana.pk, stranger.pk), (ana.pk, later.pk), (later.pk, stranger.pk))
    }
    assert len(pairs) == still_open.count()


def test_what_staff_said_of_the_one_kept_is_not_asked_again():
    ana = add_guest(ANA)
    ben = add_guest(BEN)
    PatientMatch.objects.update(state=PatientMatch.State.DIFFERENT)
    twin = add_guest(ANA)
    merge(keep=ana, duplicate=twin, by=DESK)
    assert not PatientMatch.objects.filter(state=PatientMatch.State.OPEN).exists()
    assert PatientMatch.objects.get(newer=ben, older=ana).state == PatientMatch.State.DIFFERENT


# --- who a proved address may be ------------------------------------------------------------
def test_a_proved_address_opens_the_records_of_those_who_were_or_are_due_here(world):
    ana, ben = book(world, ANA).patient, book(world, BEN).patient
    never = add_guest(Details(name="Never Here", email="family@example.org"))
    gone = book(world, Details(name="Gave Up", email="family@example.org"), TEN + HOUR)
    appointments.cancel(gone, by=PATIENT)
    other = book(world, Details(name="Dee", email="dee@example.org"), TEN + HOUR).patient
    assert proved_patients("FAMILY@example.org") == [ana, ben]
    assert not {never, gone.patient, other} & set(proved_patients("family@example.org"))


def test_a_merged_record_is_behind_no_address(world, pair):
    keep, duplicate = pair[0].patient, pair[1].patient
    assert proved_patients("ana@example.org") == [duplicate]
    merge(keep=keep, duplicate=duplicate, by=DESK)
    assert proved_patients("ana@example.org") == []
    assert proved_patients("family@example.org") == [keep]


def test_a_record_without_a_body_gets_one_once():
    patient = factories.patient(resource=None)
    assert body_of(patient) == body_of(Patient.objects.get(pk=patient.pk))
