"""The safety gate: red-flag questions before a time is held. A prompt, not a diagnosis.

It fails closed: where the questions cannot be asked, nobody is booked.
"""

from collections.abc import Mapping
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from clinic.clock import now
from clinic.errors import Refused

from .errors import RedFlag, ScreeningNeeded, ScreeningUnavailable
from .models import ScreeningForm, ScreeningQuestion, ScreeningRecord

FRESH = timedelta(hours=24)
YES, NO, UNSURE = "yes", "no", "unsure"
# The most urgent first.
TIERS = (
    ScreeningQuestion.Tier.CALL_999,
    ScreeningQuestion.Tier.EMERGENCY,
    ScreeningQuestion.Tier.URGENT,
)


def current_form() -> ScreeningForm:
    """The newest published questions. Two queries; ScreeningUnavailable when there are none."""
    form = (
        ScreeningForm.objects.filter(published_at__lte=now())
        .prefetch_related("questions")
        .order_by("-version")
        .first()
    )
    if form is None or not form.questions.all():
        raise ScreeningUnavailable
    return form


def record(form: ScreeningForm, answers: Mapping[str, str], *, door: str) -> ScreeningRecord:
    """Keep that the questions were answered, without a name.

    `answers` maps each question's code to yes, no or unsure; a missing or strange one is
    refused (code screening_incomplete), an unknown code too (screening_unknown).
    """
    codes = [q.code for q in form.questions.all()]
    for code in answers:
        if code not in codes:
            raise Refused(
                _("One of the answers belongs to no question."),
                code="screening_unknown",
                field=f"screening.{code}",
            )
    for code in codes:
        if answers.get(code) not in (YES, NO, UNSURE):
            raise Refused(
                _("Please answer every question: yes, no or not sure."),
                code="screening_incomplete",
                field=f"screening.{code}",
            )
    kept = {code: answers[code] for code in codes}
    passed = all(value == NO for value in kept.values())
    return ScreeningRecord.objects.create(
        form=form, at=now(), answers=kept, passed=passed, door=door
    )


def flagged(record: ScreeningRecord) -> list[ScreeningQuestion]:
    """The questions that were answered with yes or not sure, most urgent first. One query."""
    raised = [c for c, value in record.answers.items() if value != NO]
    questions = ScreeningQuestion.objects.filter(form=record.form_id, code__in=raised)
    return sorted(questions, key=lambda q: (TIERS.index(q.tier), q.position))


def is_fresh(record: ScreeningRecord | None) -> bool:
    """Whether it was passed, today, on the questions that are asked now. Two queries."""
    return (
        record is not None
        and record.passed
        and record.at > now() - FRESH
        and record.form_id == current_form().pk
    )


def require(record: ScreeningRecord | None) -> None:
    """Raise RedFlag, ScreeningNeeded or ScreeningUnavailable unless the gate is open."""
    if record is not None and not record.passed:
        raise RedFlag
    if not is_fresh(record):
        raise ScreeningNeeded
