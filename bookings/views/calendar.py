"""The calendar of free times: from what its address asks for to what there is to see.

All of its state stands in the address, so that it can be shared and the back button works. One
question about free time answers a page: the days that are shown and the next free one.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext_lazy as _

from bookings import availability
from bookings.availability import Day, Month, Start
from bookings.forms import CalendarForm
from bookings.models import Appointment
from clinic import clock

from .calendar_board import Board, Link, Slot
from .choice import VIEWS, BadAddress, Choice
from .flow import Kept
from .look import Look, read_look

# The list of the first available looks at so many starts, and shows so many days of them.
LISTED, LISTED_DAYS = 600, 5
# What one question may span, its first day counted.
REACH = timedelta(days=availability.LONGEST_DAYS - 1)
# Further off than this no day shares a week or month with a day that can be booked.
FAR = timedelta(days=31)


def booking_link(choice: Choice, start: Start) -> Slot:
    chosen = choice.at(start)
    return Slot(chosen, chosen.details_url, start)


def naming_link(choice: Choice, start: Start) -> Slot:
    """As `booking_link`, to one of those whom the filters let in, not to just anyone."""
    chosen = choice.at(start, start.practitioners[0])
    return Slot(chosen, chosen.details_url, start)


def make_board(
    data: QueryDict,
    choice: Choice,
    *,
    moving: Appointment | None = None,
    link: Link | None = None,
    holds: Iterable[Kept] = (),
) -> Board:
    """The calendar that `data` (an address's parameters) asks for; BadAddress for days that do
    not exist or are far off.

    An address that asks for no day gets the first free one, or of an appointment that is moved
    the first from its own day on. What the visitor holds hides no time from them: the first of
    `holds` is thought away, this treatment's before others'.
    """
    prefetch_related_objects(choice.people, "languages")
    today = clock.today(choice.place.time_zone if choice.places else "UTC")
    look = _not_over(read_look(data, choice.people), today)
    choice = replace(choice, seen=look.said(), left_open=())
    board = Board(
        choice=choice,
        look=look,
        form=CalendarForm(choice.people, choice.places, initial=choice.params()),
        today=today,
        link=link or (naming_link if look.is_picky else booking_link),
        moving=moving,
        holds=sorted(holds, key=lambda k: k.appointment.treatment_id != choice.treatment.pk),
    )
    last = today + timedelta(days=choice.treatment.horizon_days)
    own = max(today, min(moving.starts_local.date(), last)) if moving else today
    far = look.asked and not today - FAR < look.asked < last + FAR
    if far or not _period(look.view, today)[0] <= _period(look.view, look.asked or own)[0] <= last:
        raise BadAddress(
            _("This month is too far away. Please choose from the calendar."), status=404
        )
    if board.is_nobody:
        return board
    wanted: dict[str, Any] = {
        "practitioner": choice.practitioner,
        "location": choice.location,
        "minutes": moving.minutes if moving else choice.minutes,
        "moving": moving or (board.holds[0].appointment if board.holds else None),
        **look.wanted(),
    }
    if look.view == "list":
        return replace(board, listed=_first_days(choice, wanted))
    return _with_days(board, own, last, wanted)


def _with_days(board: Board, own: date, last: date, wanted: dict[str, Any]) -> Board:
    """A week or a month: the one that was asked for, or that begins to be free from `own` on."""
    look, today = board.look, board.today
    first, end = _period(look.view, look.asked or own)
    found = _ask(board.choice, today, first, end, last, wanted)
    ahead = [d for d in found.days if d.starts]
    soon = next((d for d in ahead if d.date >= own), ahead[0] if ahead else None)
    if soon and not look.asked and not first <= soon.date <= end:
        first, end = _period(look.view, soon.date)
        if found.days[-1].date < min(end, last):
            found = _ask(board.choice, soon.date, first, end, last, wanted)
    month = _shown(found, first, end, today)
    free = [d for d in month.days if d.starts]
    day = next((d for d in free if d.date >= (look.day or own)), free[0] if free else None)
    if look.day and look.view == "month":
        day = month.day(look.day)
    following = end + timedelta(days=1)
    in_sight = day is not None and day.starts
    return replace(
        board,
        month=month,
        day=day,
        previous=_period(look.view, first - timedelta(days=1))[0] if first > today else None,
        following=following if following <= last else None,
        earliest=soon.starts[0] if soon and not in_sight else None,
    )


def _period(view: str, day: date) -> tuple[date, date]:
    """The first and last day of the week or month that `day` is in."""
    if view == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _not_over(look: Look, today: date) -> Look:
    """A day of this month or week as the other of the two sees it: it may lie in the one before."""
    begins = [_period(view, today)[0] for view in VIEWS]
    if look.asked and min(begins) <= look.asked < _period(look.view, today)[0]:
        return replace(look, day=None, month=None)
    return look


def _ask(
    choice: Choice, today: date, first: date, end: date, last: date, wanted: dict[str, Any]
) -> Month:
    """One question for the days first..end and the next free day: from today, if it reaches."""
    since = today if min(end, last) <= today + REACH else max(first, today)
    until = max(min(since + REACH, last), since)
    return availability.calendar(choice.treatment, since, until, **wanted)


def _first_days(choice: Choice, wanted: dict[str, Any]) -> list[Day]:
    """The first days with free times, whole: what the last one has may not all have been asked."""
    starts = availability.earliest(choice.treatment, LISTED, **wanted)
    days = [Day(day, found, 0, False) for day, found in availability.by_day(starts).items()]
    if len(starts) == LISTED and len(days) > 1:
        days.pop()
    return days[:LISTED_DAYS]


def _shown(found: Month, first: date, end: date, today: date) -> Month:
    """The days first..end of an answer; those before and after it are over, or closed."""
    days = [first + timedelta(days=n) for n in range((end - first).days + 1)]
    return Month(first, [found.day(d) or Day(d, [], 0, d < today) for d in days])


def answer(
    request: HttpRequest, page: str, part: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """The page, or for htmx its `part` alone. No cache keeps it, nor a browser for its back button:
    times are gone in seconds, and one visitor's hold is nobody else's business."""
    name = part if request.htmx and request.method == "GET" else page  # type: ignore[attr-defined]
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    patch_cache_control(response, private=True, no_store=True)
    return response
