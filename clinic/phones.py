"""Phone numbers as people write them, stored as E.164 (+44…)."""

import re
from typing import Any

import phonenumbers
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from clinic.text import LineField

# Where a number without a country code is.
HOME_COUNTRY = "GB"
# Ofcom keeps 07700 900xxx for drama; phonenumbers does not know it, and demos use it.
_DRAMA = re.compile(r"\+447700900\d{3}")
_PREMIUM = re.compile(r"\+449\d{9}")


def clean_phone(value: str) -> str:
    """The number as E.164; ValidationError when it can't be one, or costs whoever calls it."""
    try:
        number = phonenumbers.parse(value, HOME_COUNTRY)
    except NumberParseException:
        raise ValidationError(
            _("Please write a phone number with digits, like 0117 496 0123 or +44 117 496 0123."),
            code="invalid",
        ) from None
    if number.extension:
        raise ValidationError(
            _("Please leave out the extension here, and tell us in the message."), code="extension"
        )
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    premium = phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE
    if premium or _PREMIUM.fullmatch(written):
        raise ValidationError(
            _("We cannot call numbers that cost extra, such as those that begin with 09."),
            code="premium",
        )
    if not phonenumbers.is_valid_number(number) and not _DRAMA.fullmatch(written):
        raise ValidationError(
            _("This phone number does not exist. Please check the digits."), code="invalid"
        )
    return written


def readable(e164: str) -> str:
    """A stored number as people read it: national at home, international from elsewhere."""
    try:
        number = phonenumbers.parse(e164, HOME_COUNTRY)
    except NumberParseException:
        return e164
    at_home = phonenumbers.region_code_for_number(number) in (HOME_COUNTRY, None)
    style = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)


class PhoneField(LineField):
    """One phone number, normalised."""

    widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 40)
        super().__init__(**kwargs)

    def clean(self, value: Any) -> str:
        written = super().clean(value)
        return clean_phone(written) if written else ""
