"""The safety prompt: versions of the red-flag questions, and what was answered."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Max, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from clinic.clock import now

from ..models import SafetyQuestion, ScreeningForm, ScreeningQuestion, ScreeningRecord
from .columns import ReadOnly, clock_time


def next_version() -> int:
    return (ScreeningForm.objects.aggregate(newest=Max("version"))["newest"] or 0) + 1


class QuestionInline(admin.TabularInline):
    model = ScreeningQuestion
    extra = 0

    def _is_open(self, obj: ScreeningForm | None) -> bool:
        return obj is None or obj.published_at is None

    def has_add_permission(self, request: HttpRequest, obj: ScreeningForm | None = None) -> bool:
        return self._is_open(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: ScreeningForm | None = None) -> bool:
        return self._is_open(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ScreeningForm | None = None) -> bool:
        return self._is_open(obj) and super().has_delete_permission(request, obj)


@admin.register(ScreeningForm)
class ScreeningFormAdmin(admin.ModelAdmin):
    """A published version is never edited, for records point at its words: copy it."""

    list_display = ["version_name", "question_count", "approved_by", "published", "is_asked"]
    list_display_links = ["version_name"]
    inlines = [QuestionInline]
    fields = ["intro", "approved_by", "published"]
    readonly_fields = ["published"]
    actions = ["copy_as_draft", "publish"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScreeningForm]:
        published = ScreeningForm.objects.filter(published_at__isnull=False).order_by("-version")
        return (
            super()
            .get_queryset(request)
            .annotate(
                question_count=Count("questions"), newest=Subquery(published.values("version")[:1])
            )
        )

    def has_change_permission(self, request: HttpRequest, obj: ScreeningForm | None = None) -> bool:
        if obj and obj.published_at:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ScreeningForm | None = None) -> bool:
        if obj is None or obj.published_at:
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: ScreeningForm, form: Any, change: bool) -> None:
        if not change:
            obj.version = next_version()
        super().save_model(request, obj, form, change)

    @admin.display(description=_("version"), ordering="version")
    def version_name(self, obj: ScreeningForm) -> str:
        return str(obj)

    @admin.display(description=_("published"), ordering="published_at")
    def published(self, obj: ScreeningForm) -> str:
        return clock_time(obj.published_at)

    @admin.display(description=_("questions"), ordering="question_count")
    def question_count(self, obj: ScreeningForm) -> int:
        return obj.question_count  # type: ignore[attr-defined]

    @admin.display(description=_("state"))
    def is_asked(self, obj: ScreeningForm) -> SafeString | str:
        if obj.published_at is None:
            return str(_("draft"))
        if obj.version == obj.newest:  # type: ignore[attr-defined]
            return format_html("<strong>{}</strong>", _("asked now"))
        return str(_("replaced"))

    @admin.action(description=_("Copy as a new draft"), permissions=["add"])
    def copy_as_draft(self, request: HttpRequest, queryset: QuerySet[ScreeningForm]) -> None:
        for form in queryset.prefetch_related("questions"):
            with transaction.atomic():
                draft = ScreeningForm.objects.create(version=next_version(), intro=form.intro)
                for question in form.questions.all():
                    question.pk, question.form = None, draft
                    question._state.adding = True
                    question.save()
            self.log_addition(request, draft, str(_("Copied from %s.") % form))
            words = _("%(draft)s is a draft with the words of %(form)s.")
            self.message_user(request, words % {"draft": draft, "form": form}, messages.SUCCESS)

    @admin.action(description=_("Publish: ask these questions from now on"), permissions=["add"])
    def publish(self, request: HttpRequest, queryset: QuerySet[ScreeningForm]) -> None:
        form = queryset.first()
        if form is None or queryset.count() != 1:
            one = _("Choose exactly one draft to publish.")
            self.message_user(request, one, messages.WARNING)
        elif problem := self._not_ready(form):
            self.message_user(request, problem, messages.ERROR)
        else:
            ScreeningForm.objects.filter(pk=form.pk, published_at=None).update(published_at=now())
            self.log_change(request, form, str(_("Published.")))
            done = _("%s is asked from now on.") % form
            self.message_user(request, done, messages.SUCCESS)

    def _not_ready(self, form: ScreeningForm) -> str:
        """Why this version cannot be published, or an empty string."""
        if form.published_at:
            return str(_("%s is published already.") % form)
        if not form.questions.exists():
            return str(_("%s has no questions.") % form)
        if not form.approved_by:
            return str(_("Say which clinician approved %s first.") % form)
        newer = ScreeningForm.objects.filter(version__gt=form.version, published_at__isnull=False)
        if newer.exists():
            return str(_("A newer version is published: copy %s as a new draft.") % form)
        return ""


@admin.register(ScreeningRecord)
class ScreeningRecordAdmin(ReadOnly):
    list_display = ["moment", "passed_word", "form", "door"]
    list_filter = ["passed", "door", "form"]
    list_select_related = ["form"]
    date_hierarchy = "at"
    show_full_result_count = False
    fields = ["moment", "passed", "form", "door", "raised"]
    readonly_fields = ["moment", "raised"]

    @admin.display(description=_("when"), ordering="at")
    def moment(self, obj: ScreeningRecord) -> str:
        return clock_time(obj.at)

    @admin.display(description=_("passed"), boolean=True, ordering="passed")
    def passed_word(self, obj: ScreeningRecord) -> bool:
        return obj.passed

    @admin.display(description=_("answers"))
    def raised(self, obj: ScreeningRecord) -> str:
        return ", ".join(f"{code}: {answer}" for code, answer in obj.answers.items()) or "–"


@admin.register(SafetyQuestion)
class SafetyQuestionAdmin(admin.ModelAdmin):
    list_display = ["text", "therapy", "effect", "position"]
    list_filter = ["therapy", "effect"]
    list_select_related = ["therapy"]
    search_fields = ["text", "code"]
    autocomplete_fields = ["therapy"]
