"""Typed text, made safe to store, to show and to put into a mail header.

Control characters are refused with a sentence (a database may not even take them); invisible
direction marks and byte-order marks are dropped, because a phone's keyboard adds them without
the writer knowing; everything is stored as NFC.
"""

import re
import unicodedata
from email.utils import parseaddr
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

CONTROL = "control_characters"
# Direction overrides and isolates, zero-width space, word joiner, byte-order mark, soft hyphen.
# The joiners U+200C and U+200D stay: names in Persian and family emoji need them.
_DROPPED = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
# U+FFFD stands where bytes were no UTF-8: what was meant is lost.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")
_LINE_BREAK = re.compile("[\r\n\u2028\u2029\x85\x0b\x0c]")
_MARKS_A_LETTER = 4


def clean_block(value: str) -> str:
    """Several lines of text: NFC, line ends as \\n, no control characters (ValidationError)."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    value = value.replace("\u2028", "\n").replace("\u2029", "\n")
    if _CONTROL.search(value):
        raise ValidationError(
            _("Please remove the characters that cannot be printed, and try again."), code=CONTROL
        )
    return _few_marks(unicodedata.normalize("NFC", _DROPPED.sub("", value))).strip()


def clean_line(value: str) -> str:
    """One line of text; a line break in it is refused (ValidationError)."""
    if _LINE_BREAK.search(value.strip("\r\n")):
        raise ValidationError(_("Please write this on one line."), code=CONTROL)
    return " ".join(clean_block(value).split())


def _few_marks(value: str) -> str:
    """At most four combining marks behind a letter: enough for any script, too few for Zalgo."""
    out, run = [], 0
    for character in value:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _MARKS_A_LETTER:
            out.append(character)
    return "".join(out)


class LineField(forms.CharField):
    """One line of typed text, cleaned; `strip` and length follow after cleaning."""

    def to_python(self, value: Any) -> str:
        return clean_line(str(value)) if value not in self.empty_values else ""


class BlockField(forms.CharField):
    """Several lines of typed text, cleaned."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return clean_block(str(value)) if value not in self.empty_values else ""


class MailField(LineField):
    """One mail address: a local part and a domain, 254 characters at most."""

    widget = forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 254)
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        return clean_mail(super().to_python(value)) if value not in self.empty_values else ""


def clean_mail(value: str) -> str:
    """The address with its domain in ASCII and lower case (ValidationError when it is none)."""
    value = clean_line(value)
    local, at, domain = value.rpartition("@")
    problem = ValidationError(
        _("Please write a mail address like name@example.org."), code="invalid"
    )
    if not at or not local:
        raise problem
    try:
        domain = domain.encode("idna").decode("ascii").lower()
        value = f"{local}@{domain}"
        validate_email(value)
    except (UnicodeError, ValidationError):
        raise problem from None
    if not is_one_address(value) or "[" in domain or len(value) > 254:
        raise problem
    return value


def is_one_address(value: str) -> bool:
    """Whether every mail program reads this as one address, without a name."""
    plain = "@" in value and not any(c in value for c in ",;\r\n ")
    return plain and parseaddr(value)[1] == value


def form_status(form: forms.BaseForm) -> int:
    """The HTTP status of a page with this invalid form: 400 for unprintable bytes, else 422."""
    data = form.errors.as_data()
    broken = any(error.code == CONTROL for errors in data.values() for error in errors)
    return 400 if broken else 422
