"""Random days in the life of a small clinic, as a state machine (hypothesis), with what must hold.

Patients and staff call every verb in any order while time passes, absences come up, records are
merged, and a worker sends mails, fails, or dies. After every step the diary is held against a
reckoning of its own: NEEDS says what each visit takes, `visits` in which state each must be,
`messages` what must have been written, and the postbox what was really handed over.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from smtplib import SMTPResponseException
from typing import Any

import time_machine
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bookings import appointments, audit, availability, notifications, patients
from bookings.actors import API, PATIENT, Actor
from bookings.models import (
    LIVE,
    Appointment,
    AppointmentEvent,
    Notification,
    Patient,
    ReminderRule,
    Resource,
    State,
)
from bookings.models.reservations import Reservation
from clinic import mail
from clinic.errors import Refused
from practitioners.models import Practitioner, Treatment
from practitioners.tests import factories as directory

from . import factories

MONDAY = datetime(2027, 1, 4, 8, tzinfo=UTC)
STARTS = [
    datetime(2027, 1, day, hour, minute, tzinfo=UTC)
    for day in (6, 7)
    for hour, minute in ((9, 0), (9, 30), (10, 0), (11, 0))
]
DAYS = [date(2027, 1, 6), date(2027, 1, 7)]
REMINDERS = (2880, 120)
DESK = Actor("staff")
MINUTE = timedelta(minutes=1)

# What each treatment takes: of what, from which minute to which, and whether a group shares it.
NEEDS = {
    "visit": [("person", 0, 60, False), ("rooms", 0, 60, False)],
    # The practitioner comes for the first part alone; the room is cleaned afterwards.
    "traction": [
        ("person", 0, 20, False),
        ("rooms", 0, 70, False),
        ("table", 10, 60, False),
    ],
    "class": [("person", 0, 60, True), ("studio", 0, 60, True), ("mats", 0, 60, False)],
}
# Who books, and how they can be reached: one of them has no mail address.
PEOPLE = [
    {"name": "Ann", "email": "ann@example.org"},
    {"name": "Bob", "email": "bob@example.org"},
    {"name": "Cy", "email": "", "phone": "+441174960200"},
]


@dataclass
class House:
    """The rows of the clinic, written once; each run of the machine is rolled back."""

    world: factories.World
    treatments: dict[str, Treatment]
    people: list[Practitioner]
    # Resource -> what it is in NEEDS.
    role: dict[int, str]
    patients: list[Patient]


def small_house() -> House:
    world = factories.bookable_clinic(
        slug="visit", grid_minutes=30, notice_minutes=0, ends=datetime(2027, 1, 4, 13).time()
    )
    second = world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    place = world.location
    pools = {
        "rooms": world.rooms,
        "table": factories.pool(factories.equipment(place)),
        "studio": factories.pool(factories.room(place)),
        "mats": factories.pool(*(factories.equipment(place) for _n in range(2))),
    }
    treatments = {"visit": world.treatment}
    for name in ("traction", "class"):
        row = directory.treatment(
            therapy=world.therapy,
            slug=name,
            grid_minutes=30,
            notice_minutes=0,
            is_group=name == "class",
        )
        for what, start, end, shared in NEEDS[name]:
            factories.need(row, pools.get(what), from_minute=start, to_minute=end, is_shared=shared)
        treatments[name] = row
        person = second if name == "traction" else world.practitioner
        person.treatments.add(row)
    role = {r.pk: name for name, pool in pools.items() for r in pool.members.all()}
    for person in (world.practitioner, second):
        role[person.resource.pk] = "person"
    ReminderRule.objects.all().delete()
    for minutes in REMINDERS:
        ReminderRule.objects.create(minutes_before=minutes)
    known = [factories.patient(name="Dee"), factories.patient(name="Eve", email="")]
    return House(world, treatments, [world.practitioner, second], role, known)


@dataclass
class Visit:
    """What an appointment must be by now."""

    pk: int
    treatment: str
    state: str
    start: datetime
    version: int = 0
    # When its start was agreed, and whether there was an address to tell it to.
    since: datetime | None = None
    has_mail: bool = False


# (appointment, kind, version, minutes before, copy)
Key = tuple[int, str, int, int, int]


# What the desk does on the day, in a row; each from which states to which.
AT_THE_DESK = [
    ["check_in", "complete"],
    ["no_show", "reopen"],
    ["check_in", "reopen"],
    ["no_show"],
    ["reopen"],
]
STEPS = {
    "check_in": ([State.BOOKED], State.ARRIVED),
    "no_show": ([State.BOOKED], State.NO_SHOW),
    "complete": ([State.ARRIVED], State.COMPLETED),
    "reopen": ([State.ARRIVED, State.NO_SHOW], State.BOOKED),
}


class Died(BaseException):
    """The worker's process ends here."""


@dataclass
class Postbox:
    """In place of clinic.mail.send: what a mail server took, and how it answers next."""

    handed: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    answer: str = "ok"

    def send(self, *, message_id: str, **_letter: Any) -> None:
        if self.answer == "later":
            raise SMTPResponseException(451, b"try again later")
        if self.answer == "never":
            raise SMTPResponseException(550, b"no such mailbox")
        if self.answer == "dies before":
            raise Died
        self.handed[message_id] += 1
        if self.answer == "dies after":
            self.deaths[message_id] += 1
            raise Died


some = st.integers(0, 9)
some_start = st.sampled_from(STARTS)
some_treatment = st.sampled_from(["visit", "visit", "traction", "traction", "class", "class"])
whoever = st.sampled_from([None, None, 0, 1])
anybody = st.sampled_from([PATIENT, DESK])


class ClinicMachine(RuleBasedStateMachine):
    """One run: from an empty diary, so many steps of whoever does whatever.

    `done` counts how often each verb did its work, over all runs.
    """

    def __init__(self, house: House, done: Counter[str]) -> None:
        super().__init__()
        self.house, self.done = house, done
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.traveller = time_machine.travel(MONDAY, tick=False)
        self.clock = self.traveller.start()
        self.visits: dict[int, Visit] = {}
        self.messages: set[Key] = set()
        self.absences = 0
        self.post, self.real_send = Postbox(), mail.send
        mail.send = self.post.send
        self.record: Any = None

    def teardown(self) -> None:
        try:
            self.the_outbox_runs_dry()
            appointments.expire_holds()
            self.everything_holds()
            assert audit.findings() == []
        finally:
            mail.send = self.real_send
            self.traveller.stop()
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)

    # --- how ------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def do(self, verb: Callable[..., Any], *args: Any, **fields: Any) -> Any:
        """What the verb returns; None where it refused, and then nothing has changed."""
        before = self.picture()
        try:
            answer = verb(*args, **fields)
            self.done[verb.__name__] += 1
            return answer
        except Refused as refused:
            assert self.picture() == before, f"{verb.__name__} refused ({refused.code}) but changed"
            return None

    def picture(self) -> list[Any]:
        return [
            sorted(model.objects.values_list(*names))
            for model, names in (
                (Appointment, ("pk", "state", "starts_at", "practitioner", "sequence", "outcome")),
                (Reservation, ("pk", "resource", "starts_at", "ends_at", "appointment")),
                (Notification, ("pk", "state", "start_version", "attempts")),
                (AppointmentEvent, ("pk",)),
                (Patient, ("pk", "name", "email", "phone")),
            )
        ]

    def pick(self, n: int, *states: str) -> Appointment | None:
        """One of those in these states, mostly; now and then any."""
        fitting = [v.pk for v in self.visits.values() if n > 7 or v.state in states]
        return Appointment.objects.get(pk=fitting[n % len(fitting)]) if fitting else None

    def screened(self) -> Any:
        if self.record is None or self.record.at < self.now - timedelta(hours=20):
            self.record = factories.passed_screening(self.house.world.screening)
        return self.record

    def who(self, n: int | None) -> Practitioner | None:
        return None if n is None else self.house.people[n]

    def details(self, n: int) -> appointments.Details:
        if n < 6:
            return appointments.Details(**PEOPLE[n % 3])
        return appointments.Details(patient=self.known(n))

    def known(self, n: int) -> Patient:
        """As a form has it, be it of a record that was merged since."""
        patient = self.house.patients[n % 2]
        return Patient.objects.get(pk=patient.pk)

    def add(self, row: Appointment | None, treatment: str) -> None:
        if row is not None:
            self.visits[row.pk] = Visit(row.pk, treatment, row.state, row.starts_at)
            if row.state == State.BOOKED:
                self.booked(row)

    def booked(self, row: Appointment) -> None:
        self.agreed(row, "confirmation")

    def agreed(self, row: Appointment, kind: str) -> None:
        """The patient is told of a start, and reminded of it."""
        visit = self.visits[row.pk]
        visit.state, visit.start, visit.since = State.BOOKED, row.starts_at, self.now
        visit.has_mail = bool(Patient.objects.get(appointments=row.pk).email)
        if visit.has_mail:
            self.messages.add((row.pk, kind, visit.version, 0, 0))
            for minutes in REMINDERS:
                if visit.start - minutes * MINUTE > self.now:
                    self.messages.add((row.pk, "reminder", visit.version, minutes, 0))

    # --- verbs ------------------------------------------------------------------------
    @rule(what=some_treatment, start=some_start, who=whoever, n=some)
    def hold(self, what: str, start: datetime, who: int | None, n: int) -> None:
        row = self.do(
            appointments.hold,
            treatment=self.house.treatments[what],
            start=start,
            practitioner=self.who(who),
            screening=self.screened(),
            proved=self.known(n) if n > 7 else None,
            by=PATIENT,
        )
        self.add(row, what)

    @rule(what=some_treatment, start=some_start, n=some)
    def hold_instead(self, what: str, start: datetime, n: int) -> None:
        old = self.pick(n, State.HELD)
        if old is None:
            return
        row = self.do(
            appointments.hold,
            treatment=self.house.treatments[what],
            start=start,
            screening=self.screened(),
            instead_of=[old],
            by=PATIENT,
        )
        self.add(row, what)
        if row is not None and self.visits[old.pk].state == State.HELD:
            self.visits[old.pk].state = State.EXPIRED

    @rule(what=some_treatment, start=some_start, who=whoever, n=some, override=st.booleans())
    def book(self, what: str, start: datetime, who: int | None, n: int, override: bool) -> None:
        row = self.do(
            appointments.book,
            treatment=self.house.treatments[what],
            start=start,
            practitioner=self.who(who),
            screening=self.screened(),
            details=self.details(n),
            by=DESK if override else API,
            source="desk" if override else "api",
            override=override,
        )
        self.add(row, what)

    @rule(n=some)
    def extend(self, n: int) -> None:
        if row := self.pick(n, State.HELD):
            self.do(appointments.extend_hold, row, by=PATIENT)

    @rule(n=some, who=some)
    def confirm(self, n: int, who: int) -> None:
        if row := self.pick(n, State.HELD, State.EXPIRED):
            before = self.visits[row.pk].state
            made = self.do(appointments.confirm, row, details=self.details(who), by=PATIENT)
            if made is not None and before in (State.HELD, State.EXPIRED):
                self.booked(made)

    @rule(n=some)
    def release(self, n: int) -> None:
        if row := self.pick(n, State.HELD):
            self.do(appointments.release, row, by=PATIENT)
            if self.visits[row.pk].state == State.HELD:
                self.visits[row.pk].state = State.EXPIRED

    @rule()
    def expire_holds(self) -> None:
        appointments.expire_holds()
        for row in Appointment.objects.filter(state=State.EXPIRED):
            visit = self.visits[row.pk]
            assert visit.state in (State.HELD, State.EXPIRED)
            visit.state = State.EXPIRED

    @rule(n=some, start=some_start, who=whoever, by=anybody, override=st.booleans())
    def is_moved(self, **how: Any) -> None:
        self.reschedule(**how)

    def reschedule(
        self, n: int, start: datetime, who: int | None, by: Actor, override: bool
    ) -> None:
        row = self.pick(n, State.BOOKED)
        if row is None:
            return
        override = override and by.is_clinic
        moved = self.do(
            appointments.reschedule,
            row,
            start=start,
            practitioner=self.who(who),
            by=by,
            override=override,
        )
        if moved is not None:
            self.visits[row.pk].version += 1
            self.agreed(moved, "change")

    @rule(n=some, by=anybody)
    def is_cancelled(self, n: int, by: Actor) -> None:
        self.cancel(n, by)

    def cancel(self, n: int, by: Actor) -> None:
        row = self.pick(n, State.BOOKED)
        if row is None or self.do(appointments.cancel, row, by=by) is None:
            return
        visit = self.visits[row.pk]
        visit.state, visit.version = State.CANCELLED, visit.version + 1
        if Patient.objects.get(appointments=row.pk).email:
            self.messages.add((row.pk, "cancellation", visit.version, 0, 0))

    @rule(n=some, start=some_start, first=st.sampled_from(["cancel", "move", ""]))
    def take_back(self, n: int, start: datetime, first: str) -> None:
        """The desk thinks again: as it was before, and nobody is told."""
        if first == "cancel":
            self.cancel(n, DESK)
        if first == "move":
            self.reschedule(n, start, None, DESK, True)
        row = self.pick(n, State.BOOKED, State.CANCELLED)
        if row is None or self.do(appointments.take_back, row, by=DESK) is None:
            return
        back, visit = Appointment.objects.get(pk=row.pk), self.visits[row.pk]
        visit.state, visit.start, visit.version = State.BOOKED, back.starts_at, visit.version + 1
        rows = Notification.objects.filter(appointment=row.pk)
        told = rows.filter(start_version=row.sequence).exclude(state="dropped")
        assert not told.exists(), "what was taken back is still told"
        self.messages = {key for key in self.messages if key[0] != row.pk} | {
            (row.pk, n.kind, n.start_version, n.minutes_before, n.copy) for n in rows
        }

    @rule(n=some)
    def coming(self, n: int) -> None:
        if row := self.pick(n, State.BOOKED):
            self.do(appointments.coming, row, by=PATIENT)

    @rule(n=some, verbs=st.sampled_from(AT_THE_DESK))
    def at_the_desk(self, n: int, verbs: list[str]) -> None:
        row = self.pick(n, *STEPS[verbs[0]][0])
        if row is None:
            return
        if n < 7:
            self.the_day_comes(row)
        for verb in verbs:
            froms, to = STEPS[verb]
            if self.do(getattr(appointments, verb), row, by=DESK) is None:
                return
            visit = self.visits[row.pk]
            assert visit.state in froms
            visit.state = to

    def the_day_comes(self, row: Appointment) -> None:
        if row.starts_at - 30 * MINUTE > self.now:
            self.clock.move_to(row.starts_at - 30 * MINUTE)

    @rule(n=some)
    def resend_confirmation(self, n: int) -> None:
        row = self.pick(n, State.BOOKED)
        made = row and self.do(notifications.resend_confirmation, row)
        if row and made:
            self.messages.add((row.pk, "confirmation", made.start_version, 0, made.copy))

    @rule(one=some, other=some)
    def merge(self, one: int, other: int) -> None:
        rows = list(Patient.objects.order_by("pk"))
        keep, duplicate = rows[one % len(rows)], rows[other % len(rows)]
        if bool(keep.email) == bool(duplicate.email):
            self.do(patients.merge, keep=keep, duplicate=duplicate, by=DESK)

    # --- what else happens --------------------------------------------------------------
    @rule(minutes=st.sampled_from([1, 5, 11, 11, 31, 130, 800]))
    def time_passes(self, minutes: int) -> None:
        self.clock.shift(minutes * MINUTE)

    @precondition(lambda self: self.absences < 3)
    @rule(start=some_start, n=some)
    def absence(self, start: datetime, n: int) -> None:
        things = sorted(self.house.role)
        row = Resource.objects.get(pk=things[n % len(things)])
        factories.absence(row, start, start + timedelta(hours=1))
        self.absences += 1

    @rule(answer=st.sampled_from(["ok", "ok", "later", "never", "dies before", "dies after"]))
    def work(self, answer: str) -> None:
        """A worker looks at the outbox; it may die in the middle."""
        self.post.answer = answer
        try:
            for pk, attempt in notifications.claim():
                self.deliver(pk, attempt)
        except Died:
            pass
        self.post.answer = "ok"

    @rule()
    def a_worker_claims_and_is_never_heard_of_again(self) -> None:
        notifications.claim()

    @rule()
    def a_task_comes_twice(self) -> None:
        claims = notifications.claim()
        for pk, attempt in [*claims, *claims]:
            self.deliver(pk, attempt)

    def deliver(self, pk: int, attempt: int) -> None:
        before = self.post.handed.total()
        try:
            notifications.deliver(pk, attempt)
        finally:
            if self.post.handed.total() > before:
                self.it_was_true(Notification.objects.select_related("appointment").get(pk=pk))

    def it_was_true(self, row: Notification) -> None:
        """Nobody is told what is not so."""
        visit = self.visits[row.appointment_id]
        if row.kind == "cancellation":
            assert visit.state == State.CANCELLED
        else:
            assert visit.state == State.BOOKED, (row.kind, visit)
            assert row.start_version == visit.version
            assert visit.start > self.now

    @rule(what=some_treatment, day=st.sampled_from(DAYS), n=some)
    def what_is_offered_can_be_had_and_nothing_else(self, what: str, day: date, n: int) -> None:
        treatment = self.house.treatments[what]
        offered = {s.at for s in availability.starts(treatment, day, day)}
        wishes = sorted(offered | {s for s in STARTS if s.date() == day})
        start = wishes[n % len(wishes)]
        row = self.do(
            appointments.hold,
            treatment=treatment,
            start=start,
            screening=self.screened(),
            by=PATIENT,
        )
        assert (row is not None) == (start in offered), (start, sorted(offered))
        self.add(row, what)

    def the_outbox_runs_dry(self) -> None:
        for _round in range(12):
            self.clock.shift(timedelta(minutes=10))
            for pk, attempt in notifications.claim(500):
                self.deliver(pk, attempt)
        waiting = Notification.objects.filter(state="pending", due_at__lte=self.now)
        assert not waiting.exclude(lease_until__gt=self.now).exists()

    # --- what must hold -----------------------------------------------------------------
    @invariant()
    def everything_holds(self) -> None:
        rows = {
            row.pk: row
            for row in Appointment.objects.select_related("patient", "practitioner__resource")
        }
        taken: dict[int, list[Any]] = defaultdict(list)
        for pk, *span in Reservation.objects.values_list(
            "appointment", "resource", "starts_at", "ends_at"
        ):
            taken[pk].append(span)
        self.no_overlap()
        self.states(rows.values())
        self.exactly_its_reservations(rows, taken)
        self.messages_are_there(rows)

    def no_overlap(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM bookings_reservation a JOIN bookings_reservation b"
                " ON a.resource_id = b.resource_id AND a.id < b.id"
                " AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
            )
            assert cursor.fetchone()[0] == 0

    def states(self, rows: Iterable[Appointment]) -> None:
        for row in rows:
            visit = self.visits[row.pk]
            if visit.state == State.HELD and row.state == State.EXPIRED:
                # Cleared away by somebody who wanted its time.
                visit.state = State.EXPIRED
                expired = row.events.get(verb="expire")
                assert expired.at <= self.now
            assert (row.state, row.starts_at) == (visit.state, visit.start), visit
            assert row.sequence == visit.version
            assert row.patient is None or row.patient.merged_into_id is None

    def exactly_its_reservations(
        self, rows: dict[int, Appointment], taken: dict[int, list[Any]]
    ) -> None:
        groups: dict[Any, Counter[Any]] = defaultdict(Counter)
        attended: set[Any] = set()
        for pk, row in rows.items():
            got: Counter[Any] = Counter()
            for resource, start, end in taken[pk]:
                role = self.house.role.get(resource, "body")
                if role == "person":
                    assert resource == row.practitioner.resource.pk
                if role == "body":
                    assert row.patient and resource == row.patient.resource_id
                minutes = (start - row.starts_at) // MINUTE, (end - row.starts_at) // MINUTE
                got[role, *minutes] += 1
            if row.state not in LIVE:
                assert not got, (row.state, got)
                continue
            what = self.visits[pk].treatment
            own = Counter((r, a, b) for r, a, b, shared in NEEDS[what] if not shared)
            if row.state != State.HELD:
                own["body", 0, 60] += 1
            shared = Counter((r, a, b) for r, a, b, shared in NEEDS[what] if shared)
            if not shared:
                assert got == own, (what, row.state, got)
                continue
            # Of a group one has what all share.
            assert got in (own, own + shared), (what, row.state, got)
            group = what, row.practitioner_id, row.starts_at
            groups[group] += got - own
            if not (row.held_until and row.held_until <= self.now):
                attended.add(group)
        for group, total in groups.items():
            whole = Counter((r, a, b) for r, a, b, s in NEEDS[group[0]] if s)
            # Holds that are over inherit nothing: by themselves they are no group.
            assert total == whole or (not total and group not in attended), (group, total)

    def messages_are_there(self, rows: dict[int, Appointment]) -> None:
        there = {
            (n.appointment_id, n.kind, n.start_version, n.minutes_before, n.copy): n
            for n in Notification.objects.all()
        }
        assert set(there) == self.messages
        for visit in self.visits.values():
            if visit.state != State.BOOKED or not visit.has_mail:
                continue
            for minutes in REMINDERS:
                due = visit.start - minutes * MINUTE
                row = there.get((visit.pk, "reminder", visit.version, minutes, 0))
                if due > self.now:
                    assert row, (visit, minutes)
                    # Nothing is told before the desk can no longer take it back.
                    assert due <= row.due_at <= due + 2 * MINUTE
                    assert row.state == "pending", (visit, minutes, row.state)
        for row in there.values():
            visit = self.visits[row.appointment_id]
            if row.state == "pending" and visit.state in (State.CANCELLED, State.NO_SHOW):
                assert row.kind == "cancellation", (row.kind, visit)
            if row.state == "pending" and visit.state == State.BOOKED:
                assert row.start_version == visit.version, (row.kind, visit)
            handed = self.post.handed[notifications.message_id(row)]
            deaths = self.post.deaths[notifications.message_id(row)]
            # Twice only where a worker died between the mail server's yes and the mark.
            assert handed <= 1 + deaths
            assert (handed - deaths == 1) == (row.state == "sent"), (row.kind, row.state, handed)
