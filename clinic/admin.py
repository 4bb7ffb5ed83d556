"""The inbox in the admin, and logins as far as an owner may manage them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from bookings.admin.columns import clock_time
from clinic import contact
from clinic.errors import Refused
from clinic.models import ContactMessage
from clinic.phones import readable
from clinic.text import BlockField


class AnswerForm(forms.ModelForm):
    """The answer, mailed when it is saved. `refused` is why the last try was not sent."""

    refused: Refused | None = None
    answer = BlockField(
        label=_("Your answer"),
        max_length=10_000,
        required=False,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 10}),
        help_text=_("It is mailed as soon as you save. It can be sent once."),
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if self.refused:
            field = "answer" if "answer" in self.fields else None
            self.add_error(field, str(self.refused.sentence))
        return cleaned


@admin.register(ContactMessage)
class ContactMessageAdmin(admin.ModelAdmin):
    """Read what came in, answer it, close it. Nothing is typed in for somebody else."""

    form = AnswerForm
    list_display = ["subject", "name", "state_word", "reply_by", "received", "answered_by"]
    list_filter = ["state", "reply_by"]
    list_select_related = ["answered_by"]
    list_per_page = 50
    date_hierarchy = "created_at"
    search_fields = ["name", "email", "phone", "subject", "message"]
    actions = ["close", "reopen"]
    fieldsets = [
        (None, {"fields": ["state_word", "received", "subject", "message"]}),
        (_("From"), {"fields": ["name", "email", "telephone", "reply_by", "best_time"]}),
        (_("Answer"), {"fields": ["answer", "answered", "answered_by"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: ContactMessage | None = None) -> Any:
        shown = [f for _name, options in self.fieldsets for f in options["fields"]]
        if obj and obj.answered_at is None:
            shown.remove("answer")
        return shown

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kw)
        form.refused = getattr(request, "refused", None)  # type: ignore[attr-defined]
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form again, with the sentence beside its field, when the answer cannot be sent."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refused as refused:
            request.refused = refused  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: ContactMessage, form: forms.ModelForm, change: bool
    ) -> None:
        if text := form.cleaned_data.get("answer"):
            contact.answer(ContactMessage.objects.get(pk=obj.pk), text, request.user)
            words = _("Your answer is on its way to %s.") % obj.email
            self.message_user(request, words, messages.SUCCESS)
        obj.refresh_from_db()

    @admin.display(description=_("state"), ordering="state")
    def state_word(self, obj: ContactMessage) -> SafeString:
        words = obj.get_state_display()
        return format_html('<span class="state state--{}">{}</span>', obj.state, words)

    @admin.display(description=_("received"), ordering="created_at")
    def received(self, obj: ContactMessage) -> str:
        return clock_time(obj.created_at)

    @admin.display(description=_("answered"))
    def answered(self, obj: ContactMessage) -> str:
        return clock_time(obj.answered_at)

    @admin.display(description=_("phone"))
    def telephone(self, obj: ContactMessage) -> str:
        return readable(obj.phone) if obj.phone else "–"

    @admin.action(description=_("Close: nothing more to do"), permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[ContactMessage]) -> None:
        self._say(request, contact.close(queryset))

    @admin.action(description=_("Open again"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[ContactMessage]) -> None:
        self._say(request, contact.reopen(queryset))

    def _say(self, request: HttpRequest, changed: list[ContactMessage]) -> None:
        for message in changed:
            self.log_change(request, message, [{"changed": {"fields": [str(_("state"))]}}])
        if changed:
            words = ngettext("%d message changed.", "%d messages changed.", len(changed))
            self.message_user(request, words % len(changed), messages.SUCCESS)


admin.site.unregister(User)


@admin.register(User)
class StaffAdmin(UserAdmin):
    """Whoever is no superuser makes none, and touches none."""

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return fields
        return (*fields, "is_superuser", "user_permissions", "last_login", "date_joined")

    def _is_above(self, request: HttpRequest, obj: User | None) -> bool:
        return obj is not None and obj.is_superuser and not request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and not self._is_above(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not self._is_above(request, obj)
