"""The directory in the admin. What has hours or needs is registered by bookings.admin.directory."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from clinic.clock import now

from .models import (
    Claim,
    Clinic,
    Condition,
    Language,
    Length,
    Practitioner,
    Reference,
    Registration,
    Therapy,
    Treatment,
)
from .templatetags.directory import money


@admin.register(Clinic)
class ClinicAdmin(admin.ModelAdmin):
    """One row: the list leads straight to it."""

    list_display = ["name", "phone", "email"]
    fieldsets = [
        (None, {"fields": ["name", "strapline"]}),
        (_("How to reach us"), {"fields": ["phone", "email", "answers_within"]}),
        (_("What we promise"), {"fields": ["cancellation_hours"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not Clinic.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Clinic | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Clinic, form: forms.ModelForm, change: bool
    ) -> None:
        obj.pk = 1
        super().save_model(request, obj, form, change)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.has_view_permission(request) and Clinic.objects.exists():
            return redirect("admin:practitioners_clinic_change", 1)
        return super().changelist_view(request, extra_context)


class LocationAdmin(admin.ModelAdmin):
    list_display = [
        "name",
        "city",
        "phone",
        "time_zone",
        "step_free",
        "hearing_loop",
        "is_published",
    ]
    list_filter = ["is_published"]
    search_fields = ["name", "city", "postcode"]
    prepopulated_fields = {"slug": ["name"]}
    fieldsets = [
        (None, {"fields": ["name", "slug", "is_published", "position"]}),
        (_("Address"), {"fields": ["street", "city", "postcode", "phone", "time_zone"]}),
        (_("Getting in"), {"fields": ["step_free", "hearing_loop", "directions"]}),
    ]


@admin.register(Language)
class LanguageAdmin(admin.ModelAdmin):
    list_display = ["name", "code"]
    search_fields = ["name", "code"]


class BookableFilter(admin.SimpleListFilter):
    """Who may see patients today, by insurance and required registrations."""

    title = _("registered and insured today")
    parameter_name = "bookable"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [("yes", _("yes")), ("no", _("no: a registration or the insurance has lapsed"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Practitioner]
    ) -> QuerySet[Practitioner]:
        if self.value() not in ("yes", "no"):
            return queryset
        today = timezone.localdate(now())
        required = Registration.objects.filter(practitioner=OuterRef("pk"), is_required=True)
        over = required.filter(Q(status=Registration.Status.LAPSED) | Q(valid_until__lt=today))
        bookable = Q(Exists(required), ~Exists(over), insured_until__gte=today)
        return queryset.filter(bookable if self.value() == "yes" else ~bookable)


class RegistrationInline(admin.TabularInline):
    model = Registration
    extra = 0


class PractitionerAdmin(admin.ModelAdmin):
    list_display = [
        "name",
        "profession",
        "is_published",
        "bookable_until",
        "takes_new_patients",
    ]
    list_filter = ["is_published", "takes_new_patients", BookableFilter, "gender", "languages"]
    search_fields = ["name", "profession", "registrations__number"]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["user", "languages", "treatments"]
    inlines = [RegistrationInline]
    fieldsets = [
        (None, {"fields": ["name", "slug", "profession", "is_published", "position"]}),
        (_("Who they are"), {"fields": ["pronouns", "gender", "languages", "user"]}),
        (_("What they do"), {"fields": ["treatments", "takes_new_patients", "first_visits_a_day"]}),
        (_("Their page"), {"fields": ["summary", "about", "qualifications"]}),
        (_("Checks"), {"fields": ["insured_until", "dbs_checked_on"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Practitioner]:
        return super().get_queryset(request).prefetch_related("registrations")

    @admin.display(description=_("bookable until"), ordering="insured_until")
    def bookable_until(self, obj: Practitioner) -> SafeString:
        last = obj.bookable_until()
        if last is None:
            return format_html('<strong class="errors">{}</strong>', _("⚠ not bookable"))
        words = date_format(last, "j M Y")
        if last < timezone.localdate(now()):
            return format_html('<strong class="errors">{} {}</strong>', _("⚠ lapsed"), words)
        return format_html("{}", words)


class PriceForm(forms.ModelForm):
    """What has a price: typed in pounds, stored in pence."""

    price = forms.DecimalField(
        label=_("Price (£)"), min_value=0, max_digits=7, decimal_places=2, required=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.price_pence is not None:
            pounds = Decimal(self.instance.price_pence).scaleb(-2)
            self.initial.setdefault("price", f"{pounds:.2f}")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and cleaned.get("price") is not None:
            self.instance.price_pence = int(cleaned["price"] * 100)
        return cleaned


class TreatmentForm(PriceForm):
    """An address that is left empty is made of the name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False


class TreatmentInline(admin.TabularInline):
    """A therapy's treatments in short; the rest is on each one's own page."""

    model = Treatment
    form = TreatmentForm
    fields = ["name", "slug", "minutes", "price", "audience", "position", "is_published"]
    prepopulated_fields = {"slug": ["name"]}
    extra = 0
    show_change_link = True
    verbose_name_plural = _("treatments (needs and reminders are on each one’s own page)")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Treatment]:
        return super().get_queryset(request).select_related("therapy")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A treatment that was ever booked stays: it is unpublished instead.
        return False


class LengthInline(admin.TabularInline):
    model = Length
    form = PriceForm
    fields = ["minutes", "price"]
    extra = 0
    verbose_name_plural = _(
        "other lengths it can be booked in (the needs say which parts of it move with the end)"
    )


class ClaimInline(admin.StackedInline):
    model = Claim
    autocomplete_fields = ["references"]
    extra = 0
    fields = [
        ("population", "comparator"),
        ("outcome", "direction", "certainty"),
        "does_not_cover",
        "references",
        ("approved_by", "approved_until", "position"),
    ]


class TherapyAdmin(admin.ModelAdmin):
    list_display = ["name", "evidence_strength", "is_published", "reviewed_on", "review"]
    list_filter = ["is_published", "evidence_strength"]
    search_fields = ["name", "also_called"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [TreatmentInline, ClaimInline]
    fieldsets = [
        (None, {"fields": ["name", "slug", "also_called", "summary", "is_published", "position"]}),
        (_("The page"), {"fields": ["about", "visit", "not_for", "course", "bring"]}),
        (_("Evidence"), {"fields": ["evidence_strength", "evidence_summary"]}),
        (_("Review"), {"fields": ["reviewed_on", "reviewed_by", "review_due"]}),
    ]

    @admin.display(description=_("next review due"), ordering="review_due")
    def review(self, obj: Therapy | Condition) -> SafeString:
        return review_due(obj)


def review_due(obj: Therapy | Condition) -> SafeString:
    """When a health page is due for its review; a warning where that has passed."""
    if obj.review_due is None:
        return format_html("{}", "–")
    words = date_format(obj.review_due, "j M Y")
    if obj.review_due < timezone.localdate(now()):
        return format_html('<strong class="errors">{} {}</strong>', _("⚠ overdue"), words)
    return format_html("{}", words)


class TreatmentAdmin(admin.ModelAdmin):
    form = TreatmentForm
    list_display = [
        "name",
        "therapy",
        "minutes",
        "price",
        "audience",
        "is_group",
        "is_published",
    ]
    list_filter = ["therapy", "audience", "is_published", "is_group"]
    list_select_related = ["therapy"]
    search_fields = ["name", "therapy__name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["therapy", "requires"]
    inlines = [LengthInline]
    fieldsets = [
        (None, {"fields": ["therapy", "name", "slug", "summary", "is_published", "position"]}),
        (_("Length and price"), {"fields": ["minutes", "price"]}),
        (
            _("For whom"),
            {
                "fields": [
                    "audience",
                    "is_group",
                    "min_age",
                    "asks_birth_date",
                    "requires",
                    "requires_within_days",
                ]
            },
        ),
        (_("When it can start"), {"fields": ["grid_minutes", "notice_minutes", "horizon_days"]}),
    ]

    @admin.display(description=_("price"), ordering="price_pence")
    def price(self, obj: Treatment) -> str:
        return money(obj.price_pence)


@admin.register(Condition)
class ConditionAdmin(admin.ModelAdmin):
    list_display = ["name", "is_published", "reviewed_on", "review"]
    list_filter = ["is_published", "therapies"]
    search_fields = ["name", "also_called"]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["therapies"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "also_called", "summary", "is_published", "position"]}),
        (_("The page"), {"fields": ["about", "self_care", "see_gp", "therapies"]}),
        (_("Review"), {"fields": ["reviewed_on", "reviewed_by", "review_due"]}),
    ]

    @admin.display(description=_("next review due"), ordering="review_due")
    def review(self, obj: Condition) -> SafeString:
        return review_due(obj)


@admin.register(Reference)
class ReferenceAdmin(admin.ModelAdmin):
    list_display = ["key", "authors", "year", "title", "journal"]
    list_filter = ["year"]
    search_fields = ["key", "authors", "title", "journal"]
