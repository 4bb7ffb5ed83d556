"""What the clinic offers: a therapy is a page of the directory, a treatment can be booked."""

from itertools import chain, count
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import Exact
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from practitioners.citations import cited

from .evidence import Reference, Strength


class TherapyQuerySet(models.QuerySet["Therapy"]):
    def published(self) -> "TherapyQuerySet":
        return self.filter(is_published=True)


class Therapy(models.Model):
    """A discipline, e.g. acupuncture: what it is, what happens, how strong the evidence is."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("address on the site"), max_length=80, unique=True)
    also_called = models.CharField(
        _("also called"),
        max_length=200,
        blank=True,
        help_text=_("Other names and common misspellings, separated by commas."),
    )
    summary = models.CharField(_("in one sentence"), max_length=200)
    about = models.TextField(_("what it is"), blank=True, help_text=_("Markdown."))
    visit = models.TextField(_("what happens in a visit"), blank=True, help_text=_("Markdown."))
    not_for = models.TextField(_("who should not have it"), blank=True, help_text=_("Markdown."))
    course = models.CharField(_("how many sessions"), max_length=200, blank=True)
    bring = models.CharField(_("what to bring"), max_length=200, blank=True)
    evidence_strength = models.CharField(
        _("strength of the evidence"), max_length=8, choices=Strength, default=Strength.UNKNOWN
    )
    evidence_summary = models.TextField(
        _("what the evidence says"),
        blank=True,
        help_text=_("Markdown. Cite a reference as [@Key]; every key must exist."),
    )
    reviewed_on = models.DateField(_("last reviewed"), null=True, blank=True)
    reviewed_by = models.CharField(_("reviewed by"), max_length=80, blank=True)
    review_due = models.DateField(_("next review due"), null=True, blank=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_published = models.BooleanField(_("published"), default=False)

    # Texts that may cite references, in the order in which the page shows them.
    CITING = ("about", "visit", "not_for", "evidence_summary")

    objects = TherapyQuerySet.as_manager()

    class Meta:
        verbose_name = _("therapy")
        verbose_name_plural = _("therapies")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("therapy", args=[self.slug])

    def clean(self) -> None:
        """Refuse a text that cites a work which is not on the list."""
        texts = {name: getattr(self, name) for name in self.CITING}
        keys = cited(*texts.values())
        known = set(Reference.objects.filter(key__in=keys).values_list("key", flat=True))
        problems = {
            name: [_("There is no reference “%(key)s”.") % {"key": key}]
            for name, text in texts.items()
            for key in cited(text)
            if key not in known
        }
        if problems:
            raise ValidationError(problems)


class Audience(models.TextChoices):
    ALL = "all", _("everybody")
    NEW = "new", _("new patients")
    RETURNING = "returning", _("patients who have been before")


class TreatmentQuerySet(models.QuerySet["Treatment"]):
    def bookable(self) -> "TreatmentQuerySet":
        """Those that can be booked online at all, with their therapy and their other lengths."""
        found = self.filter(is_published=True, therapy__is_published=True)
        return found.select_related("therapy").prefetch_related("lengths")


class Treatment(models.Model):
    """A bookable appointment type of a therapy: how long, how much, for whom, how far ahead."""

    class Grid(models.IntegerChoices):
        FIVE = 5, _("every 5 minutes")
        TEN = 10, _("every 10 minutes")
        QUARTER = 15, _("every quarter of an hour")
        TWENTY = 20, _("every 20 minutes")
        HALF = 30, _("every half hour")
        HOUR = 60, _("every hour")

    therapy = models.ForeignKey(
        Therapy, models.PROTECT, related_name="treatments", verbose_name=_("therapy")
    )
    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("address on the site"), max_length=120, unique=True)
    summary = models.CharField(_("in one sentence"), max_length=200, blank=True)
    minutes = models.PositiveSmallIntegerField(
        _("minutes"), validators=[MinValueValidator(5), MaxValueValidator(600)]
    )
    price_pence = models.PositiveIntegerField(_("price in pence"))
    audience = models.CharField(_("for"), max_length=10, choices=Audience, default=Audience.ALL)
    is_group = models.BooleanField(
        _("group"), default=False, help_text=_("Several people share one start.")
    )
    min_age = models.PositiveSmallIntegerField(
        _("youngest age online"), default=16, help_text=_("In years, on the day of the visit.")
    )
    asks_birth_date = models.BooleanField(_("asks the date of birth"), default=False)
    grid_minutes = models.PositiveSmallIntegerField(_("starts"), choices=Grid, default=Grid.QUARTER)
    notice_minutes = models.PositiveIntegerField(
        _("shortest notice (minutes)"),
        default=120,
        help_text=_("Nobody can book online later than this before the start."),
    )
    horizon_days = models.PositiveSmallIntegerField(
        _("how far ahead (days)"), default=60, validators=[MaxValueValidator(366)]
    )
    requires = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="opens",
        verbose_name=_("only after"),
        help_text=_("A completed visit of this treatment that found the patient suitable."),
    )
    requires_within_days = models.PositiveSmallIntegerField(_("within (days)"), default=180)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_published = models.BooleanField(_("published"), default=True)

    objects = TreatmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("treatment")
        verbose_name_plural = _("treatments")
        ordering = ["therapy__position", "position", "minutes"]
        constraints = [
            models.CheckConstraint(
                condition=Q(Exact(F("minutes") % 5, 0), minutes__gt=0),
                name="treatment_minutes_in_fives",
                violation_error_message=_("Minutes go in steps of five."),
            ),
            models.UniqueConstraint(
                fields=["therapy", "name", "minutes"], name="treatment_named_once_a_therapy"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.therapy.name}: {self.name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.slug:
            self.slug = self._free_slug()
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("book-treatment", args=[self.slug])

    def _free_slug(self) -> str:
        """The name as an address: `foot-hour`, or `foot-hour-2` where that one is taken."""
        slug = slugify(self.name)[:110] or "treatment"
        taken = set(Treatment.objects.filter(slug__startswith=slug).values_list("slug", flat=True))
        names = chain([slug], (f"{slug}-{n}" for n in count(2)))
        return next(name for name in names if name not in taken)

    def choices(self) -> list[tuple[int, int]]:
        """(minutes, pence) of every length it comes in, its own among them, shortest first.

        Reads `lengths`: prefetch it for a list.
        """
        rows = [] if self.is_group else self.lengths.all()
        others = {row.minutes: row.price_pence for row in rows}
        return sorted({**others, self.minutes: self.price_pence}.items())

    @property
    def from_pence(self) -> int:
        """What its cheapest length costs."""
        return min(pence for _minutes, pence in self.choices())


class Length(models.Model):
    """Another length in which a treatment can be booked, with its price."""

    treatment = models.ForeignKey(
        Treatment, models.CASCADE, related_name="lengths", verbose_name=_("treatment")
    )
    minutes = models.PositiveSmallIntegerField(
        _("minutes"), validators=[MinValueValidator(5), MaxValueValidator(600)]
    )
    price_pence = models.PositiveIntegerField(_("price in pence"))

    class Meta:
        verbose_name = _("other length")
        verbose_name_plural = _("other lengths")
        ordering = ["minutes"]
        constraints = [
            models.CheckConstraint(
                condition=Q(Exact(F("minutes") % 5, 0), minutes__gt=0),
                name="length_minutes_in_fives",
                violation_error_message=_("Minutes go in steps of five."),
            ),
            models.UniqueConstraint(
                fields=["treatment", "minutes"],
                name="length_once_a_treatment",
                violation_error_message=_("This length is already on the list."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.treatment} ({self.minutes})"

    def clean(self) -> None:
        treatment = getattr(self, "treatment", None)
        if treatment is None:
            return
        if self.minutes == treatment.minutes:
            raise ValidationError({"minutes": _("This is the treatment’s own length.")})
        if treatment.is_group:
            raise ValidationError(
                {"minutes": _("Everybody of a group starts and ends together: it has one length.")}
            )
