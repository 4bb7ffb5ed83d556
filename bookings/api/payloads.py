"""What goes in and out of the API, field by field."""

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from ninja import Field, Schema
from pydantic import AwareDatetime, ConfigDict

from clinic.errors import Refused
from clinic.phones import clean_phone
from clinic.text import CONTROL, clean_block, clean_line, clean_mail

from ..availability import Start
from ..messages import url
from ..models import Appointment
from ..patients import Details


class LocationOut(Schema):
    slug: str
    name: str
    address: str
    phone: str
    timezone: str = Field(alias="time_zone")
    step_free: bool
    hearing_loop: bool


class TherapyOut(Schema):
    slug: str
    name: str
    summary: str
    evidence: str = Field(alias="evidence_strength")


class TreatmentOut(Schema):
    slug: str
    name: str
    therapy: str
    minutes: int
    price_pence: int
    currency: str = "GBP"
    audience: str
    asks_birth_date: bool
    min_age: int

    @staticmethod
    def resolve_therapy(row: Any) -> str:
        return row.therapy.slug


class PractitionerOut(Schema):
    slug: str
    name: str
    profession: str
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
    start: datetime
    location: str
    practitioners: list[str]

    @classmethod
    def of(cls, start: Start) -> "StartOut":
        people = [p.slug for p in start.practitioners]
        return cls(start=start.at, location=start.location.slug, practitioners=people)


class AvailabilityOut(Schema):
    treatment: str
    timezone: str
    starts: list[StartOut]


class PatientIn(Schema):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200)
    email: str = Field(min_length=3, max_length=254)
    phone: str = Field("", max_length=40)
    date_of_birth: date | None = None


class AppointmentIn(Schema):
    """`screening` maps the code of a safety question to yes, no or unsure; {} is no to all."""

    model_config = ConfigDict(extra="forbid")
    treatment: str = Field(max_length=120)
    start: AwareDatetime
    practitioner: str | None = Field(None, max_length=120)
    location: str | None = Field(None, max_length=80)
    patient: PatientIn
    note: str = Field("", max_length=2000)
    screening: dict[str, bool | str]

    def details(self, answers: dict[str, str]) -> Details:
        """The patient's details as clean text (Refused, naming the field)."""
        patient = self.patient
        return Details(
            name=_clean("patient.name", clean_line, patient.name),
            email=_clean("patient.email", clean_mail, patient.email),
            phone=_clean("patient.phone", clean_phone, patient.phone) if patient.phone else "",
            date_of_birth=patient.date_of_birth,
            note=_clean("note", clean_block, self.note),
            answers=answers,
        )


class CancelIn(Schema):
    model_config = ConfigDict(extra="forbid")
    reason: str = Field("", max_length=200)


class RescheduleIn(Schema):
    model_config = ConfigDict(extra="forbid")
    start: AwareDatetime
    practitioner: str | None = Field(None, max_length=120)


class AppointmentOut(Schema):
    reference: str
    status: str
    treatment: str
    start: datetime
    end: datetime
    timezone: str
    practitioner: str
    location: str
    price_pence: int
    free_cancellation_until: datetime
    manage_url: str

    @classmethod
    def of(cls, row: Appointment) -> "AppointmentOut":
        return cls(
            reference=row.reference,
            status=row.state,
            treatment=row.treatment.slug,
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

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = []
    alternatives: list[StartOut] = []


def _clean(field: str, cleaner: Any, value: str) -> str:
    try:
        cleaned: str = cleaner(value)
    except ValidationError as error:
        refusal = Refused(error.messages[0], code="invalid", field=field)
        refusal.status = 400 if error.code == CONTROL else 422
        raise refusal from None
    if not cleaned and value and field == "patient.name":
        raise Refused("Please give a name.", code="invalid", field=field)
    return cleaned
