"""A clinic for tests: plain functions with defaults, keywords change what matters to the test.

Every function saves and returns one row. Names and slugs count up, so that asking twice gives two.
Dates are generous (valid until 2035), so that a test has to say when something has lapsed.
"""

from datetime import date
from itertools import count
from typing import Any

from django.utils.text import slugify

from practitioners.models import (
    Claim,
    Clinic,
    Condition,
    Language,
    Location,
    Practitioner,
    Reference,
    Registration,
    Strength,
    Therapy,
    Treatment,
)

LONG_VALID = date(2035, 1, 1)
CHECKED = date(2026, 1, 5)
_numbers = count(1)


def _slug(fields: dict[str, Any]) -> None:
    fields.setdefault("slug", slugify(fields["name"]) or f"row-{next(_numbers)}")


def clinic_row(**fields: Any) -> Clinic:
    """The one clinic; a second call changes the same row."""
    values = {
        "name": "Tidewell Clinic",
        "strapline": "Care for backs, necks and legs",
        "phone": "0117 496 0100",
        "email": "hello@tidewell.example.org",
        **fields,
    }
    return Clinic.objects.update_or_create(pk=1, defaults=values)[0]


def location(**fields: Any) -> Location:
    """A published, step-free branch in London's time."""
    fields.setdefault("name", f"Tidewell Branch {next(_numbers)}")
    _slug(fields)
    values = {
        "street": "1 Quay Street",
        "city": "Tidewell",
        "postcode": "TW1 1AA",
        "phone": "0117 496 0101",
        "step_free": True,
        **fields,
    }
    return Location.objects.create(**values)


def language(code: str = "en", name: str = "English") -> Language:
    return Language.objects.get_or_create(code=code, defaults={"name": name})[0]


def therapy(**fields: Any) -> Therapy:
    """A published therapy."""
    fields.setdefault("name", f"Therapy {next(_numbers)}")
    _slug(fields)
    values = {
        "summary": "Hands-on care for sore backs.",
        "is_published": True,
        "evidence_strength": Strength.SOME,
        **fields,
    }
    return Therapy.objects.create(**values)


def treatment(**fields: Any) -> Treatment:
    """A published 60-minute treatment at £60 of a therapy of its own, unless given `therapy`."""
    if "therapy" not in fields:
        fields["therapy"] = therapy()
    fields.setdefault("name", f"Treatment {next(_numbers)}")
    _slug(fields)
    values = {"minutes": 60, "price_pence": 6000, **fields}
    return Treatment.objects.create(**values)


def registration(practitioner: Practitioner, **fields: Any) -> Registration:
    """A current, checked and required registration with the HCPC."""
    values = {
        "body": Registration.Body.HCPC,
        "number": f"PH{next(_numbers):06d}",
        "status": Registration.Status.CURRENT,
        "valid_until": LONG_VALID,
        "checked_on": CHECKED,
        "checked_by": "Front desk",
        **fields,
    }
    return Registration.objects.create(practitioner=practitioner, **values)


def practitioner(
    *,
    treatments: list[Treatment] | tuple[Treatment, ...] = (),
    languages: list[Language] | tuple[Language, ...] = (),
    registered: bool = True,
    **fields: Any,
) -> Practitioner:
    """A published, insured practitioner, registered unless `registered=False`."""
    fields.setdefault("name", f"Robin Example {next(_numbers)}")
    _slug(fields)
    values = {
        "profession": "Physiotherapist",
        "summary": "Helps people move again.",
        "insured_until": LONG_VALID,
        "is_published": True,
        **fields,
    }
    person = Practitioner.objects.create(**values)
    person.treatments.set(treatments)
    person.languages.set(languages)
    if registered:
        registration(person)
    return person


def condition(*, therapies: list[Therapy] | tuple[Therapy, ...] = (), **fields: Any) -> Condition:
    """A published condition."""
    fields.setdefault("name", f"Condition {next(_numbers)}")
    _slug(fields)
    values = {"summary": "A sore back.", "is_published": True, **fields}
    row = Condition.objects.create(**values)
    row.therapies.set(therapies)
    return row


def reference(**fields: Any) -> Reference:
    """A published work; cite it by its `key`."""
    fields.setdefault("key", f"Work{next(_numbers)}")
    values = {
        "authors": "Example A, Sample B",
        "year": 2020,
        "title": "A trial of something",
        "journal": "Journal of Examples",
        "volume": "1(2)",
        "pages": "3-4",
        **fields,
    }
    return Reference.objects.create(**values)


def claim(
    *,
    therapy: Therapy,
    references: list[Reference] | tuple[Reference, ...] = (),
    **fields: Any,
) -> Claim:
    """A claim of moderate certainty, approved until 2035."""
    values = {
        "population": "Adults with long-term low back pain",
        "comparator": "a waiting list",
        "outcome": "Pain after 8 weeks",
        "direction": Claim.Direction.BETTER,
        "certainty": Claim.Certainty.MODERATE,
        "approved_by": "Clinical lead",
        "approved_until": LONG_VALID,
        **fields,
    }
    row = Claim.objects.create(therapy=therapy, **values)
    row.references.set(references)
    return row
