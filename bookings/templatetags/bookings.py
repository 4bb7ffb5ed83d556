"""Filters that write instants as the wall of a location shows them."""

import math
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import template
from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext as _

from bookings.availability import Day
from bookings.models import Appointment
from clinic import clock
from clinic.phones import readable
from practitioners.models import Location

if TYPE_CHECKING:
    from bookings.views.calendar_board import Board

register = template.Library()


@register.filter
def time_at(instant: datetime, location: Location) -> str:
    """“14:30”; with the zone's letters on a clock that shows it twice, or is not the clinic's."""
    wall = clock.local(instant, location.time_zone)
    text = formats.date_format(wall.replace(tzinfo=None), "H:i")
    twice = wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset()
    elsewhere = location.time_zone != settings.TIME_ZONE
    return f"{text} {wall.tzname()}" if twice or elsewhere else text


@register.filter
def day_at(instant: datetime, location: Location) -> str:
    """“Monday 11 January 2027”."""
    return formats.date_format(clock.local(instant, location.time_zone).date(), "l j F Y")


@register.filter
def short_day_at(instant: datetime, location: Location) -> str:
    """“Today”, “Tomorrow” or “Mon 11 Jan”."""
    day = clock.local(instant, location.time_zone).date()
    today = clock.today(location.time_zone)
    if day == today:
        return _("Today")
    if day == today + timedelta(days=1):
        return _("Tomorrow")
    return formats.date_format(day, "D j M")


@register.filter
def iso_at(instant: datetime, location: Location) -> str:
    """For a `datetime` attribute: ISO 8601 with the location's offset."""
    return clock.local(instant, location.time_zone).isoformat()


@register.filter
def iso_date(day: date) -> str:
    return day.isoformat()


@register.filter
def minutes_left(instant: datetime, since: datetime) -> int:
    """Whole minutes from `since` to `instant`, at least 0 and at most 10 (the reveal classes)."""
    return max(0, min(10, int((instant - since).total_seconds() // 60)))


@register.filter
def within_hours(instant: datetime, hours: int) -> bool:
    """Whether less than so many hours are left until `instant`."""
    return clock.now() >= instant - timedelta(hours=hours)


@register.filter
def phone(number: str) -> str:
    """A stored number as people read it."""
    return readable(number)


@register.filter
def call_us(appointment: Appointment, clinic_phone: str) -> str:
    """The number to call about an appointment: its location's, else the clinic's."""
    return appointment.location.phone or clinic_phone


@register.simple_tag
def look(board: "Board", **changes: Any) -> str:
    """The calendar's address with something else in it; a date may be given as one."""
    said = {n: v.isoformat() if isinstance(v, date) else v for n, v in changes.items()}
    return board.url(**said)


@register.filter
def quarters(day: Day) -> int:
    """How full a day is, in quarters: 0 only when nothing is taken, 4 only when nothing is left."""
    if not day.starts:
        return 4
    return min(math.ceil(day.taken_share * 4), 3)


@register.filter
def fullness(day: Day) -> str:
    """The same in words."""
    return (
        _("nothing taken yet"),
        _("up to a quarter taken"),
        _("up to half taken"),
        _("mostly taken"),
        _("full"),
    )[quarters(day)]


@register.filter
def opens(first: date, end: date) -> str:
    """How a span of days begins when its end is said in full: “5”, or “28 December”."""
    same = (first.year, first.month) == (end.year, end.month)
    return formats.date_format(first, "j" if same else "j F")
