"""The contact page: the form, its guards, and the thanks."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bookings import screening
from bookings.errors import ScreeningUnavailable
from bookings.models import ScreeningForm
from clinic import contact, throttle
from clinic.addresses import canonical
from clinic.forms import ContactForm
from clinic.text import form_status

DOOR = "contact"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest) -> HttpResponse:
    """Show the form; take a message; or tell somebody with a red flag where to get help now."""
    try:
        gate = screening.current_form()
    except ScreeningUnavailable as refused:
        # The gate fails closed: no form, but the phone number and the advice.
        return _show(request, None, status=refused.status)
    if request.method != "POST":
        return _show(request, ContactForm(gate=gate))
    if not throttle.allow(request, DOOR):
        return _slow_down(request, gate)
    form = ContactForm(request.POST, gate=gate)
    if form.must_stop:
        return _stop(request, gate)
    if not form.is_valid():
        form.renew()
        return _show(request, form, status=form_status(form))
    screening.record(gate, _answers(gate, screening.NO), door=DOOR)
    contact.receive(form.to_message())
    return redirect("contact-thanks")


@never_cache
@require_safe
def thanks(request: HttpRequest) -> HttpResponse:
    """The message arrived, and what happens now."""
    return render(request, "clinic/contact_thanks.html")


def _show(request: HttpRequest, form: ContactForm | None, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "canonical": canonical(request)}
    return render(request, "clinic/contact.html", context, status=status)


def _slow_down(request: HttpRequest, gate: ScreeningForm) -> HttpResponse:
    context = {
        "form": ContactForm.again(request.POST, gate),
        "problem": _(
            "You have sent several messages in a minute. Please wait a moment, then send this "
            "one again, or call us. Your text is still here."
        ),
    }
    response = render(request, "clinic/contact.html", context, status=429)
    response.headers["Retry-After"] = str(throttle.retry_after())
    return response


def _stop(request: HttpRequest, gate: ScreeningForm) -> HttpResponse:
    """Nothing is sent: help comes first. What was typed stays on the page."""
    # One question stands for the whole list: which of them it was, we do not know.
    screening.record(gate, _answers(gate, screening.UNSURE), door=DOOR)
    context = {"form": ContactForm.again(request.POST, gate), "gate": gate}
    return render(request, "clinic/contact_stopped.html", context, status=422)


def _answers(gate: ScreeningForm, answer: str) -> dict[str, str]:
    return {question.code: answer for question in gate.questions.all()}
