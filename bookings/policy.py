"""Who may book what, and until when it may be changed."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.utils.translation import gettext_lazy as _

from clinic.clock import local, now
from clinic.errors import Refused
from practitioners.models import Audience, Location, Treatment

from .actors import Actor
from .errors import Blocked, NeedsAssessment, NeedsProof, PolicyRefused, TooYoung
from .models import Answer, Appointment, Patient, SafetyQuestion, State
from .patients import Details


def check_audience(treatment: Treatment, patient: Patient | None, start: datetime) -> None:
    """Returning patients' treatments need a proved patient, some an assessment before them.

    Raises NeedsProof or NeedsAssessment. At most one query.
    """
    if treatment.audience != Audience.RETURNING and treatment.requires_id is None:
        return
    if patient is None:
        raise NeedsProof
    required = treatment.requires
    if required is None:
        return
    suitable = Appointment.objects.filter(
        patient=patient,
        treatment=required,
        state=State.COMPLETED,
        outcome=Appointment.Outcome.SUITABLE,
        starts_at__gte=start - timedelta(days=treatment.requires_within_days),
    )
    if not suitable.exists():
        raise NeedsAssessment(required.name)


def length_of(treatment: Treatment, minutes: int | None) -> tuple[int, int]:
    """(minutes, pence) of a visit: the treatment's own, or another length it comes in.

    Raises Refused for a length it does not come in. Reads `lengths` where another is asked for.
    """
    if minutes is None or minutes == treatment.minutes:
        return treatment.minutes, treatment.price_pence
    prices = dict(treatment.choices())
    if minutes not in prices:
        raise Refused(
            _("This treatment does not come in that length. It comes in: %(lengths)s minutes.")
            % {"lengths": ", ".join(map(str, prices))},
            code="no_such_length",
            field="minutes",
        )
    return minutes, prices[minutes]


def age_on(born: date, day: date) -> int:
    """Whole years; somebody born on 29 February has their birthday on 1 March in other years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def check_age(treatment: Treatment, born: date | None, start: datetime, location: Location) -> None:
    """Too young for online booking on the day of the visit, by the location's date: TooYoung."""
    if born is None:
        if treatment.asks_birth_date:
            raise Refused(
                _("Please give the date of birth of the person who comes."),
                code="birth_date_missing",
                field="date_of_birth",
            )
        return
    day = local(start, location.time_zone).date()
    if born > local(now(), location.time_zone).date() or age_on(born, day) > 120:
        raise Refused(
            _("Please check the date of birth."), code="birth_date_wrong", field="date_of_birth"
        )
    if age_on(born, day) < treatment.min_age:
        raise TooYoung(treatment.min_age)


def questions_of(treatment: Treatment) -> list[SafetyQuestion]:
    """The safety questions a patient answers before this treatment. One query."""
    return list(SafetyQuestion.objects.filter(therapy=treatment.therapy_id))


def check_answers(
    questions: list[SafetyQuestion], given: Mapping[str, str], *, must_answer: bool
) -> list[Answer]:
    """Unsaved answers in the questions' order; raises Blocked, or Refused for a missing one."""
    answers = []
    for question in questions:
        field = f"answers.{question.code}"
        value = given.get(question.code)
        if value is None and not must_answer:
            continue
        if value not in Answer.Value.values:
            raise Refused(
                _("Please answer this question: yes, no or not sure."),
                code="answer_missing",
                field=field,
            )
        if value != Answer.Value.NO and question.effect == SafetyQuestion.Effect.BLOCK:
            raise Blocked(question.reason, field)
        answers.append(
            Answer(
                code=question.code,
                question=question.text,
                value=value,
                needs_look=value != Answer.Value.NO,
            )
        )
    return answers


def check_details(details: Details) -> None:
    """A name, and a way to reach them (Refused with the field)."""
    if details.patient is not None:
        return
    if not details.name:
        raise Refused(_("Please tell us your name."), code="name_missing", field="name")
    if not details.email and not details.phone:
        raise Refused(
            _("Please give a mail address or a phone number."),
            code="contact_missing",
            field="email",
        )


def check_still_fits(
    appointment: Appointment, start: datetime, location: Location, by: Actor
) -> None:
    """A patient does not get by moving what they could not book: too young, or assessed too long
    before. What did not fit the old start either, staff have allowed. At most three queries.
    """
    patient, treatment = appointment.patient, appointment.treatment
    if by.is_clinic or by.kind == "system":
        return

    def check(at: datetime, place: Location) -> None:
        check_audience(treatment, patient, at)
        if patient and patient.date_of_birth:
            check_age(treatment, patient.date_of_birth, at, place)

    try:
        check(start, location)
    except Refused:
        try:
            check(appointment.starts_at, appointment.location)
        except Refused:
            return
        raise


def check_may_change(appointment: Appointment, by: Actor) -> None:
    """Until the notice period begins the patient decides; from then on the desk (PolicyRefused)."""
    if by.is_clinic or by.kind == "system":
        return
    if now() >= appointment.free_until:
        raise PolicyRefused(
            _(
                "It is less than %(hours)d hours until your appointment, so it cannot be changed "
                "online. Please call us: we decide together."
            )
            % {"hours": appointment.cancellation_hours}
        )
