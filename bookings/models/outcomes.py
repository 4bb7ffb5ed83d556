"""What became of what went wrong: visits that the clinic called off, mails that never arrived."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .appointments import Appointment
from .notifications import Notification


def _login() -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("login"),
    )


class CalledOff(models.Model):
    """A visit that the clinic cancelled, and what the patient got instead.

    Written with the cancellation. While its outcome is open it is a task of the desk.
    """

    class Outcome(models.TextChoices):
        OPEN = "open", _("nothing yet")
        REBOOKED = "rebooked", _("booked again")
        OFFERED = "offered", _("another time was offered")
        REFUNDED = "refunded", _("the money was given back")
        CLOSED = "closed", _("closed, with a reason")

    appointment = models.OneToOneField(Appointment, models.CASCADE, related_name="called_off")
    outcome = models.CharField(
        _("outcome"), max_length=8, choices=Outcome, default=Outcome.OPEN, editable=False
    )
    replacement = models.OneToOneField(
        Appointment,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="replaces",
        verbose_name=_("the new visit"),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    noted_at = models.DateTimeField(_("noted"), null=True, blank=True)
    # The name stays when the login is deleted.
    noted_by = models.CharField(_("noted by"), max_length=150, blank=True)
    user = _login()
    created_at = models.DateTimeField(_("called off"), auto_now_add=True)

    class Meta:
        verbose_name = _("visit called off")
        verbose_name_plural = _("visits called off")
        ordering = ["created_at", "pk"]
        indexes = [
            # The desk's tasks: few of many.
            models.Index(fields=["created_at"], name="called_off_open", condition=Q(outcome="open"))
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="open", noted_at__isnull=True)
                | Q(
                    outcome__in=["rebooked", "offered", "refunded", "closed"],
                    noted_at__isnull=False,
                ),
                name="called_off_outcome_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(outcome="rebooked", replacement__isnull=False)
                | (~Q(outcome="rebooked") & Q(replacement__isnull=True)),
                name="called_off_rebooked_names_the_visit",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="closed") | (~Q(reason="") & ~Q(noted_by="")),
                name="called_off_closed_by_a_person_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appointment_id}: {self.get_outcome_display()}"


class Reached(models.Model):
    """Somebody told a patient by other means what a mail could not: it is no task any more."""

    notification = models.OneToOneField(Notification, models.CASCADE, related_name="reached")
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("who"), max_length=150)
    user = _login()

    class Meta:
        verbose_name = _("reached by other means")
        verbose_name_plural = _("reached by other means")
        constraints = [
            models.CheckConstraint(condition=~Q(by=""), name="reached_by_somebody"),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id}: {self.by}"


class Audit(models.Model):
    """One run of the auditor and what it found: `findings` as bookings.audit.Finding, in JSON."""

    at = models.DateTimeField(_("when"))
    total = models.PositiveIntegerField(_("found"))
    findings = models.JSONField(default=list)

    class Meta:
        verbose_name = _("audit")
        verbose_name_plural = _("audits")
        ordering = ["-at"]
        indexes = [models.Index(fields=["at"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}: {self.total}"
