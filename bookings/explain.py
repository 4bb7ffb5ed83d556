"""Why a time is not offered, in sentences for staff, read off the masks that do not offer it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clinic.clock import local, now
from practitioners.models import Audience, Location, Treatment

from .availability import Query
from .board import Board
from .freetime import Part, assign, span_at
from .models import Absence
from .rows import What
from .ticks import grid
from .ways import FURTHEST_DAYS, around


@dataclass(frozen=True)
class Line:
    """One reason: a sentence, and a code for machines. `location` is None for a rule for all."""

    code: str
    sentence: str
    location: Location | None = None


@dataclass(frozen=True)
class Explanation:
    """Whether a start is offered, and if not, why; reasons without a location come first."""

    is_offered: bool
    lines: list[Line]

    def __str__(self) -> str:
        return " ".join(line.sentence for line in self.lines)


@dataclass(frozen=True)
class _Cause:
    """Why one resource can't be had: a code, until when (None: not known), and a word on it."""

    code: str
    until: datetime | None = None
    word: str | Promise = ""


def explain(treatment: Treatment, start: datetime, **wanted: Any) -> Explanation:
    """Why `treatment` is not offered at `start`, an instant. `wanted` are fields of Query.

    Four queries, as for the answer itself.
    """
    instant = now()
    if abs((start - instant).days) > FURTHEST_DAYS:
        return Explanation(False, [Line("far", _("That is years away."))])
    query = around(Query(treatment, start.date(), start.date(), **wanted), start)
    board = query.board(instant)
    tick = board.window.floor(start)
    on_tick = board.window.instant(tick) == start
    if on_tick and any(mask >> tick & 1 for _l, _p, mask in query.masks(board, instant)):
        return Explanation(True, [Line("offered", _("This time is free."))])
    if not query.people(board):
        return Explanation(False, [_nobody(query, board)])
    lines = [] if query.override else list(_rules(query, board, start, instant, on_tick))
    if on_tick:
        for place in query.places(board):
            lines += [
                Line(line.code, line.sentence, place) for line in _at(query, board, place, tick)
            ]
    if not lines and not query.places(board):
        lines = [Line("no_hours", _("Nobody who gives this treatment has hours there."))]
    if not lines:
        # It needs nothing at all, or its practitioner twice at once.
        lines = [Line("never", _("What this treatment needs can never be had: see its needs."))]
    return Explanation(False, lines)


def _nobody(query: Query, board: Board) -> Line:
    if board.givers(query.treatment.pk):
        names = [board.person(pk).name for pk in board.givers(query.treatment.pk)]
        return Line("no_new_patients", _sentence("no_new_patients", names))
    if query.practitioner:
        names = [query.practitioner.name]
        return Line("not_given", _("%(who)s does not give this treatment.") % {"who": names[0]})
    return Line("not_given", _("Nobody whose page is published gives this treatment."))


# --- the treatment's own rules ------------------------------------------------------
def _rules(
    query: Query, board: Board, start: datetime, instant: datetime, on_tick: bool
) -> Iterator[Line]:
    treatment = query.treatment
    zones = [p.time_zone for p in query.places(board)] or ["UTC"]
    if start < instant:
        yield Line("past", _("That time is over."))
    elif start < instant + timedelta(minutes=treatment.notice_minutes):
        earliest = instant + timedelta(minutes=treatment.notice_minutes)
        yield Line(
            "too_soon",
            _("Online it has to be booked %(minutes)s minutes ahead: from %(when)s on.")
            % {"minutes": treatment.notice_minutes, "when": _when(earliest, start, zones[0])},
        )
    last = [local(instant, z).date() + timedelta(days=treatment.horizon_days) for z in zones]
    if all(local(start, z).date() > day for z, day in zip(zones, last, strict=True)):
        yield Line(
            "beyond_horizon",
            _("It can be booked %(days)s days ahead, now until %(when)s.")
            % {"days": treatment.horizon_days, "when": date_format(max(last), "j F Y")},
        )
    tick = board.window.floor(start)
    steps = [grid(board.window, z, treatment.grid_minutes) >> tick & 1 for z in zones]
    if not on_tick or not any(steps):
        yield Line(
            "off_grid",
            _("Its starts are every %(minutes)s minutes on the clock.")
            % {"minutes": treatment.grid_minutes},
        )


# --- one location -------------------------------------------------------------------
def _at(query: Query, board: Board, place: Location, tick: int) -> Iterator[Line]:
    """What stands in the way at one location: who gives it first, then rooms and equipment."""
    treatment, minutes = query.treatment, query.minutes
    closed = board.closed(place.pk)
    whole = Part(0, (minutes or treatment.minutes) // 5, ())
    for reason, mask in closed.items():
        if mask & whole.ticks(tick):
            cause = _Cause("closed", _end(board, 0, place.pk, reason, tick), _reason(reason))
            yield _line(cause, [place.name], board, place, tick)
            return
    blocked: dict[_Cause, list[str]] = defaultdict(list)
    people = query.people(board)
    for person in people:
        in_the_way = _of_person(query, board, person, place, tick)
        if in_the_way is None:
            blocked.clear()
            break
        blocked[in_the_way].append(board.person(person).name)
    yield from (_line(cause, names, board, place, tick) for cause, names in blocked.items())
    yield from _of_pools(query, board, place, tick)


def _of_person(
    query: Query, board: Board, person: int, place: Location, tick: int
) -> _Cause | None:
    body = board.rows.people[person].body
    for part in board.parts(query.treatment.pk, person, place.pk, minutes=query.minutes):
        if part.members == (body,):
            if cause := _why(board, body, place, part.ticks(tick)):
                return cause
    if query.treatment.audience == Audience.NEW and not query.override:
        if not board.has_room_for_first_visits(person, place.pk) >> tick & 1:
            return _Cause("first_visits")
    return None


def _of_pools(query: Query, board: Board, place: Location, tick: int) -> Iterator[Line]:
    treatment = query.treatment.pk
    parts = board.parts(treatment, None, place.pk, minutes=query.minutes)
    needs = [n for n in board.rows.needs.get(treatment, ()) if n.pool is not None]
    free = board.free_map(parts, place.pk)
    said: set[tuple[object, ...]] = set()
    for need, part in zip(needs, parts, strict=True):
        want = part.ticks(tick)
        if len(part.members) < part.quantity:
            text = _("%(place)s has too few of “%(pool)s” for this treatment.")
            said.add((need.pool_name,))
            yield Line("none_here", text % {"place": place.name, "pool": need.pool_name})
            continue
        able = [m for m in part.members if want and free[m] & want == want]
        if len(able) >= part.quantity:
            continue
        blocked: dict[_Cause, list[str]] = defaultdict(list)
        for member in part.members:
            if member not in able and (cause := _why(board, member, place, want)):
                blocked[cause].append(board.rows.things[member].name)
        for cause, names in blocked.items():
            if (cause, *names) not in said:
                said.add((cause, *names))
                yield _line(cause, names, board, place, tick)
    if not said and parts and assign(parts, free, tick, board.homes) is None:
        yield Line("not_together", _("Enough is free, but not in the rooms where it is needed."))


# --- one resource -------------------------------------------------------------------
def _why(board: Board, resource: int, place: Location, want: int) -> _Cause | None:
    """The first thing that keeps a resource from being used throughout `want`."""
    first = (want & -want).bit_length() - 1
    if want & ~board.registered(resource, place.pk):
        return _Cause("unregistered")
    for reason, mask in board.away(resource, place.pk).items():
        if mask & want:
            return _Cause("away", _end(board, resource, 0, reason, first), reason)
    hours = board.open(resource, place.pk)
    if missing := want & ~hours:
        tick = (missing & -missing).bit_length() - 1
        later = hours >> tick
        if later:
            until = board.window.instant(tick + (later & -later).bit_length() - 1)
            return _Cause("not_in", until)
        return _Cause("no_hours")
    for code, mask in (
        ("taken", board.taken(resource)),
        ("travelling", board.on_the_way(resource, place.pk)),
    ):
        if hit := mask & want:
            _start, end = span_at(mask, (hit & -hit).bit_length() - 1)
            return _Cause(code, board.window.instant(end))
    return None


def _end(board: Board, who: int, place: int, reason: str, tick: int) -> datetime | None:
    """When an absence ends; it may be long after the window."""
    ends = [
        b
        for what, body, at, a, b in board.rows.busy
        if what <= What.ABSENT and (body, at) == (who, place) and b > tick
    ]
    return board.window.instant(min(ends)) if ends else None


# --- words --------------------------------------------------------------------------
def _reason(reason: str) -> str | Promise:
    return Absence.Reason(reason).label


def _line(cause: _Cause, names: list[str], board: Board, place: Location, tick: int) -> Line:
    start = board.window.instant(tick)
    when = _when(cause.until, start, place.time_zone) if cause.until else ""
    word = cause.word
    code = cause.code
    if code == "away":
        code = "repair" if word == Absence.Reason.REPAIR else "away"
        word = _reason(str(cause.word))
    return Line(code, _sentence(code, names, when=when, why=str(word)))


def _sentence(code: str, names: Iterable[str], *, when: str = "", why: str = "") -> str:
    names = list(names)
    n = len(names)
    says = {
        "taken": ngettext(
            "%(who)s is taken until %(when)s.", "%(who)s are taken until %(when)s.", n
        ),
        "travelling": ngettext(
            "%(who)s is on the way from or to another location until %(when)s.",
            "%(who)s are on the way from or to another location until %(when)s.",
            n,
        ),
        "away": ngettext(
            "%(who)s is away until %(when)s (%(why)s).",
            "%(who)s are away until %(when)s (%(why)s).",
            n,
        ),
        "repair": ngettext(
            "%(who)s is in repair until %(when)s.", "%(who)s are in repair until %(when)s.", n
        ),
        "closed": _("%(who)s is closed until %(when)s (%(why)s)."),
        "not_in": ngettext(
            "%(who)s is not in until %(when)s.", "%(who)s are not in until %(when)s.", n
        ),
        "no_hours": ngettext("%(who)s has no hours then.", "%(who)s have no hours then.", n),
        "unregistered": ngettext(
            "%(who)s may not be booked on that day: a registration or the insurance has run out.",
            "%(who)s may not be booked on that day: a registration or the insurance has run out.",
            n,
        ),
        "first_visits": ngettext(
            "%(who)s sees no more new patients that day.",
            "%(who)s see no more new patients that day.",
            n,
        ),
        "no_new_patients": ngettext(
            "%(who)s takes no new patients.", "%(who)s take no new patients.", n
        ),
    }
    return says[code] % {"who": get_text_list(names, _("and")), "when": when, "why": why}


def _when(instant: datetime, near: datetime, zone: str) -> str:
    """A time on the wall of `zone`, with its day where that is not the day of `near`."""
    there, day = local(instant, zone), local(near, zone).date()
    time = date_format(there, "H:i")
    if there.date() == day:
        return time
    away = (there.date() - day).days
    named = date_format(there, "l") if 0 < away < 7 else date_format(there, "j F Y")
    return named if (there.hour, there.minute) == (0, 0) else f"{named} {time}"
