"""The judges of pure modules are no rubber stamps: each finds a fault that is put in on purpose."""

from dataclasses import replace
from datetime import date, time

import pytest

from bookings import ics, ticks

from . import test_ics, test_ticks


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What was reckoned before hides no fault, and what a fault reckoned outlives it nowhere."""

    def forget():
        for made in vars(ticks).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()

    forget()
    yield
    forget()


def no_change_of_clocks(window, zone, real=ticks.segments):
    """The whole window has the offset that it begins with."""
    first = real(window, zone)[0]
    return [replace(first, end=window.ticks)]


def test_control_an_engine_that_knows_no_summer_time_is_caught(monkeypatch):
    monkeypatch.setattr(ticks, "segments", no_change_of_clocks)
    with pytest.raises(AssertionError):
        test_ticks.test_local_dates_are_what_the_wall_shows()
    hours = test_ticks.test_hours_on_a_wall_are_the_instants_at_which_the_wall_shows_them
    with pytest.raises(AssertionError):
        hours.hypothesis.inner_test(("Europe/London", date(2027, 3, 28)), 0, time(0), time(4))


def test_control_an_off_by_one_at_the_end_of_hours_is_caught(monkeypatch):
    real = ticks.Window.within
    monkeypatch.setattr(ticks.Window, "within", lambda self, a, b: real(self, a, b) << 1)
    with pytest.raises(AssertionError):
        test_ticks.test_what_is_open_lies_wholly_within_and_what_is_taken_is_touched()


def test_control_an_entry_whose_words_go_in_as_they_are_is_caught(monkeypatch):
    monkeypatch.setattr(ics, "clean", lambda text: text)
    with pytest.raises(AssertionError):
        test_ics.test_row_49_no_control_character_and_no_exotic_line_end_gets_in()
    one_entry = test_ics.test_row_49_whatever_is_written_the_entry_stays_one_entry
    # A parser that cannot read it at all has found it out, too.
    with pytest.raises((AssertionError, ValueError)):
        one_entry.hypothesis.inner_test("Pat\x0b\x85\u2028BEGIN:VEVENT\r\x00", "", "")
