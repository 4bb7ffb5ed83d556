"""What the desk does about what went wrong: a visit we called off, a mail that never arrived."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookings import notifications, outcomes
from bookings.actors import Actor
from bookings.forms import StyledForm
from bookings.models import Appointment, Audit, CalledOff, Notification
from clinic.access import desk_only
from clinic.errors import Refused
from clinic.text import LineField, form_status

from .moves import came_from

Outcome = CalledOff.Outcome


class OutcomeForm(StyledForm):
    """What became of it: one of the later visits, or an end without one."""

    outcome = forms.ChoiceField(
        label=gettext_lazy("What has become of it?"), widget=forms.RadioSelect
    )
    reason = LineField(
        label=gettext_lazy("Reason or note"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Needed to close it. For staff: the patient does not see it."),
    )

    def __init__(self, *args: Any, row: CalledOff, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.visits = {str(visit.pk): visit for visit in outcomes.replacements(row)[:20]}
        ends = (
            (Outcome.OFFERED, _("Another time was offered; the patient will say")),
            (Outcome.REFUNDED, _("The patient wants no other time and got the money back")),
            (Outcome.CLOSED, _("Nothing more to do: I say why")),
        )
        booked = [(pk, _booked(visit)) for pk, visit in self.visits.items()]
        self.fields["outcome"].choices = [*booked, *ends]  # type: ignore[attr-defined]

    def settle(self, row: CalledOff, by: Actor) -> None:
        """Note it (Refused when it cannot be)."""
        chosen, reason = self.cleaned_data["outcome"], self.cleaned_data["reason"]
        visit = self.visits.get(chosen)
        word = Outcome.REBOOKED if visit else chosen
        outcomes.settle(row, word, by=by, reason=reason, replacement=visit)


def _booked(visit: Appointment) -> str:
    return _("Booked again: %(when)s, %(what)s with %(who)s") % {
        "when": date_format(visit.starts_local, "D j M, H:i"),
        "what": visit.treatment_name,
        "who": visit.practitioner,
    }


def book_again_url(visit: Appointment) -> str:
    """The form in which staff book, filled in with what was called off, but for the time."""
    params = {
        "treatment": visit.treatment_id,
        "practitioner": visit.practitioner_id,
        "location": visit.location_id,
        "patient": visit.patient_id,
    }
    if visit.minutes != visit.treatment.minutes:
        params["minutes"] = visit.minutes
    return f"{reverse('admin:bookings_appointment_add')}?{urlencode(params)}"


@require_http_methods(["GET", "POST"])
@desk_only
def outcome(request: HttpRequest, reference: str) -> HttpResponse:
    """One visit that the clinic called off: book another time, or say what became of it."""
    found = CalledOff.objects.select_related(
        "appointment__patient",
        "appointment__practitioner",
        "appointment__treatment",
        "appointment__location",
        "replacement__location",
        "replacement__practitioner",
    )
    row = get_object_or_404(found, appointment__reference=reference)
    form = OutcomeForm(request.POST if request.method == "POST" else None, row=row)
    if form.is_valid():
        try:
            form.settle(row, Actor.of(request.user))
        except Refused as refused:
            form.add_error(refused.field, str(refused.sentence))
        else:
            messages.success(request, _("Noted: %(name)s.") % {"name": row.appointment.patient})
            return HttpResponseRedirect(came_from(request, "desk"))
    page = {
        "row": row,
        "visit": row.appointment,
        "form": form,
        "is_open": row.outcome in outcomes.UNSETTLED,
        "book_url": book_again_url(row.appointment),
        "back": came_from(request, "desk"),
    }
    status = form_status(form) if form.is_bound else 200
    return render(request, "bookings/desk/outcome.html", page, status=status)


@require_POST
@desk_only
def mail(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """A mail that failed: somebody rang instead, or it is sent once more."""
    row = get_object_or_404(Notification, pk=pk)
    if verb == "again":
        if notifications.send_again(row):
            messages.success(request, _("The mail is sent again."))
        else:
            messages.info(request, _("That mail waits no more: it was sent, or is on its way."))
    elif verb == "reached":
        try:
            outcomes.reached(row, by=Actor.of(request.user))
        except Refused as refused:
            messages.error(request, str(refused.sentence))
        else:
            messages.success(request, _("Noted: you told them."))
    else:
        raise Http404
    return HttpResponseRedirect(came_from(request, "desk"))


@require_safe
@desk_only
def last_audit(request: HttpRequest) -> HttpResponse:
    """What the auditor found last night."""
    return render(request, "bookings/desk/audit.html", {"audit": Audit.objects.first()})
