"""Appointments in the admin: read, booked and moved through the verbs, never by writing fields."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from clinic import clock
from clinic.errors import Refused
from practitioners.templatetags.directory import money

from .. import appointments as verbs
from .. import notifications, placing, undo
from ..actors import Actor
from ..errors import HasMoved
from ..models import Appointment, State, Undo
from . import phone
from .appointment_forms import BookForm, MoveForm
from .appointment_parts import AnswerInline, EventInline, NotificationInline, WhenFilter
from .columns import PeopleSearch, clock_time

AT_ONCE = 100
SHOWN_REFUSALS = 5

# What a button or an action does to one appointment.
Verb = Callable[[Appointment, Actor], Any]
VERBS: dict[str, Verb] = {
    "arrived": lambda appointment, by: verbs.check_in(appointment, by=by),
    "completed": lambda appointment, by: verbs.complete(appointment, by=by),
    "no-show": lambda appointment, by: verbs.no_show(appointment, by=by),
    "undo": lambda appointment, by: verbs.reopen(appointment, by=by),
    "take-back": lambda appointment, by: verbs.take_back(appointment, by=by),
    "resend": lambda appointment, by: notifications.resend_confirmation(appointment),
}

# The buttons on an appointment's page, by its state.
BUTTONS = {
    State.BOOKED: [
        ("arrived", _("Arrived")),
        ("no-show", _("Did not come")),
        ("resend", _("Send the confirmation again")),
    ],
    State.ARRIVED: [("completed", _("Completed")), ("undo", _("Undo"))],
    State.NO_SHOW: [("undo", _("Undo"))],
}


@admin.register(Appointment)
class AppointmentAdmin(PeopleSearch):
    list_display = [
        "reference",
        "when",
        "patient",
        "state_word",
        "is_coming",
        "treatment_name",
        "practitioner",
        "location",
    ]
    list_filter = [WhenFilter, "state", "location", "practitioner", "treatment__therapy"]
    list_select_related = ["patient", "practitioner", "location"]
    list_per_page = 50
    show_full_result_count = False
    date_hierarchy = "starts_at"
    search_fields = ["reference", "patient__name", "patient__email", "patient__phone"]
    search_help_text = _("Reference, name, mail address or phone")
    autocomplete_fields = ["treatment", "practitioner", "patient"]
    actions = [
        "cancel_with_reason",
        "mark_arrived",
        "mark_completed",
        "mark_no_show",
        "take_back",
        "resend",
    ]
    change_form_template = "admin/bookings/appointment/change_form.html"
    # Its page is the patient's own: what is done there is written down as done by the patient.
    view_on_site = False

    def get_ordering(self, request: HttpRequest) -> list[str]:
        ahead = request.GET.get(WhenFilter.parameter_name) in ("coming", *WhenFilter.DAYS)
        return ["starts_at"] if ahead else ["-starts_at"]

    # --- what is on the page --------------------------------------------------
    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            # A new patient is added from here; rooms and people are set up elsewhere.
            field.widget.can_add_related &= db_field.name == "patient"
            field.widget.can_change_related = field.widget.can_delete_related = False
            field.widget.can_view_related = False
        return field

    def get_inlines(self, request: HttpRequest, obj: Appointment | None) -> list[type]:
        return [AnswerInline, EventInline, NotificationInline] if obj else []

    def _may_move(self, request: HttpRequest, obj: Appointment) -> bool:
        return obj.state == State.BOOKED and self.has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Appointment | None = None) -> Any:
        if obj is None:
            return [
                (
                    None,
                    {
                        "fields": [
                            "treatment",
                            "minutes",
                            "practitioner",
                            "location",
                            ("day", "time"),
                        ],
                        "description": phone.times(request),
                    },
                ),
                (_("Who comes"), {"fields": ["patient", "wants_chaperone", "note"]}),
                (_("Safety"), {"fields": ["asked"], "description": phone.questions(request)}),
            ]
        when = [("day", "time"), "seen"] if self._may_move(request, obj) else ["when"]
        agreed = ["treatment_name", "minutes", "price", "cancellation_hours"]
        wishes = ["note", "wants_chaperone"]
        if request.user.has_perm("bookings.view_screeningrecord"):
            wishes.append("screening")
        return [
            (None, {"fields": ["reference", "state_word", "patient_link"]}),
            (_("When and where"), {"fields": [*when, "practitioner", "location", "places"]}),
            (_("As agreed"), {"fields": agreed}),
            (_("From the patient"), {"fields": [*wishes, "said_coming"]}),
            (_("For staff"), {"fields": ["staff_note", "outcome"]}),
            (_("History"), {"fields": ["source", "made", "booked", "cancel_reason"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Appointment | None = None) -> Any:
        if obj is None:
            return []
        changing = {"day", "time", "seen", "staff_note", "outcome"}
        if self._may_move(request, obj):
            changing |= {"practitioner", "location"}
        fieldsets = self.get_fieldsets(request, obj)
        shown = [f for _name, options in fieldsets for f in options["fields"] if f[0] != "day"]
        return [field for field in shown if field not in changing]

    def get_form(
        self, request: HttpRequest, obj: Appointment | None = None, change: bool = False, **kw: Any
    ) -> type[forms.ModelForm]:
        kw["form"] = MoveForm if obj else BookForm
        form = super().get_form(request, obj, change, **kw)
        form.refused = getattr(request, "refused", None)  # type: ignore[attr-defined]
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        typed = super().get_changeform_initial_data(request)
        # Its own widget breaks on an address whose key is none.
        rows = self.autocomplete_fields
        return {k: v for k, v in typed.items() if k not in rows or phone.is_key(str(v))}

    # --- saving is a verb -----------------------------------------------------
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form again, with the sentence beside its field, when the verb refuses."""
        # Django opens the transaction, so it is here that a deadlock is worth another try.
        view = placing.retried(super().changeform_view)
        try:
            return view(request, object_id, form_url, extra_context)
        except Refused as refused:
            request.refused = refused  # type: ignore[attr-defined]
            return view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        original: Appointment | None = context.get("original")
        if original:
            # What the verbs would refuse by the day is not on offer.
            today, day = clock.today(original.location.time_zone), original.starts_local.date()
            early, late = ("arrived", "no-show"), ("undo",)
            never = early if today < day else late if today > day else ()
            buttons = BUTTONS.get(State(original.state), [])
            context["verbs"] = [button for button in buttons if button[0] not in never]
            if was := undo.of(original):
                words = _("Take back: %(what)s a moment ago") % {"what": was.get_verb_display()}
                context["verbs"].insert(0, ("take-back", words))
                if request.method == "GET":
                    self._say_until(request, was)
            context["may_cancel"] = original.state == State.BOOKED
        return super().render_change_form(request, context, *args, **kwargs)

    def _say_until(self, request: HttpRequest, was: Undo) -> None:
        time = clock.local(was.until, was.location.time_zone)
        words = _(
            "You can take it back until %(time)s; a patient with a mail address is told then."
        )
        self.message_user(request, words % {"time": f"{time:%H:%M}"}, messages.INFO)

    def save_model(
        self, request: HttpRequest, obj: Appointment, form: forms.ModelForm, change: bool
    ) -> None:
        by = Actor.of(request.user)
        if isinstance(form, BookForm):
            obj.pk = form.book(by).pk
        elif isinstance(form, MoveForm):
            form.move(by)
            typed = {n: form.cleaned_data[n] for n in ("staff_note", "outcome") if n in form.fields}
            Appointment.objects.filter(pk=obj.pk).update(**typed)
        obj.refresh_from_db()
        if not change:
            phone.read_back(request, obj)

    # --- columns --------------------------------------------------------------
    @admin.display(description=_("when"), ordering="starts_at")
    def when(self, obj: Appointment) -> str:
        return clock_time(obj.starts_at, obj.location)

    @admin.display(description=_("state"), ordering="state")
    def state_word(self, obj: Appointment) -> SafeString:
        words = obj.get_state_display()
        return format_html('<span class="state state--{}">{}</span>', obj.state, words)

    @admin.display(description=_("coming"), boolean=True, ordering="coming_at")
    def is_coming(self, obj: Appointment) -> bool | None:
        return True if obj.coming_at else None

    @admin.display(description=_("patient"))
    def patient_link(self, obj: Appointment) -> SafeString | str:
        if obj.patient is None:
            return "–"
        url = reverse("admin:bookings_patient_change", args=[obj.patient.pk])
        return format_html('<a href="{}">{}</a>', url, obj.patient)

    @admin.display(description=_("price, as agreed"))
    def price(self, obj: Appointment) -> str:
        return money(obj.price_pence)

    @admin.display(description=_("said “I’m coming”"))
    def said_coming(self, obj: Appointment) -> str:
        return clock_time(obj.coming_at, obj.location)

    @admin.display(description=_("made"))
    def made(self, obj: Appointment) -> str:
        return clock_time(obj.created_at, obj.location)

    @admin.display(description=_("booked"))
    def booked(self, obj: Appointment) -> str:
        return clock_time(obj.booked_at, obj.location)

    @admin.display(description=_("rooms and equipment"))
    def places(self, obj: Appointment) -> str:
        names = obj.reservations.filter(resource__kind__in=["room", "equipment"])
        return ", ".join(names.values_list("resource__name", flat=True)) or "–"

    # --- verbs ----------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(
                "<int:pk>/cancel/", wrap(self.cancel_one), name="bookings_appointment_admin_cancel"
            ),
            path(
                "<int:pk>/do/<slug:verb>/",
                wrap(require_POST(self.do_one)),
                name="bookings_appointment_admin_do",
            ),
        ]
        return own + super().get_urls()

    def _get(self, request: HttpRequest, pk: int) -> Appointment:
        found = self.get_object(request, str(pk))
        if found is None:
            raise Http404
        if not self.has_change_permission(request, found):
            raise PermissionDenied
        return found

    def cancel_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._cancel_page(request, [self._get(request, pk)])

    def do_one(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        if verb not in VERBS:
            raise Http404
        self._do(request, [self._get(request, pk)], VERBS[verb])
        return redirect("admin:bookings_appointment_change", pk)

    def _do(self, request: HttpRequest, chosen: list[Appointment], verb: Verb) -> None:
        """Each in its own transaction, so that one refusal does not undo the others."""
        by, done, refusals = Actor.of(request.user), 0, []
        for appointment in chosen:
            try:
                verb(appointment, by)
            except Refused as refused:
                refusals.append(f"{appointment.reference}: {refused.sentence}")
            else:
                done += 1
                self.log_change(request, appointment, [{"changed": {"fields": [str(_("state"))]}}])
        if done:
            words = ngettext("%d appointment: done.", "%d appointments: done.", done) % done
            self.message_user(request, words, messages.SUCCESS)
        for sentence in refusals[:SHOWN_REFUSALS]:
            self.message_user(request, sentence, messages.ERROR)
        if len(refusals) > SHOWN_REFUSALS:
            more = len(refusals) - SHOWN_REFUSALS
            words = ngettext("And %d more was refused.", "And %d more were refused.", more) % more
            self.message_user(request, words, messages.ERROR)

    def _chosen(self, queryset: QuerySet[Appointment]) -> list[Appointment]:
        return list(queryset.select_related("location", "patient")[:AT_ONCE])

    def _cancel_page(self, request: HttpRequest, chosen: list[Appointment]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Cancel appointments"),
            "opts": self.opts,
            "appointments": chosen,
            "by_hand": [
                (a.patient, notifications.how_told(a.patient))
                for a in chosen
                if a.patient and not a.patient.email
            ],
            "checkbox": ACTION_CHECKBOX_NAME,
            "missing": request.method == "POST" and "reason" in request.POST,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/bookings/appointment/cancel.html", context)

    @admin.action(description=_("Cancel, with a reason…"), permissions=["change"])
    def cancel_with_reason(
        self, request: HttpRequest, queryset: QuerySet[Appointment]
    ) -> HttpResponse | None:
        chosen = self._chosen(queryset)
        reason = " ".join(request.POST.get("reason", "").split())[:200]
        if not reason:
            return self._cancel_page(request, chosen)

        def cancel(row: Appointment, by: Actor) -> Appointment:
            # What the page that asked had seen of it: an old one does not cancel what has moved.
            if request.POST.get(f"seen_{row.pk}", str(row.sequence)) != str(row.sequence):
                raise HasMoved
            return verbs.cancel(row, reason=reason, by=by, override=True)

        self._do(request, chosen, cancel)
        return None

    @admin.action(description=_("Mark arrived"), permissions=["change"])
    def mark_arrived(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        self._do(request, self._chosen(queryset), VERBS["arrived"])

    @admin.action(description=_("Mark completed"), permissions=["change"])
    def mark_completed(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        self._do(request, self._chosen(queryset), VERBS["completed"])

    @admin.action(description=_("Mark as did not come"), permissions=["change"])
    def mark_no_show(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        self._do(request, self._chosen(queryset), VERBS["no-show"])

    @admin.action(description=_("Undo “arrived” or “did not come”"), permissions=["change"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        self._do(request, self._chosen(queryset), VERBS["undo"])

    @admin.action(description=_("Send the confirmation again"), permissions=["change"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        self._do(request, self._chosen(queryset), VERBS["resend"])
