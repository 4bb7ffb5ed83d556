"""How an address looks at the calendar: view, day or month, part of the day, which practitioner."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from bookings.availability import Part, Start
from practitioners.models import Gender, Language, Practitioner

from .choice import VIEWS, BadAddress, read_day, read_month


@dataclass(frozen=True)
class Look:
    """How an address looks at the calendar: `day` or `month` (its first) where it names one."""

    view: str
    day: date | None
    month: date | None
    part: str
    gender: str
    language: Language | None

    @property
    def asked(self) -> date | None:
        return self.day or self.month

    @property
    def is_picky(self) -> bool:
        """Whether it matters which practitioner it is, though none is named."""
        return bool(self.gender or self.language)

    def said(self) -> dict[str, str]:
        """As an address says it, but for the day; only what does not go without saying."""
        found = {
            "view": self.view if self.view != "month" else "",
            "part": self.part,
            "gender": self.gender,
            "language": self.language.code if self.language else "",
        }
        return {name: value for name, value in found.items() if value}

    def wanted(self) -> dict[str, Any]:
        """As fields of availability.Query."""
        return {
            "gender": self.gender,
            "language": self.language.code if self.language else "",
            "hours": Part(self.part).hours if self.part else None,
        }

    def suits(self, person: Practitioner) -> bool:
        if self.gender and person.gender != self.gender:
            return False
        return not self.language or self.language in person.languages.all()


def read_look(data: QueryDict, people: Iterable[Practitioner]) -> Look:
    """What an address says of it; BadAddress for what no link of ours says."""
    view, part, gender, code = (data.get(n, "") for n in ("view", "part", "gender", "language"))
    spoken = {language.code: language for p in people for language in p.languages.all()}
    # Who spoke it may have left: that is said kindly, and not an unknown address.
    language = spoken.get(code) or (Language.objects.filter(code=code).first() if code else None)
    known = view in ("", *VIEWS) and part in ("", *Part.values) and gender in Gender.values
    if not known or (code and not language):
        raise BadAddress(
            _("We do not know what this address asks for. Please choose again."), status=404
        )
    day, month = read_day(data.get("date", "")), read_month(data.get("month", ""))
    return Look(view or "month", day, month, part, gender, language)


def by_part(starts: Iterable[Start]) -> dict[str, list[Start]]:
    """Starts by the name of the part of the day they are in."""
    found: dict[str, list[Start]] = {}
    for start in starts:
        found.setdefault(str(Part.of(start.local.time()).label), []).append(start)
    return found
