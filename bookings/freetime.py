"""Free time as integers, a bit a tick. Pure: no Django, no clock, no database.

free   = openings & ~absences & ~reservations
starts = ticks at which k ticks in a row are free
a need that runs from a to b:  starts of length b - a, shifted by a
a pool is free where enough members are
a treatment can start where every need is met
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One need of a visit: `quantity` of `members` from tick `start` to tick `end` of the visit.

    Ticks count from the visit's start; a set-up is negative, a clean-up lies past its end.
    """

    start: int
    end: int
    members: tuple[int, ...]
    quantity: int = 1


def runs(free: int, length: int) -> int:
    """Ticks at which `length` ticks in a row are free, in log2(length) steps."""
    have = 1
    while have < length and free:
        step = min(have, length - have)
        free &= free >> step
        have += step
    return free


def starts_of(free: int, part: Part) -> int:
    """Ticks at which a visit can start as far as one member and this part are concerned."""
    found = runs(free, part.end - part.start)
    return found >> part.start if part.start >= 0 else found << -part.start


def at_least(masks: Iterable[int], quantity: int) -> int:
    """Ticks set in at least `quantity` of the masks."""
    reached = [0] * quantity
    for mask in masks:
        for n in range(quantity - 1, 0, -1):
            reached[n] |= reached[n - 1] & mask
        reached[0] |= mask
    return reached[-1]


def starts(parts: Sequence[Part], free: Mapping[int, int]) -> int:
    """Ticks at which every part finds its members free at once.

    `free` maps a member to its free ticks; one that is missing is never free. Exact also where
    parts that overlap draw on the same members: those ticks are tried one by one.
    """
    mask = -1
    for part in parts:
        mask &= at_least((starts_of(free.get(m, 0), part) for m in part.members), part.quantity)
        if not mask:
            return 0
    if mask > 0 and _compete(parts):
        for tick in ticks_in(mask):
            if assign(parts, free, tick) is None:
                mask ^= 1 << tick
    return mask


def _compete(parts: Sequence[Part]) -> bool:
    """Whether two parts could want the same member at the same time."""
    for n, one in enumerate(parts):
        for other in parts[n + 1 :]:
            if one.start < other.end and other.start < one.end:
                if set(one.members) & set(other.members):
                    return True
    return False


def assign(
    parts: Sequence[Part], free: Mapping[int, int], tick: int
) -> list[tuple[int, ...]] | None:
    """Which members each part gets at `tick`, in the order of `parts`; None where it can't be.

    Members that come first in a part are taken first; no member is taken twice at one time.
    """
    taken: list[tuple[int, ...]] = []
    busy: dict[int, int] = {}

    def fits(member: int, want: int) -> bool:
        there = free.get(member, 0)
        return there & want == want and not busy.get(member, 0) & want

    def place(n: int) -> bool:
        if n == len(parts):
            return True
        part = parts[n]
        if tick + part.start < 0:
            return False
        want = ((1 << (part.end - part.start)) - 1) << (tick + part.start)
        return choose(n, want, [m for m in part.members if fits(m, want)], part.quantity, ())

    def choose(n: int, want: int, left: list[int], more: int, chosen: tuple[int, ...]) -> bool:
        if not more:
            for member in chosen:
                busy[member] = busy.get(member, 0) | want
            taken.append(chosen)
            if place(n + 1):
                return True
            taken.pop()
            for member in chosen:
                busy[member] ^= want
            return False
        return any(
            choose(n, want, left[i + 1 :], more - 1, (*chosen, member))
            for i, member in enumerate(left)
            if len(left) - i >= more
        )

    return taken if place(0) else None


def ticks_in(mask: int) -> Iterator[int]:
    """The set ticks, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def spans_in(mask: int) -> Iterator[tuple[int, int]]:
    """The runs of set ticks as [start, end), lowest first."""
    while mask:
        start = (mask & -mask).bit_length() - 1
        rest = ~(mask >> start)
        length = (rest & -rest).bit_length() - 1
        yield start, start + length
        mask &= ~(((1 << length) - 1) << start)
