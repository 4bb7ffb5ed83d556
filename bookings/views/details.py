"""From a chosen start to a booked appointment: safety questions, hold, details.

The gate stands on the server: a hold needs a check that this session passed, and only a hold
of this session can be confirmed. No address, field or order of steps goes round it.
"""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from bookings import appointments, availability, policy, screening, ways
from bookings.actors import PATIENT
from bookings.errors import NeedsProof, ScreeningNeeded, StartTaken, TooYoung
from bookings.forms import DetailsForm, GateForm
from bookings.models import Patient, ScreeningQuestion, ScreeningRecord
from clinic import clock, throttle
from clinic.addresses import is_ours
from clinic.errors import Refused
from clinic.text import form_status
from practitioners.models import Audience

from . import flow
from .choice import Choice, with_start
from .flow import SeeOther, personal
from .refusals import alternatives_of, answers_refusals, throttled

WARN_MINUTES = 2
ADVICE: dict[str, Any] = {
    ScreeningQuestion.Tier.CALL_999: _("Call 999 now. Say what you have answered here."),
    ScreeningQuestion.Tier.EMERGENCY: _("Go to A&E now. Call 999 if you cannot get there."),
    ScreeningQuestion.Tier.URGENT: _("Speak to your GP today. If you cannot reach them, call 111."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@personal
@answers_refusals
def details(request: HttpRequest, slug: str) -> HttpResponse:
    """Step 3. GET shows what comes next for this start; POST books what is held."""
    choice = with_start(request, slug)
    if request.method == "POST":
        return _submit(request, choice)
    kept = flow.kept_for(request, choice)
    if kept and kept.is_done:
        return _already(request, kept)
    if kept:
        return _details_page(request, choice, kept, _form(choice, kept))
    _check_proof(request, choice)
    gone = _check_offered(request, choice)
    if flow.stopped(request):
        return redirect(_advice_url(choice))
    record = flow.passed_screening(request)
    if record and "again" not in request.GET:
        return _keep_page(request, choice, record, gone)
    return _gate_page(request, choice)


def _submit(request: HttpRequest, choice: Choice) -> HttpResponse:
    """Book what this form's hold keeps. Sent twice, it leads to the same appointment."""
    kept = flow.kept_by_form(request, request.POST.get("form", ""))
    if kept is None:
        return _gate_page(request, choice, refused=ScreeningNeeded())
    if kept.is_done:
        if kept.sent and kept.sent != flow.digest(request):
            return _already(request, kept, status=409)
        return SeeOther(kept.appointment.get_absolute_url())
    form = _form(choice, kept, data=request.POST)
    if not throttle.allow(request, "book"):
        return _details_page(request, choice, kept, form, status=429)
    if not form.is_valid():
        return _details_page(request, choice, kept, form, status=form_status(form))
    try:
        _confirm(kept, form, flow.proved_patient(request))
    except Refused as refused:
        return _details_page(request, choice, kept, form, refused=refused)
    flow.remember_sent(request, kept)
    return SeeOther(kept.appointment.get_absolute_url())


def _confirm(kept: flow.Kept, form: DetailsForm, patient: Patient | None) -> None:
    if form.says_too_young:
        raise TooYoung(kept.appointment.treatment.min_age)
    appointments.confirm(kept.appointment, details=form.details(patient), by=PATIENT)


@require_http_methods(["GET", "HEAD", "POST"])
@personal
@throttled("book")
@answers_refusals
def safety(request: HttpRequest, slug: str) -> HttpResponse:
    """The red-flag questions. Only an answer of no to each keeps the time."""
    choice = with_start(request, slug)
    if request.method != "POST" or flow.stopped(request):
        return redirect(choice.details_url)
    _check_proof(request, choice)
    form = GateForm(screening.current_form(), request.POST)
    if not form.is_valid():
        return _gate_page(request, choice, form=form, status=form_status(form))
    record = screening.record(form.version, form.cleaned_data, door="web")
    flow.remember_screening(request, record)
    if not record.passed:
        return SeeOther(_advice_url(choice))
    flow.keep(request, choice)
    return SeeOther(choice.details_url)


@require_POST
@personal
@throttled("book")
@answers_refusals
def hold(request: HttpRequest, slug: str) -> HttpResponse:
    """Hold a start after questions that were answered a while ago, or in place of a lost one."""
    choice = with_start(request, slug)
    kept = flow.keep(request, choice)
    if "name" not in request.POST:
        return SeeOther(choice.details_url)
    # Their first time was lost while they typed: what they typed moves to the new one.
    return _details_page(request, choice, kept, _retyped(request, choice, kept))


@require_POST
@personal
@throttled("book")
@answers_refusals
def longer(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep the time ten minutes longer, once; what was typed so far stays typed."""
    choice = with_start(request, slug)
    kept = flow.kept_for(request, choice)
    if kept is None or kept.is_done:
        return SeeOther(choice.details_url)
    form = _retyped(request, choice, kept)
    try:
        kept = replace(kept, appointment=appointments.extend_hold(kept.appointment, by=PATIENT))
    except Refused as refused:
        return _details_page(request, choice, kept, form, refused=refused)
    # Not a redirect: that would lose what they have typed.
    return _details_page(request, choice, kept, form)


@require_POST
@personal
@throttled("book")
@answers_refusals
def let_go(request: HttpRequest, slug: str) -> HttpResponse:
    """Give the held time back, and look at the calendar again."""
    choice = with_start(request, slug)
    kept = flow.kept_for(request, choice)
    if kept and kept.is_live:
        flow.let_go(request, kept)
    return SeeOther(choice.calendar_url)


@require_http_methods(["GET", "HEAD", "POST"])
@personal
@throttled("book")
def help_now(request: HttpRequest) -> HttpResponse:
    """Where to get help: for everybody, and more exact after answers that stopped a booking.

    POST says that the advice was read and the questions are wanted again.
    """
    onward = request.POST.get("next") or request.GET.get("next", "")
    if not is_ours(onward):
        onward = reverse("book")
    if request.method == "POST":
        flow.ask_again(request)
        return SeeOther(onward)
    record = flow.stopped(request)
    flagged = screening.flagged(record) if record else []
    context = {
        "flagged": flagged,
        "first_advice": ADVICE[flagged[0].tier] if flagged else "",
        "stopped": record,
        "next": onward,
    }
    return render(request, "bookings/book/help_now.html", context)


# --- pages ----------------------------------------------------------------------------
def _form(choice: Choice, kept: flow.Kept, data: Any = None) -> DetailsForm:
    questions = policy.questions_of(choice.treatment)
    if choice.treatment.audience == Audience.RETURNING:
        # They answered before their first visit; changes go into the note.
        questions = []
    return DetailsForm(choice.treatment, questions, data, patient=kept.appointment.patient)


def _retyped(request: HttpRequest, choice: Choice, kept: flow.Kept) -> DetailsForm:
    form = _form(choice, kept)
    form.retype(request.POST)
    return form


def _details_page(
    request: HttpRequest,
    choice: Choice,
    kept: flow.Kept,
    form: DetailsForm,
    *,
    refused: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    """The form beside the summary of what is being booked; a refusal keeps what was typed."""
    appointment, instant = kept.appointment, clock.now()
    left = 0
    if appointment.held_until:
        left = int((appointment.held_until - instant).total_seconds() // 60)
    context = {
        "choice": choice,
        "kept": kept,
        "appointment": appointment,
        "patient": appointment.patient,
        "form": form,
        "refused": refused,
        "too_fast": status == 429,
        "alternatives": alternatives_of(refused, choice),
        "now": instant,
        # Minutes after which words appear without a script; the stylesheet knows 1 to 10.
        "warn_after": left - WARN_MINUTES if 1 <= left - WARN_MINUTES <= 10 else None,
        "over_after": left if 1 <= left <= 10 else None,
    }
    status = refused.status if refused else status
    return render(request, "bookings/book/details.html", context, status=status)


def _gate_page(
    request: HttpRequest,
    choice: Choice,
    *,
    form: GateForm | None = None,
    refused: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    form = form or GateForm(screening.current_form())
    context = {"choice": choice, "form": form, "refused": refused, "once": flow.page_token()}
    return render(
        request, "bookings/book/safety.html", context, status=refused.status if refused else status
    )


def _keep_page(
    request: HttpRequest, choice: Choice, record: ScreeningRecord, gone: flow.Kept | None
) -> HttpResponse:
    context = {"choice": choice, "record": record, "once": flow.page_token(), "gone": gone}
    return render(request, "bookings/book/keep.html", context)


def _already(request: HttpRequest, kept: flow.Kept, *, status: int = 200) -> HttpResponse:
    context = {"appointment": kept.appointment, "changed": status == 409}
    return render(request, "bookings/book/already.html", context, status=status)


def _advice_url(choice: Choice) -> str:
    return f"{reverse('safety-advice')}?{urlencode({'next': choice.details_url})}"


# --- checks before anybody answers anything ---------------------------------------------
def _check_proof(request: HttpRequest, choice: Choice) -> None:
    """Say early that this is for returning patients (NeedsProof); `hold` judges in the end."""
    treatment = choice.treatment
    if treatment.audience == Audience.RETURNING or treatment.requires_id:
        if flow.proved_patient(request) is None:
            raise NeedsProof


def _check_offered(request: HttpRequest, choice: Choice) -> flow.Kept | None:
    """Which of their own holds would go for this start, if any.

    Raises StartNotOffered or StartTaken: nobody answers questions for a time that is gone.
    """
    assert choice.start is not None  # noqa: S101
    day = choice.start.date()
    query = availability.Query(
        choice.treatment, day, day, choice.practitioner, choice.location, minutes=choice.minutes
    )
    replaced = flow.in_another_length(request, choice)
    holds = flow.live(request)
    for own in [replaced] if replaced else [None, *holds]:
        if ways.place(replace(query, moving=own.appointment if own else None), choice.start):
            return own
    raise StartTaken(
        availability.alternatives(
            choice.treatment,
            choice.start,
            practitioner=choice.practitioner,
            location=choice.location,
            moving=holds[0].appointment if holds else None,
            minutes=choice.minutes,
        )
    )
