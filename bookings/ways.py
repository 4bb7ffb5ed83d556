"""The ways to take one start, best first, or the reason why it is not offered."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clinic.clock import local, now
from practitioners.models import Audience, Location, Practitioner

from .availability import Query
from .board import Board
from .errors import StartNotOffered
from .freetime import assign
from .ticks import grid, wall_dates

# Beyond this there is no answer but "no", and before any arithmetic: the ends of the calendar
# leave no room for a window around them.
FURTHEST_DAYS = 730


@dataclass(frozen=True)
class Placement:
    """What a start takes: (resource id, from, to) a row, sorted by resource; and with whom."""

    practitioner: Practitioner
    location: Location
    claims: list[tuple[int, datetime, datetime]]
    # The start joins a group whose shared resources somebody else has taken already.
    joins: bool
    # A journey or a number of first visits decides too, which no constraint can hold: whoever
    # takes it locks the practitioner first, and looks again.
    is_guarded: bool


def around(query: Query, start: datetime) -> Query:
    """The query, for the days around one start."""
    day = local(start, query.location.time_zone).date() if query.location else start.date()
    return replace(query, first=day - timedelta(days=1), last=day + timedelta(days=1))


def place(query: Query, start: datetime) -> list[Placement]:
    """The ways to take one start, best first; raises StartNotOffered with the reason.

    An empty list means that the start would be offered, but is taken. With "anyone", the
    practitioner with the least to do that day comes first.
    """
    instant = now()
    if start < instant and not query.override:
        raise StartNotOffered("past")
    if abs((start.date() - instant.date()).days) > FURTHEST_DAYS:
        raise StartNotOffered("beyond_horizon" if start > instant else "past")
    query = around(query, start)
    board = query.board(instant)
    tick = board.window.floor(start)
    if board.window.instant(tick) != start:
        raise StartNotOffered("off_grid")
    ways = [
        (_work(board, person, loc, start), n, _placement(query, board, tick, loc, person))
        for n, (loc, person, mask) in enumerate(query.masks(board, instant))
        if mask >> tick & 1
    ]
    if not ways:
        _say_why(query, board, tick, instant)
    return [way for _busy, _n, way in sorted(ways, key=lambda w: w[:2])]


def _work(board: Board, person: int, location: Location, start: datetime) -> int:
    """How much a practitioner has to do on the day of a start, in ticks."""
    day = local(start, location.time_zone).date()
    that_day = wall_dates(board.window, location.time_zone, day, day)
    return (board.taken(board.rows.people[person].body) & that_day).bit_count()


def _placement(query: Query, board: Board, tick: int, location: Location, person: int) -> Placement:
    window, treatment = board.window, query.treatment
    joins = board.is_joinable(treatment.pk, person, location.pk, tick)
    parts = board.parts(treatment.pk, person, location.pk, minutes=query.minutes, shared=not joins)
    chosen = assign(parts, board.free_map(parts, location.pk), tick, board.homes) or []
    claims = [
        (member, window.instant(tick + part.start), window.instant(tick + part.end))
        for part, members in zip(parts, chosen, strict=True)
        for member in members
    ]
    who = board.person(person)
    counted = treatment.audience == Audience.NEW and who.first_visits_a_day is not None
    return Placement(
        who,
        location,
        sorted(claims),
        joins,
        is_guarded=(counted and not query.override)
        or board.travels(board.rows.people[person].body),
    )


def _say_why(query: Query, board: Board, tick: int, instant: datetime) -> None:
    """Raise StartNotOffered where the start would not be offered in an empty diary either."""
    treatment, start = query.treatment, board.window.instant(tick)
    if start < instant and not query.override:
        raise StartNotOffered("past")
    if not query.people(board):
        raise StartNotOffered("not_given" if query.practitioner else "not_bookable")
    if any(mask >> tick & 1 for _l, _p, mask in query.masks(board, instant, ignore_taken=True)):
        return
    if not query.override:
        places = query.places(board)
        if start < instant + timedelta(minutes=treatment.notice_minutes):
            raise StartNotOffered("too_soon")
        zones = [p.time_zone for p in places] or ["UTC"]
        furthest = timedelta(days=treatment.horizon_days)
        if all(local(start, z).date() > local(instant, z).date() + furthest for z in zones):
            raise StartNotOffered("beyond_horizon")
        if not any(grid(board.window, z, treatment.grid_minutes) >> tick & 1 for z in zones):
            raise StartNotOffered("off_grid")
    raise StartNotOffered("closed")
