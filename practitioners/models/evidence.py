"""How strong the evidence is, with the references it rests on."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Strength(models.TextChoices):
    """How well a therapy does for back pain, on the whole, as the clinic's reviewer judges it."""

    UNKNOWN = "unknown", _("not assessed yet")
    GOOD = "good", _("good")
    SOME = "some", _("some")
    WEAK = "weak", _("weak")
    NONE = "none", _("none found")
    AGAINST = "against", _("against")


class Reference(models.Model):
    """A published work that a page cites as [@key]."""

    key = models.SlugField(_("key"), max_length=40, unique=True)
    authors = models.CharField(_("authors"), max_length=300)
    year = models.PositiveSmallIntegerField(_("year"))
    title = models.CharField(_("title or subject"), max_length=300)
    journal = models.CharField(_("journal or publisher"), max_length=120, blank=True)
    volume = models.CharField(_("volume and issue"), max_length=20, blank=True)
    pages = models.CharField(_("pages"), max_length=20, blank=True)

    class Meta:
        verbose_name = _("reference")
        verbose_name_plural = _("references")
        ordering = ["authors", "year"]

    def __str__(self) -> str:
        return f"{self.key} ({self.year})"


class Claim(models.Model):
    """One careful statement about what a therapy does, for whom, compared with what."""

    class Direction(models.TextChoices):
        BETTER = "better", _("better")
        SAME = "same", _("no clear difference")
        WORSE = "worse", _("worse")
        UNCLEAR = "unclear", _("unclear")

    class Certainty(models.TextChoices):
        HIGH = "high", _("high")
        MODERATE = "moderate", _("moderate")
        LOW = "low", _("low")
        VERY_LOW = "very low", _("very low")
        NONE = "none", _("none")

    therapy = models.ForeignKey(
        "practitioners.Therapy", models.CASCADE, related_name="claims", verbose_name=_("therapy")
    )
    population = models.CharField(_("for whom"), max_length=200)
    comparator = models.CharField(_("compared with"), max_length=200)
    outcome = models.CharField(_("outcome"), max_length=200)
    direction = models.CharField(_("direction"), max_length=8, choices=Direction)
    certainty = models.CharField(_("certainty"), max_length=8, choices=Certainty)
    does_not_cover = models.CharField(_("does not cover"), max_length=200, blank=True)
    references = models.ManyToManyField(Reference, verbose_name=_("references"))
    approved_by = models.CharField(_("approved by"), max_length=80, blank=True)
    approved_until = models.DateField(_("approved until"), null=True, blank=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"{self.outcome} ({self.get_direction_display()})"
