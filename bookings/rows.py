"""The rows that a question about free time needs: four queries, whatever is asked and stored.

1. who gives the treatments   2. what these need, and out of which pools
3. hours, with their locations   4. all that stands in the way, in one statement

They are written in SQL, for both engines alike: Django takes ten times as long to put these four
together as the database takes to answer them. To PostgreSQL they go as prepared statements, for
planning them anew takes four times as long as answering. Instants come as ticks of the window,
counted by the database: with tens of thousands of reservations, turning text into datetimes costs
more than finding them.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from practitioners.models import Audience, Location, Practitioner, Therapy, Treatment

from .models import LIVE, Absence, Appointment
from .ticks import MINUTES, Window

# No reservation is longer.
_LONGEST = timedelta(hours=12)
REASONS: list[str] = list(Absence.Reason.values)


class What(IntEnum):
    """What a row of the fourth query is; a number above zero is a group's treatment."""

    TAKEN = 0
    FIRST_VISIT = -1
    JOURNEY = -2
    CLOSED = -3
    # -10 and below: an absence, one number for each reason.
    ABSENT = -10


@dataclass(frozen=True)
class Thing:
    """A resource, as far as free time is concerned."""

    pk: int
    name: str
    kind: str
    location: int | None
    lives_in: int | None = None


@dataclass(frozen=True)
class Person:
    """Who gives a treatment, and the last day on which they may (None: not at all)."""

    practitioner: Practitioner
    body: int
    until: date | None


@dataclass(frozen=True)
class Required:
    """A need: of the practitioner where `pool` is None. Minutes count as in the model."""

    pool: int | None
    pool_name: str
    start: int
    end: int
    quantity: int
    is_shared: bool
    follows_end: bool


@dataclass(frozen=True)
class Hours:
    """An opening; `resource` is None for a location's own."""

    resource: int | None
    location: int
    weekday: int | None
    on_date: date | None
    starts: time
    ends: time
    every: int
    valid_from: date
    valid_until: date | None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for hours that are the same at the same location, whosever they are."""
        return (
            *(self.location, self.weekday, self.on_date, self.starts, self.ends),
            *(self.every, self.valid_from, self.valid_until),
        )


# (what, who, where, from tick, to tick); an absence of a whole location has nobody as who.
Busy = tuple[int, int, int, int, int]


@dataclass
class Rows:
    """All of it, as it is in the database."""

    people: dict[int, Person] = field(default_factory=dict)
    # Treatment -> who gives it, in the directory's order.
    givers: dict[int, list[int]] = field(default_factory=dict)
    treatments: dict[int, Treatment] = field(default_factory=dict)
    needs: dict[int, list[Required]] = field(default_factory=dict)
    # Pool -> its members that are in use, in their order (a dict, for each comes once a need).
    members: dict[int, dict[int, None]] = field(default_factory=dict)
    things: dict[int, Thing] = field(default_factory=dict)
    hours: list[Hours] = field(default_factory=list)
    locations: dict[int, Location] = field(default_factory=dict)
    busy: list[Busy] = field(default_factory=list)
    # Whether a group may still use what a hold that is over has taken.
    has_left_over: bool = False
    has_journeys: bool = False


@dataclass(frozen=True)
class Wanted:
    """Whose rows a question is about: everybody's who gives the treatments, unless narrowed."""

    # None: every treatment that can be booked.
    treatments: Sequence[Treatment] | None = None
    practitioners: Sequence[int] | None = None
    gender: str = ""
    # A language's code.
    language: str = ""
    # Where treatments are None: those a stranger may book at once, those of one therapy.
    for_strangers: bool = False
    therapy: int | None = None
    # What this one took is thought away.
    moving: Appointment | None = None


def load(window: Window, wanted: Wanted, now: datetime) -> Rows:
    """All that decides when the treatments can start. One query where nobody gives them."""
    rows = Rows()
    with _cursor() as cursor:
        sql = _Sql(window, now, cursor)
        _load_people(rows, sql, wanted)
        if rows.people:
            _load_needs(rows, sql)
            _load_hours(rows, sql)
            _load_busy(rows, sql, wanted.moving)
    return rows


# Seconds since 1970 of an instant as SQLite keeps it.
_EPOCH = (
    "unixepoch({})"
    if sqlite3.sqlite_version_info >= (3, 38)
    else "CAST(strftime('%%s', {}) AS INTEGER)"
)


@contextmanager
def _cursor() -> Iterator[CursorWrapper]:
    """A cursor that prepares what it executes, where the server can keep a plan.

    Django's own writes the values into the text of a query, which is then planned each time. It is
    used where queries are logged, for a prepared one does not say what it was.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and not connection.queries_logged:
            from .prepared import PreparedCursor

            cursor.cursor.close()
            cursor.cursor = PreparedCursor(connection.connection)
        yield cursor


class _Sql:
    """Where the engines differ: how instants, ticks and rows are written and read.

    Values stand in a statement by their names: %(now)s, %(origin)s and %(end)s of the window.
    """

    def __init__(self, window: Window, now: datetime, cursor: CursorWrapper) -> None:
        self.window, self.cursor = window, cursor
        self.is_sqlite = connection.vendor == "sqlite"
        instants = {"now": now, "origin": window.origin, "end": window.end}
        # No reservation is longer: the lower bound lets the index do the work.
        instants["earliest"] = window.origin - _LONGEST
        adapt = connection.ops.adapt_datetimefield_value
        self.values: dict[str, Any] = {name: adapt(at) for name, at in instants.items()}
        self.values["epoch"] = window.origin.timestamp()

    def run(self, sql: str) -> list[Any]:
        self.cursor.execute(sql, self.values)
        return self.cursor.fetchall()

    def among(self, ids: Iterable[int], name: str) -> str:
        """The condition that a column is one of some primary keys."""
        if self.is_sqlite:
            # Written out: hundreds of parameters cost more than the query itself.
            return f"IN ({', '.join([str(int(pk)) for pk in ids])})"
        # One statement, however many there are.
        self.values[name] = list(ids)
        return f"= ANY(%({name})s::bigint[])"

    def tick(self, column: str, *, up: bool = False) -> str:
        """The tick that an instant lies in, or with `up` the first one not before it."""
        seconds = MINUTES * 60
        if self.is_sqlite:
            # Text, longer than 19 characters where there is a fraction. Division cuts towards
            # zero, which for ticks before the window makes no difference: they are clipped.
            shift = f" + {seconds - 1} + (LENGTH({column}) > 19)" if up else ""
            return f"({_EPOCH.format(column)} - {int(self.values['epoch'])}{shift}) / {seconds}"
        # Not EXTRACT, which reckons in decimals.
        ticks = f"(DATE_PART('epoch', {column}) - %(epoch)s) / {seconds}"
        return f"CAST({'CEIL' if up else 'FLOOR'}({ticks}) AS integer)"

    def date(self, value: Any) -> date | None:
        return date.fromisoformat(value) if isinstance(value, str) else value

    def time(self, value: Any) -> time:
        return time.fromisoformat(value) if isinstance(value, str) else value


class _Columns:
    """All columns of a model, under an alias, and how to make an instance of them."""

    def __init__(self, model: type[Model], alias: str) -> None:
        fields = model._meta.concrete_fields
        self.model, self.names = model, [f.attname for f in fields]
        self.sql = ", ".join(f"{alias}.{f.column}" for f in fields)
        kinds = [f.get_internal_type() for f in fields]
        # SQLite knows neither dates nor truth.
        self._dates = [n for n, kind in enumerate(kinds) if kind == "DateField"]
        self._bools = [n for n, kind in enumerate(kinds) if kind == "BooleanField"]

    def __len__(self) -> int:
        return len(self.names)

    def make(self, values: Sequence[Any], sql: _Sql) -> Any:
        if sql.is_sqlite:
            values = list(values)
            for n in self._dates:
                values[n] = sql.date(values[n])
            for n in self._bools:
                values[n] = bool(values[n])
        return self.model.from_db(connection.alias, self.names, values)


# --- 1: people --------------------------------------------------------------------
_PERSON = _Columns(Practitioner, "p")
_TREATMENT = _Columns(Treatment, "t")
_THERAPY = _Columns(Therapy, "y")
# As Practitioner.bookable_until says it of one: the first of the required ones to run out.
_REGISTERED = """
    SELECT MIN(CASE WHEN g.status = 'lapsed' THEN '0001-01-01' ELSE g.valid_until END)
    FROM practitioners_registration g WHERE g.practitioner_id = p.id AND g.is_required"""


# What is seldom there and dear to look for: a group's hold that is over and not cleared away yet
# (within a minute it is), and journeys between locations.
_SELDOM = """EXISTS (
    SELECT 1 FROM bookings_appointment h JOIN practitioners_treatment i ON i.id = h.treatment_id
    WHERE h.state = 'held' AND h.held_until <= %(now)s AND i.is_group),
    EXISTS (SELECT 1 FROM bookings_journey)"""


def _load_people(rows: Rows, sql: _Sql, wanted: Wanted) -> None:
    columns, joins, where = _PERSON.sql, "", ""
    if wanted.treatments is None:
        columns += f", {_TREATMENT.sql}, {_THERAPY.sql}"
        joins = (
            " JOIN practitioners_treatment t ON t.id = x.treatment_id"
            " JOIN practitioners_therapy y ON y.id = t.therapy_id"
        )
        where = " AND t.is_published AND y.is_published"
        if wanted.for_strangers:
            where += " AND t.audience <> 'returning' AND t.requires_id IS NULL"
        if wanted.therapy is not None:
            where += " AND t.therapy_id = %(therapy)s"
            sql.values["therapy"] = wanted.therapy
    else:
        rows.treatments = {t.pk: t for t in wanted.treatments}
        where = f" AND x.treatment_id {sql.among(rows.treatments, 'treatments')}"
    if wanted.practitioners is not None:
        where += f" AND p.id {sql.among(wanted.practitioners, 'practitioners')}"
    if wanted.gender:
        where += " AND p.gender = %(gender)s"
        sql.values["gender"] = wanted.gender
    if wanted.language:
        where += (
            " AND EXISTS (SELECT 1 FROM practitioners_practitioner_languages s"
            " JOIN practitioners_language l ON l.id = s.language_id"
            " WHERE s.practitioner_id = p.id AND l.code = %(language)s)"
        )
        sql.values["language"] = wanted.language
    found = sql.run(
        f"SELECT x.treatment_id, r.id, ({_REGISTERED}), {_SELDOM}, {columns}"
        " FROM practitioners_practitioner_treatments x"
        " JOIN practitioners_practitioner p ON p.id = x.practitioner_id"
        f" JOIN bookings_resource r ON r.practitioner_id = p.id{joins}"
        f" WHERE p.is_published AND r.is_active{where}"
        " ORDER BY p.position, p.name, p.id, x.treatment_id"
    )
    for treatment, body, registered, left, journeys, *values in found:
        pk = values[0]
        rows.has_left_over, rows.has_journeys = bool(left), bool(journeys)
        if pk not in rows.people:
            person = _PERSON.make(values[: len(_PERSON)], sql)
            until = _earlier(person.insured_until, sql.date(registered))
            rows.people[pk] = Person(person, body, until)
            rows.things[body] = Thing(body, person.name, "practitioner", None)
        if treatment not in rows.treatments:
            there = len(_PERSON) + len(_TREATMENT)
            row = _TREATMENT.make(values[len(_PERSON) : there], sql)
            row.therapy = _THERAPY.make(values[there:], sql)
            rows.treatments[treatment] = row
        rows.givers.setdefault(treatment, []).append(pk)


def _earlier(one: date | None, other: date | None) -> date | None:
    return min(one, other) if one and other else None


# --- 2: needs ---------------------------------------------------------------------
def _load_needs(rows: Rows, sql: _Sql) -> None:
    found = sql.run(
        "SELECT n.id, n.treatment_id, n.pool_id, o.name, n.from_minute, n.to_minute, n.quantity,"
        " n.is_shared, n.follows_end,"
        " r.id, r.is_active, r.name, r.kind, r.location_id, r.lives_in_id"
        " FROM bookings_need n LEFT JOIN bookings_pool o ON o.id = n.pool_id"
        " LEFT JOIN bookings_pool_members m ON m.pool_id = o.id"
        " LEFT JOIN bookings_resource r ON r.id = m.resource_id"
        f" WHERE n.treatment_id {sql.among(rows.givers, 'given')}"
        " ORDER BY n.from_minute, n.id, r.position, r.name, r.id"
    )
    needs: dict[int, Required] = {}
    for pk, treatment, pool, name, start, end, quantity, shared, follows, *thing in found:
        if pk not in needs:
            needs[pk] = Required(
                pool, name or "", start, end, quantity, bool(shared), bool(follows)
            )
            rows.needs.setdefault(treatment, []).append(needs[pk])
        resource, is_active, *rest = thing
        if is_active:
            rows.members.setdefault(pool, {})[resource] = None
            rows.things[resource] = Thing(resource, *rest)


# --- 3: hours ---------------------------------------------------------------------
_PLACE = _Columns(Location, "l")


def _load_hours(rows: Rows, sql: _Sql) -> None:
    """Hours that reach into the window, at published locations.

    A room with hours of its own, be they long past, has not the location's: all of a room's come.
    """
    bodies = [p.body for p in rows.people.values()]
    rooms = list(set(rows.things) - set(bodies))
    sql.values |= {"first": sql.window.first, "last": sql.window.end.date()}
    touches = (
        "(o.on_date BETWEEN %(first)s AND %(last)s"
        " OR (o.on_date IS NULL AND o.valid_from <= %(last)s"
        " AND (o.valid_until IS NULL OR o.valid_until >= %(first)s)))"
    )
    of_rooms = f" OR o.resource_id {sql.among(rooms, 'rooms')}" if rooms else ""
    found = sql.run(
        "SELECT o.resource_id, o.location_id, o.weekday, o.on_date, o.starts, o.ends,"
        f" o.every_weeks, o.valid_from, o.valid_until, {_PLACE.sql}"
        " FROM bookings_opening o JOIN practitioners_location l ON l.id = o.location_id"
        f" WHERE l.is_published AND ({touches} AND (o.resource_id IS NULL"
        f" OR o.resource_id {sql.among(bodies, 'bodies')}){of_rooms})"
        " ORDER BY l.position, l.name, l.id"
    )
    day = sql.date
    for who, place, weekday, on, starts, ends, every, valid, until, *location in found:
        times = sql.time(starts), sql.time(ends)
        since = day(valid) or date.min
        rows.hours.append(Hours(who, place, weekday, day(on), *times, every, since, day(until)))
        if place not in rows.locations:
            rows.locations[place] = _PLACE.make(location, sql)


# --- 4: what stands in the way ----------------------------------------------------
_STATES = ", ".join(f"'{state}'" for state in LIVE)
# A hold that is over blocks nobody. `a` is the appointment.
_ATTENDING = f"a.state IN ({_STATES}) AND (a.held_until IS NULL OR a.held_until > %(now)s)"
# The others who share a group's start with the appointment `b`.
_MATES = (
    "SELECT 1 FROM bookings_appointment a WHERE a.treatment_id = b.treatment_id"
    " AND a.practitioner_id = b.practitioner_id AND a.location_id = b.location_id"
    f" AND a.starts_at = b.starts_at AND a.id <> b.id AND {_ATTENDING}"
)
# Of a group's reservations `r` those that are taken once for all: the instructor, the studio.
_SHARED = (
    "(EXISTS (SELECT 1 FROM bookings_resource w"
    " WHERE w.id = r.resource_id AND w.practitioner_id IS NOT NULL)"
    " OR EXISTS (SELECT 1 FROM bookings_need n JOIN bookings_pool_members m"
    " ON m.pool_id = n.pool_id WHERE n.treatment_id = b.treatment_id AND n.is_shared"
    " AND m.resource_id = r.resource_id))"
)
_REASON = "CASE x.reason {} ELSE {} END".format(
    " ".join(f"WHEN '{reason}' THEN {What.ABSENT - n}" for n, reason in enumerate(REASONS)),
    int(What.ABSENT),
)


def _load_busy(rows: Rows, sql: _Sql, moving: Appointment | None) -> None:
    """One statement sees one moment: read apart, a group could have its instructor taken and
    nobody in it, because the last of it left in between."""
    if moving is not None:
        sql.values["moving"] = moving.pk
    arms = [_absences(rows, sql)]
    if rows.has_left_over:
        arms.append(_left_over(rows, sql))
    bodies = {p.body for p in rows.people.values()}
    if rows.has_journeys and len(rows.locations) > 1:
        # Where somebody is booked matters to those who travel.
        arms.append(_taken(sql.among(bodies, "bodies"), sql, moving, place=_WHERE))
        arms.append(
            f"SELECT {int(What.JOURNEY)}, one_id, other_id, minutes, 0 FROM bookings_journey"
        )
    else:
        arms.append(_taken(sql.among(bodies, "bodies"), sql, moving))
    if rooms := [pk for pk in rows.things if pk not in bodies]:
        arms.append(_taken(sql.among(rooms, "rooms"), sql, moving))
    if groups := [pk for pk, t in rows.treatments.items() if t.is_group]:
        where = f"a.treatment_id {sql.among(groups, 'groups')}"
        arms.append(_visits("a.treatment_id", where, sql, moving))
    if limited := _limited(rows):
        where = (
            f"a.practitioner_id {sql.among(limited, 'limited')} AND a.treatment_id IN"
            f" (SELECT id FROM practitioners_treatment WHERE audience = '{Audience.NEW.value}')"
        )
        arms.append(_visits(str(int(What.FIRST_VISIT)), where, sql, moving))
    rows.busy = sql.run(" UNION ALL ".join(arms))


def _limited(rows: Rows) -> list[int]:
    """Who sees a limited number of new patients a day, where one of the treatments is for them."""
    if not any(t.audience == Audience.NEW for t in rows.treatments.values()):
        return []
    return [pk for pk, p in rows.people.items() if p.practitioner.first_visits_a_day is not None]


def _absences(rows: Rows, sql: _Sql) -> str:
    of_places = ""
    if rows.locations:
        of_places = f" OR x.location_id {sql.among(rows.locations, 'locations')}"
    return (
        f"SELECT {_REASON}, COALESCE(x.resource_id, 0), COALESCE(x.location_id, 0),"
        f" {sql.tick('x.starts_at')}, {sql.tick('x.ends_at', up=True)} FROM bookings_absence x"
        " WHERE x.starts_at < %(end)s AND x.ends_at > %(origin)s"
        f" AND (x.resource_id {sql.among(rows.things, 'things')}{of_places})"
    )


# Looked up for each: joined, PostgreSQL may read every appointment there ever was.
_WHERE = "(SELECT w.location_id FROM bookings_appointment w WHERE w.id = r.appointment_id)"
_IN_WINDOW = "r.starts_at >= %(earliest)s AND r.starts_at < %(end)s AND r.ends_at > %(origin)s"


def _taken(whose: str, sql: _Sql, moving: Appointment | None, *, place: str = "0") -> str:
    join, but = "", ""
    if moving is not None:
        but = " AND r.appointment_id <> %(moving)s"
        if moving.treatment.is_group:
            join = " JOIN bookings_appointment b ON b.id = r.appointment_id"
            but = (
                " AND NOT (r.appointment_id = %(moving)s"
                f" AND (NOT {_SHARED} OR NOT EXISTS ({_MATES})))"
            )
    return (
        f"SELECT {int(What.TAKEN)}, r.resource_id, {place},"
        f" {sql.tick('r.starts_at')}, {sql.tick('r.ends_at', up=True)}"
        f" FROM bookings_reservation r{join} WHERE r.resource_id {whose} AND {_IN_WINDOW}"
        " AND r.appointment_id NOT IN (SELECT id FROM bookings_appointment"
        f" WHERE state = 'held' AND held_until <= %(now)s){but}"
    )


def _left_over(rows: Rows, sql: _Sql) -> str:
    """What a hold that is over took for a group, and others of the group still use."""
    return (
        f"SELECT {int(What.TAKEN)}, r.resource_id, b.location_id,"
        f" {sql.tick('r.starts_at')}, {sql.tick('r.ends_at', up=True)}"
        " FROM bookings_appointment b JOIN bookings_reservation r ON r.appointment_id = b.id"
        " JOIN practitioners_treatment t ON t.id = b.treatment_id"
        " WHERE b.state = 'held' AND b.held_until <= %(now)s AND t.is_group"
        f" AND r.resource_id {sql.among(rows.things, 'things')}"
        f" AND {_IN_WINDOW} AND {_SHARED} AND EXISTS ({_MATES})"
    )


def _visits(what: str, where: str, sql: _Sql, moving: Appointment | None) -> str:
    """Appointments that count themselves, not by what they took: of groups, and first visits."""
    but = " AND a.id <> %(moving)s" if moving else ""
    return (
        f"SELECT {what}, a.practitioner_id, a.location_id,"
        f" {sql.tick('a.starts_at')}, 0 FROM bookings_appointment a"
        f" WHERE {where} AND {_ATTENDING}"
        f" AND a.starts_at >= %(origin)s AND a.starts_at < %(end)s{but}"
    )
