"""Writes the pages of the directory: therapies, treatments, conditions, evidence, questions."""

from datetime import date, timedelta

from bookings.models import SafetyQuestion, ScreeningForm, ScreeningQuestion
from clinic import clock
from practitioners.models import Claim, Condition, Length, Reference, Therapy, Treatment

from . import screening
from .conditions import CONDITIONS
from .evidence import WORKS
from .pages import THERAPIES
from .shapes import TherapyData, TreatmentData

REVIEWER = "Inês Quillfeather, physiotherapist"


def treatment_data() -> dict[str, TreatmentData]:
    return {t.slug: t for therapy in THERAPIES for t in therapy.treatments}


def build(today: date) -> None:
    """Write all pages; dates of review are counted from `today`, and one page is overdue."""
    works = {work.key: Reference.objects.create(**work._asdict()) for work in WORKS}
    therapies = {}
    for position, data in enumerate(THERAPIES):
        therapy = _therapy(data, position, today)
        therapies[data.slug] = therapy
        _treatments(therapy, data)
        _questions(therapy, data)
        _claims(therapy, data, works, today)
    for slug, treatment in treatment_data().items():
        if treatment.requires:
            required = Treatment.objects.get(slug=treatment.requires)
            Treatment.objects.filter(slug=slug).update(requires=required)
    _conditions(therapies, today)
    _screening_form()


def _reviewed(today: date, position: int) -> dict[str, object]:
    """Every page is looked at again after two years; the last one is a month late."""
    days = 60 + 45 * position if position < 9 else 760
    reviewed = today - timedelta(days=days)
    return {
        "reviewed_on": reviewed,
        "reviewed_by": REVIEWER,
        "review_due": reviewed + timedelta(days=730),
    }


def _therapy(data: TherapyData, position: int, today: date) -> Therapy:
    return Therapy.objects.create(
        name=data.name,
        slug=data.slug,
        also_called=data.also_called,
        summary=data.summary,
        about=data.about,
        visit=data.visit,
        not_for=data.not_for,
        course=data.course,
        bring=data.bring,
        evidence_strength=data.strength,
        evidence_summary=data.evidence,
        position=position,
        is_published=True,
        **_reviewed(today, position),
    )


def _treatments(therapy: Therapy, data: TherapyData) -> None:
    Treatment.objects.bulk_create(
        Treatment(
            therapy=therapy,
            name=t.name,
            slug=t.slug,
            summary=t.summary,
            minutes=t.minutes,
            price_pence=t.pence,
            audience=t.audience,
            is_group=t.is_group,
            min_age=t.min_age,
            asks_birth_date=t.asks_birth_date,
            grid_minutes=t.grid,
            notice_minutes=t.notice_minutes,
            horizon_days=t.horizon_days,
            position=position,
        )
        for position, t in enumerate(data.treatments)
    )
    Length.objects.bulk_create(
        Length(treatment=row, minutes=minutes, price_pence=pence)
        for t in data.treatments
        if t.lengths
        for row in [Treatment.objects.get(slug=t.slug)]
        for minutes, pence in t.lengths
    )


def _questions(therapy: Therapy, data: TherapyData) -> None:
    SafetyQuestion.objects.bulk_create(
        SafetyQuestion(
            therapy=therapy,
            code=q.code,
            text=q.text,
            effect="block" if q.reason else "tell",
            reason=q.reason,
            position=position,
        )
        for position, q in enumerate(data.questions)
    )


def _claims(therapy: Therapy, data: TherapyData, works: dict[str, Reference], today: date) -> None:
    for position, c in enumerate(data.claims):
        claim = Claim.objects.create(
            therapy=therapy,
            population=c.population,
            comparator=c.comparator,
            outcome=c.outcome,
            direction=c.direction,
            certainty=c.certainty,
            does_not_cover=c.does_not_cover,
            approved_by=REVIEWER,
            approved_until=today + timedelta(days=365),
            position=position,
        )
        claim.references.set([works[key] for key in c.references])


def _conditions(therapies: dict[str, Therapy], today: date) -> None:
    for position, data in enumerate(CONDITIONS):
        condition = Condition.objects.create(
            name=data.name,
            slug=data.slug,
            also_called=data.also_called,
            summary=data.summary,
            about=data.about,
            self_care=data.self_care,
            see_gp=data.see_gp,
            position=position,
            is_published=True,
            **_reviewed(today, position),
        )
        condition.therapies.set([therapies[slug] for slug in data.therapies])


def _screening_form() -> None:
    form = ScreeningForm.objects.create(
        version=1,
        intro=screening.INTRO,
        approved_by=REVIEWER,
        published_at=clock.now() - timedelta(days=365),
    )
    ScreeningQuestion.objects.bulk_create(
        ScreeningQuestion(form=form, code=code, text=text, tier=tier, position=position)
        for position, (code, text, tier) in enumerate(screening.QUESTIONS)
    )
