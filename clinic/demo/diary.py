"""Who comes when: fills the weeks in memory, a day after the other. No database.

The same world, patients and day give the same diary: the dice are seeded, and nothing here
looks at the clock.
"""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from bookings.freetime import ticks_in
from bookings.ticks import MINUTES
from practitioners.models import Location, Practitioner

from .clients import THERAPY_OF, Client
from .floor import Claim, Floor, days_between
from .patients import AWKWARD
from .places import JOURNEY_MINUTES
from .shapes import PractitionerData, TreatmentData
from .world import World

PAST_DAYS, FUTURE_DAYS = 28, 42
# Before the four weeks of full history: the first visits that follow-ups refer to.
EARLIER_DAYS = 84
FILL, EARLIER_FILL = 0.6, 0.1

# How often each is chosen where the practitioner gives several.
_WEIGHTS = {
    "acupuncture-first-visit": 3,
    "acupuncture-follow-up": 5,
    "massage-60": 11,
    "sports-massage-60": 3,
    "idd-session": 6,
    "laser-session": 2,
    "idd-assessment": 2,
    "joint-adjustment-first-visit": 3,
    "joint-adjustment-follow-up": 5,
    "coaching-session": 3,
}
_EARLIER = ("acupuncture-first-visit", "joint-adjustment-first-visit", "idd-assessment")
# How it ended: for those in the past, and what is known of those to come.
_PAST = {"came": 86, "no_show": 5, "cancelled": 6, "clinic_cancelled": 2, "expired": 1}
_COMING = {"came": 93, "cancelled": 5, "clinic_cancelled": 1, "expired": 1}
TEACHER = "gwenllian-prosser-vane"


@dataclass
class Visit:
    """One appointment to be. `fate` is a key of _PAST, or held, or unmarked."""

    treatment: TreatmentData
    practitioner: Practitioner
    location: Location
    starts_at: datetime
    client: Client | None
    fate: str
    claims: list[Claim]
    suitable: bool = False
    # The earliest instant at which they can have asked for it.
    not_before: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.treatment.minutes)


@dataclass
class Session:
    """A practitioner's hours at one location on one day."""

    practitioner: Practitioner
    data: PractitionerData
    location: Location
    body: int
    open: int


@dataclass
class Diary:
    world: World
    clients: list[Client]
    floor: Floor = field(init=False)
    visits: list[Visit] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random("tidewell"))
    # Ticks of visits, and ticks that practitioners were there, over the ten weeks.
    worked: int = 0
    there: int = 0

    def __post_init__(self) -> None:
        self.floor = Floor(self.world)
        # The awkward ones come often enough to be met.
        self._lots = [*self.clients, *self.clients[: len(AWKWARD)] * 2]
        self._known: dict[str, list[Client]] = defaultdict(list)
        self._quiet: dict[int, int] = defaultdict(int)
        self._classes_ahead = 0
        self._held = False
        # New patients of a practitioner on a day.
        self._first_visits: Counter[tuple[int, date]] = Counter()
        self._full = self._full_days()

    def fill(self) -> None:
        """Place everything, earliest day first."""
        today = self.world.today
        first = today - timedelta(days=EARLIER_DAYS)
        for day in days_between(first, today + timedelta(days=FUTURE_DAYS)):
            self.floor.turn_to(day)
            sessions = self._sessions(day)
            early = day < today - timedelta(days=PAST_DAYS)
            if not early:
                self._classes(sessions)
            self.dice.shuffle(sessions)
            for session in sessions:
                self._fill_session(session, early)
        self._leave_unmarked()

    # --- a day ------------------------------------------------------------------
    def _sessions(self, day: date) -> list[Session]:
        found = []
        for person, data in self.world.people:
            if not data.treatments or day > _bookable_until(data, self.world.today):
                continue
            for slug in sorted({hours.location for hours in data.hours}):
                place = self.world.locations[slug]
                body = self.world.bodies[person.pk].pk
                mask = self.floor.arrive(body, place.pk)
                if mask:
                    found.append(Session(person, data, place, body, mask))
        self._travel(found)
        return found

    def _travel(self, sessions: list[Session]) -> None:
        """Let everybody be where they are, and give those who change place time for the way."""
        at: dict[int, int] = {}
        for session in sorted(sessions, key=lambda s: s.open & -s.open):
            before = at.get(session.body, 0)
            if before:
                there_at = before.bit_length() + JOURNEY_MINUTES // MINUTES
                session.open &= -1 << there_at
            at[session.body] = before | session.open
        self.floor.free.update(at)

    def _full_days(self) -> set[date]:
        """Two days of the teacher's next fortnight on which nothing is left."""
        days = []
        for day in days_between(
            self.world.today + timedelta(days=2), self.world.today + timedelta(days=20)
        ):
            self.floor.turn_to(day)
            days += [day for s in self._sessions(day) if s.data.slug == TEACHER]
        return {*days[0:1], *days[2:3]}

    def _fill_session(self, session: Session, early: bool) -> None:
        menu = [self.world.data[s] for s in session.data.treatments if not early or s in _EARLIER]
        menu = [t for t in menu if not t.is_group]
        full = self.floor.day in self._full and session.data.slug == TEACHER
        goal = session.open.bit_count() * (2 if full else self._share(session, early))
        worked = (session.open & ~self.floor.free[session.body]).bit_count()
        ticks = [t for t in ticks_in(session.open) if t % 3 == 0 or t % 2 == 0]
        # Visits stand close together, from the morning on or towards the evening: what is left
        # is long enough for any treatment.
        if self.dice.random() < 0.4:
            ticks.reverse()
        for tick in ticks:
            if not menu or worked >= goal:
                break
            if not full and self.dice.random() < 0.3:
                continue
            if self.floor.free[session.body] >> tick & 1:
                worked += self._place_any(session, menu, tick, "came" if full else "")
        if not early:
            self.there += session.open.bit_count()
            self.worked += worked

    def _share(self, session: Session, early: bool) -> float:
        """How much of a session is to be taken; the next two of everybody stay half empty."""
        if early:
            return EARLIER_FILL
        if self.floor.day > self.world.today and self._quiet[session.body] < 2:
            self._quiet[session.body] += 1
            return 0.4
        return FILL + self.dice.uniform(-0.2, 0.25)

    def _place_any(self, session: Session, menu: list[TreatmentData], tick: int, fate: str) -> int:
        """Try to place one visit at a tick; returns how many ticks it lasts, 0 when none was."""
        most = session.data.first_visits_a_day
        if most and self._first_visits[session.body, self.floor.day] >= most:
            menu = [t for t in menu if t.audience != "new"]
        fitting = [t for t in menu if tick * MINUTES % t.grid == 0]
        if not fitting:
            return 0
        weights = [_WEIGHTS.get(t.slug, 1) for t in fitting]
        treatment = self.dice.choices(fitting, weights)[0]
        if treatment.lengths:
            treatment = self.dice.choice(treatment.in_every_length())
        claims = self.floor.take(treatment, session.body, session.location.pk, tick)
        client = self._somebody(treatment, session) if claims else None
        if claims is None or client is None:
            return 0
        visit = self._book(session, treatment, client, claims, tick, fate=fate)
        if not visit.claims:
            return 0
        return treatment.minutes // MINUTES + self._and_then(session, visit, tick)

    def _and_then(self, session: Session, visit: Visit, tick: int) -> int:
        """Often the laser follows the table, for the same patient with the same practitioner."""
        laser = self.world.data["laser-session"]
        if visit.treatment.slug != "idd-session" or laser.slug not in session.data.treatments:
            return 0
        after = tick + visit.treatment.minutes // MINUTES
        claims = self.floor.take(laser, session.body, session.location.pk, after)
        client = visit.client
        if claims is None or client is None or visit.fate != "came" or self.dice.random() < 0.6:
            return 0
        if {*client.data.yes, *client.data.unsure} & {"cancer-site"}:
            return 0
        self._book(session, laser, client, claims, after, fate="came")
        return laser.minutes // MINUTES

    def _book(
        self,
        session: Session,
        treatment: TreatmentData,
        client: Client,
        claims: list[Claim],
        tick: int,
        fate: str = "",
    ) -> Visit:
        day, today = self.floor.day, self.world.today
        fate = fate or self._fate(treatment, day)
        keeps = fate in ("came", "no_show", "held")
        before = client.had.get(THERAPY_OF[treatment.slug])
        visit = Visit(
            treatment,
            session.practitioner,
            session.location,
            self.floor.window.instant(tick),
            None if fate in ("held", "expired") else client,
            fate,
            claims if keeps else [],
            suitable=self.dice.random() < 0.75,
            not_before=self.world.at((before - today).days, "18:00") if before else None,
        )
        self.visits.append(visit)
        if keeps:
            self.floor.keep(claims)
            self._first_visits[session.body, day] += treatment.audience == "new"
        if fate in ("came", "no_show", "cancelled"):
            client.comes(treatment, day)
        if fate == "came" and day < today:
            if THERAPY_OF[treatment.slug] not in client.had:
                self._known[THERAPY_OF[treatment.slug]].append(client)
            client.has_come(treatment, day, visit.suitable)
        return visit

    def _fate(self, treatment: TreatmentData, day: date) -> str:
        today = self.world.today
        if not self._held and day > today + timedelta(days=2) and treatment.audience != "returning":
            self._held = True
            return "held"
        if day < today - timedelta(days=PAST_DAYS) or (treatment.requires and day < today):
            return "came"
        odds = _PAST if day < today else _COMING
        return self.dice.choices(list(odds), list(odds.values()))[0]

    def _somebody(self, treatment: TreatmentData, session: Session) -> Client | None:
        returning = treatment.audience == "returning"
        lots = self._known[THERAPY_OF[treatment.slug]] if returning else self._lots
        for _try in range(40 if lots else 0):
            client = self.dice.choice(lots)
            if client.may_come(treatment, self.floor.day, session.data.takes_new_patients):
                return client
        return None

    # --- classes ----------------------------------------------------------------
    def _classes(self, sessions: list[Session]) -> None:
        """Each class on the timetable, with some of its places taken."""
        group = next(t for t in self.world.data.values() if t.is_group)
        for session in sessions:
            if group.slug not in session.data.treatments:
                continue
            for tick in ticks_in(session.open):
                if tick * MINUTES % group.grid == 0:
                    self._class(session, group, tick)

    def _class(self, session: Session, group: TreatmentData, tick: int) -> None:
        ahead = self.floor.day > self.world.today
        joined = 0
        wanted = self.dice.randint(2, 6)
        if self.floor.take(group, session.body, session.location.pk, tick) is None:
            return
        if ahead:
            # The second class from now is full.
            self._classes_ahead += 1
            wanted = 8 if self._classes_ahead == 2 else wanted
        for _try in range(wanted * 3):
            if joined == wanted:
                break
            claims = self.floor.take(
                group, session.body, session.location.pk, tick, joins=joined > 0
            )
            client = self._somebody(group, session)
            if claims and client:
                fate = (
                    "came" if joined == 0 or ahead else self.dice.choice(["came"] * 9 + ["no_show"])
                )
                self._book(session, group, client, claims, tick, fate=fate)
                joined += 1

    # --- at the end -------------------------------------------------------------
    def _leave_unmarked(self) -> None:
        """Two of the last visits before today that nobody has marked."""
        midnight = self.world.at(0, "00:00")
        over = [v for v in self.visits if v.fate == "came" and v.starts_at < midnight]
        for visit in over[-2:]:
            visit.fate = "unmarked"


def _bookable_until(data: PractitionerData, today: date) -> date:
    """The last day on which they may see patients; long ago for those who may not."""
    required = [r for r in data.registrations if r.is_required]
    if not data.is_published or any(r.status != "current" for r in required):
        return date.min
    return today + timedelta(days=min([data.insured_days, *(r.valid_days for r in required)]))
