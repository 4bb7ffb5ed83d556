"""Random small clinics: the engine offers exactly what the oracle offers, and what is offered
can be booked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from bookings import appointments, availability, freetime
from bookings.actors import PATIENT
from bookings.board import Board
from bookings.errors import StartNotOffered, StartTaken
from bookings.explain import explain
from bookings.models import Need
from bookings.models.reservations import Reservation

from . import factories
from .oracle import Answer, Oracle, wall
from .small_clinics import SmallClinic, a_plan, build, described

seeds = st.integers(0, 2**32)
pytestmark = pytest.mark.django_db

# A database is written for each example. Together the two properties are 1,500 clinics on SQLite
# and 500 on PostgreSQL, where each takes three times as long: two thousand in CI.
MANY, SOME = (1_000, 500) if connection.vendor == "sqlite" else (350, 150)
slowly = settings(
    max_examples=MANY,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@contextmanager
def built(seed: int) -> Iterator[SmallClinic]:
    """A clinic, at its time, gone afterwards."""
    with transaction.atomic():
        small = build(a_plan(seed))
        note(described(small))
        with time_machine.travel(small.now, tick=False):
            yield small
        transaction.set_rollback(True)


def engine(small: SmallClinic, **filters) -> set[Answer]:
    found = availability.starts(
        small.treatment,
        small.first,
        small.last,
        new_patient=small.new_patient,
        minutes=small.minutes,
        **filters,
    )
    assert [s.at for s in found] == sorted(s.at for s in found)
    return {(s.at, s.location.pk, p.pk) for s in found for p in s.practitioners}


def oracle(small: SmallClinic, **filters) -> set[Answer]:
    return Oracle(small.now).starts(
        small.treatment,
        small.first,
        small.last,
        new_patient=small.new_patient,
        minutes=small.minutes,
        **filters,
    )


def book(small: SmallClinic, start: Answer):
    at, place, person = start
    return appointments.book(
        treatment=small.treatment,
        start=at,
        minutes=small.minutes,
        location=next(x for x in small.locations if x.pk == place),
        practitioner=next(p for p in small.people if p.pk == person),
        screening=factories.passed_screening(),
        details=appointments.Details(
            name=f"Guest {factories.patient().pk}", email="guest@example.org"
        ),
        by=PATIENT,
        source="web",
    )


def check_equal(small: SmallClinic) -> set[Answer]:
    expected = oracle(small)
    assert engine(small) == expected
    return expected


@slowly
@given(seeds)
def test_the_engine_offers_what_the_oracle_offers(seed):
    with built(seed) as small:
        everything = check_equal(small)
        person, place = small.people[-1], small.locations[-1]
        assert engine(small, practitioner=person) == {a for a in everything if a[2] == person.pk}
        assert engine(small, location=place) == {a for a in everything if a[1] == place.pk}
        check_explained(small, everything)


def check_explained(small: SmallClinic, everything: set[Answer]) -> None:
    """What is offered is said to be free, and for what is not there is a reason."""
    offered = {answer[0] for answer in everything}
    for wish in [*sorted(offered)[:1], small.now + timedelta(minutes=35), *small.wishes]:
        asked = {"new_patient": small.new_patient, "minutes": small.minutes}
        answer = explain(small.treatment, wish, **asked)
        if small.first <= wall(wish, small.zone).date() <= small.last:
            assert answer.is_offered >= (wish in offered)
        assert answer.lines
        assert all(line.sentence for line in answer.lines)


def claimed(needs: list[Need], appointment) -> set:
    """(from, to, how many) that the appointment's own needs come to."""
    return {
        (
            appointment.starts_at + timedelta(minutes=n.from_minute),
            appointment.starts_at + timedelta(minutes=n.to_minute),
        )
        for n in needs
    }


@settings(slowly, max_examples=SOME)
@given(seeds, st.data())
def test_what_is_offered_can_be_booked_and_nothing_else(seed, data):
    with built(seed) as small:
        offered = check_equal(small)
        for _again in range(2):
            if offered:
                start = data.draw(st.sampled_from(sorted(offered)), label="offered")
                made = book(small, start)
                check_claims(small, made)
                note(f"booked {start}")
                offered = check_equal(small)
        other = data.draw(st.integers(-400, 800).map(lambda n: timedelta(minutes=5 * n)))
        for place in small.locations:
            for person in small.people:
                at = small.now.replace(minute=0, second=0) + other
                if small.first <= at.astimezone().date() <= small.last:
                    check_bookable(small, (at, place.pk, person.pk), offered)
        for wish in sorted(offered)[:2]:
            check_bookable(small, (wish[0] + timedelta(minutes=5), *wish[1:]), offered)


def check_bookable(small: SmallClinic, wish: Answer, offered: set[Answer]) -> None:
    """The verb agrees with the oracle about one start (asked without `new_patient`)."""
    expected = wish in Oracle(small.now).starts(
        small.treatment, small.first, small.last + timedelta(days=1), minutes=small.minutes
    )
    try:
        with transaction.atomic():
            book(small, wish)
            booked = True
            transaction.set_rollback(True)
    except (StartTaken, StartNotOffered):
        booked = False
    assert booked == expected, wish


def check_claims(small: SmallClinic, made) -> None:
    """Every need has got its members, of its pool, at the place, for exactly its part."""
    rows = list(Reservation.objects.filter(appointment=made).select_related("resource"))
    rows = [r for r in rows if r.resource.kind != "person"]
    joined = Reservation.objects.filter(
        appointment__treatment=made.treatment, appointment__starts_at=made.starts_at
    ).exclude(appointment=made)
    for need in small.treatment.needs.all():
        start, end = (
            made.starts_at + timedelta(minutes=m)
            for m in Oracle.span(need, small.treatment, small.minutes)
        )
        members = (
            {made.practitioner.resource} if need.pool is None else set(need.pool.members.all())
        )
        there = [
            r for r in rows if (r.starts_at, r.ends_at) == (start, end) and r.resource in members
        ]
        if need.is_shared and joined.exists() and not there:
            continue
        assert len(there) >= need.quantity
        assert all(r.resource.location_id in (None, made.location_id) for r in there)


@pytest.mark.parametrize(
    ("where", "name", "broken"),
    [
        (freetime, "runs", lambda free, length, real=freetime.runs: real(free, max(length - 1, 1))),
        (freetime, "at_least", lambda masks, quantity, real=freetime.at_least: real(masks, 1)),
        (freetime, "_agree", lambda *_: True),
        (Board, "_on_the_way", lambda *_: 0),
        (Board, "has_room_for_first_visits", lambda *_: -1),
        (Board, "taken", lambda *_: 0),
        (Board, "registered", lambda *_: -1),
    ],
    ids=[
        *("runs one tick too long", "one will do", "used twice or astray", "no journeys"),
        *("first visits uncounted", "taken twice", "registration ignored"),
    ],
)
def test_a_broken_engine_is_caught(monkeypatch, where, name, broken):
    monkeypatch.setattr(where, name, broken)

    @settings(slowly, max_examples=400, database=None, derandomize=True, phases=[Phase.generate])
    @given(seeds)
    def the_property(seed):
        with built(seed) as small:
            check_equal(small)

    with pytest.raises(AssertionError):
        the_property()
