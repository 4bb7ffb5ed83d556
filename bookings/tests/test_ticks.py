"""Five-minute steps and wall clocks agree with zoneinfo, minute by minute, in awkward zones."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookings.ticks import A_DAY, Window, dates, grid, segments, wall_dates, wall_hours

from . import oracle

pytestmark = pytest.mark.once

# Zones, with the days on which their clocks change in 2027.
CHANGES = [
    ("Europe/London", date(2027, 3, 28)),
    ("Europe/London", date(2027, 10, 31)),
    ("Asia/Kolkata", date(2027, 5, 12)),
    ("America/St_Johns", date(2027, 3, 14)),
    ("America/St_Johns", date(2027, 11, 7)),
    ("Asia/Beirut", date(2027, 3, 28)),
    ("Asia/Beirut", date(2027, 10, 31)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Australia/Lord_Howe", date(2027, 10, 3)),
    ("Pacific/Kiritimati", date(2027, 1, 1)),
    ("Pacific/Pago_Pago", date(2027, 1, 1)),
]
some_change = st.sampled_from(CHANGES)
some_time = st.times().map(lambda t: t.replace(second=0, microsecond=0))


def ticks_where(window: Window, holds) -> int:
    return sum(1 << t for t in range(window.ticks) if holds(window.instant(t)))


def london(day: date) -> Window:
    return Window.around(day, day)


@settings(max_examples=150, deadline=None)
@given(some_change, st.integers(-2, 2), some_time, some_time)
def test_hours_on_a_wall_are_the_instants_at_which_the_wall_shows_them(change, shift, one, other):
    zone, changes_on = change
    day = changes_on + timedelta(days=shift)
    window = Window.around(day, day)
    starts, ends = min(one, other), max(one, other)
    if starts == ends:
        ends = time()
    # A tick is open when all of its five minutes are.
    expected = ticks_where(
        window,
        lambda at: all(
            oracle.shows(at + timedelta(minutes=m), zone, day, starts, ends) for m in range(5)
        ),
    )
    assert wall_hours(window, zone, day, starts, ends) == expected


@settings(max_examples=60, deadline=None)
@given(some_change, st.integers(-2, 1), st.integers(0, 2))
def test_local_dates_are_what_the_wall_shows(change, shift, more):
    zone, changes_on = change
    first = changes_on + timedelta(days=shift)
    last = first + timedelta(days=more)
    window = Window.around(first, last)
    expected = ticks_where(window, lambda at: first <= oracle.wall(at, zone).date() <= last)
    assert wall_dates(window, zone, first, last) == expected


@pytest.mark.parametrize("minutes", [5, 10, 15, 20, 30, 60])
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_the_grid_counts_minutes_on_the_wall(zone, day, minutes):
    window = Window.around(day, day)

    def on_grid(at: datetime) -> bool:
        there = oracle.wall(at, zone)
        return (there.hour * 60 + there.minute) % minutes == 0

    assert grid(window, zone, minutes) == ticks_where(window, on_grid)


@settings(max_examples=200, deadline=None)
@given(st.integers(-3000, 9000), st.integers(1, 3000))
def test_what_is_open_lies_wholly_within_and_what_is_taken_is_touched(start, length):
    window = Window(date(2027, 1, 4), 3)
    a = window.origin + timedelta(minutes=start)
    b = a + timedelta(minutes=length)
    five = timedelta(minutes=5)
    assert window.within(a, b) == ticks_where(window, lambda t: a <= t and t + five <= b)
    assert window.touching(a, b) == ticks_where(window, lambda t: t < b and a < t + five)


@settings(max_examples=100, deadline=None)
@given(st.datetimes(datetime(2027, 1, 1), datetime(2027, 1, 9)))
def test_floor_and_ceil_stand_on_both_sides_of_an_instant(naive):
    window, at = Window(date(2027, 1, 4), 2), naive.replace(tzinfo=UTC)
    assert window.instant(window.floor(at)) <= at < window.instant(window.floor(at) + 1)
    assert window.instant(window.ceil(at) - 1) < at <= window.instant(window.ceil(at))


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_segments_cover_the_window_and_cut_it_where_the_offset_changes(zone, day):
    window = Window.around(day, day)
    parts = segments(window, zone)
    assert [p.start for p in parts] == [0, *(p.end for p in parts[:-1])]
    assert parts[-1].end == window.ticks
    for part in parts:
        for tick in (part.start, part.end - 1):
            offset = oracle.wall(window.instant(tick), zone).utcoffset()
            assert offset == timedelta(minutes=5 * part.offset)


def test_a_window_around_a_date_holds_that_date_in_every_zone():
    day = date(2027, 6, 1)
    window = Window.around(day, day)
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert wall_dates(window, zone, day, day).bit_count() == A_DAY


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2027, 3, 28), 23), (date(2027, 6, 1), 24), (date(2027, 10, 31), 25)]
)
def test_a_day_has_23_24_or_25_hours(day, hours):
    mask = wall_dates(london(day), "Europe/London", day, day)
    assert mask.bit_count() == hours * 12


def test_the_missing_hour_has_no_ticks():
    day = date(2027, 3, 28)
    assert wall_hours(london(day), "Europe/London", day, time(1), time(2)) == 0


def test_the_repeated_hour_has_its_ticks_twice():
    day = date(2027, 10, 31)
    window = london(day)
    mask = wall_hours(window, "Europe/London", day, time(1), time(2))
    assert mask == window.within(
        datetime(2027, 10, 31, 0, tzinfo=UTC), datetime(2027, 10, 31, 2, tzinfo=UTC)
    )


def test_where_the_clock_jumps_over_midnight_the_day_begins_at_one():
    day = date(2027, 3, 28)
    window = london(day)
    mask = wall_hours(window, "Asia/Beirut", day, time(), time(2))
    assert mask == window.within(
        datetime(2027, 3, 27, 22, tzinfo=UTC), datetime(2027, 3, 27, 23, tzinfo=UTC)
    )


def test_half_an_hour_of_summer_time():
    day = date(2027, 10, 3)
    mask = wall_dates(london(day), "Australia/Lord_Howe", day, day)
    assert mask.bit_count() == A_DAY - 6


def test_dates_include_both_ends():
    assert list(dates(date(2027, 2, 28), date(2027, 3, 1))) == [
        date(2027, 2, 28),
        date(2027, 3, 1),
    ]
