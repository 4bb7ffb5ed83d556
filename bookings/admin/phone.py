"""What stands beside the form while somebody is on the phone: what to ask, and what is free."""

from django.contrib import messages
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from practitioners.models import Treatment

from .. import screening
from ..errors import ScreeningUnavailable
from ..models import Appointment, SafetyQuestion
from .columns import clock_time


def _chosen(request: HttpRequest) -> Treatment | None:
    """The treatment that was sent, or stands in the address."""
    typed = request.POST.get("treatment") or request.GET.get("treatment", "")
    if not is_key(typed):
        return None
    return Treatment.objects.select_related("therapy").filter(pk=typed).first()


def is_key(typed: str) -> bool:
    """Whether it can be a primary key: the database refuses letters and longer numbers."""
    return typed.isascii() and typed.isdecimal() and len(typed) < 19


def _questions(request: HttpRequest) -> SafeString:
    treatment = _chosen(request)
    try:
        form = screening.current_form()
    except ScreeningUnavailable:
        form = None
    asked = SafetyQuestion.objects.filter(therapy=treatment.therapy_id) if treatment else None
    context = {"form": form, "treatment": treatment, "asked": asked}
    return render_to_string("admin/bookings/appointment/questions.html", context)


def _times(request: HttpRequest) -> SafeString:
    treatment = _chosen(request)
    if treatment and treatment.is_published and treatment.therapy.is_published:
        url = treatment.get_absolute_url()
    else:
        url = reverse("desk-why")
    return format_html('<a href="{}">{}</a>', url, _("See free times"))


def questions(request: HttpRequest) -> object:
    """The red-flag questions, and those of the therapy; asked of the database when shown."""
    return SimpleLazyObject(lambda: _questions(request))


def times(request: HttpRequest) -> object:
    return SimpleLazyObject(lambda: _times(request))


def read_back(request: HttpRequest, visit: Appointment) -> None:
    """Say what was booked, so that it can be read to whoever is on the phone."""
    words = _("Booked with %(who)s at %(where)s: %(when)s.") % {
        "who": visit.practitioner,
        "where": visit.location,
        "when": clock_time(visit.starts_at, visit.location),
    }
    messages.success(request, words)
