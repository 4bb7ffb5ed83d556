"""Signing in and out. Patients need no login; the clinic's people share one door."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clinic import access, throttle
from clinic.text import form_status


class SignInForm(AuthenticationForm):
    """User name and password; a wrong pair does not say which of the two was wrong."""

    # Set when there were too many attempts: the password is not even looked at.
    is_refused = False

    def clean(self) -> dict[str, Any]:
        if self.is_refused:
            raise ValidationError(
                _("Too many attempts from your connection. Please wait a minute and try again."),
                code="throttled",
            )
        return super().clean()


class SignIn(LoginView):
    """The one login page, for /desk/, /schedule/ and /admin/; attempts count per address."""

    form_class = SignInForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if throttle.allow(request, "login"):
            return super().post(request, *args, **kwargs)
        form = SignInForm(**self.get_form_kwargs())
        form.is_refused = True
        response = self.form_invalid(form)
        response.status_code = 429
        response.headers["Retry-After"] = str(throttle.retry_after())
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = form_status(form)
        return response


sign_in = SignIn.as_view()
sign_out = LogoutView.as_view()


@login_required
def after_login(request: HttpRequest) -> HttpResponse:
    """Everybody to the page they work on."""
    if access.runs_the_desk(request.user):
        return redirect("desk")
    if access.PRACTITIONER in access.roles(request.user):
        return redirect("schedule")
    return redirect("home")


def admin_login(request: HttpRequest) -> HttpResponse:
    """/admin/ has no login page of its own, for the limits of ours would not hold there."""
    query = urlencode({"next": request.GET.get("next") or reverse("admin:index")})
    return redirect(f"{reverse('login')}?{query}")
