"""A patient's own pages for one appointment, opened by the token in the mail's link.

GET changes nothing: mail scanners follow links. A token that opens nothing gets one and the
same 404, whatever the reason.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from bookings import appointments, ics, screening
from bookings.actors import PATIENT
from bookings.availability import Start
from bookings.errors import HasMoved, StartNotOffered
from bookings.forms import CancelForm, GateForm
from bookings.messages import calendar_entry
from bookings.models import Appointment, State
from clinic import throttle
from clinic.clock import now
from clinic.errors import Refused
from clinic.text import form_status
from practitioners.models import Clinic

from . import flow
from .calendar import answer, make_board
from .calendar_board import Slot
from .choice import Choice, choose
from .flow import SeeOther, personal, posted
from .moves import has_moved
from .refusals import answers_refusals, throttled, too_fast

# So long after the visit its page is still there.
OPEN_FOR = timedelta(days=90)
# Moved further than this, the safety questions are asked again.
STILL_KNOWN = timedelta(days=7)
PAGES = ["GET", "HEAD", "POST"]

View = Callable[[HttpRequest, Appointment], HttpResponse]
log = logging.getLogger(__name__)


def by_token(view: View) -> Callable[..., HttpResponse]:
    """Give a view the appointment that the token in its address opens, or answer 404.

    Whoever tries many that open nothing waits (429); a link that opens something is not counted.
    """

    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponse:
        found = (
            Appointment.objects.with_people()
            .filter(token=token, ends_at__gt=now() - OPEN_FOR)
            .exclude(state__in=[State.HELD, State.EXPIRED])
            .first()
        )
        if found is None:
            log.info("a link that opens no appointment")
            if not throttle.allow(request, "book"):
                return too_fast(request)
            return render(request, "bookings/manage/not_found.html", status=404)
        return view(request, found)

    return guarded


def may_change(appointment: Appointment) -> bool:
    """Whether the patient may still move or cancel it online; the verbs judge in the end."""
    return appointment.state == State.BOOKED and now() < appointment.free_until


@require_safe
@personal
@by_token
def show(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    """All that matters about it, and what can be done."""
    return _page(request, appointment)


def _page(
    request: HttpRequest, appointment: Appointment, refused: Refused | None = None
) -> HttpResponse:
    mine = any(k.appointment.pk == appointment.pk for k in flow.kept(request))
    just_booked = appointment.booked_at and appointment.booked_at > now() - timedelta(hours=1)
    untouched = appointment.state == State.BOOKED and not appointment.sequence
    context = {
        "appointment": appointment,
        "refused": refused,
        "is_new": mine and just_booked and untouched,
        "may_change": may_change(appointment),
        "is_to_come": appointment.state == State.BOOKED and appointment.starts_at > now(),
    }
    status = refused.status if refused else 200
    return render(request, "bookings/manage/appointment.html", context, status=status)


@require_http_methods(PAGES)
@personal
@throttled("book")
@by_token
def coming(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    """“I’m coming”: a page with a button, for the link in the reminder."""
    if request.method != "POST":
        if appointment.state != State.BOOKED or appointment.coming_at:
            return redirect(appointment)
        return render(request, "bookings/manage/coming.html", {"appointment": appointment})
    try:
        appointments.coming(appointment, by=PATIENT)
    except Refused as refused:
        return _page(request, appointment, refused)
    messages.success(request, _("Thank you for telling us. See you then."))
    return SeeOther(appointment.get_absolute_url())


@require_http_methods(PAGES)
@personal
@throttled("book")
@by_token
def cancel(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    """Ask, then cancel. Doing it twice leads to the same page."""
    if appointment.state == State.CANCELLED:
        return SeeOther(appointment.get_absolute_url())
    form = CancelForm(posted(request))
    refused: Refused | None = None
    status = 200
    if has_moved(request, appointment):
        refused, status = HasMoved(), HasMoved.status
    elif request.method == "POST" and form.is_valid():
        try:
            appointments.cancel(appointment, reason=form.cleaned_data["reason"], by=PATIENT)
            return SeeOther(appointment.get_absolute_url())
        except Refused as error:
            appointment.refresh_from_db(fields=["state"])
            if appointment.state == State.CANCELLED:
                # Of a double click the other one was first.
                return SeeOther(appointment.get_absolute_url())
            refused, status = error, error.status
    elif form.is_bound:
        status = form_status(form)
    context = {
        "appointment": appointment,
        "form": form,
        "refused": refused,
        "may_change": may_change(appointment),
    }
    return render(request, "bookings/manage/cancel.html", context, status=status)


@require_http_methods(PAGES)
@personal
@throttled("book")
@answers_refusals
@by_token
def move(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    """The calendar, then the old time beside the new one, then a button that moves it."""
    if not may_change(appointment):
        status = 409 if request.method == "POST" else 200
        context = {"appointment": appointment}
        return render(request, "bookings/manage/move_too_late.html", context, status=status)
    choice = _choice(request.POST if request.method == "POST" else request.GET, appointment)
    if choice.start is None:
        return _calendar(request, appointment, choice, request.GET)
    if has_moved(request, appointment):
        if _is_now(appointment, choice):
            # The same form once more: it is where they wanted it.
            return SeeOther(appointment.get_absolute_url())
        return _compare(request, appointment, choice, refused=HasMoved())
    if flow.stopped(request):
        return redirect(_advice_url(appointment))
    if request.method == "POST":
        return _move(request, appointment, choice)
    return _compare(request, appointment, choice)


def _choice(data: QueryDict, appointment: Appointment) -> Choice:
    """As in booking; what the address does not say stays as it is."""
    choice = choose(appointment.treatment, data)
    if "practitioner" not in data and appointment.practitioner in choice.people:
        choice = replace(choice, practitioner=appointment.practitioner)
    if "location" not in data and appointment.location in choice.places:
        choice = replace(choice, location=appointment.location)
    # It stays as long as it is.
    return replace(choice, length=None)


def _calendar(
    request: HttpRequest,
    appointment: Appointment,
    choice: Choice,
    data: QueryDict,
    refused: Refused | None = None,
) -> HttpResponse:
    def link(choice: Choice, start: Start) -> Slot:
        # With “anyone” the address still says who it is, for the page that asks.
        mine = appointment.practitioner
        chosen = choice.at(start, mine if mine in start.practitioners else start.practitioners[0])
        if _is_now(appointment, chosen):
            return Slot(chosen, "", start)
        address = reverse("appointment-move", args=[appointment.token])
        return Slot(chosen, f"{address}?{urlencode(chosen.params())}", start)

    context = {
        "appointment": appointment,
        "choice": choice,
        "board": make_board(data, choice, moving=appointment, link=link),
        "refused": refused,
    }
    return answer(
        request,
        "bookings/manage/move.html",
        "bookings/manage/move_part.html",
        context,
        status=refused.status if refused else 200,
    )


def _is_now(appointment: Appointment, choice: Choice) -> bool:
    """Whether the choice is what the appointment is already."""
    return (choice.start, choice.practitioner, choice.location) == (
        appointment.starts_at,
        appointment.practitioner,
        appointment.location,
    )


def _needs_questions(request: HttpRequest, appointment: Appointment, choice: Choice) -> bool:
    """Whether so much time lies between that the safety questions are asked once more."""
    assert choice.start is not None  # noqa: S101
    if abs(choice.start - appointment.starts_at) <= STILL_KNOWN:
        return False
    return flow.passed_screening(request) is None


def _compare(
    request: HttpRequest,
    appointment: Appointment,
    choice: Choice,
    gate: GateForm | None = None,
    status: int = 200,
    refused: Refused | None = None,
) -> HttpResponse:
    if gate is None and _needs_questions(request, appointment, choice):
        gate = GateForm(screening.current_form())
    context = {"appointment": appointment, "choice": choice, "gate": gate, "refused": refused}
    status = refused.status if refused else status
    return render(request, "bookings/manage/move_compare.html", context, status=status)


def _move(request: HttpRequest, appointment: Appointment, choice: Choice) -> HttpResponse:
    assert choice.start is not None  # noqa: S101
    if _needs_questions(request, appointment, choice):
        gate = GateForm(screening.current_form(), request.POST)
        if not gate.is_valid():
            return _compare(request, appointment, choice, gate, form_status(gate))
        record = screening.record(gate.version, gate.cleaned_data, door="move")
        flow.remember_screening(request, record)
        if not record.passed:
            return SeeOther(_advice_url(appointment))
    try:
        appointments.reschedule(
            appointment,
            start=choice.start,
            practitioner=choice.practitioner,
            location=choice.location,
            by=PATIENT,
        )
    except Refused as refused:
        # The calendar it was chosen from, and at its day if that is one.
        looked = QueryDict(choice.calendar_query, mutable=True)
        if isinstance(refused, StartNotOffered):
            del looked["date"]
        return _calendar(request, appointment, _choice(looked, appointment), looked, refused)
    messages.success(request, _("Your appointment has been moved. We are sending you a mail."))
    return SeeOther(appointment.get_absolute_url())


def _advice_url(appointment: Appointment) -> str:
    query = urlencode({"next": reverse("appointment-move", args=[appointment.token])})
    return f"{reverse('safety-advice')}?{query}"


@require_safe
@personal
@by_token
def calendar(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    """The appointment as a file for the patient's own calendar."""
    entry = calendar_entry(appointment, Clinic.current())
    response = HttpResponse(
        ics.calendar([entry], ics.PUBLISH), content_type="text/calendar; charset=utf-8"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="appointment.ics"'
    return response
