"""What goes in and out of the API, field by field."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from ninja import Field, Schema
from pydantic import ConfigDict

from clinic.errors import Refused
from clinic.phones import clean_phone
from clinic.text import CONTROL, clean_block, clean_line, clean_mail
from practitioners.models import Audience, Gender, Strength

from ..availability import Start
from ..messages import url
from ..models import Appointment, State
from ..patients import Details
from .fields import BLOCK, LINE, NAME, Answer, Day, Instant, InstantIn, Minutes

LONGEST_NAME, LONGEST_NOTE, LONGEST_REASON = 200, 2000, 200
# What an appointment with an address of its own can be in.
SEEN_STATES: list[Any] = [s.value for s in State if s not in (State.HELD, State.EXPIRED)]


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


def _one_of(choices: Any) -> dict[str, Any]:
    return {"enum": list(choices.values)}


class LocationOut(Schema):
    model_config = _example(
        slug="quayside",
        name="Tidewell Quayside",
        address="3 Lanternmaker’s Wharf, Bristol ZZ99 1AA",
        phone="0117 496 0101",
        timezone="Europe/London",
        step_free=True,
        hearing_loop=True,
    )
    slug: str
    name: str
    address: str
    phone: str
    timezone: str = Field(alias="time_zone")
    step_free: bool
    hearing_loop: bool


class TherapyOut(Schema):
    model_config = _example(
        slug="massage",
        name="Massage",
        summary="Hands-on work on tight and sore muscles.",
        evidence="weak",
    )
    slug: str
    name: str
    summary: str
    evidence: str = Field(alias="evidence_strength", json_schema_extra=_one_of(Strength))


class LengthOut(Schema):
    minutes: int
    price_pence: int


class TreatmentOut(Schema):
    """`lengths` are all that it can be booked in; `minutes` is the one you get without asking."""

    model_config = _example(
        slug="massage-60",
        name="Classic",
        therapy="massage",
        minutes=60,
        price_pence=6200,
        lengths=[
            {"minutes": 30, "price_pence": 3800},
            {"minutes": 60, "price_pence": 6200},
            {"minutes": 90, "price_pence": 8500},
        ],
        currency="GBP",
        audience="all",
        asks_birth_date=False,
        min_age=16,
    )
    slug: str
    name: str
    therapy: str
    minutes: int
    price_pence: int
    lengths: list[LengthOut]
    currency: str = "GBP"
    audience: str = Field(json_schema_extra=_one_of(Audience))
    asks_birth_date: bool
    min_age: int

    @staticmethod
    def resolve_therapy(row: Any) -> str:
        return row.therapy.slug

    @staticmethod
    def resolve_lengths(row: Any) -> list[dict[str, int]]:
        return [{"minutes": m, "price_pence": pence} for m, pence in row.choices()]


class PractitionerOut(Schema):
    model_config = _example(
        slug="saoirse-fennimore",
        name="Saoirse Fennimore",
        profession="Massage therapist",
        gender="woman",
        treatments=["massage-60"],
        languages=["en", "ga"],
        takes_new_patients=True,
    )
    slug: str
    name: str
    profession: str
    gender: str = Field(json_schema_extra=_one_of(Gender))
    treatments: list[str]
    languages: list[str]
    takes_new_patients: bool

    @staticmethod
    def resolve_treatments(row: Any) -> list[str]:
        return [t.slug for t in row.treatments.all() if t.is_published]

    @staticmethod
    def resolve_languages(row: Any) -> list[str]:
        return [language.code for language in row.languages.all()]


class StartOut(Schema):
    model_config = _example(
        start="2027-01-11T09:00:00+00:00", location="quayside", practitioners=["saoirse-fennimore"]
    )
    start: Instant
    location: str
    practitioners: list[str]

    @classmethod
    def of(cls, start: Start) -> "StartOut":
        people = [p.slug for p in start.practitioners]
        return cls(start=start.at, location=start.location.slug, practitioners=people)


class AvailabilityOut(Schema):
    model_config = _example(
        treatment="massage-60",
        minutes=60,
        timezone="Europe/London",
        starts=[
            {
                "start": "2027-01-11T09:00:00+00:00",
                "location": "quayside",
                "practitioners": ["saoirse-fennimore"],
            }
        ],
    )
    treatment: str
    minutes: int
    timezone: str
    starts: list[StartOut]


class PatientIn(Schema):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=LONGEST_NAME, json_schema_extra=NAME)
    email: str = Field(
        min_length=3,
        max_length=254,
        description="One address: the confirmation goes there.",
        json_schema_extra={"format": "email"},
    )
    phone: str = Field(
        "", max_length=40, description="A number that can be called.", json_schema_extra=LINE
    )
    date_of_birth: Day | None = None


class AppointmentIn(Schema):
    """`screening` maps the code of a safety question to yes, no or unsure; {} is no to all."""

    model_config = ConfigDict(
        extra="forbid",
        **_example(
            treatment="massage-60",
            start="2027-01-11T09:00:00+00:00",
            minutes=90,
            practitioner="saoirse-fennimore",
            location="quayside",
            patient={"name": "Pat Example", "email": "pat@example.org", "phone": "0117 496 0123"},
            note="My left shoulder.",
            screening={},
        ),
    )
    treatment: str = Field(max_length=120)
    start: InstantIn
    minutes: Minutes | None = Field(
        None, description="One of the treatment’s lengths; its own unless said."
    )
    practitioner: str | None = Field(None, max_length=120)
    location: str | None = Field(None, max_length=80)
    patient: PatientIn
    note: str = Field("", max_length=LONGEST_NOTE, json_schema_extra=BLOCK)
    screening: dict[str, Answer]

    def details(self, answers: dict[str, str]) -> Details:
        """The patient's details as clean text (Refused, naming the field)."""
        patient = self.patient
        return Details(
            name=_clean("patient.name", clean_line, patient.name, LONGEST_NAME),
            email=_clean("patient.email", clean_mail, patient.email),
            phone=_clean("patient.phone", _phone, patient.phone),
            date_of_birth=patient.date_of_birth,
            note=_clean("note", clean_block, self.note, LONGEST_NOTE),
            answers=answers,
        )


class CancelIn(Schema):
    model_config = ConfigDict(extra="forbid", **_example(reason="I am away that week."))
    reason: str = Field("", max_length=LONGEST_REASON, json_schema_extra=LINE)

    def cleaned(self) -> str:
        """The reason as one clean line (Refused)."""
        return _clean("reason", clean_line, self.reason, LONGEST_REASON)


class RescheduleIn(Schema):
    model_config = ConfigDict(extra="forbid", **_example(start="2027-01-12T14:00:00+00:00"))
    start: InstantIn
    practitioner: str | None = Field(None, max_length=120)


class AppointmentOut(Schema):
    model_config = _example(
        reference="TW-4K7P2",
        token="pQ7rV0yJ3mXk5sTqB8wLzA",  # noqa: S106  an example
        status="booked",
        treatment="massage-60",
        minutes=90,
        start="2027-01-11T09:00:00+00:00",
        end="2027-01-11T10:30:00+00:00",
        timezone="Europe/London",
        practitioner="saoirse-fennimore",
        location="quayside",
        price_pence=8500,
        free_cancellation_until="2027-01-10T09:00:00+00:00",
        manage_url="https://clinic.example.org/appointments/pQ7rV0yJ3mXk5sTqB8wLzA/",
    )
    reference: str
    token: str = Field(description="What opens it, here and at `manage_url`. Keep it secret.")
    status: str = Field(json_schema_extra={"enum": SEEN_STATES})
    treatment: str
    minutes: int
    start: Instant
    end: Instant
    timezone: str
    practitioner: str
    location: str
    price_pence: int
    free_cancellation_until: Instant
    manage_url: str

    @classmethod
    def of(cls, row: Appointment) -> "AppointmentOut":
        return cls(
            reference=row.reference,
            token=row.token,
            status=row.state,
            treatment=row.treatment.slug,
            minutes=row.minutes,
            start=row.starts_at,
            end=row.ends_at,
            timezone=row.location.time_zone,
            practitioner=row.practitioner.slug,
            location=row.location.slug,
            price_pence=row.price_pence,
            free_cancellation_until=row.free_until,
            manage_url=url("appointment", row.token),
        )


class FieldProblem(Schema):
    field: str
    message: str


class Problem(Schema):
    """A problem document (RFC 9457); `code` is stable, `detail` is for people."""

    model_config = _example(
        type="about:blank",
        title="Conflict",
        status=409,
        code="start_taken",
        detail="This time has just been taken. Please choose another one.",
        alternatives=[
            {
                "start": "2027-01-11T10:00:00+00:00",
                "location": "quayside",
                "practitioners": ["saoirse-fennimore"],
            }
        ],
    )

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = []
    alternatives: list[StartOut] = []


def _phone(value: str) -> str:
    return clean_phone(line) if (line := clean_line(value)) else ""


def _clean(field: str, cleaner: Any, value: str, longest: int | None = None) -> str:
    """`value` as the forms would store it; Refused, naming the field."""
    try:
        cleaned: str = cleaner(value)
    except ValidationError as error:
        refusal = Refused(error.messages[0], code="invalid", field=field)
        refusal.status = 400 if error.code == CONTROL else 422
        raise refusal from None
    if not cleaned and field == "patient.name":
        raise Refused(_("Please give a name."), code="invalid", field=field)
    # Composing can make text longer than it was typed.
    if longest and len(cleaned) > longest:
        sentence = _("Please write at most %(n)d characters.") % {"n": longest}
        raise Refused(sentence, code="invalid", field=field)
    return cleaned
