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
from .freetime import Part, assign, mask_of, span_at
from .models import Absence
from .rows import What
from .ticks import MINUTES, daily, grid
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
    """Why one resource can't be had: a code, from when and until when, and a word on it.

    Without `since` it begins before it is wanted, without `until` no end is known.
    """

    code: str
    since: datetime | None = None
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
    if line := _unpublished(query):
        return Explanation(False, [line])
    board = query.board(instant)
    tick = board.window.floor(start)
    on_tick = board.window.instant(tick) == start
    if on_tick and any(mask >> tick & 1 for _l, _p, mask in query.masks(board, instant)):
        return Explanation(True, [Line("offered", _("This time is free."))])
    if not query.people(board):
        return Explanation(False, [_nobody(query, board)])
    if not query.places(board):
        text = _("Nobody who gives this treatment has hours there.")
        return Explanation(False, [Line("no_hours", text)])
    lines = list(_rules(query, board, start, instant, on_tick))
    if on_tick and not {line.code for line in lines} & {"past", "beyond_horizon"}:
        lines += _once(
            [
                Line(line.code, line.sentence, place)
                for place in query.places(board)
                for line in _at(query, board, place, tick)
            ]
        )
    if not lines:
        # It needs nothing at all, or its practitioner twice at once.
        lines = [Line("never", _("What this treatment needs can never be had: see its needs."))]
    return Explanation(False, lines)


def _once(lines: list[Line]) -> list[Line]:
    """What is so everywhere is said once, without a location."""
    places: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        places[line.sentence].append(line)
    return [
        same[0] if len(same) == 1 else Line(same[0].code, sentence)
        for sentence, same in places.items()
    ]


def _unpublished(query: Query) -> Line | None:
    treatment, person, place = query.treatment, query.practitioner, query.location
    if not query.override and not (treatment.is_published and treatment.therapy.is_published):
        return Line("not_published", _("This treatment is not published."))
    for row in (person, place):
        if row is not None and not row.is_published:
            return Line("not_published", _("%(name)s is not published.") % {"name": row.name})
    return None


def _nobody(query: Query, board: Board) -> Line:
    if board.givers(query.treatment.pk):
        names = [board.person(pk).name for pk in board.givers(query.treatment.pk)]
        return Line("no_new_patients", _says(_Cause("no_new_patients"), names))
    if query.gender or query.language:
        return Line("not_given", _("Nobody of that gender or language gives this treatment."))
    if query.practitioner:
        text = _("%(who)s does not give this treatment.")
        return Line("not_given", text % {"who": query.practitioner.name})
    return Line("not_given", _("Nobody whose page is published gives this treatment."))


# --- the treatment's own rules ------------------------------------------------------
def _rules(
    query: Query, board: Board, start: datetime, instant: datetime, on_tick: bool
) -> Iterator[Line]:
    treatment, zones = query.treatment, [p.time_zone for p in query.places(board)]
    tick = board.window.floor(start)
    if query.hours and not any(daily(board.window, z, *query.hours) >> tick & 1 for z in zones):
        yield Line("other_hours", _("It is not in the part of the day that was asked for."))
    if query.override:
        return
    if start < instant:
        yield Line("past", _("That time is over."))
    elif start < instant + timedelta(minutes=treatment.notice_minutes):
        earliest = board.window.ceil(instant + timedelta(minutes=treatment.notice_minutes))
        steps = grid(board.window, zones[0], treatment.grid_minutes) >> earliest
        first = board.window.instant(earliest + (steps & -steps).bit_length() - 1)
        yield Line(
            "too_soon",
            _("Online it has to be booked %(span)s ahead: from %(when)s on.")
            % {"span": _span(treatment.notice_minutes), "when": _when(first, start, zones[0])},
        )
    last = [local(instant, z).date() + timedelta(days=treatment.horizon_days) for z in zones]
    if all(local(start, z).date() > day for z, day in zip(zones, last, strict=True)):
        yield Line(
            "beyond_horizon",
            _("It can be booked %(days)s days ahead, now until %(when)s.")
            % {"days": treatment.horizon_days, "when": date_format(max(last), "j F Y")},
        )
    on_grid = [grid(board.window, z, treatment.grid_minutes) >> tick & 1 for z in zones]
    if not on_tick or not any(on_grid):
        yield Line(
            "off_grid",
            _("Its starts are every %(minutes)s minutes on the clock.")
            % {"minutes": treatment.grid_minutes},
        )


# --- one location -------------------------------------------------------------------
def _at(query: Query, board: Board, place: Location, tick: int) -> Iterator[Line]:
    """What stands in the way at one location: who gives it first, then rooms and equipment."""

    def line(cause: _Cause, names: Iterable[str]) -> Line:
        return Line(cause.code, _says(cause, names, board.window.instant(tick), place.time_zone))

    treatment = query.treatment
    whole = Part(0, (query.minutes or treatment.minutes) // MINUTES, ())
    if cause := _gone(board, board.closed(place.pk), (0, place.pk), whole.ticks(tick), "closed"):
        yield line(cause, [place.name])
        return
    blocked: dict[_Cause, list[str]] = defaultdict(list)
    for person in query.people(board):
        if board.is_joinable(treatment.pk, person, place.pk, tick):
            n = board.attending(treatment.pk, person, place.pk, tick)
            text = ngettext(
                "The class of %(who)s is full: %(n)s has booked it.",
                "The class of %(who)s is full: %(n)s have booked it.",
                n,
            )
            yield Line("class_full", text % {"who": board.person(person).name, "n": n})
            return
        in_the_way = _of_person(query, board, person, place, tick)
        if in_the_way is None:
            blocked.clear()
            break
        blocked[in_the_way].append(board.person(person).name)
    yield from (line(cause, names) for cause, names in blocked.items())
    parts = board.parts(treatment.pk, None, place.pk, minutes=query.minutes)
    needs = [n for n in board.rows.needs.get(treatment.pk, ()) if n.pool is not None]
    free = board.free_map(parts, place.pk)
    short: dict[tuple[_Cause, tuple[str, ...]], None] = {}
    lacking = set()
    for need, part in zip(needs, parts, strict=True):
        if len(part.members) < part.quantity:
            lacking.add(need.pool_name)
            continue
        for cause, names in _of_pool(board, part, place, part.ticks(tick), free).items():
            short[cause, tuple(names)] = None
    for name in sorted(lacking):
        text = _("%(place)s has no “%(pool)s” for this treatment, or too few.")
        yield Line("none_here", text % {"place": place.name, "pool": name})
    yield from (line(cause, names) for cause, names in short)
    if not (short or lacking) and parts and assign(parts, free, tick, board.homes) is None:
        yield Line("not_together", _("Enough is free, but not in the rooms where it is needed."))


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
            some = board.person(person).first_visits_a_day
            return _Cause("first_visits" if some else "no_new_patients")
    return None


def _of_pool(
    board: Board, part: Part, place: Location, want: int, free: dict[int, int]
) -> dict[_Cause, list[str]]:
    """Why too few members are free; nothing where enough are."""
    able = {m for m in part.members if want and free[m] & want == want}
    blocked: dict[_Cause, list[str]] = defaultdict(list)
    if len(able) >= part.quantity:
        return blocked
    for member in part.members:
        if member not in able and (cause := _why(board, member, place, want)):
            blocked[cause].append(board.rows.things[member].name)
    return blocked


# --- one resource -------------------------------------------------------------------
def _why(board: Board, resource: int, place: Location, want: int) -> _Cause | None:
    """The first thing that keeps a resource from being used throughout `want`."""
    if want & ~board.registered(resource, place.pk):
        return _Cause("unregistered")
    is_person = board.rows.things[resource].location is None
    code = "away" if is_person else "out"
    if cause := _gone(board, board.away(resource, place.pk), (resource, 0), want, code):
        return cause
    hours = board.open(resource, place.pk)
    if missing := want & ~hours:
        return _out_of_hours(board, hours, want, _lowest(missing), is_person)
    taken = board.taken(resource)
    if hit := taken & want:
        a, b = span_at(taken, _lowest(hit))
        return _Cause("taken", _since(board, a, want), board.window.instant(b))
    for other, leaves, back in board.elsewhere(resource, place.pk):
        if mask_of([(leaves, back)], board.window.ticks) & want:
            there = board.locations[other].name
            if leaves > _lowest(want):
                return _Cause("has_to_leave", None, board.window.instant(leaves), there)
            return _Cause("arrives", None, board.window.instant(back), there)
    return None


def _gone(
    board: Board, away: dict[str, int], key: tuple[int, int], want: int, code: str
) -> _Cause | None:
    """The absence that stands in the way, with those that follow at once."""
    everything = 0
    for mask in away.values():
        everything |= mask
    hit = everything & want
    if not hit:
        return None
    reason = next(reason for reason, mask in away.items() if mask >> _lowest(hit) & 1)
    a, b = span_at(everything, _lowest(hit))
    if b >= board.window.ticks:
        # It goes on behind the window; the row knows until when.
        b = max(
            end
            for what, who, at, _a, end in board.rows.busy
            if what <= What.ABSENT and (who, at) == key
        )
    if code in ("away", "out") and reason == Absence.Reason.REPAIR:
        code = "repair"
    label = Absence.Reason(reason).label
    return _Cause(code, _since(board, a, want), board.window.instant(b), label)


def _out_of_hours(board: Board, hours: int, want: int, missing: int, is_person: bool) -> _Cause:
    code = "not_in" if is_person else "not_open"
    if missing > _lowest(want):
        # There at first, but not to the end.
        return _Cause(f"{code}_long", None, board.window.instant(missing))
    later = hours >> missing
    if later:
        return _Cause(code, None, board.window.instant(missing + _lowest(later)))
    return _Cause("no_hours")


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _since(board: Board, tick: int, want: int) -> datetime | None:
    return board.window.instant(tick) if tick > _lowest(want) else None


# --- words --------------------------------------------------------------------------
def _says(
    cause: _Cause,
    names: Iterable[str],
    near: datetime | None = None,
    zone: str = "UTC",
) -> str:
    names = list(names)
    n = len(names)
    says = {
        "taken": ngettext("%(who)s is taken %(span)s.", "%(who)s are taken %(span)s.", n),
        "away": ngettext(
            "%(who)s is away %(span)s (%(why)s).", "%(who)s are away %(span)s (%(why)s).", n
        ),
        "out": ngettext(
            "%(who)s cannot be used %(span)s (%(why)s).",
            "%(who)s cannot be used %(span)s (%(why)s).",
            n,
        ),
        "repair": ngettext("%(who)s is in repair %(span)s.", "%(who)s are in repair %(span)s.", n),
        "closed": _("%(who)s is closed %(span)s (%(why)s)."),
        "not_in": ngettext(
            "%(who)s is not in until %(when)s.", "%(who)s are not in until %(when)s.", n
        ),
        "not_in_long": ngettext(
            "%(who)s is in only until %(when)s.", "%(who)s are in only until %(when)s.", n
        ),
        "not_open": _("%(who)s can be used from %(when)s on."),
        "not_open_long": _("%(who)s can be used only until %(when)s."),
        "no_hours": ngettext("%(who)s has no hours then.", "%(who)s have no hours then.", n),
        "arrives": ngettext(
            "%(who)s is booked at %(why)s and can be here at %(when)s.",
            "%(who)s are booked at %(why)s and can be here at %(when)s.",
            n,
        ),
        "has_to_leave": ngettext(
            "%(who)s has to leave for %(why)s at %(when)s.",
            "%(who)s have to leave for %(why)s at %(when)s.",
            n,
        ),
        "unregistered": _(
            "%(who)s may not be booked on that day: a registration or the insurance has run out."
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
    until = _when(cause.until, near, zone) if cause.until and near else ""
    span = _("until %(when)s") % {"when": until}
    if cause.since and near:
        span = _("from %(since)s to %(when)s") % {
            "since": _when(cause.since, near, zone),
            "when": until,
        }
    words = {"who": get_text_list(names, _("and")), "when": until, "span": span, "why": cause.word}
    return says[cause.code] % words


def _span(minutes: int) -> str:
    """A length of time in its largest whole unit."""
    if minutes % 1440 == 0:
        return ngettext("%(n)s day", "%(n)s days", minutes // 1440) % {"n": minutes // 1440}
    if minutes % 60 == 0:
        return ngettext("%(n)s hour", "%(n)s hours", minutes // 60) % {"n": minutes // 60}
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


def _when(instant: datetime, near: datetime, zone: str) -> str:
    """A time on the wall of `zone`, with its day where that is not the day of `near`."""
    there, day = local(instant, zone), local(near, zone).date()
    time = date_format(there, "H:i")
    if there.date() == day:
        return time
    away = (there.date() - day).days
    named = date_format(there, "l") if 0 < away < 7 else date_format(there, "j F Y")
    return named if (there.hour, there.minute) == (0, 0) else f"{named} {time}"
