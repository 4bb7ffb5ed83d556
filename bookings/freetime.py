"""Free time as integers, a bit a tick. Pure: no Django, no clock, no database.

free   = openings & ~absences & ~reservations
starts = ticks at which k ticks in a row are free
a need that runs from a to b:  starts of length b - a, shifted by a
a pool is free where enough members are
a treatment can start where every need is met
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

# More ways than this to hand members out are not walked through as masks, but tick by tick.
_WAYS = 4000
_NONE: Mapping[int, int] = {}


@dataclass(frozen=True)
class Part:
    """One need of a visit: `quantity` of `members` from tick `start` to tick `end` of the visit.

    Ticks count from the visit's start; a set-up is negative, a clean-up lies past its end.
    `is_room` says that the members are rooms: what lives in a room is used in that room.
    """

    start: int
    end: int
    members: tuple[int, ...]
    quantity: int = 1
    is_room: bool = False

    def ticks(self, tick: int) -> int:
        """The ticks it takes of a visit that starts at `tick`."""
        start = tick + self.start
        return ((1 << (self.end - self.start)) - 1) << start if start >= 0 else 0

    def overlaps(self, other: "Part") -> bool:
        return self.start < other.end and other.start < self.end


# --- masks ------------------------------------------------------------------------
def mask_of(spans: Iterable[tuple[int, int]], length: int) -> int:
    """The ticks of [start, end) spans, as far as they lie in 0..length."""
    # A digit a tick, written in place: an integer would be copied whole for each span.
    digits = bytearray(b"0") * (length + 1)
    for start, end in spans:
        if start < 0:
            start = 0
        if end > length:
            end = length
        if start < end:
            digits[start:end] = b"1" * (end - start)
    digits.reverse()
    return int(digits, 2)


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


def ticks_in(mask: int) -> Iterator[int]:
    """The set ticks, lowest first."""
    if mask > 0:
        digits = f"{mask:b}"[::-1]
        at = digits.find("1")
        while at >= 0:
            yield at
            at = digits.find("1", at + 1)


def spans_in(mask: int) -> Iterator[tuple[int, int]]:
    """The runs of set ticks as [start, end), lowest first."""
    while mask:
        start = (mask & -mask).bit_length() - 1
        rest = ~(mask >> start)
        length = (rest & -rest).bit_length() - 1
        yield start, start + length
        mask &= ~(((1 << length) - 1) << start)


def span_at(mask: int, tick: int) -> tuple[int, int]:
    """The run of set ticks [start, end) that `tick` lies in; (tick, tick) where it is not set."""
    if not mask >> tick & 1:
        return tick, tick
    below = ~mask & ((1 << tick) - 1)
    above = ~(mask >> tick)
    return below.bit_length(), tick + (above & -above).bit_length() - 1


# --- visits -----------------------------------------------------------------------
def starts(parts: Sequence[Part], free: Mapping[int, int], homes: Mapping[int, int] = _NONE) -> int:
    """Ticks at which every part finds its members free at once.

    `free` maps a member to its free ticks; one that is missing is never free. `homes` maps a
    thing to the room it lives in. Exact also where parts depend on each other: there every way
    to hand out members is a mask of its own.
    """
    mask = -1
    for group in _groups(parts, homes):
        if len(group) == 1:
            mask &= starts_apart(group, free)
        elif _count(group) <= _WAYS:
            mask &= _walk(group, free, homes, mask)
        else:
            rough = starts_apart(group, free) & mask
            mask = mask_of(
                ((t, t + 1) for t in ticks_in(rough) if assign(group, free, t, homes) is not None),
                rough.bit_length(),
            )
        if not mask:
            return 0
    return mask


def starts_apart(parts: Sequence[Part], free: Mapping[int, int]) -> int:
    """Ticks at which each part finds members, as if the others took none."""
    mask = -1
    for part in parts:
        mask &= at_least((starts_of(free.get(m, 0), part) for m in part.members), part.quantity)
    return mask


def depend(one: Part, other: Part, homes: Mapping[int, int]) -> bool:
    """Whether what one part takes bears on what another may take."""
    if not one.overlaps(other):
        return False
    return bool(set(one.members) & set(other.members)) or any(
        room.is_room and any(m in homes for m in thing.members)
        for room, thing in ((one, other), (other, one))
    )


def _groups(parts: Sequence[Part], homes: Mapping[int, int]) -> list[list[Part]]:
    """The parts, those together that depend on each other."""
    groups: list[list[Part]] = []
    for part in parts:
        joined = [g for g in groups if any(depend(part, other, homes) for other in g)]
        groups = [g for g in groups if g not in joined]
        groups.append([p for g in joined for p in g] + [part])
    return groups


def _count(group: Sequence[Part]) -> int:
    count = 1
    for part in group:
        count *= comb(len(part.members), part.quantity)
    return count


def _walk(
    group: Sequence[Part], free: Mapping[int, int], homes: Mapping[int, int], mask: int
) -> int:
    """Ticks of `mask` at which the parts of a group find members, over all ways to choose them."""
    found = 0
    able = [{m: starts_of(free.get(m, 0), part) for m in part.members} for part in group]

    def go(n: int, mask: int, chosen: tuple[tuple[int, ...], ...]) -> None:
        nonlocal found
        if not mask & ~found:
            return
        if n == len(group):
            found |= mask
            return
        for members in combinations(able[n], group[n].quantity):
            left = mask
            for member in members:
                left &= able[n][member]
            if left and _agree(group, (*chosen, members), homes):
                go(n + 1, left, (*chosen, members))

    go(0, mask, ())
    return found


def _agree(
    group: Sequence[Part], chosen: tuple[tuple[int, ...], ...], homes: Mapping[int, int]
) -> bool:
    """Whether the last choice goes with those before it."""
    n = len(chosen) - 1
    for other in range(n):
        if not group[other].overlaps(group[n]):
            continue
        if set(chosen[other]) & set(chosen[n]):
            return False
        for room, thing in ((n, other), (other, n)):
            if group[room].is_room and any(
                homes[m] not in chosen[room] for m in chosen[thing] if m in homes
            ):
                return False
    return True


def assign(
    parts: Sequence[Part], free: Mapping[int, int], tick: int, homes: Mapping[int, int] = _NONE
) -> list[tuple[int, ...]] | None:
    """Which members each part gets at `tick`, in the order of `parts`; None where it can't be.

    Members that come first in a part are taken first; no member is taken twice at one time.
    """
    able: list[list[int]] = []
    for part in parts:
        if tick + part.start < 0:
            return None
        want = ((1 << (part.end - part.start)) - 1) << (tick + part.start)
        able.append([m for m in part.members if free.get(m, 0) & want == want])

    def place(chosen: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...] | None:
        n = len(chosen)
        if n == len(parts):
            return chosen
        for members in combinations(able[n], parts[n].quantity):
            if _agree(parts, (*chosen, members), homes):
                if found := place((*chosen, members)):
                    return found
        return None

    if not parts:
        return []
    found = place(())
    return None if found is None else list(found)
