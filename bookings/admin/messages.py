"""Messages: what is in the outbox, the clinic's own words for it, and when to remind."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from clinic.text import BlockField, LineField

from .. import messages as words
from .. import notifications
from ..models import Kind, MessageTemplate, Notification, ReminderRule
from .columns import ReadOnly, WideInput, clock_time

# A mail carries its style inline, which our own pages forbid: it is shown under a policy of its
# own that lets it neither run nor load nor lead anywhere.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def as_mail(message: words.Rendered) -> HttpResponse:
    return HttpResponse(message.html, headers={"Content-Security-Policy": MAIL_POLICY})


@admin.register(Notification)
class NotificationAdmin(ReadOnly):
    """The outbox. Nothing is typed here; what failed is sent again, what is not wanted dropped."""

    list_display = [
        "kind",
        "recipient",
        "about",
        "state_word",
        "due",
        "attempts",
        "sent",
        "last_error",
    ]
    list_filter = ["state", "kind"]
    list_select_related = ["appointment"]
    list_per_page = 50
    show_full_result_count = False
    date_hierarchy = "due_at"
    search_fields = ["recipient", "appointment__reference", "appointment__patient__name"]
    actions = ["send_again", "drop"]
    fields = [
        ("kind", "state_word"),
        "recipient",
        "about",
        ("due", "sent"),
        ("attempts", "last_error"),
        "message",
    ]
    readonly_fields = ["state_word", "about", "due", "sent", "message"]

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """May send again and drop: the permission to change, though no field can be changed."""
        return request.user.has_perm("bookings.change_notification")

    def get_urls(self) -> list[URLPattern]:
        mail = path(
            "<int:pk>/mail/",
            self.admin_site.admin_view(self.mail_view),
            name="bookings_notification_mail",
        )
        return [mail, *super().get_urls()]

    # --- columns --------------------------------------------------------------
    @admin.display(description=_("about"), ordering="appointment")
    def about(self, obj: Notification) -> SafeString | str:
        if obj.appointment is None:
            return "–"
        url = reverse("admin:bookings_appointment_change", args=[obj.appointment.pk])
        return format_html('<a href="{}">{}</a>', url, obj.appointment.reference)

    @admin.display(description=_("state"), ordering="state")
    def state_word(self, obj: Notification) -> SafeString:
        name = obj.get_state_display()
        return format_html('<span class="state state--{}">{}</span>', obj.state, name)

    @admin.display(description=_("due"), ordering="due_at")
    def due(self, obj: Notification) -> str:
        return clock_time(obj.due_at)

    @admin.display(description=_("sent"), ordering="sent_at")
    def sent(self, obj: Notification) -> str:
        return clock_time(obj.sent_at)

    # --- the message ----------------------------------------------------------
    @admin.display(description=_("the message"))
    def message(self, obj: Notification) -> str:
        context = {
            "message": self._rendered(obj),
            "url": reverse("admin:bookings_notification_mail", args=[obj.pk]),
            "as_it_would_be_now": True,
        }
        return render_to_string("admin/bookings/message.html", context)

    def _rendered(self, obj: Notification) -> words.Rendered | None:
        # A code proves who somebody is: it is for their eyes only.
        return None if obj.kind == Kind.CODE else words.render(obj)

    def mail_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        obj = self.get_object(request, str(pk))
        if obj is None or obj.kind == Kind.CODE:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return as_mail(words.render(obj))

    # --- actions --------------------------------------------------------------
    @admin.action(description=_("Send failed messages again"), permissions=["steer"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        failed = list(queryset.filter(state=Notification.State.FAILED))
        for notification in failed:
            notifications.send_again(notification)
        text = ngettext("%d message is sent again.", "%d messages are sent again.", len(failed))
        self.message_user(request, text % len(failed), messages.SUCCESS)

    @admin.action(description=_("Drop: do not send"), permissions=["steer"])
    def drop(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        waiting = queryset.filter(state__in=[Notification.State.PENDING, Notification.State.FAILED])
        # A person's will: the audit does not miss it.
        by = {"dropped_by": request.user.get_username()}
        waiting.filter(appointment__isnull=False).update(payload=by)
        dropped = waiting.update(state=Notification.State.DROPPED, lease_until=None)
        text = ngettext("%d message is dropped.", "%d messages are dropped.", dropped)
        self.message_user(request, text % dropped, messages.SUCCESS)


class MessageTemplateForm(forms.ModelForm):
    """The clinic's words. A placeholder must be known; what a patient comes for stays unsaid."""

    subject = LineField(
        label=_("Subject"),
        max_length=120,
        required=False,
        widget=WideInput,
        help_text=_("Leave empty for the standard words."),
    )
    body = BlockField(
        label=_("Text"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 12}),
        help_text=_("Leave empty for the standard words. The details and links are added below."),
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind") or self.instance.kind
        for name in ("subject", "body"):
            if kind and (text := cleaned.get(name)):
                for problem in self._problems(kind, text):
                    self.add_error(name, problem)
        return cleaned

    def _problems(self, kind: str, text: str) -> list[str]:
        problems = []
        if unknown := words.check_placeholders(kind, text):
            problems.append(
                _("Not known here: %(unknown)s. You can use: %(known)s.")
                % {"unknown": _braced(unknown), "known": _braced(words.PLACEHOLDERS[kind])}
            )
        if telling := words.telling_words(text):
            problems.append(
                _(
                    "A message must not say what a patient comes for, since others may see it. "
                    "Please leave out: %(words)s."
                )
                % {"words": ", ".join(telling)}
            )
        return problems


def _braced(names: Any) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


@admin.register(MessageTemplate)
class MessageTemplateAdmin(admin.ModelAdmin):
    """One row a kind; the preview shows it with made-up details."""

    form = MessageTemplateForm
    list_display = ["kind", "own_subject", "own_text"]
    change_form_template = "admin/bookings/messagetemplate/change_form.html"

    def get_fieldsets(self, request: HttpRequest, obj: MessageTemplate | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["kind", "subject", "body"]})]
        return [
            (None, {"fields": ["kind", "subject", "body", "placeholders"]}),
            (_("Preview, as saved"), {"fields": ["preview_saved"]}),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: MessageTemplate | None = None
    ) -> list[str]:
        return ["kind", "placeholders", "preview_saved"] if obj else []

    def get_urls(self) -> list[URLPattern]:
        preview = path(
            "<int:pk>/preview/",
            self.admin_site.admin_view(require_POST(self.preview_view)),
            name="bookings_messagetemplate_preview",
        )
        return [preview, *super().get_urls()]

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What is typed now, as a mail with made-up details; nothing is saved."""
        obj = self.get_object(request, str(pk))
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        form = self.get_form(request, obj, change=True)(request.POST, instance=obj)
        if form.is_valid():
            typed = form.cleaned_data
            return as_mail(words.preview(obj.kind, typed["subject"], typed["body"]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Preview"),
            "opts": self.opts,
            "form": form,
        }
        page = "admin/bookings/messagetemplate/refused.html"
        return TemplateResponse(request, page, context, status=422)

    @admin.display(description=_("subject"))
    def own_subject(self, obj: MessageTemplate) -> str:
        return obj.subject or str(_("standard words"))

    @admin.display(description=_("text"))
    def own_text(self, obj: MessageTemplate) -> str:
        return obj.body.partition("\n")[0][:80] or str(_("standard words"))

    @admin.display(description=_("you can use"))
    def placeholders(self, obj: MessageTemplate) -> str:
        return _braced(words.PLACEHOLDERS[obj.kind])

    @admin.display(description=_("preview"))
    def preview_saved(self, obj: MessageTemplate) -> str:
        # The row's own words, also where a form on this page holds refused ones.
        saved = MessageTemplate.objects.get(pk=obj.pk)
        context = {"message": words.preview(saved.kind, saved.subject, saved.body)}
        return render_to_string("admin/bookings/message.html", context)


@admin.register(ReminderRule)
class ReminderRuleAdmin(admin.ModelAdmin):
    list_display = ["before", "of"]
    list_display_links = ["before"]
    list_select_related = ["treatment__therapy"]
    list_filter = ["treatment__therapy"]
    autocomplete_fields = ["treatment"]

    @admin.display(description=_("before the visit"), ordering="minutes_before")
    def before(self, obj: ReminderRule) -> str:
        hours, minutes = divmod(obj.minutes_before, 60)
        if minutes:
            return ngettext("%d minute", "%d minutes", obj.minutes_before) % obj.minutes_before
        return ngettext("%d hour", "%d hours", hours) % hours

    @admin.display(description=_("treatment"), ordering="treatment")
    def of(self, obj: ReminderRule) -> str:
        return str(obj.treatment or _("all that have none of their own"))
