"""“I have been here before” is proved by a code in a mail, never by typing an address.

Whatever is typed, the answer and the work are the same; what the clinic holds about somebody
is looked up only after the code came back.
"""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from bookings import patients, proofs
from bookings.forms import CodeForm, EmailForm, WhoForm
from clinic.addresses import is_ours
from clinic.text import form_status

from . import flow
from .flow import SeeOther, personal, posted
from .refusals import throttled

# The address a code was sent to; proved only when the code comes back.
ASKED = "asked"
WRONG = _("This code is not right, or it has run out. Please check it, or ask for another one.")
PAGES = ["GET", "HEAD", "POST"]


def onward(request: HttpRequest) -> str:
    """Where to go on afterwards: a page of ours, else the list of treatments."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if is_ours(wanted):
        return wanted
    return f"{reverse('book')}?who=returning"


def _to(name: str, request: HttpRequest) -> HttpResponse:
    return SeeOther(f"{reverse(name)}?{urlencode({'next': onward(request)})}")


@require_http_methods(PAGES)
@personal
@throttled("code")
def address(request: HttpRequest) -> HttpResponse:
    """Ask for the mail address, and send a code to it."""
    proof = flow.proved(request)
    form = EmailForm(posted(request))
    if form.is_valid():
        proofs.send_code(form.cleaned_data["email"])
        flow.forget_proof(request)
        request.session[ASKED] = form.cleaned_data["email"]
        return _to("book-returning-code", request)
    if proof and not form.is_bound:
        return _to("book-returning-who", request)
    context = {"form": form, "next": onward(request)}
    status = form_status(form) if form.is_bound else 200
    return render(request, "bookings/book/returning_address.html", context, status=status)


@require_http_methods(PAGES)
@personal
@throttled("code")
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code. Wrong, too old and never sent look the same."""
    email = request.session.get(ASKED)
    if not email:
        return _to("book-returning", request)
    form = CodeForm(posted(request))
    if form.is_valid():
        if proofs.check_code(email, form.cleaned_data["code"]):
            del request.session[ASKED]
            flow.remember_proof(request, email)
            patients.note_proved(email)
            return _to("book-returning-who", request)
        form.add_error("code", WRONG)
    context = {
        "form": form,
        "email": email,
        "next": onward(request),
        "next_query": urlencode({"next": onward(request)}),
    }
    status = form_status(form) if form.is_bound else 200
    return render(request, "bookings/book/returning_code.html", context, status=status)


@require_http_methods(PAGES)
@personal
@throttled("book")
def who(request: HttpRequest) -> HttpResponse:
    """After proof: choose among those who share the address; one alone needs no question."""
    proof = flow.proved(request)
    if proof is None:
        return _to("book-returning", request)
    people = patients.proved_patients(proof.email)
    if not people:
        unknown = {"email": proof.email}
        return render(request, "bookings/book/returning_unknown.html", unknown)
    if len(people) == 1:
        flow.remember_patient(request, people[0])
        return redirect(onward(request))
    form = WhoForm(people, posted(request))
    if form.is_valid():
        chosen = next(p for p in people if str(p.pk) == form.cleaned_data["patient"])
        flow.remember_patient(request, chosen)
        return SeeOther(onward(request))
    context = {"form": form, "next": onward(request)}
    status = form_status(form) if form.is_bound else 200
    return render(request, "bookings/book/returning_who.html", context, status=status)


@require_POST
@personal
def forget(request: HttpRequest) -> HttpResponse:
    """Stop being who was proved, e.g. on somebody else's phone."""
    flow.forget_proof(request)
    return SeeOther(reverse("book"))
