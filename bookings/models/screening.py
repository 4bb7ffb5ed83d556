"""The safety prompt before a time is held, and a therapy's questions before a first visit."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from practitioners.models import Therapy


class ScreeningForm(models.Model):
    """One version of the red-flag questions. The newest published one is asked."""

    version = models.PositiveIntegerField(_("version"), unique=True)
    intro = models.TextField(_("words above the questions"), blank=True)
    approved_by = models.CharField(_("approved by"), max_length=80, blank=True)
    published_at = models.DateTimeField(
        _("published"),
        null=True,
        blank=True,
        help_text=_("Empty for a draft. A published version is never edited: copy it."),
    )

    class Meta:
        verbose_name = _("red-flag questions")
        verbose_name_plural = _("red-flag questions")
        ordering = ["-version"]

    def __str__(self) -> str:
        return str(_("version %(n)d")) % {"n": self.version}


class ScreeningQuestion(models.Model):
    """One red flag. Yes or not sure stops the booking and says where to get help."""

    class Tier(models.TextChoices):
        CALL_999 = "999", _("call 999 now")
        EMERGENCY = "emergency", _("go to A&E now")
        URGENT = "urgent", _("GP or NHS 111 today")

    form = models.ForeignKey(ScreeningForm, models.CASCADE, related_name="questions")
    code = models.SlugField(_("code"), max_length=40)
    text = models.CharField(_("question"), max_length=300)
    tier = models.CharField(_("if yes"), max_length=10, choices=Tier)
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["form", "code"], name="screening_question_code_once")
        ]

    def __str__(self) -> str:
        return self.text


class ScreeningRecord(models.Model):
    """That somebody answered, which version, and how: without a name unless they go on to book."""

    form = models.ForeignKey(ScreeningForm, models.PROTECT, related_name="records")
    at = models.DateTimeField(_("when"))
    # {code: "yes" | "no" | "unsure"}
    answers = models.JSONField(_("answers"))
    passed = models.BooleanField(_("passed"))
    door = models.CharField(_("asked at"), max_length=12)

    class Meta:
        verbose_name = _("safety check")
        verbose_name_plural = _("safety checks")
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {'passed' if self.passed else 'stopped'}"


class SafetyQuestion(models.Model):
    """A question of one therapy before a visit; its answer goes to the practitioner."""

    class Effect(models.TextChoices):
        TELL = "tell", _("tell the practitioner")
        BLOCK = "block", _("stop online booking and give the phone number")

    therapy = models.ForeignKey(
        Therapy, models.CASCADE, related_name="safety_questions", verbose_name=_("therapy")
    )
    code = models.SlugField(_("code"), max_length=40)
    text = models.CharField(_("question"), max_length=300)
    effect = models.CharField(_("if yes"), max_length=8, choices=Effect, default=Effect.TELL)
    reason = models.CharField(
        _("why it stops"), max_length=300, blank=True, help_text=_("Shown to the patient.")
    )
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("safety question")
        verbose_name_plural = _("safety questions")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["therapy", "code"], name="safety_question_code_once")
        ]

    def __str__(self) -> str:
        return self.text
