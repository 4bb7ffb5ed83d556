"""Absences and bank holidays: what they stop, and what they clash with."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminDateWidget
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from clinic.clock import local, now
from practitioners.models import Location

from ..absences import clashes, with_clash_counts
from ..models import Absence, BankHoliday, Resource
from .columns import KindFilter, NoPeople, PlaceFilter, clock_time

SHOWN_CLASHES = 50
NAMED_CLASHES = 5


def zone_of(resource: Resource | None, location: Location | None) -> str:
    """The zone in which an absence's times are typed: a place's own, else the clinic's."""
    place = location or (resource.location if resource else None)
    return place.time_zone if place else settings.TIME_ZONE


def tell_of_clashes(request: HttpRequest, absences: Iterable[Absence]) -> None:
    """Say which booked visits the absences meet: the first few, and how many more."""
    met = {visit.pk: visit for absence in absences for visit in clashes(absence)}
    if not met:
        return
    visits = sorted(met.values(), key=lambda visit: visit.starts_at)
    named = "; ".join(
        f"{visit.reference}, {visit.patient or '–'}, {clock_time(visit.starts_at, visit.location)}"
        for visit in visits[:NAMED_CLASHES]
    )
    if (more := len(visits) - NAMED_CLASHES) > 0:
        named = _("%(named)s; and %(n)d more") % {"named": named, "n": more}
    begins = ngettext("It meets %d booked visit:", "It meets %d booked visits:", len(visits))
    messages.warning(
        request,
        format_html(
            '{} {}. <a href="{}">{}</a>',
            begins % len(visits),
            named,
            reverse("desk-attention"),
            _("All that clash, at the desk"),
        ),
    )


class AbsenceForm(forms.ModelForm):
    """Times are typed by the clock of the place that is absent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "reason" in self.fields:
            # Bank holidays have a page of their own, which gets their midnights right.
            reason: Any = self.fields["reason"]
            reason.choices = [c for c in reason.choices if c[0] != Absence.Reason.HOLIDAY]
        for name in ("starts_at", "ends_at"):
            if name in self.fields:
                parts: Any = self.fields[name].widget
                words = self.fields[name].label
                for part, which in zip(parts.widgets, (_("date"), _("time")), strict=True):
                    part.attrs["aria-label"] = f"{words}: {which}"
        if self.instance.pk:
            zone = zone_of(self.instance.resource, self.instance.location)
            for name in ("starts_at", "ends_at"):
                wall = local(getattr(self.instance, name), zone)
                self.initial[name] = wall.replace(tzinfo=None)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        zone = zone_of(cleaned.get("resource") or self.instance.resource, cleaned.get("location"))
        for name in ("starts_at", "ends_at"):
            if isinstance(instant := cleaned.get(name), datetime):
                wall = local(instant, settings.TIME_ZONE)
                cleaned[name] = wall.replace(tzinfo=ZoneInfo(zone))
        return cleaned


class AbsenceInline(admin.TabularInline):
    model = Absence
    form = AbsenceForm
    fields = ["starts_at", "ends_at", "reason", "note"]
    extra = 0
    verbose_name_plural = _("absences, now and to come")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Absence]:
        return super().get_queryset(request).filter(ends_at__gt=now()).order_by("starts_at")


class ComingFilter(admin.SimpleListFilter):
    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [("coming", _("now and to come")), ("past", _("past"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Absence]) -> QuerySet[Absence]:
        if self.value() == "coming":
            return queryset.filter(ends_at__gt=now())
        if self.value() == "past":
            return queryset.filter(ends_at__lte=now())
        return queryset


@admin.register(Absence)
class AbsenceAdmin(NoPeople):
    """An absence stops new starts; appointments made before it stay, and are listed here.

    Bank holidays have a page of their own.
    """

    form = AbsenceForm
    list_display = ["of", "begins", "ends", "reason", "clash_count", "note"]
    list_filter = [ComingFilter, "reason", PlaceFilter, KindFilter]
    list_select_related = ["resource__location", "location"]
    search_fields = ["resource__name", "location__name", "note"]
    date_hierarchy = "starts_at"
    readonly_fields = ["clashing"]
    fields = ["resource", "location", "starts_at", "ends_at", "reason", "note", "clashing"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Absence]:
        rows = super().get_queryset(request).exclude(reason=Absence.Reason.HOLIDAY)
        return with_clash_counts(rows)

    def save_model(
        self, request: HttpRequest, obj: Absence, form: forms.ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        tell_of_clashes(request, [obj])

    def _place(self, obj: Absence) -> Location | None:
        return obj.location or (obj.resource.location if obj.resource else None)

    @admin.display(description=_("of"), ordering="resource__name")
    def of(self, obj: Absence) -> str:
        return str(obj.resource or obj.location)

    @admin.display(description=_("from"), ordering="starts_at")
    def begins(self, obj: Absence) -> str:
        return clock_time(obj.starts_at, self._place(obj))

    @admin.display(description=_("to"), ordering="ends_at")
    def ends(self, obj: Absence) -> str:
        return clock_time(obj.ends_at, self._place(obj))

    @admin.display(description=_("clashes"), ordering="clash_count")
    def clash_count(self, obj: Absence) -> SafeString | str:
        count: int = obj.clash_count  # type: ignore[attr-defined]
        return format_html('<strong class="errors">⚠ {}</strong>', count) if count else "0"

    @admin.display(description=_("appointments that clash"))
    def clashing(self, obj: Absence) -> SafeString | str:
        if obj.pk is None:
            return str(_("They are listed here once the absence is saved."))
        found = list(clashes(obj)[: SHOWN_CLASHES + 1])
        context = {"appointments": found[:SHOWN_CLASHES], "more": len(found) > SHOWN_CLASHES}
        return render_to_string("admin/bookings/appointment_rows.html", context)


class BankHolidayForm(forms.ModelForm):
    """One date and the locations that are closed on it; each becomes a row of its own."""

    day = forms.DateField(label=_("Date"), widget=AdminDateWidget)
    locations = forms.ModelMultipleChoiceField(
        label=_("Closed"),
        queryset=Location.objects.all(),
        widget=forms.CheckboxSelectMultiple,
        initial=Location.objects.all,
    )

    class Meta:
        model = BankHoliday
        fields = ["note"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        day, locations = cleaned.get("day"), cleaned.get("locations")
        if isinstance(day, date) and locations:
            self.rows = [BankHoliday.on(day, place, cleaned.get("note", "")) for place in locations]
            known = Q()
            for row in self.rows:
                known |= Q(location=row.location, starts_at=row.starts_at)
            for row in BankHoliday.objects.filter(known).select_related("location"):
                self.add_error("locations", _("%s is closed on that day already.") % row.location)
            for attribute in ("location", "starts_at", "ends_at", "reason"):
                setattr(self.instance, attribute, getattr(self.rows[0], attribute))
        return cleaned


@admin.register(BankHoliday)
class BankHolidayAdmin(admin.ModelAdmin):
    list_display = ["day", "location", "note", "clash_count"]
    list_display_links = ["day"]
    list_filter = [ComingFilter, PlaceFilter]
    list_select_related = ["location"]
    search_fields = ["note"]
    ordering = ["starts_at", "location"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankHoliday]:
        holidays: Any = super().get_queryset(request)
        counted: Any = with_clash_counts(holidays)
        return counted

    def get_form(
        self, request: HttpRequest, obj: BankHoliday | None = None, change: bool = False, **kw: Any
    ) -> type[forms.ModelForm]:
        if obj is None:
            kw["form"] = BankHolidayForm
        return super().get_form(request, obj, change, **kw)

    def get_fields(self, request: HttpRequest, obj: BankHoliday | None = None) -> Any:
        return ["day", "location", "note", "clashing"] if obj else ["day", "locations", "note"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: BankHoliday | None = None
    ) -> list[str]:
        return ["day", "location", "clashing"] if obj else []

    def save_model(
        self, request: HttpRequest, obj: BankHoliday, form: forms.ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if isinstance(form, BankHolidayForm):
            for row in form.rows[1:]:
                row.save()
                self.log_addition(request, row, [{"added": {}}])
            tell_of_clashes(request, form.rows)

    @admin.display(description=_("date"), ordering="starts_at")
    def day(self, obj: BankHoliday) -> str:
        zone = obj.location.time_zone if obj.location else settings.TIME_ZONE
        return date_format(localdate(obj.starts_at, ZoneInfo(zone)), "l j F Y")

    clash_count = AbsenceAdmin.clash_count
    clashing = AbsenceAdmin.clashing
