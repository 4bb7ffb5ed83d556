"""One engine's share of the run: fill, ask, time, count. Writes its figures as JSON.

benchmarks.availability starts it, once an engine, in an environment that has django-appointment.
"""

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
django.setup()

import psycopg
from appointment.models import Service, StaffMember
from appointment.services import get_available_slots_for_staff
from appointment.utils.db_helpers import (
    check_day_off_for_staff,
    get_weekday_num_from_date,
    is_working_day,
)
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from benchmarks.house import House, days_from, diary, past, theirs, unguarded
from bookings.availability import LONGEST_DAYS, Query, earliest, month, next_free, starts
from bookings.board import Board
from bookings.models.reservations import Reservation
from bookings.rows import Wanted, load
from bookings.ticks import Window
from clinic.clock import now
from practitioners.models import Practitioner, Treatment

QUICK = "--quick" in sys.argv
PEOPLE, DAYS = 50, 60
# Of 50 people 14 are busy in each slot, 4 of them in a room, 1 of these on a table: with what
# the full days add about 14,000 reservations of what a search looks at.
BUSY, ROOMS, TABLES, FULL_DAYS = 0.28, 4, 1, 2
STORED = [1_000, 10_000, 100_000] if QUICK else [1_000, 10_000, 100_000, 1_000_000]
CROWDS = [1, 10, 50, 100] if QUICK else [1, 10, 50, 100, 200, 500]
SPANS = [1, 7, 30, 60, 120] if QUICK else [1, 7, 30, 60, 120, 240, 365]

BY_HAND = (
    "SELECT resource_id, starts_at, ends_at FROM bookings_reservation"
    " WHERE resource_id = ANY(%s) AND starts_at >= %s AND starts_at < %s AND ends_at > %s"
)

Figures = dict[str, Any]
tomorrow = timezone.localdate() + timedelta(days=1)
last_day = tomorrow + timedelta(days=DAYS - 1)


def say(words: str) -> None:
    print(f"  {connection.vendor}: {words}", file=sys.stderr, flush=True)


def samples(ask: Callable[[], object], *, seconds: float, least: int) -> list[float]:
    """How many milliseconds `ask` takes, again and again for so many seconds."""
    taken: list[float] = []
    gc.collect()
    while len(taken) < least or (sum(taken) < seconds * 1000 and len(taken) < 400):
        begin = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - begin) * 1000)
    return taken


def timed(ask: Callable[[], object], *, seconds: float = 2, least: int = 5) -> float:
    """The median of how many milliseconds `ask` takes."""
    return statistics.median(samples(ask, seconds=seconds, least=least))


def in_turns(
    ask_us: Callable[[], object], ask_them: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """Both medians, of measurements by turns: what else the machine does then slows both."""
    ours, theirs = samples(ask_us, seconds=0.5, least=5), []
    for _ in range(rounds):
        theirs += samples(ask_them, seconds=0, least=1)
        ours += samples(ask_us, seconds=0.5, least=5)
    return statistics.median(ours), statistics.median(theirs)


def counted(ask: Callable[[], Any]) -> tuple[Any, int]:
    """An answer, and how many queries it took; Django's own log of queries ends at 9,000."""
    queries = 0

    def one_more(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    with connection.execute_wrapper(one_more):
        return ask(), queries


def asked(ask: Callable[[], object], **how: Any) -> Figures:
    """Milliseconds and queries of a question; the first time is for the caches."""
    _answer, queries = counted(ask)
    return {"ms": timed(ask, **how), "queries": queries}


def settle() -> None:
    """What a database does by itself some time after rows came in."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


# --- the questions ----------------------------------------------------------------
def free(treatment: Treatment, first: date, last: date, **wanted: Any) -> list[Any]:
    """(start, practitioners) as a page would show them; several questions for a long span."""
    found = []
    while first <= last:
        until = min(last, first + timedelta(days=LONGEST_DAYS - 1))
        found += [(s.at, s.practitioners) for s in starts(treatment, first, until, **wanted)]
        first = until + timedelta(days=1)
    return found


def their_slots(staff: StaffMember, service: Service, day: date) -> list[datetime]:
    """As its view get_available_slots_ajax does, without form and JSON."""
    if check_day_off_for_staff(staff_member=staff, date=day):
        return []
    weekday = get_weekday_num_from_date(day)
    if not is_working_day(staff_member=staff, day=weekday):
        return []
    return get_available_slots_for_staff(day, staff, weekday, service=service)


def their_days(staff: StaffMember, service: Service, days: list[date]) -> list[datetime]:
    return [slot for day in days for slot in their_slots(staff, service, day)]


def their_everybody(service: Service, days: list[date]) -> dict[str, list[datetime]]:
    found = StaffMember.objects.filter(services_offered=service).select_related("user")
    return {s.user.username: their_days(s, service, days) for s in found}


def their_next(staff: StaffMember, service: Service) -> datetime | None:
    """As its view get_next_available_date_ajax does, without JSON."""
    for n in range(90):
        day = timezone.localdate() + timedelta(days=n)
        weekday = get_weekday_num_from_date(day)
        if slots := get_available_slots_for_staff(day, staff, weekday, service=service):
            return slots[0]
    return None


def their_earliest(service: Service) -> datetime | None:
    found = StaffMember.objects.filter(services_offered=service)
    return min(filter(None, (their_next(s, service) for s in found)), default=None)


# --- what is measured -------------------------------------------------------------
def stored() -> list[Figures]:
    """The same window is asked about while the clinic's past grows."""
    house = House(PEOPLE)
    days = days_from(tomorrow, DAYS)
    total = house.book(diary(range(PEOPLE), days, busy=1 / PEOPLE), at_most=900)
    figures = []
    history = past(range(PEOPLE), timezone.localdate())
    one = house.practitioners[0]
    for size in STORED:
        with unguarded():
            total += house.book(history, at_most=size - total)
        settle()
        figures.append({
            "reservations": total,
            "month": asked(lambda: free(house.talk, *a_month(), practitioner=one)),
            "everybody": asked(lambda: free(house.talk, tomorrow, last_day)),
            "with_rooms": asked(lambda: free(house.traction, tomorrow, last_day)),
            "earliest": asked(lambda: earliest(house.talk, 1)),
        })  # fmt: skip
        say(f"{total:,} reservations stored")
    call_command("flush", interactive=False, verbosity=0)
    return figures


def a_month() -> tuple[date, date]:
    """The first whole calendar month from tomorrow on."""
    first = tomorrow if tomorrow.day == 1 else (tomorrow + timedelta(days=31)).replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def beside() -> tuple[House, list[Figures]]:
    """This project and django-appointment on one clinic; stops where their answers differ."""
    house = House(PEOPLE)
    today = timezone.localdate()
    weeks = house.weeks_off(today + timedelta(days=7))
    house.take_off(weeks)
    visits = list(diary(
        range(PEOPLE), days_from(today, DAYS + 1), busy=BUSY, rooms=ROOMS, tables=TABLES,
        full_days=FULL_DAYS, off=weeks,
    ))  # fmt: skip
    house.book(visits)
    theirs(house, visits, weeks)
    settle()
    say(f"{len(visits):,} appointments on both sides")
    service, one = Service.objects.get(), house.practitioners[0]
    staff = StaffMember.objects.get(user__username=one.slug)
    first, last = a_month()
    month_days = days_from(first, (last - first).days + 1)
    all_days = days_from(tomorrow, DAYS)

    def wall(at: datetime) -> datetime:
        return timezone.localtime(at).replace(tzinfo=None)

    questions: list[tuple[str, int, Callable[[], Any], Callable[[], Any], Callable[[Any], Any]]] = [
        (
            "one practitioner, one month",
            9,
            lambda: free(house.talk, first, last, practitioner=one),
            lambda: their_days(staff, service, month_days),
            lambda found: [wall(at) for at, _who in found],
        ),
        (
            f"{PEOPLE} practitioners, {DAYS} days",
            2,
            lambda: free(house.talk, tomorrow, last_day),
            lambda: their_everybody(service, all_days),
            lambda found: {
                p.slug: [wall(at) for at, who in found if p in who] for p in house.practitioners
            },
        ),
        (
            f"earliest start with any of {PEOPLE}",
            5,
            lambda: earliest(house.talk, 1),
            lambda: their_earliest(service),
            lambda found: wall(found[0].at),
        ),
    ]
    figures = []
    for title, rounds, ask_us, ask_them, same in questions:
        their_answer, queries = counted(ask_them)
        if same(ask_us()) != their_answer:
            raise SystemExit(f"{title}: the two answers differ")
        _answer, our_queries = counted(ask_us)
        ours, others = in_turns(ask_us, ask_them, rounds)
        figures.append({
            "title": title,
            "ours": {"ms": ours, "queries": our_queries},
            "theirs": {"ms": others, "queries": queries},
        })  # fmt: skip
        say(f"{title}: {others / ours:,.0f} times")
    return house, figures


def alone(house: House) -> list[Figures]:
    """Questions that django-appointment has no words for."""
    one, (first, _last) = house.practitioners[0], a_month()
    everybody = list(Practitioner.objects.all())
    questions = {
        "month calendar of one, with how full each day is": lambda: month(
            house.talk, first, practitioner=one
        ),
        f"next free of each of {PEOPLE}": lambda: next_free(everybody),
        f"{PEOPLE} practitioners, {DAYS} days, with room and table": lambda: free(
            house.traction, tomorrow, last_day
        ),
        "one practitioner, one month, with room and table": lambda: free(
            house.traction, *a_month(), practitioner=one
        ),
    }
    return [{"title": title, "ours": asked(ask)} for title, ask in questions.items()]


def apart(house: House) -> Figures:
    """The pure part, and loading its rows beside one query written by hand."""
    window, instant = Window.around(tomorrow, last_day), now()
    query = Query(house.traction, tomorrow, last_day)
    rows = load(window, Wanted([house.traction]), instant)
    things = [*house.bodies, *house.room_keys, *house.table_keys]
    values = (things, window.origin - timedelta(hours=12), window.end, window.origin)
    figures: Figures = {
        "pure": timed(lambda: list(query.masks(Board(window, rows), instant)), least=20),
        "reservations": Reservation.objects.filter(
            resource__in=things, starts_at__gte=values[1], starts_at__lt=values[2],
            ends_at__gt=values[3],
        ).count(),
    }  # fmt: skip

    def loading() -> object:
        return load(window, Wanted([house.traction]), instant)

    if connection.vendor != "postgresql":
        return figures | {"load": timed(loading, least=20)}
    settings = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{n: settings[n] for n in names if n in settings}) as raw:
        found = raw.execute(BY_HAND, values).fetchall()
        if len(found) != figures["reservations"]:
            raise SystemExit(f"by hand {len(found)} reservations")
        figures["load"], figures["by_hand"] = in_turns(
            loading, lambda: raw.execute(BY_HAND, values).fetchall(), 30
        )
    say("the parts")
    return figures


def by_people(house: House) -> list[Figures]:
    """Everybody's talks over 60 days, as the clinic hires."""
    known = len(house.practitioners)
    house.hire(max(CROWDS) - known, [])
    more = range(known, max(CROWDS))
    with unguarded():
        house.book(diary(more, days_from(tomorrow, DAYS), busy=BUSY))
    settle()
    figures = []
    for size in CROWDS:
        treatment = house.treatment(f"talk-{size}")
        house.give(treatment, house.practitioners[:size])
        figures.append({
            "people": size, "everybody": asked(lambda t=treatment: free(t, tomorrow, last_day)),
        })  # fmt: skip
    say("practitioners")
    return figures


def by_days(house: House) -> list[Figures]:
    """The first 50 practitioners' talks, over more and more days."""
    after = days_from(last_day + timedelta(days=1), max(SPANS) - DAYS)
    with unguarded():
        house.book(diary(range(PEOPLE), after, busy=BUSY))
    settle()
    figures = [
        {
            "days": days,
            "everybody": asked(
                lambda d=days: free(house.talk, tomorrow, tomorrow + timedelta(days=d - 1))
            ),
        }
        for days in SPANS
    ]
    say("days")
    return figures


def main() -> None:
    # django-appointment comes without migrations, and its tables point at migrated ones.
    call_command("migrate", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("flush", interactive=False, verbosity=0)
    with connection.cursor() as cursor:
        lite = connection.vendor == "sqlite"
        cursor.execute("SELECT sqlite_version()" if lite else "SHOW server_version")
        version = cursor.fetchone()[0].split()[0]
    figures: Figures = {"engine": f"{connection.display_name} {version}"}
    figures["stored"] = stored()
    house, figures["beside"] = beside()
    figures["alone"] = alone(house)
    figures["apart"] = apart(house)
    figures["people"] = by_people(house)
    figures["days"] = by_days(house)
    # Not on standard output: django-appointment writes its log there.
    Path(os.environ["FIGURES"]).write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
