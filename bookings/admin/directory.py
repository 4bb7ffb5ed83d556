"""Directory pages that also show what belongs to the diary: hours, needs, questions, reminders."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from clinic.clock import now
from practitioners import admin as directory
from practitioners.models import Location, Practitioner, Therapy, Treatment

from ..bookable import practitioner_lacks, treatment_lacks, with_missing, with_needs
from ..models import Need, ReminderRule, Resource, SafetyQuestion
from .resources import LocationHoursInline


def in_lines(sentences: Iterable[str]) -> SafeString | str:
    lines = format_html_join(mark_safe("<br>"), "{}", ((sentence,) for sentence in sentences))
    return lines or str(_("nothing"))


@admin.register(Location)
class LocationAdmin(directory.LocationAdmin):
    inlines = [LocationHoursInline]
    readonly_fields = ["elsewhere"]
    fieldsets = [
        *directory.LocationAdmin.fieldsets,
        (_("Also here"), {"fields": ["elsewhere"]}),
    ]

    @admin.display(description=_("rooms, closed days and journeys"))
    def elsewhere(self, obj: Location) -> SafeString | str:
        if obj.pk is None:
            return str(_("Save the location first."))
        where, place = f"?location__id__exact={obj.pk}", f"?place={obj.pk}"
        return format_html(
            '<a href="{}">{}</a> · <a href="{}">{}</a> · <a href="{}">{}</a> · <a href="{}">{}</a>',
            reverse("admin:bookings_resource_changelist") + where,
            _("Rooms and equipment"),
            reverse("admin:bookings_bankholiday_changelist") + place,
            _("Bank holidays"),
            reverse("admin:bookings_absence_changelist") + place,
            _("Absences"),
            reverse("admin:bookings_journey_changelist") + place,
            _("Journeys"),
        )


@admin.register(Practitioner)
class PractitionerAdmin(directory.PractitionerAdmin):
    """A practitioner comes with a resource, which holds their hours and absences."""

    list_display = [*directory.PractitionerAdmin.list_display, "missing"]
    readonly_fields = ["hours_and_absences", "missing"]
    fieldsets = [
        (None, {"fields": ["missing"]}),
        *directory.PractitionerAdmin.fieldsets,
        (_("Diary"), {"fields": ["hours_and_absences"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Practitioner]:
        return with_missing(super().get_queryset(request), localdate(now()))

    @admin.display(description=_("in the way of booking"))
    def missing(self, obj: Practitioner) -> SafeString | str:
        if obj.pk is None:
            return str(_("It is listed here once the practitioner is saved."))
        return in_lines(practitioner_lacks(obj, localdate(now())))

    @admin.display(description=_("hours and absences"))
    def hours_and_absences(self, obj: Practitioner) -> SafeString | str:
        resource = getattr(obj, "resource", None) if obj.pk else None
        if resource is None:
            return str(_("Save the practitioner first."))
        return format_html(
            '<a href="{}">{}</a> · <a href="{}?practitioner__id__exact={}">{}</a>',
            reverse("admin:bookings_resource_change", args=[resource.pk]),
            _("Change hours and absences"),
            reverse("admin:bookings_appointment_changelist"),
            obj.pk,
            _("Appointments"),
        )

    def save_model(
        self, request: HttpRequest, obj: Practitioner, form: forms.ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        Resource.objects.update_or_create(
            practitioner=obj,
            defaults={"name": obj.name},
            create_defaults={"name": obj.name, "kind": Resource.Kind.PRACTITIONER},
        )


class SafetyQuestionInline(admin.TabularInline):
    model = SafetyQuestion
    extra = 0


@admin.register(Therapy)
class TherapyAdmin(directory.TherapyAdmin):
    inlines = [*directory.TherapyAdmin.inlines, SafetyQuestionInline]


class NeedInline(admin.TabularInline):
    model = Need
    extra = 0
    verbose_name_plural = _("needs: who and what, for which part of the visit")

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        if db_field.name == "pool":
            kwargs["empty_label"] = _("the practitioner")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ReminderRuleInline(admin.TabularInline):
    model = ReminderRule
    extra = 0
    verbose_name_plural = _("reminders of its own, instead of the clinic’s default")


@admin.register(Treatment)
class TreatmentAdmin(directory.TreatmentAdmin):
    inlines = [*directory.TreatmentAdmin.inlines, NeedInline, ReminderRuleInline]
    list_display = [*directory.TreatmentAdmin.list_display, "missing"]
    readonly_fields = ["missing"]
    fieldsets = [(None, {"fields": ["missing"]}), *directory.TreatmentAdmin.fieldsets]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Treatment]:
        return with_needs(super().get_queryset(request))

    @admin.display(description=_("in the way of booking"))
    def missing(self, obj: Treatment) -> SafeString | str:
        if obj.pk is None:
            return str(_("It is listed here once the treatment is saved."))
        return in_lines(treatment_lacks(obj))

    def save_related(
        self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        needs: QuerySet[Need] = form.instance.needs.all()
        if not any(need.pool_id is None for need in needs):
            self.message_user(
                request,
                _("Nobody can book this yet: it needs no practitioner. Add a need below."),
                messages.WARNING,
            )
