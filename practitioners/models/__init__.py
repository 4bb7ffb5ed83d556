"""The directory: what a patient looks up. Knows nothing of booking."""

from .conditions import Condition
from .evidence import Claim, Reference, Strength
from .people import Gender, Language, Practitioner, Registration
from .places import Clinic, Location
from .therapies import Audience, Length, Therapy, Treatment

__all__ = [
    "Audience",
    "Claim",
    "Clinic",
    "Condition",
    "Gender",
    "Language",
    "Length",
    "Location",
    "Practitioner",
    "Reference",
    "Registration",
    "Strength",
    "Therapy",
    "Treatment",
]
