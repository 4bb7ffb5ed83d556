"""A phone number is stored in one form, or refused with a sentence."""

import pytest
from django.core.exceptions import ValidationError

from clinic.phones import PhoneField, clean_phone, readable


@pytest.mark.parametrize(
    "typed",
    [
        "0117 496 0123",
        "(0117) 4960123",
        "+44 117 496 0123",
        "+44 (0)117 496 0123",
        "0044 117 496 0123",
        "\u0660\u0661\u0661\u0667\u0664\u0669\u0666\u0660\u0661\u0662\u0663",
        "\u200e0117\u00a0496\u00a00123",
    ],
)
def test_however_it_is_written_it_is_stored_one_way(typed):
    assert PhoneField().clean(typed) == "+441174960123"


def test_a_number_from_abroad_keeps_its_country():
    assert clean_phone("+41 44 668 18 00") == "+41446681800"


@pytest.mark.parametrize("typed", ["0909 879 0123", "+44 909 879 0123", "+1 900 555 1234"])
def test_a_premium_number_is_refused(typed):
    with pytest.raises(ValidationError) as refused:
        clean_phone(typed)
    assert refused.value.code == "premium"


def test_an_extension_is_asked_for_elsewhere():
    with pytest.raises(ValidationError) as refused:
        clean_phone("0117 496 0123 ext. 45")
    assert refused.value.code == "extension"


@pytest.mark.parametrize("typed", ["abc", "+++", "1", "999", "0117 496", "0" * 39, "07700 90012"])
def test_what_is_no_number_is_refused_kindly(typed):
    with pytest.raises(ValidationError) as refused:
        PhoneField().clean(typed)
    assert refused.value.code == "invalid"


def test_the_numbers_kept_for_drama_are_welcome():
    assert clean_phone("07700 900123") == "+447700900123"
    assert clean_phone("020 7946 0999") == "+442079460999"


def test_nothing_typed_is_nothing_stored():
    assert PhoneField(required=False).clean("") == ""


def test_people_read_it_as_they_would_dial_it():
    assert readable("+441174960123") == "0117 496 0123"
    assert readable("+41446681800") == "+41 44 668 18 00"
    assert readable("not a number") == "not a number"
