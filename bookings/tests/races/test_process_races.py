"""Sixteen patients in two processes want the same start: `python -m benchmarks.race` has more.

Nobody's clock is set here: the processes live in the present, and the start is in a week.
"""

import pytest

from bookings import appointments
from bookings.actors import Actor
from bookings.models import Appointment, State
from bookings.models.reservations import Reservation

from .arena import double_bookings, orphans, without_the_constraint
from .crowd import Wish, offered, rush, tally, three_rooms_and_one_table

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]
CROWD = 16


def book(wish: Wish, start, n: int) -> Appointment:
    return appointments.book(
        treatment=wish.treatment,
        start=start,
        details=appointments.Details(name=f"Late {n}", email=f"late{n}@example.org"),
        by=Actor("staff"),
        source="desk",
    )


def test_as_many_win_as_the_scarcest_allows_and_what_losers_are_offered_is_free():
    wish = three_rooms_and_one_table()
    answers = rush(wish, CROWD, processes=2)
    assert tally(answers) == {"booked": 1, "start_taken": CROWD - 1}
    assert all(len(a["alternatives"]) == 6 for a in answers if "code" in a)
    starts = list(offered(answers))
    assert wish.start not in starts
    for n, start in enumerate(starts):
        assert book(wish, start, n).state == State.BOOKED
    assert double_bookings() == orphans() == 0
    # Person, room, table and the patient: each visit has its four, and no more.
    assert Reservation.objects.count() == 4 * (1 + len(starts))


def test_through_the_api_three_rooms_go_to_three():
    wish = three_rooms_and_one_table(tables=6)
    answers = rush(wish, CROWD, processes=2, door="api")
    assert tally(answers) == {"booked": 3, "start_taken": CROWD - 3}
    assert Appointment.objects.filter(state=State.BOOKED).count() == 3
    assert double_bookings() == orphans() == 0


def test_control_without_the_constraint_the_same_race_double_books():
    wish = three_rooms_and_one_table()
    with without_the_constraint():
        answers = rush(wish, CROWD, processes=2, constraint="gone")
        assert tally(answers)["booked"] > 1
        assert double_bookings() > 0
