"""What stands on an appointment's page beside its own fields, and the filter by day."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from clinic.clock import midnight, now, today
from practitioners.models import Practitioner

from ..models import Answer, Appointment, AppointmentEvent, Notification
from .columns import ReadOnlyInline, clock_time


class AnswerInline(ReadOnlyInline):
    """Health data: shown to those who hold the permission to view answers, and nobody else."""

    model = Answer
    fields = ["question", "value", "needs_look"]
    verbose_name_plural = _("answers before the visit (confidential)")


class EventInline(ReadOnlyInline):
    model = AppointmentEvent
    fields = ["moment", "verb", "actor", "user", "from_state", "to_state", "changes"]
    verbose_name_plural = _("what happened")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AppointmentEvent]:
        self.names = dict(Practitioner.objects.values_list("pk", "name"))
        return super().get_queryset(request).select_related("user", "appointment__location")

    @admin.display(description=_("when"))
    def moment(self, obj: AppointmentEvent) -> str:
        return clock_time(obj.at)

    @admin.display(description=_("detail"))
    def changes(self, obj: AppointmentEvent) -> str:
        said = []
        if start := parse_datetime(obj.detail.get("start", "")):
            said.append(_("from %s") % clock_time(start, obj.appointment.location))
        if name := self.names.get(obj.detail.get("practitioner")):
            said.append(_("was with %s") % name)
        if reason := obj.detail.get("reason"):
            said.append(reason)
        return ", ".join(said) or "–"


class NotificationInline(ReadOnlyInline):
    model = Notification
    fields = ["link", "recipient", "state", "due", "sent", "attempts", "last_error"]
    ordering = ["due_at"]
    verbose_name_plural = _("messages about it")

    @admin.display(description=_("kind"))
    def link(self, obj: Notification) -> SafeString:
        url = reverse("admin:bookings_notification_change", args=[obj.pk])
        return format_html('<a href="{}">{}</a>', url, obj.get_kind_display())

    @admin.display(description=_("due"))
    def due(self, obj: Notification) -> str:
        return clock_time(obj.due_at)

    @admin.display(description=_("sent"))
    def sent(self, obj: Notification) -> str:
        return clock_time(obj.sent_at)


class WhenFilter(admin.SimpleListFilter):
    """Near days by the clinic's clock; what is to come is listed with the next first."""

    title = _("when")
    parameter_name = "when"
    DAYS = {"today": (0, 1), "tomorrow": (1, 2), "week": (0, 7)}

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [
            ("today", _("today")),
            ("tomorrow", _("tomorrow")),
            ("week", _("the next 7 days")),
            ("coming", _("to come")),
            ("past", _("past")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Appointment]
    ) -> QuerySet[Appointment]:
        chosen, instant = self.value(), now()
        if chosen == "coming":
            return queryset.filter(starts_at__gt=instant)
        if chosen == "past":
            return queryset.filter(starts_at__lte=instant)
        if chosen in self.DAYS:
            first, last = (today(settings.TIME_ZONE) + timedelta(days=n) for n in self.DAYS[chosen])
            return queryset.filter(
                starts_at__gte=midnight(first, settings.TIME_ZONE),
                starts_at__lt=midnight(last, settings.TIME_ZONE),
            )
        return queryset
