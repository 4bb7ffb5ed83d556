"""The admin's front page: what staff look for, grouped the way they work."""

import logging
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest, FieldError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from practitioners.models import Clinic

log = logging.getLogger(__name__)

# Each group in the order of the page: key, name, models as app.Model. Whatever is registered and
# stands in no group comes last, under its app's own name.
GROUPS: list[tuple[str, Promise, list[str]]] = [
    (
        "diary",
        _("Diary and patients"),
        [
            "bookings.Appointment",
            "bookings.Patient",
            "bookings.PatientMatch",
            "clinic.ContactMessage",
        ],
    ),
    (
        "hours",
        _("Hours, rooms and equipment"),
        [
            "bookings.Absence",
            "bookings.BankHoliday",
            "bookings.Opening",
            "bookings.Resource",
            "bookings.Pool",
            "bookings.Journey",
        ],
    ),
    (
        "directory",
        _("What patients see"),
        [
            "practitioners.Practitioner",
            "practitioners.Therapy",
            "practitioners.Treatment",
            "practitioners.Condition",
            "practitioners.Reference",
            "practitioners.Language",
            "practitioners.Location",
            "practitioners.Clinic",
        ],
    ),
    (
        "messages",
        _("Messages and reminders"),
        ["bookings.Notification", "bookings.MessageTemplate", "bookings.ReminderRule"],
    ),
    (
        "safety",
        _("Safety"),
        ["bookings.ScreeningForm", "bookings.SafetyQuestion", "bookings.ScreeningRecord"],
    ),
    ("accounts", _("Logins and roles"), ["auth.User", "auth.Group"]),
]


class ClinicAdminSite(AdminSite):
    """Django's admin under the clinic's name, grouped by what staff do."""

    index_title = _("What would you like to do?")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        name = Clinic.current().name
        own = {"site_header": name, "site_title": name}
        return {**super().each_context(request), **own}

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """As Django's, but what is typed by hand into an address or a form, and means nothing to
        the database, is a 400.

        Django lets any lookup on a model's own fields through, also the year 0 and a number of
        thirty digits, and regular expressions, which can keep the database busy for long; its
        search boxes look up whatever a form holds. The log has the trace.
        """
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if any(name.endswith(("__regex", "__iregex")) for name in request.GET):
                raise BadRequest("no regular expressions in addresses")
            try:
                response: HttpResponse = guarded(request, *args, **kwargs)
                # Boxes and lists ask the database while they are drawn.
                return response.render() if isinstance(response, TemplateResponse) else response
            except (ValueError, OverflowError, DataError, FieldError) as error:
                if request.method in ("GET", "HEAD") and not request.GET:
                    raise
                log.error("what was typed cannot be looked up: %s", request.path, exc_info=error)
                raise BadRequest("this cannot be looked up") from error

        return answered

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """The groups that hold anything the user may see; an app's own page stays Django's."""
        apps: list[dict[str, Any]] = super().get_app_list(request, app_label)
        if app_label:
            return apps
        left = {
            f"{app['app_label']}.{model['object_name']}": (app, model)
            for app in apps
            for model in app["models"]
        }
        groups = []
        for key, name, wanted in GROUPS:
            models = [left.pop(label)[1] for label in wanted if label in left]
            if models:
                groups.append(_group(key, name, models))
        for app in apps:
            models = [model for other, model in left.values() if other is app]
            if models:
                groups.append({**app, "models": models})
        return groups


def _group(key: str, name: Promise, models: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "app_label": key,
        "app_url": f"{reverse('admin:index')}#{key}",
        "has_module_perms": True,
        "models": models,
    }
