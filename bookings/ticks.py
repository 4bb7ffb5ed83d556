"""Ticks: five-minute steps of UTC, and how a wall clock's hours fall on them. Pure.

A window is a run of ticks that begins at a midnight in UTC. Every function that returns hours
returns them as one integer, a bit a tick, lowest bit first.

Hours on a wall hold for exactly those instants at which the wall shows a time within them: in
the spring gap there are fewer such instants, in the repeated hour of autumn each comes twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

MINUTES = 5
A_DAY = 24 * 60 // MINUTES
_TICK = timedelta(minutes=MINUTES)


@dataclass(frozen=True)
class Segment:
    """A stretch [start, end) of a window's ticks in which a zone's offset does not change.

    `offset` is that offset in ticks: the wall shows tick t as t + offset.
    """

    start: int
    end: int
    offset: int


@dataclass(frozen=True)
class Window:
    """`days` whole UTC days from midnight UTC of `first`."""

    first: date
    days: int

    @classmethod
    def around(cls, first: date, last: date) -> "Window":
        """One that holds the local dates first..last of every zone on earth, with room for
        set-up before and clean-up behind."""
        return cls(first - timedelta(days=2), (last - first).days + 5)

    @cached_property
    def origin(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        return self.origin + timedelta(days=self.days)

    @property
    def ticks(self) -> int:
        return self.days * A_DAY

    @property
    def all(self) -> int:
        """Every tick of the window."""
        return (1 << self.ticks) - 1

    def floor(self, instant: datetime) -> int:
        """The tick that `instant` lies in (may be outside the window)."""
        return (instant - self.origin) // _TICK

    def ceil(self, instant: datetime) -> int:
        """The first tick that begins at or after `instant`."""
        return -((self.origin - instant) // _TICK)

    def instant(self, tick: int) -> datetime:
        """The instant, in UTC, at which a tick begins."""
        return self.origin + tick * _TICK

    def clip(self, start: int, end: int) -> int:
        """Bits [start, end), as far as they lie in the window."""
        start, end = max(start, 0), min(end, self.ticks)
        return ((1 << (end - start)) - 1) << start if start < end else 0

    def within(self, start: datetime, end: datetime) -> int:
        """The ticks that lie wholly in [start, end): what is open."""
        return self.clip(self.ceil(start), self.floor(end))

    def touching(self, start: datetime, end: datetime) -> int:
        """The ticks that [start, end) touches: what is taken."""
        return self.clip(self.floor(start), self.ceil(end))


@lru_cache(maxsize=256)
def segments(window: Window, zone: str) -> tuple[Segment, ...]:
    """The window cut where the zone's clocks change."""
    there = ZoneInfo(zone)

    def offset(tick: int) -> timedelta:
        return window.instant(tick).astimezone(there).utcoffset() or timedelta()

    cuts = [0]
    step = A_DAY // 4
    for tick in range(0, window.ticks, step):
        low, high = tick, min(tick + step, window.ticks)
        if offset(low) == offset(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        cuts.append(high)
    ends = [*cuts[1:], window.ticks]
    return tuple(Segment(a, b, offset(a) // _TICK) for a, b in zip(cuts, ends, strict=True))


# The same hours and dates are asked for again and again until the window moves on, at midnight.
@lru_cache(maxsize=1024)
def wall_hours(window: Window, zone: str, day: date, starts: time, ends: time) -> int:
    """Ticks at which the wall of `zone` shows `day` and a time in [starts, ends).

    `ends` of 00:00 is midnight at the end of the day.
    """
    base = (day - window.first).days * A_DAY
    first, last = _hours(starts, ends)
    return _on_the_wall(window, segments(window, zone), base + first, base + last)


@lru_cache(maxsize=1024)
def wall_dates(window: Window, zone: str, first: date, last: date) -> int:
    """Ticks whose local date in `zone` is one of first..last."""
    start = (first - window.first).days * A_DAY
    return _on_the_wall(
        window, segments(window, zone), start, ((last - window.first).days + 1) * A_DAY
    )


def _on_the_wall(window: Window, parts: tuple[Segment, ...], first: int, last: int) -> int:
    mask = 0
    for part in parts:
        start, end = max(first - part.offset, part.start), min(last - part.offset, part.end)
        mask |= window.clip(start, end)
    return mask


@lru_cache(maxsize=1024)
def weekly(
    window: Window,
    zone: str,
    first: date,
    last: date,
    *,
    weekday: int,
    every: int,
    anchor: date,
    starts: time,
    ends: time,
) -> int:
    """Ticks of hours that come on a weekday, from date `first` to `last`, every so many weeks.

    Weeks are counted from the Monday of the week of `anchor`.
    """
    monday = anchor - timedelta(days=anchor.weekday())
    first = max(first, window.first - timedelta(days=1))
    last = min(last, window.first + timedelta(days=window.days))
    ahead = (monday + timedelta(days=weekday) - first).days % (7 * every)
    from_tick, to_tick = _hours(starts, ends)
    mask = 0
    parts = segments(window, zone)
    day, end = (first - window.first).days + ahead, (last - window.first).days
    while day <= end:
        mask |= _on_the_wall(window, parts, day * A_DAY + from_tick, day * A_DAY + to_tick)
        day += 7 * every
    return mask


@lru_cache(maxsize=256)
def daily(window: Window, zone: str, starts: time, ends: time) -> int:
    """Ticks at which the wall shows a time in [starts, ends), on every date."""
    from_tick, to_tick = _hours(starts, ends)
    mask = 0
    parts = segments(window, zone)
    for day in range(-1, window.days + 1):
        mask |= _on_the_wall(window, parts, day * A_DAY + from_tick, day * A_DAY + to_tick)
    return mask


def _hours(starts: time, ends: time) -> tuple[int, int]:
    """Hours as ticks of a day; what is no multiple of five minutes is narrowed to those."""
    first = -(-(starts.hour * 60 + starts.minute) // MINUTES)
    last = (ends.hour * 60 + ends.minute) // MINUTES if ends != time() else A_DAY
    return first, last


@lru_cache(maxsize=256)
def grid(window: Window, zone: str, minutes: int) -> int:
    """Ticks at which the wall shows a multiple of `minutes` past midnight."""
    every = minutes // MINUTES
    mask = 0
    for part in segments(window, zone):
        phase = -(part.start + part.offset) % every
        count = -(-(part.end - part.start - phase) // every)
        if count > 0:
            comb = ((1 << (every * count)) - 1) // ((1 << every) - 1)
            mask |= comb << (part.start + phase)
    return mask


def dates(first: date, last: date) -> Iterator[date]:
    """Each date from first to last, both included."""
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)
