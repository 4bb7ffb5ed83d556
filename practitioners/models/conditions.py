"""What a patient comes with."""

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class ConditionQuerySet(models.QuerySet["Condition"]):
    def published(self) -> "ConditionQuerySet":
        return self.filter(is_published=True)


class Condition(models.Model):
    """A condition page: what it is, what helps, when to worry, which therapies we offer for it."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("address on the site"), max_length=80, unique=True)
    also_called = models.CharField(_("also called"), max_length=200, blank=True)
    summary = models.CharField(_("in one sentence"), max_length=200)
    about = models.TextField(_("what it is"), blank=True, help_text=_("Markdown."))
    self_care = models.TextField(_("what you can do"), blank=True, help_text=_("Markdown."))
    see_gp = models.TextField(_("when to see a GP"), blank=True, help_text=_("Markdown."))
    therapies = models.ManyToManyField(
        "practitioners.Therapy",
        blank=True,
        related_name="conditions",
        verbose_name=_("therapies"),
    )
    reviewed_on = models.DateField(_("last reviewed"), null=True, blank=True)
    reviewed_by = models.CharField(_("reviewed by"), max_length=80, blank=True)
    review_due = models.DateField(_("next review due"), null=True, blank=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_published = models.BooleanField(_("published"), default=False)

    objects = ConditionQuerySet.as_manager()

    class Meta:
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("condition", args=[self.slug])
