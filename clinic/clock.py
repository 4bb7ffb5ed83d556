"""The one clock of the house, and the way from instants to a wall and back.

Instants are aware datetimes in UTC. A wall time is what a clock on the wall of a location
shows; it exists only together with a zone.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return timezone.now().astimezone(UTC)


def local(instant: datetime, zone: str) -> datetime:
    """The instant as the wall clock of `zone` (an IANA name) shows it."""
    return instant.astimezone(ZoneInfo(zone))


def today(zone: str) -> date:
    """The date it is now in `zone`."""
    return local(now(), zone).date()


def midnight(day: date, zone: str) -> datetime:
    """The first instant, in UTC, of `day` in `zone`.

    Where the clocks jump over midnight (Beirut in spring) that is the instant of the jump.
    """
    there = ZoneInfo(zone)
    instant = datetime(day.year, day.month, day.day, tzinfo=there).astimezone(UTC)
    # In a gap the wall time is shifted forwards by the jump: walk back to the jump itself.
    while (instant - timedelta(minutes=5)).astimezone(there).date() == day:
        instant -= timedelta(minutes=5)
    return instant


def at_wall(day: date, at: time, zone: str) -> datetime | None:
    """The first instant at which the wall of `zone` shows this date and time.

    None if it never does: in the hour that the clocks skip, beyond the ends of the calendar.
    """
    try:
        there = datetime.combine(day, at, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        shown = local(there, zone).replace(tzinfo=None)
    except OverflowError:
        return None
    return there if shown == datetime.combine(day, at) else None


def same_wall_time_days_before(instant: datetime, days: int, zone: str) -> datetime:
    """The instant at which the wall of `zone` showed the same time `days` days earlier.

    A time that the clocks skipped becomes the same distance past the jump; one that they
    showed twice is the first of the two.
    """
    wall = local(instant, zone)
    return (wall - timedelta(days=days)).replace(fold=0).astimezone(UTC)


def validate_zone(name: str) -> None:
    """Refuse a name that is no IANA time zone (ValidationError)."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValidationError(_("“%(name)s” is not a time zone."), params={"name": name}) from None
