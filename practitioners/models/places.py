"""The clinic and its branches."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.clock import validate_zone


class Clinic(models.Model):
    """The one clinic this site belongs to: how to reach it, and what it promises."""

    name = models.CharField(_("name"), max_length=80)
    strapline = models.CharField(_("strapline"), max_length=160, blank=True)
    phone = models.CharField(_("phone"), max_length=32)
    email = models.EmailField(
        _("mail address"), help_text=_("Messages from the contact form go here.")
    )
    answers_within = models.CharField(
        _("answers within"),
        max_length=80,
        default="one working day",
        help_text=_("Shown on the contact page: “We answer within …”."),
    )
    cancellation_hours = models.PositiveSmallIntegerField(
        _("free cancellation until (hours before)"),
        default=24,
        validators=[MaxValueValidator(336)],
    )

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinic")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(pk=1),
                name="clinic_is_one_row",
                violation_error_message=_("There is one clinic; change that one."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def current(cls) -> "Clinic":
        """The clinic's row, or an unsaved one with neutral words where there is none. One query."""
        return cls.objects.first() or cls(pk=1, name="Our clinic", phone="", email="")


class LocationQuerySet(models.QuerySet["Location"]):
    def published(self) -> "LocationQuerySet":
        return self.filter(is_published=True)


class Location(models.Model):
    """A branch of the clinic: address, time zone, how to get in."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("address on the site"), max_length=80, unique=True)
    street = models.CharField(_("street"), max_length=120)
    city = models.CharField(_("town or city"), max_length=80)
    postcode = models.CharField(_("postcode"), max_length=12)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="Europe/London", validators=[validate_zone]
    )
    step_free = models.BooleanField(_("step-free"), default=False)
    hearing_loop = models.BooleanField(_("hearing loop"), default=False)
    directions = models.TextField(_("how to get there"), blank=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_published = models.BooleanField(_("published"), default=True)

    objects = LocationQuerySet.as_manager()

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """The postal address on one line."""
        return f"{self.street}, {self.city} {self.postcode}"
