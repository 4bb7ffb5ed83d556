"""Calendar entries, read back by two parsers that share no code: icalendar and vobject."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
import vobject
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar, Event

from bookings import appointments, ics, notifications
from bookings.actors import Actor
from bookings.messages import calendar_entry, render
from bookings.models import Appointment, Kind
from practitioners.models import Clinic

from . import factories

DESK = Actor("staff")
MONDAY = datetime(2027, 1, 4, 8, tzinfo=UTC)
THURSDAY = datetime(2027, 1, 7, 10, tzinfo=UTC)
ENTRY = ics.Entry(
    uid="K7MP4QXR@example.org",
    sequence=3,
    stamp=MONDAY,
    starts_at=THURSDAY,
    ends_at=THURSDAY + timedelta(minutes=75),
    summary="Appointment, Tidewell Clinic",
    location="Tidewell Quayside, 1 Quay Street",
    description="With Ana Okafor.",
    url="https://clinic.example.org/appointments/x/",
    organizer=("clinic@example.org", "Tidewell Clinic"),
    attendee=("pat@example.org", "Pat Sample"),
)
AWKWARD = [
    "Commas, semicolons; back\\slashes: and \\n that is no line break",
    "Two\nlines, and\r\na third",
    'Quotes "in" it, and ‘these’',
    "محمد بن عبد الله العربي " * 6,
    "👩‍👩‍👧‍👦🏳️‍🌈" * 12,
    "é" * 200,
    "Ngọc-Ánh Õunapuu-Þórsdóttir O’Dé",
    "BEGIN:VEVENT\r\nSUMMARY:mine\r\nEND:VEVENT",
    "x" * 75,
    "{name} %s =?utf-8?q?no?=",
]


def read(raw: bytes) -> tuple[Event, vobject.base.Component]:
    """The one event of a file, as each parser understands it."""
    [event] = Calendar.from_ical(raw).walk("VEVENT")
    other = vobject.readOne(raw.decode())
    [_only] = other.vevent_list
    return event, other.vevent


def lines(raw: bytes) -> list[bytes]:
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    return raw.split(b"\r\n")


# --- the file ---------------------------------------------------------------------------
def test_row_49_two_parsers_read_the_same_facts():
    event, other = read(ics.calendar([ENTRY], ics.REQUEST))
    assert event["UID"] == other.uid.value == ENTRY.uid
    assert event["SEQUENCE"] == int(other.sequence.value) == 3
    assert event.decoded("DTSTAMP") == other.dtstamp.value == MONDAY
    assert event.decoded("DTSTART") == other.dtstart.value == THURSDAY
    assert event.decoded("DTEND") == other.dtend.value == ENTRY.ends_at
    assert event["SUMMARY"] == other.summary.value == ENTRY.summary
    assert event["LOCATION"] == other.location.value == ENTRY.location
    assert event["DESCRIPTION"] == other.description.value == ENTRY.description
    assert event["URL"] == other.url.value == ENTRY.url
    assert event["STATUS"] == other.status.value == "CONFIRMED"
    assert event["CLASS"] == other.contents["class"][0].value == "PRIVATE"
    assert event["ORGANIZER"] == other.organizer.value == "mailto:clinic@example.org"
    assert event["ATTENDEE"] == other.attendee.value == "mailto:pat@example.org"


def test_times_are_utc_in_the_file_itself():
    raw = ics.calendar([ENTRY]).decode()
    assert "DTSTART:20270107T100000Z\r\n" in raw
    assert "DTEND:20270107T111500Z\r\n" in raw
    assert "DTSTAMP:20270104T080000Z\r\n" in raw
    assert "TZID" not in raw


def test_an_alarm_an_hour_before():
    event, other = read(ics.calendar([ENTRY]))
    [alarm] = event.walk("VALARM")
    assert alarm.decoded("TRIGGER") == other.valarm.trigger.value == timedelta(hours=-1)
    assert alarm["ACTION"] == other.valarm.action.value == "DISPLAY"
    assert alarm["DESCRIPTION"] == ENTRY.summary


def test_a_cancelled_entry_rings_no_alarm():
    event, other = read(ics.calendar([replace(ENTRY, cancelled=True)], ics.CANCEL))
    assert event["STATUS"] == other.status.value == "CANCELLED"
    assert not event.walk("VALARM") and not hasattr(other, "valarm")


@pytest.mark.parametrize("method", [ics.REQUEST, ics.CANCEL, ics.PUBLISH])
def test_the_file_says_its_method_and_only_an_invitation_has_guests(method):
    raw = ics.calendar([ENTRY], method)
    assert Calendar.from_ical(raw)["METHOD"] == vobject.readOne(raw.decode()).method.value == method
    assert ("ATTENDEE" in read(raw)[0]) == (method != ics.PUBLISH)
    assert Calendar.from_ical(raw)["VERSION"] == "2.0"
    assert Calendar.from_ical(raw)["PRODID"]


@pytest.mark.parametrize("words", AWKWARD)
def test_row_49_awkward_words_come_back_whole_from_both(words):
    entry = replace(ENTRY, summary=words, location=words, description=words)
    event, other = read(ics.calendar([entry], ics.REQUEST))
    meant = ics.clean(words)
    assert event["SUMMARY"] == event["LOCATION"] == event["DESCRIPTION"] == meant
    assert other.summary.value == other.location.value == other.description.value == meant


@pytest.mark.parametrize("words", AWKWARD)
def test_row_49_a_calendars_own_name_is_escaped_as_a_summary_is(words):
    raw = ics.calendar([replace(ENTRY, summary=words)], name=words).replace(b"\r\n ", b"")
    said = dict(line.split(b":", 1) for line in lines(raw) if line)
    assert said[b"NAME"] == said[b"X-WR-CALNAME"] == said[b"SUMMARY"]


@pytest.mark.parametrize("name", AWKWARD)
def test_row_49_awkward_names_stay_in_their_parameter(name):
    entry = replace(ENTRY, attendee=("pat@example.org", name), organizer=("c@example.org", name))
    event, other = read(ics.calendar([entry], ics.REQUEST))
    assert event["ATTENDEE"] == other.attendee.value == "mailto:pat@example.org"
    assert event["ORGANIZER"] == other.organizer.value == "mailto:c@example.org"
    meant = ics.clean(name).replace('"', "’").replace("\n", " ")
    assert event["ATTENDEE"].params["CN"] == meant
    assert other.attendee.params["CN"] == [meant]
    assert event["ATTENDEE"].params["ROLE"] == other.attendee.params["ROLE"][0] == "REQ-PARTICIPANT"
    assert event["SUMMARY"] == other.summary.value == ENTRY.summary


@pytest.mark.parametrize("words", AWKWARD)
def test_row_49_lines_are_folded_at_75_octets_and_never_inside_a_character(words):
    entry = replace(
        ENTRY, summary=words, location=words, description=words, attendee=("p@example.org", words)
    )
    for line in lines(ics.calendar([entry], ics.REQUEST, name=words)):
        assert len(line) <= 75
        line.decode()


def test_row_49_no_control_character_and_no_exotic_line_end_gets_in():
    words = "a" + "a".join(map(chr, [*range(32), 0x7F, 0x85, 0x2028, 0x2029]))
    entry = replace(ENTRY, summary=words, location=words, attendee=("p@example.org", words))
    raw = ics.calendar([entry], ics.REQUEST).decode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]", raw)
    assert len(lines(raw.encode())) == len(raw.splitlines()) + 1


@given(st.text(), st.text(), st.text())
def test_row_49_whatever_is_written_the_entry_stays_one_entry(summary, location, name):
    entry = replace(ENTRY, summary=summary, location=location, attendee=("p@example.org", name))
    raw = ics.calendar([entry], ics.REQUEST)
    [event] = Calendar.from_ical(raw).walk("VEVENT")
    assert (event["UID"], event["STATUS"], event["SEQUENCE"]) == (ENTRY.uid, "CONFIRMED", 3)
    assert event["SUMMARY"] == ics.clean(summary)
    assert all(len(line) <= 75 for line in lines(raw))


# --- an appointment's entry -----------------------------------------------------------------
@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


def booked(start: datetime = THURSDAY, **world: object) -> Appointment:
    return appointments.book(
        treatment=factories.bookable_clinic(starts=datetime.min.time(), **world).treatment,
        start=start,
        details=appointments.Details(name="Pat Sample", email="pat@example.org"),
        by=DESK,
        source="desk",
        override=True,
    )


def mailed(appointment: Appointment, kind: str) -> tuple[str, Event, vobject.base.Component]:
    """The calendar entry in the mail of that kind, as it would be sent now."""
    message = render(appointment.notifications.filter(kind=kind).latest("pk"))
    method = str(Calendar.from_ical(message.calendar)["METHOD"])
    assert method == message.method
    return method, *read(message.calendar)


@pytest.mark.django_db
def test_confirmation_change_and_cancellation_speak_of_one_entry(clock):
    visit = booked()
    method, event, other = mailed(visit, Kind.CONFIRMATION)
    assert (method, event["STATUS"]) == ("REQUEST", "CONFIRMED")
    uid, sequence, stamp = event["UID"], event["SEQUENCE"], event.decoded("DTSTAMP")
    assert other.uid.value == uid

    clock.shift(timedelta(hours=1))
    visit = appointments.reschedule(visit, start=THURSDAY + timedelta(hours=3), by=DESK)
    method, event, other = mailed(visit, Kind.CHANGE)
    assert (method, event["STATUS"], event["UID"]) == ("REQUEST", "CONFIRMED", uid)
    assert event.decoded("DTSTART") == other.dtstart.value == THURSDAY + timedelta(hours=3)
    assert event["SEQUENCE"] == int(other.sequence.value) > sequence
    assert event.decoded("DTSTAMP") > stamp
    sequence = event["SEQUENCE"]

    visit = appointments.cancel(visit, by=DESK)
    method, event, other = mailed(visit, Kind.CANCELLATION)
    assert (method, event["STATUS"], event["UID"]) == ("CANCEL", "CANCELLED", uid)
    assert (other.status.value, other.uid.value) == ("CANCELLED", uid)
    assert event["SEQUENCE"] == int(other.sequence.value) > sequence
    # RFC 5546, 3.2.5: a cancellation names organiser and guest, or no program takes it.
    assert event["ORGANIZER"] and event["ATTENDEE"]


@pytest.mark.django_db
def test_a_reminder_leaves_the_calendar_alone(clock):
    visit = booked()
    notifications.resend_confirmation(visit)
    assert mailed(visit, Kind.CONFIRMATION)[1]["SEQUENCE"] == 0
    for row in visit.notifications.filter(kind=Kind.REMINDER):
        assert render(row).calendar == b""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wall", "offset"),
    [
        ("2027-01-07T10:00", 0),
        ("2027-07-08T10:00", 1),
        ("2027-03-28T00:30", 0),  # the clocks go forward at one, under the visit
        ("2027-10-31T01:30", 1),  # the first half past one of the day that has two
    ],
)
def test_summer_and_winter_are_read_back_as_the_walls_time(clock, wall, offset):
    clock.move_to(datetime.fromisoformat(wall).replace(tzinfo=UTC) - timedelta(days=3))
    start = datetime.fromisoformat(wall).replace(tzinfo=UTC) - timedelta(hours=offset)
    visit = booked(start)
    event, other = read(ics.calendar([calendar_entry(visit, Clinic.current())]))
    for read_back, end in (
        (event.decoded("DTSTART"), event.decoded("DTEND")),
        (other.dtstart.value, other.dtend.value),
    ):
        there = read_back.astimezone(ZoneInfo("Europe/London"))
        assert there.isoformat(timespec="minutes") == f"{wall}+0{offset}:00"
        assert end.astimezone(UTC) - read_back.astimezone(UTC) == timedelta(minutes=60)


@pytest.mark.django_db
def test_the_entry_says_where_and_with_whom_and_not_what_for(clock):
    visit = booked(location={"street": "1, Quay; Street"})
    event, other = read(ics.calendar([calendar_entry(visit, Clinic.current())], ics.REQUEST))
    assert event["SUMMARY"] == other.summary.value == "Appointment, Tidewell Clinic"
    assert other.location.value == event["LOCATION"]
    assert event["LOCATION"] == f"Tidewell Quayside, {visit.location.address}"
    assert "Ana Okafor" in event["DESCRIPTION"] and visit.reference in event["DESCRIPTION"]
    assert event["URL"] == f"http://localhost:8000{visit.get_absolute_url()}"
    assert event["UID"].startswith(visit.reference)
    raw = event.to_ical().decode()
    assert visit.treatment_name not in raw and "Acupuncture" not in raw
