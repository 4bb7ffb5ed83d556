"""Who may come for what, as far as they have come already. No database."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from .pages import THERAPIES
from .shapes import PatientData, TreatmentData

THERAPY_OF = {t.slug: therapy.slug for therapy in THERAPIES for t in therapy.treatments}
_STOPS = {therapy.slug: {q.code for q in therapy.questions if q.reason} for therapy in THERAPIES}
LONGEST_COURSE = 20
SUITABLE_FOR = timedelta(days=180)


@dataclass
class Client:
    """A patient and what they have had so far; days are local dates."""

    index: int
    data: PatientData
    born: date | None
    last: date | None = None
    # Therapies they have had a visit of, and the day of the first; and those they are booked for.
    had: dict[str, date] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    suitable_on: date | None = None
    assessed: bool = False
    sessions: int = 0

    def may_come(self, treatment: TreatmentData, day: date, takes_new: bool) -> bool:
        """Whether this visit on this day makes sense for them, and is allowed."""
        therapy = THERAPY_OF[treatment.slug]
        if self.data.never_comes or not (takes_new or self.had):
            return False
        if self.last and (day - self.last).days < (2 if treatment.requires else 6):
            return False
        if _STOPS[therapy] & {*self.data.yes, *self.data.unsure}:
            return False
        if not self._is_old_enough(treatment, day):
            return False
        if treatment.requires:
            return self._may_have_session(day)
        if treatment.slug == "idd-assessment":
            return not self.assessed
        if treatment.audience == "new":
            return therapy not in self.begun
        return treatment.audience != "returning" or therapy in self.had

    def _may_have_session(self, day: date) -> bool:
        found = self.suitable_on
        return (
            found is not None
            and found < day <= found + SUITABLE_FOR
            and (self.sessions < LONGEST_COURSE)
        )

    def _is_old_enough(self, treatment: TreatmentData, day: date) -> bool:
        if self.born is None:
            return not treatment.asks_birth_date
        age = day.year - self.born.year - ((day.month, day.day) < (self.born.month, self.born.day))
        return age >= treatment.min_age

    def comes(self, treatment: TreatmentData, day: date) -> None:
        """They are booked for that day."""
        self.last = day
        self.begun.add(THERAPY_OF[treatment.slug])
        self.assessed |= treatment.slug == "idd-assessment"
        self.sessions += bool(treatment.requires)

    def has_come(self, treatment: TreatmentData, day: date, suitable: bool) -> None:
        """The visit took place."""
        self.had.setdefault(THERAPY_OF[treatment.slug], day)
        if treatment.slug == "idd-assessment" and suitable:
            self.suitable_on = day
