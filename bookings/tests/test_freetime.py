"""The bit arithmetic equals a search that tries every tick and every way, on plain values."""

from itertools import combinations, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bookings import freetime
from bookings.freetime import (
    Part,
    assign,
    at_least,
    mask_of,
    runs,
    span_at,
    spans_in,
    starts,
    starts_of,
    ticks_in,
)

pytestmark = pytest.mark.once

LENGTH = 40
masks = st.integers(0, 2**LENGTH - 1) | st.lists(
    st.tuples(st.integers(0, LENGTH - 1), st.integers(1, LENGTH)), max_size=3
).map(lambda spans: sum_of(spans))


def sum_of(spans: list[tuple[int, int]]) -> int:
    mask = 0
    for start, length in spans:
        mask |= ((1 << length) - 1) << start
    return mask & (2**LENGTH - 1)


def is_free(mask: int, tick: int) -> bool:
    return tick >= 0 and f"{mask:b}"[::-1][tick : tick + 1] == "1"


@st.composite
def parts(draw: st.DrawFn) -> Part:
    start = draw(st.integers(-4, 8))
    members = draw(st.sets(st.integers(1, 4), min_size=1, max_size=3))
    return Part(
        start,
        start + draw(st.integers(1, 7)),
        tuple(sorted(members)),
        draw(st.integers(1, 2)),
        is_room=draw(st.booleans()),
    )


visits = st.lists(parts(), min_size=1, max_size=3)
# 3 and 4 may live in the rooms 1 and 2.
houses = st.dictionaries(st.integers(3, 4), st.integers(1, 2), max_size=2)
diaries = st.dictionaries(st.integers(1, 4), masks, max_size=4)


Way = tuple[tuple[int, ...], ...]


def ways(
    visit: list[Part], free: dict[int, int], tick: int, homes: dict[int, int] | None = None
) -> list[Way]:
    """Every way to hand out members at `tick`, found by trying all of them."""
    choices = []
    for part in visit:
        want = range(tick + part.start, tick + part.end)
        there = [m for m in part.members if all(is_free(free.get(m, 0), t) for t in want)]
        choices.append(list(combinations(there, part.quantity)))
    return [
        way
        for way in product(*choices)
        if not clashes(visit, way) and not strays(visit, way, homes or {})
    ]


def clashes(visit: list[Part], way: Way) -> bool:
    taken = [
        (member, t)
        for part, members in zip(visit, way, strict=True)
        for member in members
        for t in range(part.start, part.end)
    ]
    return len(taken) != len(set(taken))


def strays(visit: list[Part], way: Way, homes: dict[int, int]) -> bool:
    """Whether a thing is used while the visit is in a room that it does not live in."""
    for (room, chosen), (thing, things) in product(zip(visit, way, strict=True), repeat=2):
        if room is thing or not room.is_room:
            continue
        together = set(range(room.start, room.end)) & set(range(thing.start, thing.end))
        for member in things:
            if together and member in homes and homes[member] not in chosen:
                return True
    return False


def search(visit: list[Part], free: dict[int, int], homes: dict[int, int]) -> set[int]:
    return {t for t in range(LENGTH + 5) if ways(visit, free, t, homes)}


def check_starts(visit: list[Part], free: dict[int, int], homes: dict[int, int]) -> None:
    found = starts(visit, free, homes)
    assert set(ticks_in(found)) == search(visit, free, homes)


@settings(max_examples=700, deadline=None)
@given(visits, diaries, houses)
@example([Part(0, 2, (1, 2)), Part(0, 2, (1,))], {1: 0b111, 2: 0b111}, {})
@example([Part(0, 2, (1, 2), 2), Part(1, 3, (2, 3))], {1: 0b1111, 2: 0b1111, 3: 0b1111}, {})
@example([Part(-2, 3, (1,))], {1: 0b11111}, {})
@example([Part(0, 2, (1, 2), is_room=True), Part(1, 2, (3,))], {1: 7, 2: 7, 3: 7}, {3: 2})
def test_starts_are_exactly_those_that_a_search_finds(visit, free, homes):
    check_starts(visit, free, homes)


@settings(max_examples=200, deadline=None)
@given(visits, diaries, houses)
def test_visits_with_too_many_ways_are_tried_tick_by_tick(visit, free, homes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freetime, "_WAYS", 0)
        check_starts(visit, free, homes)


@settings(max_examples=400, deadline=None)
@given(visits, diaries, st.integers(0, LENGTH), houses)
def test_an_assignment_is_given_exactly_where_there_is_one_and_is_right(visit, free, tick, homes):
    given_out = assign(visit, free, tick, homes)
    possible = ways(visit, free, tick, homes)
    assert (given_out is None) == (not possible)
    if given_out is not None:
        assert tuple(tuple(sorted(members)) for members in given_out) in {
            tuple(tuple(sorted(members)) for members in way) for way in possible
        }


@settings(max_examples=300, deadline=None)
@given(masks, st.integers(1, LENGTH))
def test_runs_are_ticks_with_that_many_free_in_a_row(mask, length):
    expected = {t for t in range(LENGTH) if all(is_free(mask, t + n) for n in range(length))}
    assert set(ticks_in(runs(mask, length))) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(masks, max_size=5), st.integers(1, 4))
def test_at_least_counts(several, quantity):
    expected = {t for t in range(LENGTH) if sum(is_free(m, t) for m in several) >= quantity}
    assert set(ticks_in(at_least(several, quantity))) == expected


@settings(max_examples=100, deadline=None)
@given(masks)
def test_spans_and_ticks_say_the_same(mask):
    spans = list(spans_in(mask))
    assert [t for a, b in spans for t in range(a, b)] == list(ticks_in(mask))
    assert all(b < c for (_a, b), (c, _d) in zip(spans, spans[1:], strict=False))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-9, LENGTH + 9), st.integers(-9, LENGTH + 9)), max_size=5))
def test_a_mask_of_spans_has_their_ticks(spans):
    expected = {t for a, b in spans for t in range(a, b) if 0 <= t < LENGTH}
    assert set(ticks_in(mask_of(spans, LENGTH))) == expected


@settings(max_examples=100, deadline=None)
@given(masks, st.integers(0, LENGTH))
def test_the_span_at_a_tick_is_the_run_it_lies_in(mask, tick):
    around = [span for span in spans_in(mask) if span[0] <= tick < span[1]]
    assert span_at(mask, tick) == (around[0] if around else (tick, tick))


def test_what_lives_in_a_room_is_used_there():
    visit = [Part(0, 2, (1, 2), is_room=True), Part(0, 2, (3,))]
    assert assign(visit, {1: 0b11, 2: 0b11, 3: 0b11}, 0, {3: 2}) == [(2,), (3,)]
    assert starts(visit, {1: 0b11, 2: 0b01, 3: 0b11}, {3: 2}) == 0


def test_the_first_member_is_taken_first():
    assert assign([Part(0, 2, (7, 3))], {7: 0b11, 3: 0b11}, 0) == [(7,)]


def test_a_part_gives_way_where_another_has_no_choice():
    visit = [Part(0, 2, (1, 2)), Part(0, 2, (1,))]
    assert assign(visit, {1: 0b11, 2: 0b11}, 0) == [(2,), (1,)]


def test_a_set_up_before_the_window_is_never_met():
    assert assign([Part(-1, 1, (1,))], {1: 0b11}, 0) is None
    assert starts([Part(-1, 1, (1,))], {1: 0b11}) == 0b10


def test_one_member_may_serve_two_parts_that_do_not_overlap():
    assert starts([Part(0, 1, (1,)), Part(2, 3, (1,))], {1: 0b101}) == 1


# --- controls: an engine that is broken on purpose is caught by the same search ---------------
def off_by_one(free: int, length: int) -> int:
    return runs(free, max(length - 1, 1))


def without_set_up(free: int, part: Part) -> int:
    return runs(free, part.end - max(part.start, 0)) >> max(part.start, 0)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("runs", off_by_one),
        ("starts_of", without_set_up),
        ("_agree", lambda *_: True),
        ("depend", lambda *_: False),
    ],
    ids=["runs one tick too long", "set-up forgotten", "taken twice", "parts apart"],
)
def test_a_broken_engine_is_caught(monkeypatch, name, broken):
    monkeypatch.setattr(freetime, name, broken)
    assert starts_of is not broken

    @settings(max_examples=700, deadline=None, database=None, derandomize=True)
    @given(visits, diaries, houses)
    def the_property(visit, free, homes):
        check_starts(visit, free, homes)

    with pytest.raises(AssertionError):
        the_property()
