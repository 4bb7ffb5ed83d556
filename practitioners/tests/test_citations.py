"""[@Key] becomes a numbered link, and a page with an unknown key can't be saved."""

import pytest
from django.core.exceptions import ValidationError

from practitioners import citations, richtext

from . import factories


def test_a_work_has_one_number_however_often_it_is_cited():
    assert citations.numbers("A [@B1]. C [@A2; @B1].", "D [@A2] [@C3]") == {
        "B1": 1,
        "A2": 2,
        "C3": 3,
    }


def test_works_that_only_the_claims_rest_on_come_last():
    assert citations.numbers("A [@B1].", then=["A2", "B1"]) == {"B1": 1, "A2": 2}


def test_a_citation_is_a_numbered_link_to_the_list():
    html = richtext.html("It helps a little [@B1].", {"B1": 3})
    assert '<sup class="cite"><a href="#ref-B1" aria-label="Reference 3"' in html
    assert ">[3]</a></sup>." in html
    assert "@B1" not in html


def test_several_keys_in_one_bracket_stand_in_order():
    html = richtext.html("See [@Z; @A].", {"A": 1, "Z": 2})
    assert html.index("[1]") < html.index("[2]")


def test_an_unknown_key_is_shown_to_nobody():
    assert richtext.html("True [@Nobody].", {}) == "<p>True .</p>\n"


@pytest.mark.parametrize("text", ["write to [me@example.org]", "`[@B1]`x", "[@]", "[@a b]", "@B1"])
def test_other_brackets_stay_as_they_are(text):
    assert "<sup" not in richtext.html(text, {"B1": 1})


def test_a_citation_in_a_links_title_cannot_break_out_of_it():
    html = richtext.html('[a](https://example.org "see [@B1]")', {"B1": 1})
    assert "<sup" not in html
    assert html.count("<a ") == 1


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "[x](javascript:alert(1))", "<b onclick=x>y</b>"]
)
def test_nothing_active_comes_through(text):
    html = richtext.html(text)
    assert "<script" not in html
    assert "<b " not in html
    assert "href" not in html


def test_headings_of_a_text_stand_below_the_pages_own():
    assert "<h3>" in richtext.html("# Big") and "<h4>" in richtext.html("### Small")


@pytest.mark.django_db
def test_a_therapy_that_cites_what_is_not_there_is_refused():
    factories.reference(key="Known")
    therapy = factories.therapy(evidence_summary="So so [@Known] [@Unknown].")
    with pytest.raises(ValidationError) as refused:
        therapy.full_clean()
    assert list(refused.value.message_dict) == ["evidence_summary"]
    assert "Unknown" in str(refused.value)
    therapy.evidence_summary = "So so [@Known]."
    therapy.full_clean()
