"""What the desk did a moment ago and can still take back."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from practitioners.models import Location, Practitioner

from .appointments import Appointment


class Undo(models.Model):
    """How an appointment was before the desk cancelled or moved it; kept for a day.

    Written in the same transaction. It is void once `until` is over, or once anything else has
    happened to the appointment (its `sequence` says so).
    """

    class Verb(models.TextChoices):
        CANCEL = "cancel", _("cancelled")
        RESCHEDULE = "reschedule", _("moved")

    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="undos")
    verb = models.CharField(max_length=10, choices=Verb)
    until = models.DateTimeField()
    # The appointment's own after it was changed.
    sequence = models.PositiveIntegerField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # As it was before.
    starts_at = models.DateTimeField()
    practitioner = models.ForeignKey(Practitioner, models.CASCADE, related_name="+")
    location = models.ForeignKey(Location, models.CASCADE, related_name="+")
    coming_at = models.DateTimeField(null=True, blank=True)
    # (resource id, from, to) of each reservation, the patient's own body left out.
    claims = models.JSONField()
    # Ids of the notifications that were waiting then.
    waiting = models.JSONField()

    class Meta:
        ordering = ["until", "pk"]
        indexes = [models.Index(fields=["until"], name="undo_by_end")]
        constraints = [
            models.UniqueConstraint(fields=["appointment", "sequence"], name="undo_once_a_change")
        ]

    def __str__(self) -> str:
        return f"{self.appointment_id} {self.get_verb_display()}"
