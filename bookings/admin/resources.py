"""Rooms, equipment and practitioners as resources: their hours and pools."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTimeWidget
from django.db import models
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from practitioners.models import Location

from ..models import Absence, Journey, Opening, Pool, Resource
from .absences import AbsenceInline, tell_of_clashes
from .columns import KindFilter, NoPeople


class OpeningForm(forms.ModelForm):
    """Hours of a room need no location: it is the room's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "location" in self.fields:
            self.fields["location"].required = False

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        resource = cleaned.get("resource") or self.instance.resource
        if "location" in self.fields and not cleaned.get("location"):
            if resource and resource.location_id:
                cleaned["location"] = resource.location
            else:
                self.add_error("location", _("Choose the location these hours are for."))
        return cleaned


# Nobody opens at half a minute past nine.
HOURS_AND_MINUTES: dict[type[models.Field], dict[str, Any]] = {
    models.TimeField: {"widget": AdminTimeWidget(format="%H:%M")}
}


class HoursInline(admin.TabularInline):
    model = Opening
    form = OpeningForm
    formfield_overrides = HOURS_AND_MINUTES
    fields = [
        "location",
        "weekday",
        "on_date",
        "starts",
        "ends",
        "every_weeks",
        "valid_from",
        "valid_until",
    ]
    extra = 0
    verbose_name_plural = _("hours (a room without any has those of its location)")


class LocationHoursInline(HoursInline):
    """The location's own hours, not those of the people and rooms there."""

    fields = HoursInline.fields[1:]
    verbose_name_plural = _("hours, for all rooms and equipment that have none of their own")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Opening]:
        return super().get_queryset(request).filter(resource=None)


class PoolFilter(admin.SimpleListFilter):
    """Written out: Django's own would apply the members' limit_choices_to to the pools."""

    title = _("pool")
    parameter_name = "pool"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [(str(pool.pk), pool.name) for pool in Pool.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Resource]) -> QuerySet[Resource]:
        chosen = self.value()
        return queryset.filter(pools=int(chosen)) if chosen and chosen.isdecimal() else queryset


@admin.register(Resource)
class ResourceAdmin(admin.ModelAdmin):
    """Patients are resources too, since they have but one body; they are none of this page's."""

    list_display = ["name", "kind", "location", "lives_in", "in_pools", "is_active"]
    list_filter = [KindFilter, "location", PoolFilter, "is_active"]
    list_select_related = ["location", "lives_in"]
    search_fields = ["name"]
    fields = [
        "kind",
        "name",
        "location",
        "lives_in",
        "practitioner",
        "pools_of",
        "is_active",
        "position",
    ]
    readonly_fields = ["practitioner", "pools_of"]
    inlines = [HoursInline, AbsenceInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Resource]:
        rows = super().get_queryset(request).exclude(kind=Resource.Kind.PERSON)
        return rows.prefetch_related("pools")

    def get_readonly_fields(self, request: HttpRequest, obj: Resource | None = None) -> list[str]:
        fields = [*self.readonly_fields]
        if obj:
            fields.append("kind")
        if obj and obj.kind == Resource.Kind.PRACTITIONER:
            fields += ["name", "location"]
        return fields

    def get_fields(self, request: HttpRequest, obj: Resource | None = None) -> Any:
        fields = super().get_fields(request, obj)
        if obj and obj.kind != Resource.Kind.EQUIPMENT:
            return [name for name in fields if name != "lives_in"]
        return fields

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        if db_field.name != "lives_in":
            return super().formfield_for_foreignkey(db_field, request, **kwargs)
        rooms = Resource.objects.filter(kind=Resource.Kind.ROOM).select_related("location")
        kwargs |= {"queryset": rooms, "empty_label": _("none, it moves between rooms")}
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field:
            # Each location has its own “Treatment room 1”.
            field.label_from_instance = lambda room: f"{room.name}, {room.location}"
        return field

    def formfield_for_choice_field(
        self, db_field: models.Field, request: HttpRequest, **kwargs: Any
    ) -> forms.TypedChoiceField | None:
        if db_field.name == "kind":
            # A practitioner's resource comes with the practitioner.
            kinds = [Resource.Kind.ROOM, Resource.Kind.EQUIPMENT]
            kwargs["choices"] = [(kind.value, kind.label) for kind in kinds]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Resource | None = None) -> bool:
        if obj and obj.kind == Resource.Kind.PRACTITIONER:
            return False
        return super().has_delete_permission(request, obj)

    def save_formset(
        self, request: HttpRequest, form: forms.ModelForm, formset: Any, change: bool
    ) -> None:
        super().save_formset(request, form, formset, change)
        if formset.model is Absence:
            changed = [row for row, _fields in formset.changed_objects]
            tell_of_clashes(request, [*formset.new_objects, *changed])

    @admin.display(description=_("pools"))
    def in_pools(self, obj: Resource) -> str:
        return ", ".join(pool.name for pool in obj.pools.all())

    @admin.display(description=_("pools"))
    def pools_of(self, obj: Resource) -> str:
        return (self.in_pools(obj) if obj.pk else "") or "–"


@admin.register(Pool)
class PoolAdmin(admin.ModelAdmin):
    list_display = ["name", "member_count", "need_count"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["members"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                _members=Count("members", distinct=True),
                _needs=Count("needs__treatment", distinct=True),
            )
        )

    @admin.display(description=_("members"), ordering="_members")
    def member_count(self, obj: Pool) -> int:
        return obj._members  # type: ignore[attr-defined]

    @admin.display(description=_("treatments that need it"), ordering="_needs")
    def need_count(self, obj: Pool) -> int:
        return obj._needs  # type: ignore[attr-defined]


class RhythmFilter(admin.SimpleListFilter):
    """What repeats every week, in some weeks, or not at all."""

    title = _("how often")
    parameter_name = "rhythm"
    CHOSEN = {
        "weekly": Q(on_date=None, every_weeks=1),
        "alternate": Q(on_date=None, every_weeks__gt=1),
        "once": Q(on_date__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [
            ("weekly", _("every week")),
            ("alternate", _("alternate weeks")),
            ("once", _("one day only")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Opening]) -> QuerySet[Opening]:
        return queryset.filter(self.CHOSEN.get(self.value() or "", Q()))


@admin.register(Opening)
class OpeningAdmin(NoPeople):
    form = OpeningForm
    formfield_overrides = HOURS_AND_MINUTES
    list_display = ["of", "day", "hours", "location", "rhythm", "valid_from", "valid_until"]
    list_filter = [RhythmFilter, "location", "weekday", KindFilter]
    list_select_related = ["resource", "location"]
    search_fields = ["resource__name", "location__name"]
    ordering = ["location", "resource", "weekday", "on_date", "starts"]

    @admin.display(description=_("of"), ordering="resource__name")
    def of(self, obj: Opening) -> str:
        return obj.resource.name if obj.resource else str(_("the location"))

    @admin.display(description=_("day"), ordering="weekday")
    def day(self, obj: Opening) -> str:
        return date_format(obj.on_date, "D j M Y") if obj.on_date else obj.get_weekday_display()

    @admin.display(description=_("how often"), ordering="every_weeks")
    def rhythm(self, obj: Opening) -> str:
        if obj.on_date:
            return str(_("once"))
        weeks = obj.every_weeks
        return ngettext("every week", "every %(n)d weeks", weeks) % {"n": weeks}

    @admin.display(description=_("hours"), ordering="starts")
    def hours(self, obj: Opening) -> str:
        return f"{obj.starts:%H:%M}–{obj.ends:%H:%M}"


class EitherEnd(admin.SimpleListFilter):
    """Journeys that begin or end at a location: they go both ways."""

    title = _("location")
    parameter_name = "place"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [(str(place.pk), place.name) for place in Location.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Journey]) -> QuerySet[Journey]:
        chosen = self.value()
        if not chosen or not chosen.isdecimal():
            return queryset
        return queryset.filter(Q(one=int(chosen)) | Q(other=int(chosen)))


@admin.register(Journey)
class JourneyAdmin(admin.ModelAdmin):
    list_display = ["between", "minutes"]
    list_filter = [EitherEnd]
    list_select_related = ["one", "other"]
    search_fields = ["one__name", "other__name"]
    autocomplete_fields = ["one", "other"]
    fieldsets = [
        (
            None,
            {
                "fields": ["one", "other", "minutes"],
                "description": _(
                    "How long a practitioner needs from one location to the other, either way. "
                    "Who works at both on one day is offered at the second only when they can be "
                    "there. A pair that is not on the list takes no time."
                ),
            },
        )
    ]

    @admin.display(description=_("between"), ordering="one__name")
    def between(self, obj: Journey) -> str:
        return f"{obj.one} – {obj.other}"
