"""Patients: find, read, correct, and make one record of two."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from clinic.clock import now
from clinic.errors import Refused
from clinic.phones import PhoneField, readable
from clinic.text import BlockField, LineField, MailField

from .. import patients as verbs
from .. import placing
from ..actors import Actor
from ..models import Appointment, Patient, PatientMatch, State
from ..models.appointments import AGREED
from .columns import PeopleSearch, ReadOnly, SmallArea, WideInput, clock_time, typed_date

SHOWN_VISITS = 10
SHOWN_MATCHES = 10


class PatientForm(forms.ModelForm):
    name = LineField(label=_("Name"), max_length=200, widget=WideInput)
    email = MailField(label=_("Mail address"), required=False, widget=WideInput)
    phone = PhoneField(label=_("Phone"), required=False)
    access_needs = LineField(
        label=_("Access needs"), max_length=300, required=False, widget=WideInput
    )
    staff_note = BlockField(
        label=_("Note for staff"), max_length=4000, required=False, widget=SmallArea
    )


class RecordFilter(admin.SimpleListFilter):
    """Records that were merged into another are out of the way, not gone."""

    title = _("record")
    parameter_name = "record"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [("match", _("may be there twice")), ("merged", _("merged into another"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Patient]) -> QuerySet[Patient]:
        if self.value() == "merged":
            return queryset.filter(merged_into__isnull=False)
        queryset = queryset.filter(merged_into=None)
        if self.value() == "match":
            open_match = PatientMatch.objects.filter(state=PatientMatch.State.OPEN)
            queryset = queryset.filter(
                Q(pk__in=open_match.values("newer")) | Q(pk__in=open_match.values("older"))
            )
        return queryset


@admin.register(Patient)
class PatientAdmin(PeopleSearch):
    form = PatientForm
    list_display = ["name", "email", "phone_number", "date_of_birth", "visit_count", "added"]
    list_filter = [RecordFilter]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["name", "email", "phone"]
    search_help_text = _("Name, mail address, phone or date of birth")
    actions = ["merge_two"]
    readonly_fields = ["merged_record", "proved", "added", "matches", "coming", "past"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Patient]:
        visits = Count("appointments", filter=Q(appointments__state__in=AGREED))
        return super().get_queryset(request).annotate(visit_count=visits)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Patient], search_term: str
    ) -> tuple[QuerySet[Patient], bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if born := typed_date(search_term):
            found |= queryset.filter(date_of_birth=born)
        if request.path.endswith("/autocomplete/"):
            found = found.filter(merged_into=None)
        return found, may_repeat

    def get_fieldsets(self, request: HttpRequest, obj: Patient | None = None) -> Any:
        who = ["name", "email", "phone", "date_of_birth"]
        staff = (_("For staff"), {"fields": ["access_needs", "staff_note"]})
        if obj is None:
            return [(None, {"fields": who}), staff]
        record = ["added", "proved", "matches"]
        if obj.merged_into_id:
            record.insert(0, "merged_record")
        visits = []
        if request.user.has_perm("bookings.view_appointment"):
            visits = [(_("Appointments"), {"fields": ["coming", "past"]})]
        return [(None, {"fields": who}), staff, *visits, (_("Record"), {"fields": record})]

    def save_model(
        self, request: HttpRequest, obj: Patient, form: forms.ModelForm, change: bool
    ) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            verbs.note_matches(obj)
        elif form.changed_data:
            # Only what was typed: the site may have written the rest meanwhile.
            changed = list(form.changed_data)
            if "email" in changed:
                obj.email_proved_at = None
                changed.append("email_proved_at")
            obj.save(update_fields=changed)

    # --- columns --------------------------------------------------------------
    @admin.display(description=_("phone"), ordering="phone")
    def phone_number(self, obj: Patient) -> str:
        return readable(obj.phone) if obj.phone else "–"

    @admin.display(description=_("visits"), ordering="visit_count")
    def visit_count(self, obj: Patient) -> int:
        return obj.visit_count  # type: ignore[attr-defined]

    @admin.display(description=_("added"), ordering="created_at")
    def added(self, obj: Patient) -> str:
        return clock_time(obj.created_at)

    @admin.display(description=_("mail address proved"))
    def proved(self, obj: Patient) -> str:
        return clock_time(obj.email_proved_at)

    @admin.display(description=_("merged into"))
    def merged_record(self, obj: Patient) -> SafeString | str:
        if obj.merged_into is None:
            return "–"
        url = reverse("admin:bookings_patient_change", args=[obj.merged_into.pk])
        return format_html('<a href="{}">{}</a>', url, obj.merged_into)

    @admin.display(description=_("coming"))
    def coming(self, obj: Patient) -> str:
        soon = obj.appointments.filter(
            starts_at__gt=now(), state__in=[State.BOOKED, State.ARRIVED, State.HELD]
        )
        return self._visits(soon.order_by("starts_at"), obj)

    @admin.display(description=_("past and cancelled"))
    def past(self, obj: Patient) -> str:
        over = obj.appointments.exclude(state__in=[State.HELD, State.EXPIRED])
        over = over.filter(Q(starts_at__lte=now()) | Q(state=State.CANCELLED))
        return self._visits(over.order_by("-starts_at"), obj)

    def _visits(self, found: QuerySet[Appointment], obj: Patient) -> str:
        rows = list(found.select_related("practitioner", "location", "patient")[: SHOWN_VISITS + 1])
        more = f"{reverse('admin:bookings_appointment_changelist')}?patient__id__exact={obj.pk}"
        context = {
            "appointments": rows[:SHOWN_VISITS],
            "more": len(rows) > SHOWN_VISITS,
            "more_url": more,
            "without_patient": True,
        }
        return render_to_string("admin/bookings/appointment_rows.html", context)

    @admin.display(description=_("may be the same person as"))
    def matches(self, obj: Patient) -> str:
        found = (
            PatientMatch.objects.filter(Q(newer=obj) | Q(older=obj), state=PatientMatch.State.OPEN)
            .select_related("newer", "older")
            .order_by("-created_at")[:SHOWN_MATCHES]
        )
        return render_to_string("admin/bookings/patient/matches.html", {"matches": found})

    # --- merging --------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        merge = path(
            "<int:one>/merge/<int:other>/",
            self.admin_site.admin_view(self.merge_view),
            name="bookings_patient_merge",
        )
        return [merge, *super().get_urls()]

    @admin.action(description=_("Merge two records of one person…"), permissions=["change"])
    def merge_two(self, request: HttpRequest, queryset: QuerySet[Patient]) -> HttpResponse | None:
        # The record that is kept stands first: the older one, unless staff choose the other.
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True)[:3])
        if len(chosen) == 2:
            return redirect("admin:bookings_patient_merge", *chosen)
        self.message_user(request, _("Choose exactly two records to merge."), messages.WARNING)
        return None

    def merge_view(self, request: HttpRequest, one: int, other: int) -> HttpResponse:
        """Both records side by side; posting `keep` merges, `different` parts them."""
        found = [self.get_object(request, str(pk)) for pk in (one, other)]
        both = [patient for patient in found if patient is not None]
        if one == other or len(both) < 2:
            raise Http404
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._decide(request, both)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Are these one person?"),
            "opts": self.opts,
            "media": self.media,
            "rows": _side_by_side(both),
            "both": both,
        }
        return TemplateResponse(request, "admin/bookings/patient/merge.html", context)

    def _decide(self, request: HttpRequest, both: list[Patient]) -> HttpResponse:
        first, second = both
        if "different" in request.POST:
            pair = [first, second]
            PatientMatch.objects.filter(
                newer__in=pair, older__in=pair, state=PatientMatch.State.OPEN
            ).update(state=PatientMatch.State.DIFFERENT)
            self.message_user(request, _("They stay two people."), messages.SUCCESS)
            return redirect("admin:bookings_patientmatch_changelist")
        keep, duplicate = (second, first) if request.POST.get("keep") == str(second.pk) else both
        try:
            merge = placing.retried(verbs.merge)
            merge(keep=keep, duplicate=duplicate, by=Actor.of(request.user))
        except Refused as refused:
            self.message_user(request, str(refused.sentence), messages.ERROR)
            return redirect("admin:bookings_patient_merge", first.pk, second.pk)
        words = _("Merged with record %(pk)d.") % {"pk": duplicate.pk}
        self.log_change(request, keep, str(words))
        self.message_user(request, words, messages.SUCCESS)
        return redirect("admin:bookings_patient_change", keep.pk)


def _side_by_side(both: list[Patient]) -> list[tuple[Any, str, str, bool]]:
    """Label, both values, and whether they differ: what staff compare before they merge."""
    rows = [
        (_("name"), [p.name for p in both]),
        (_("mail address"), [p.email for p in both]),
        (_("phone"), [readable(p.phone) if p.phone else "" for p in both]),
        (
            _("date of birth"),
            [p.date_of_birth.isoformat() if p.date_of_birth else "" for p in both],
        ),
        (_("access needs"), [p.access_needs for p in both]),
        (_("note for staff"), [p.staff_note for p in both]),
        (_("added"), [clock_time(p.created_at) for p in both]),
        (_("visits"), [str(p.visit_count) for p in both]),  # type: ignore[attr-defined]
    ]
    return [(label, one, other, one != other) for label, (one, other) in rows]


@admin.register(PatientMatch)
class PatientMatchAdmin(ReadOnly):
    """Records that may be one person; each leads to the page where staff decide."""

    list_display = ["newer", "older", "because", "state", "found", "decide"]
    list_display_links = None
    list_filter = ["state"]
    list_select_related = ["newer", "older"]
    search_fields = ["newer__name", "older__name", "newer__email", "older__email"]

    @admin.display(description=_("found"), ordering="created_at")
    def found(self, obj: PatientMatch) -> str:
        return clock_time(obj.created_at)

    @admin.display(description=_("decide"))
    def decide(self, obj: PatientMatch) -> SafeString | str:
        if obj.state != PatientMatch.State.OPEN:
            return "–"
        url = reverse("admin:bookings_patient_merge", args=[obj.older_id, obj.newer_id])
        return format_html('<a href="{}">{}</a>', url, _("Compare and decide"))
