"""The directory's own pages: lists, portraits, what is not published, and how it is filtered."""

from datetime import date, timedelta

import pytest
from django.test import Client

from practitioners import search
from practitioners.models import Registration
from practitioners.search import Filters

from . import factories

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 21)


def names(found):
    return [person.name for person in found]


# --- who is shown ---------------------------------------------------------------
def test_a_draft_is_not_in_the_directory():
    factories.practitioner(name="Ana", is_published=False)
    assert names(search.directory(TODAY, Filters())) == []


@pytest.mark.parametrize(
    "change",
    [
        {"status": Registration.Status.LAPSED},
        {"valid_until": TODAY - timedelta(days=1)},
    ],
)
def test_a_lapsed_registration_takes_a_practitioner_out(change):
    person = factories.practitioner(name="Ana", registered=False)
    factories.registration(person, **change)
    assert names(search.directory(TODAY, Filters())) == []


def test_without_any_registration_nobody_is_shown():
    factories.practitioner(name="Ana", registered=False)
    assert names(search.directory(TODAY, Filters())) == []


def test_a_lapsed_membership_that_is_not_required_does_no_harm():
    person = factories.practitioner(name="Ana")
    factories.registration(person, body="AACP", status="lapsed", is_required=False)
    assert names(search.directory(TODAY, Filters())) == ["Ana"]


def test_insurance_that_ended_yesterday_takes_a_practitioner_out():
    factories.practitioner(name="Ana", insured_until=TODAY - timedelta(days=1))
    factories.practitioner(name="Ben", insured_until=TODAY)
    assert names(search.directory(TODAY, Filters())) == ["Ben"]


def test_the_query_agrees_with_the_model_about_who_may_be_booked():
    for days in (-1, 0, 1):
        for status in Registration.Status.values:
            person = factories.practitioner(registered=False)
            until = TODAY + timedelta(days=days)
            factories.registration(person, status=status, valid_until=until)
    shown = set(search.in_practice(TODAY))
    for person in search.Practitioner.objects.all():
        until = person.bookable_until()
        assert (person in shown) == (until is not None and until >= TODAY)


# --- filters --------------------------------------------------------------------
def test_filters_narrow_it_together():
    massage = factories.treatment(therapy=factories.therapy(name="Massage"))
    welsh = factories.language("cy", "Welsh")
    factories.practitioner(name="Ana", treatments=[massage], languages=[welsh], gender="woman")
    factories.practitioner(name="Ben", treatments=[massage], gender="man")
    factories.practitioner(name="Cat", languages=[welsh], gender="woman")
    assert names(search.directory(TODAY, Filters(therapy=massage.therapy))) == ["Ana", "Ben"]
    assert names(search.directory(TODAY, Filters(language=welsh))) == ["Ana", "Cat"]
    assert names(search.directory(TODAY, Filters(gender="man"))) == ["Ben"]
    assert names(search.directory(TODAY, Filters(language=welsh, therapy=massage.therapy))) == [
        "Ana"
    ]


@pytest.mark.parametrize(
    "typed", ["ana", "OKAFOR", "okafor ana", "physio", "massage", "rubbing", "welsh ana"]
)
def test_every_word_may_stand_in_name_profession_therapy_or_language(typed):
    therapy = factories.therapy(name="Massage", also_called="rubbing, kneading")
    factories.practitioner(
        name="Ana Okafor",
        treatments=[factories.treatment(therapy=therapy), factories.treatment(therapy=therapy)],
        languages=[factories.language("cy", "Welsh"), factories.language()],
    )
    factories.practitioner(name="Ben Lee", profession="Osteopath", summary="Joints.")
    assert names(search.directory(TODAY, Filters(q=typed))) == ["Ana Okafor"]


def test_a_word_that_fits_nobody_finds_nobody():
    factories.practitioner(name="Ana")
    assert names(search.directory(TODAY, Filters(q="ana dentist"))) == []
    assert names(search.directory(TODAY, Filters(q="%"))) == []


# --- lists ----------------------------------------------------------------------
def test_therapies_are_listed_with_their_lowest_price(client: Client):
    massage = factories.therapy(name="Massage")
    factories.treatment(therapy=massage, price_pence=6200)
    factories.treatment(therapy=massage, price_pence=3800)
    factories.treatment(therapy=massage, price_pence=100, is_published=False)
    factories.therapy(name="Secret", is_published=False)
    page = client.get("/therapies/").content.decode()
    assert "Massage" in page and "£38" in page
    assert "£1<" not in page and "Secret" not in page


def test_conditions_are_listed_and_drafts_are_not(client: Client):
    factories.condition(name="Sciatica")
    factories.condition(name="Secret", is_published=False)
    page = client.get("/conditions/").content.decode()
    assert "Sciatica" in page and "Secret" not in page


@pytest.mark.parametrize("address", ["/therapies/", "/conditions/"])
def test_an_empty_clinic_still_has_a_page_with_a_way_on(client: Client, address):
    page = client.get(address)
    assert page.status_code == 200
    assert 'href="/contact/"' in page.content.decode()


# --- portraits ------------------------------------------------------------------
def test_a_portrait_is_svg_that_a_browser_may_keep_and_cannot_run(client: Client):
    person = factories.practitioner()
    answer = client.get(f"/practitioners/{person.slug}/portrait.svg")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/svg+xml"
    assert "max-age=604800" in answer["Cache-Control"] and "public" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert b"<script" not in answer.content


def test_a_portrait_that_the_browser_has_is_not_sent_again(client: Client):
    address = f"/practitioners/{factories.practitioner().slug}/portrait.svg"
    tag = client.get(address)["ETag"]
    again = client.get(address, HTTP_IF_NONE_MATCH=tag)
    assert (again.status_code, again.content) == (304, b"")


def test_a_draft_has_no_portrait(client: Client):
    person = factories.practitioner(is_published=False)
    assert client.get(f"/practitioners/{person.slug}/portrait.svg").status_code == 404
