"""What the demo's data modules are made of. Plain values, no database."""

from dataclasses import dataclass, replace
from datetime import date
from inspect import cleandoc


@dataclass(frozen=True)
class NeedData:
    """`pool` is a pool's slug, or empty for the practitioner; minutes count from the start."""

    pool: str
    start: int
    end: int
    quantity: int = 1
    shared: bool = False
    # When the visit is booked longer, this part moves with its end.
    follows_end: bool = False


@dataclass(frozen=True)
class TreatmentData:
    slug: str
    name: str
    summary: str
    minutes: int
    pence: int
    needs: tuple[NeedData, ...]
    audience: str = "all"
    grid: int = 15
    is_group: bool = False
    min_age: int = 16
    asks_birth_date: bool = False
    # The slug of the treatment that must have found the patient suitable.
    requires: str = ""
    notice_minutes: int = 120
    horizon_days: int = 60
    # Other lengths it comes in: minutes and pence.
    lengths: tuple[tuple[int, int], ...] = ()

    def in_every_length(self) -> tuple["TreatmentData", ...]:
        """Itself, and as it is in each other length: its needs moved or stretched to the end."""
        return (self, *(self._lasting(minutes, pence) for minutes, pence in self.lengths))

    def _lasting(self, minutes: int, pence: int) -> "TreatmentData":
        longer = minutes - self.minutes

        def moved(need: NeedData) -> NeedData:
            return replace(
                need,
                start=need.start + longer * (need.follows_end or need.start >= self.minutes),
                end=need.end + longer * (need.follows_end or need.end >= self.minutes),
            )

        needs = tuple(moved(need) for need in self.needs)
        return replace(self, minutes=minutes, pence=pence, needs=needs, lengths=())


@dataclass(frozen=True)
class QuestionData:
    """A safety question. One with a `reason` stops online booking, and the reason is shown."""

    code: str
    text: str
    reason: str = ""


@dataclass(frozen=True)
class ClaimData:
    population: str
    comparator: str
    outcome: str
    direction: str
    certainty: str
    references: tuple[str, ...]
    does_not_cover: str = ""


@dataclass(frozen=True)
class TherapyData:
    slug: str
    name: str
    summary: str
    about: str
    visit: str
    not_for: str
    course: str
    bring: str
    strength: str
    evidence: str
    treatments: tuple[TreatmentData, ...]
    also_called: str = ""
    questions: tuple[QuestionData, ...] = ()
    claims: tuple[ClaimData, ...] = ()


@dataclass(frozen=True)
class ConditionData:
    slug: str
    name: str
    summary: str
    about: str
    self_care: str
    see_gp: str
    therapies: tuple[str, ...]
    also_called: str = ""


@dataclass(frozen=True)
class Hours:
    """Hours at a location: on weekdays (0 is Monday), or on the day `in_days` after today."""

    location: str
    starts: str
    ends: str
    weekdays: tuple[int, ...] = ()
    every_weeks: int = 1
    # The one-off day: the first Sunday at least so many days from today.
    sunday_after_days: int | None = None


@dataclass(frozen=True)
class RegistrationData:
    body: str
    number: str
    status: str = "current"
    # Counted from today; a lapsed one is negative.
    valid_days: int = 300
    is_required: bool = True


@dataclass(frozen=True)
class PractitionerData:
    slug: str
    name: str
    profession: str
    summary: str
    about: str
    gender: str
    pronouns: str
    languages: tuple[str, ...]
    qualifications: tuple[str, ...]
    treatments: tuple[str, ...]
    registrations: tuple[RegistrationData, ...]
    hours: tuple[Hours, ...] = ()
    takes_new_patients: bool = True
    first_visits_a_day: int | None = None
    insured_days: int = 320
    is_published: bool = True
    login: str = ""


@dataclass(frozen=True)
class PatientData:
    name: str
    email: str = ""
    # As stored: +44…
    phone: str = ""
    # Age in whole years, turned into a date of birth; None where none was given.
    age: int | None = None
    born: date | None = None
    access_needs: str = ""
    staff_note: str = ""
    # Codes of safety questions this person answers with yes, and with not sure.
    yes: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    wants_chaperone: bool = False
    # Books by phone; nothing was ever typed by them.
    by_phone: bool = False
    # A record without appointments: a child on the list, a duplicate.
    never_comes: bool = False


def prose(text: str) -> str:
    """The text of an indented block, without the indentation."""
    return cleandoc(text)
