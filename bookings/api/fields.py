"""The kinds of values the API takes and gives: strict, so that its document can say all of it.

Pydantic by itself reads a number as seconds since 1970 and "6_0" as sixty; the document says
text and digits, so only these are taken.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from .. import screening


def _must_match(pattern: str, sentence: str) -> Callable[[Any], str]:
    compiled = re.compile(pattern)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not compiled.match(value):
            raise PydanticCustomError("not_readable", sentence)
        return value

    return check


# As ISO 8601 with its offset, always of UTC: 2027-01-11T09:00:00+00:00.
Instant = Annotated[
    datetime,
    PlainSerializer(lambda at: at.astimezone(UTC).isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
InstantIn = Annotated[
    AwareDatetime,
    BeforeValidator(
        _must_match(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]",
            "Please write an instant with its offset, like 2027-01-11T09:00:00+00:00.",
        )
    ),
]
Day = Annotated[
    date,
    BeforeValidator(
        _must_match(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", "Please write a date that exists, like 2027-01-31."
        )
    ),
]


def _whole(value: Any) -> Any:
    """A whole number of JSON, or the digits of one in an address."""
    if isinstance(value, bool) or (isinstance(value, str) and not re.fullmatch("[0-9]+", value)):
        raise PydanticCustomError("not_whole", "Please write a whole number.")
    return value


Minutes = Annotated[int, Field(ge=5, le=600), BeforeValidator(_whole)]


def _answer(value: Any) -> str:
    word = {True: screening.YES, False: screening.NO}[value] if isinstance(value, bool) else value
    if word not in (screening.YES, screening.NO, screening.UNSURE):
        raise PydanticCustomError("not_an_answer", "Please answer yes, no or unsure.")
    return str(word)


Answer = Annotated[
    str,
    BeforeValidator(_answer),
    WithJsonSchema({"enum": [screening.YES, screening.NO, screening.UNSURE, True, False]}),
]

# What a line of text may hold, and a block of it: no control characters, nothing that was no
# UTF-8. A name also needs something that can be seen. clinic/text.py cleans by the same rules;
# patterns are documentation, for its refusals say more than "does not match".
_NEVER = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffd-\uffff"
_BREAKS = r"\u000a\u000d\u2028\u2029"
_UNSEEN = r"\s\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
LINE: dict[str, Any] = {"pattern": f"^[^{_NEVER}{_BREAKS}]*$"}
NAME: dict[str, Any] = {
    "pattern": f"^[^{_NEVER}{_BREAKS}]*[^{_NEVER}{_UNSEEN}][^{_NEVER}{_BREAKS}]*$"
}
BLOCK: dict[str, Any] = {"pattern": f"^[^{_NEVER}]*$"}
