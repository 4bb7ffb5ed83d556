"""What several admin pages share: columns, and pages on which nothing can be changed."""

import re
from datetime import date, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from clinic.clock import local
from practitioners.models import Location

from ..models import Resource

_PHONE = re.compile(r"\+?[\d ()\-]{6,}")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4}")


class WideInput(forms.TextInput):
    """As wide as the admin's own text fields."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "vTextField", **(attrs or {})})


class SmallArea(forms.Textarea):
    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "vLargeTextField", "rows": 4, **(attrs or {})})


def clock_time(instant: datetime | None, location: Location | None = None) -> str:
    """`Sat 21 Nov 2026, 14:30` on the wall clock of the location, else of the clinic."""
    if instant is None:
        return "–"
    zone = location.time_zone if location else settings.TIME_ZONE
    return date_format(local(instant, zone), "D j M Y, H:i")


def spellings(term: str) -> list[str]:
    """Other ways in which what was typed may be stored.

    A phone number as E.164 has it (0117 496 0123 and +44 117 … as 1174960123); names with a
    capital, because SQLite folds the case of ASCII letters only (élodie is not Élodie).
    """
    typed = term.strip()
    others = []
    if _PHONE.fullmatch(typed) and not _DATE.fullmatch(typed):
        others.append(re.sub(r"\D", "", typed).removeprefix("44").lstrip("0"))
    if not typed.isascii():
        others.append(typed.title())
    return [other for other in others if other and other != term]


def typed_date(term: str) -> date | None:
    """A date as people type it: 1980-05-02, 2/5/1980, 02.05.1980; None for anything else."""
    for style in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"):
        try:
            return datetime.strptime(term.strip(), style).date()  # noqa: DTZ007  a date, no instant
        except ValueError:
            continue
    return None


class NoDelete(admin.ModelAdmin):
    """What has happened is kept: there is no delete button."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PeopleSearch(NoDelete):
    """A search that finds phone numbers and names however they are typed."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        for other in spellings(search_term):
            found |= super().get_search_results(request, queryset, other)[0]
        return found, may_repeat


class KindFilter(admin.SimpleListFilter):
    """Practitioners, rooms, equipment; never patients."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        kinds = (Resource.Kind.PRACTITIONER, Resource.Kind.ROOM, Resource.Kind.EQUIPMENT)
        return [(kind.value, kind.label) for kind in kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        field = "kind" if queryset.model is Resource else "resource__kind"
        return queryset.filter(**{field: self.value()}) if self.value() else queryset


class PlaceFilter(admin.SimpleListFilter):
    """A location as a whole, and what stands in it."""

    title = _("location")
    parameter_name = "place"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [(str(place.pk), place.name) for place in Location.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if not chosen or not chosen.isdecimal():
            return queryset
        return queryset.filter(Q(location=int(chosen)) | Q(resource__location=int(chosen)))


class NoPeople(admin.ModelAdmin):
    """Pages whose resource is never a patient."""

    autocomplete_fields = ["resource"]

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        if db_field.name == "resource":
            kwargs["queryset"] = Resource.objects.exclude(kind=Resource.Kind.PERSON)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ReadOnly(NoDelete):
    """Rows that only the site itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows of a parent, to be read."""

    classes = ["read-only-rows"]
    extra = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
