"""A therapy's and a condition's page: honest about evidence, clear about when to get help."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from bookings.models import ScreeningForm
from bookings.tests import factories as diary
from practitioners.tests import factories

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)


@pytest.fixture
def world():
    with time_machine.travel(MONDAY, tick=False):
        yield diary.bookable_clinic()


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


# --- therapy --------------------------------------------------------------------
def test_a_therapy_says_what_it_is_costs_and_when_it_is_free(client, world):
    therapy = world.therapy
    therapy.about = "Thin needles."
    therapy.visit = "You lie down."
    therapy.not_for = "People who bleed easily."
    therapy.course = "Six to ten"
    therapy.save()
    found = page(client, "/therapies/acupuncture/")
    for words in (
        "Thin needles.",
        "You lie down.",
        "People who bleed easily.",
        "Six to ten",
        "Loose clothes.",
        "£60",
        "Ana Okafor",
        "Today, 10:00",
        "/book/visit/details/?start=",
    ):
        assert words in found


def test_evidence_is_numbered_in_the_order_of_reading(client, world):
    trial = factories.reference(key="Trial", title="A large trial")
    review = factories.reference(key="Review", title="A review")
    factories.reference(key="Other", title="Not cited here")
    world.therapy.evidence_strength = "weak"
    world.therapy.evidence_summary = "Not better than sham [@Review]."
    world.therapy.save()
    factories.claim(therapy=world.therapy, references=[trial, review], does_not_cover="leg pain")
    found = page(client, "/therapies/acupuncture/")
    assert "Weak evidence" in found
    assert found.index('id="ref-Review"') < found.index('id="ref-Trial"')
    assert 'href="#ref-Review" aria-label="Reference 1"' in found
    assert 'href="#ref-Trial" aria-label="Reference 2"' in found
    assert "Says nothing about: leg pain" in found
    assert "Not cited here" not in found
    assert "[@" not in found


def test_a_claim_nobody_approved_or_no_longer_is_not_shown(client, world):
    factories.claim(therapy=world.therapy, outcome="Cures everything", approved_by="")
    factories.claim(
        therapy=world.therapy, outcome="Was true once", approved_until=date(2026, 11, 22)
    )
    factories.claim(therapy=world.therapy, outcome="Holds today", approved_until=date(2026, 11, 23))
    found = page(client, "/therapies/acupuncture/")
    assert "Holds today" in found
    assert "Cures everything" not in found and "Was true once" not in found


@pytest.mark.parametrize("kind", ["therapy", "condition"])
def test_a_page_past_its_review_warns_its_readers(client, world, kind):
    row = world.therapy if kind == "therapy" else factories.condition(name="Sciatica")
    row.reviewed_on, row.reviewed_by = date(2025, 11, 1), "Dr Example"
    row.review_due = date(2026, 11, 23)
    row.save()
    found = page(client, row.get_absolute_url())
    assert "Last reviewed on 1 November 2025 by Dr Example." in found
    assert "Next review due by 23 November 2026." in found
    assert "may be out of date" not in found
    row.review_due = date(2026, 11, 22)
    row.save()
    found = page(client, row.get_absolute_url())
    assert "due for a review on 22 November 2026" in found and "may be out of date" in found


def test_a_reviewer_is_named_only_where_somebody_reviewed(client, world):
    found = page(client, "/therapies/acupuncture/")
    assert "Not reviewed yet" in found and "as our reviewer sees it" not in found
    world.therapy.reviewed_on = date(2026, 11, 1)
    world.therapy.save()
    found = page(client, "/therapies/acupuncture/")
    assert "Not reviewed yet" not in found and "as our reviewer sees it" in found


def test_evidence_nobody_assessed_is_no_evidence_that_none_was_found(client, world):
    world.therapy.evidence_strength = "unknown"
    world.therapy.save()
    for path in ("/therapies/acupuncture/", "/therapies/", "/"):
        found = page(client, path)
        assert "Evidence not assessed yet" in found
        assert "No evidence found" not in found and "evidence__meter" not in found


def test_a_therapy_nobody_gives_now_says_so_with_a_number(client, world):
    world.practitioner.treatments.clear()
    found = page(client, "/therapies/acupuncture/")
    assert "Nothing is free online in the next four weeks." in found
    assert "tel:01174960100" in found


def test_a_first_start_is_never_one_for_returning_patients_only(client, world):
    world.treatment.audience = "returning"
    world.treatment.save()
    assert "/details/?start=" not in page(client, "/therapies/acupuncture/")


# --- condition ------------------------------------------------------------------
def test_a_condition_offers_therapies_with_their_evidence_and_warns(client, world):
    world.therapy.evidence_strength = "against"
    world.therapy.save()
    draft = factories.therapy(name="Draft therapy", is_published=False)
    factories.condition(
        name="Sciatica",
        about="Pain down the leg.",
        self_care="Keep *moving*.",
        see_gp="After six weeks.",
        therapies=[world.therapy, draft],
    )
    found = page(client, "/conditions/sciatica/")
    for words in (
        "Pain down the leg.",
        "Keep <em>moving</em>.",
        "After six weeks.",
        "Evidence against",
        "Get help now if you have any of these",
        "Do you have pain in your chest?",
        "Call 999 now",
        "/therapies/acupuncture/",
    ):
        assert words in found
    assert "Draft therapy" not in found


def test_the_red_flags_stand_there_even_when_the_questions_are_missing(client, world):
    ScreeningForm.objects.update(published_at=None)
    factories.condition(name="Sciatica")
    found = page(client, "/conditions/sciatica/")
    assert "cannot control bladder or bowel" in found and "tel:999" in found


def test_a_bare_condition_still_says_when_to_see_a_gp(client, world):
    factories.condition(name="Sciatica")
    assert "See your GP if" in page(client, "/conditions/sciatica/")
