"""A small sum in words against robots: read by eye or ear, solved with digits or a word.

The sum travels in the form as a signed token: it can be answered for an hour and it names the
form it stands in, so that one form is one message however often it arrives.
"""

import secrets
from dataclasses import dataclass

from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

SALT = "clinic.sums"
GOOD_FOR_SECONDS = 60 * 60
NUMBERS = (
    gettext_noop("zero"),
    gettext_noop("one"),
    gettext_noop("two"),
    gettext_noop("three"),
    gettext_noop("four"),
    gettext_noop("five"),
    gettext_noop("six"),
    gettext_noop("seven"),
    gettext_noop("eight"),
    gettext_noop("nine"),
    gettext_noop("ten"),
    gettext_noop("eleven"),
    gettext_noop("twelve"),
    gettext_noop("thirteen"),
    gettext_noop("fourteen"),
    gettext_noop("fifteen"),
    gettext_noop("sixteen"),
    gettext_noop("seventeen"),
    gettext_noop("eighteen"),
)


@dataclass(frozen=True)
class Sum:
    """Two numbers from 1 to 9, and the name of the form they stand in."""

    first: int
    second: int
    form: str

    @property
    def question(self) -> str:
        words = {"first": _(NUMBERS[self.first]), "second": _(NUMBERS[self.second])}
        return _("What is %(first)s plus %(second)s?") % words

    @property
    def token(self) -> str:
        return signing.dumps([self.first, self.second, self.form], salt=SALT)

    def is_solved_by(self, typed: str) -> bool:
        """Whether the typed digits (of any script) or word are the sum."""
        typed = typed.strip().strip(".").casefold()
        total = self.first + self.second
        if typed.isdecimal() and len(typed) < 4:
            return int(typed) == total
        return typed in (_(NUMBERS[total]).casefold(), NUMBERS[total])


def fresh() -> Sum:
    """A new sum for a new form."""
    return Sum(secrets.randbelow(9) + 1, secrets.randbelow(9) + 1, secrets.token_urlsafe(16))


def read(token: str) -> Sum | None:
    """The sum behind a token; None when the token is not ours or its hour is over."""
    try:
        first, second, form = signing.loads(token, salt=SALT, max_age=GOOD_FOR_SECONDS)
    except signing.BadSignature:
        return None
    return Sum(first, second, form)
