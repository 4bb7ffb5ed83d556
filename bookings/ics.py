"""An appointment as a calendar entry (RFC 5545, RFC 5546). Pure.

Times are in UTC: every calendar shows them in its owner's zone, and no time zone table has to
travel along. The words are neutral; whoever looks at the phone's lock screen learns no more
than when and where.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from icalendar import Alarm, Calendar, Event, vCalAddress, vText

PUBLISH, REQUEST, CANCEL = "PUBLISH", "REQUEST", "CANCEL"
PRODUCT = "-//Clinic bookings//EN"
# icalendar escapes line breaks, but lets these through (measured on 7.3.0).
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")


@dataclass(frozen=True)
class Entry:
    """One entry; instants aware and in UTC, `alarm_minutes` before the start (0: none)."""

    uid: str
    sequence: int
    stamp: datetime
    starts_at: datetime
    ends_at: datetime
    summary: str
    location: str = ""
    description: str = ""
    url: str = ""
    organizer: tuple[str, str] = ("", "")
    attendee: tuple[str, str] = ("", "")
    alarm_minutes: int = 60
    cancelled: bool = False


def clean(text: str) -> str:
    """Text that no calendar trips over: no control characters, no exotic line ends."""
    return _UNSAFE.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def calendar(entries: list[Entry], method: str = PUBLISH, name: str = "") -> bytes:
    """A whole VCALENDAR in UTF-8 with CRLF line ends."""
    cal = Calendar()
    cal.add("prodid", PRODUCT)
    cal.add("version", "2.0")
    cal.add("calscale", "GREGORIAN")
    cal.add("method", method)
    if name:
        # By itself icalendar escapes the values of the properties that it knows, and no others.
        cal.add("name", vText(clean(name)))
        cal.add("x-wr-calname", vText(clean(name)))
        cal.add("refresh-interval", timedelta(minutes=30), parameters={"VALUE": "DURATION"})
    for entry in entries:
        cal.add_component(_event(entry, method))
    return cal.to_ical()


def _address(mail: str, name: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{mail}")
    if name:
        # A quote would end the parameter's value.
        address.params["CN"] = vText(clean(name).replace('"', "’").replace("\n", " "))
    return address


def _event(entry: Entry, method: str) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.stamp)
    event.add("dtstart", entry.starts_at)
    event.add("dtend", entry.ends_at)
    event.add("summary", clean(entry.summary))
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE")
    for key, value in (("location", entry.location), ("description", entry.description)):
        if value:
            event.add(key, clean(value))
    if entry.url:
        event.add("url", entry.url)
    if entry.organizer[0]:
        event.add("organizer", _address(*entry.organizer), encode=False)
    # A published entry invites nobody (RFC 5546, 3.2.1).
    if entry.attendee[0] and method != PUBLISH:
        guest = _address(*entry.attendee)
        guest.params.update({"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
        event.add("attendee", guest, encode=False)
    if entry.alarm_minutes and not entry.cancelled:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", clean(entry.summary))
        alarm.add("trigger", -timedelta(minutes=entry.alarm_minutes))
        event.add_component(alarm)
    return event
