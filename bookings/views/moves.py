"""What the pages that change a visit share: run a verb, say what happened, go back."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bookings import appointments
from bookings.models import Appointment
from clinic.addresses import is_ours
from clinic.errors import Refused

# The word in the address -> the verb, and the sentence when it is done.
VERBS: dict[str, tuple[Callable[..., Any], Promise]] = {
    "arrived": (appointments.check_in, _("%(name)s has arrived.")),
    "completed": (appointments.complete, _("The visit of %(name)s is completed.")),
    "no-show": (appointments.no_show, _("Noted: %(name)s did not come.")),
    "undo": (appointments.reopen, _("Taken back: %(name)s is booked again.")),
    "coming": (appointments.coming, _("Noted: %(name)s is coming.")),
    "cancel": (appointments.cancel, _("The visit of %(name)s is cancelled.")),
    "take-back": (appointments.take_back, _("Taken back: all is as before for %(name)s.")),
}


def move(request: HttpRequest, appointment: Appointment, verb: str, **how: Any) -> bool:
    """Run one verb and leave a message; whether it was done."""
    act, sentence = VERBS[verb]
    name = appointment.patient.name if appointment.patient else appointment.reference
    try:
        act(appointment, **how)
    except Refused as refusal:
        messages.error(request, f"{name}: {refusal.sentence}")
        return False
    messages.success(request, sentence % {"name": name})
    return True


def has_moved(request: HttpRequest, appointment: Appointment) -> bool:
    """Whether the form that is sent was shown before the appointment was last changed.

    `version` is the form's one-time token: moving, cancelling and taking back each make a new one.
    """
    if request.method != "POST" or "version" not in request.POST:
        return False
    return request.POST["version"] != str(appointment.sequence)


def came_from(request: HttpRequest, default: str) -> str:
    """The page of ours the button stood on; anything else in `back` is not believed."""
    page = request.POST.get("back") or request.GET.get("back", "")
    return page if is_ours(page) else reverse(default)


def back(
    request: HttpRequest, default: str, appointment: Appointment, at: str = ""
) -> HttpResponse:
    """To that page, where it says, else to `at` or the appointment's line; each of a class has
    one."""
    page = came_from(request, default)
    there = at or f"visit-{appointment.reference}"
    return HttpResponseRedirect(page if "#" in page else f"{page}#{there}")
