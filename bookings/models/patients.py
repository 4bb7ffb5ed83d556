"""The people who come. One record a person, as far as the clinic knows."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from .resources import Resource


class Patient(models.Model):
    """A person's contact details.

    A guest booking never looks one up by what was typed and never changes one: it makes its own
    record, and a likely match is offered to staff (PatientMatch). A family may share one address.
    """

    name = models.CharField(_("name"), max_length=200)
    # Empty for people who book by phone and have none.
    email = models.EmailField(_("mail address"), max_length=254, blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True, help_text=_("+44…"))
    date_of_birth = models.DateField(_("date of birth"), null=True, blank=True)
    access_needs = models.CharField(_("access needs"), max_length=300, blank=True)
    staff_note = models.TextField(_("note for staff"), blank=True)
    resource = models.ForeignKey(
        Resource, models.PROTECT, related_name="patients", editable=False, null=True
    )
    email_proved_at = models.DateTimeField(
        _("mail address proved"), null=True, blank=True, editable=False
    )
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="merged"
    )
    created_at = models.DateTimeField(_("added"), auto_now_add=True)

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        ordering = ["name", "pk"]
        indexes = [
            # Matches for staff, and the records behind a proved address.
            models.Index(Lower("email"), name="patient_by_email"),
            models.Index(fields=["phone"], name="patient_by_phone"),
        ]

    def __str__(self) -> str:
        return self.name


class PatientMatch(models.Model):
    """Two records that may be one person, for staff to decide."""

    class State(models.TextChoices):
        OPEN = "open", _("to be looked at")
        MERGED = "merged", _("merged")
        DIFFERENT = "different", _("two people")

    newer = models.ForeignKey(Patient, models.CASCADE, related_name="matches_as_newer")
    older = models.ForeignKey(Patient, models.CASCADE, related_name="matches_as_older")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    because = models.CharField(_("because of"), max_length=60)
    created_at = models.DateTimeField(_("found"), auto_now_add=True)

    class Meta:
        verbose_name = _("possible match")
        verbose_name_plural = _("possible matches")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["newer", "older"], name="patient_match_once"),
            models.CheckConstraint(
                condition=~Q(newer=F("older")), name="patient_match_two_records"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.newer} ~ {self.older}"
