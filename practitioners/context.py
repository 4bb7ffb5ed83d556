"""What every template may show of the clinic."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from clinic import outage

from .models import Clinic, Location


def clinic(request: HttpRequest) -> dict[str, object]:
    """`clinic` and `clinic_locations`, read once a page and only where a template asks."""
    return {
        "clinic": SimpleLazyObject(_current),
        "clinic_locations": SimpleLazyObject(lambda: list(Location.objects.published())),
    }


def _current() -> Clinic:
    row = Clinic.current()
    # For the day on which the database cannot say it.
    outage.remember(row.name, row.phone)
    return row
