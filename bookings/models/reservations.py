"""The only truth about what is taken. Written by bookings.placing alone; read by availability."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .appointments import Appointment
from .no_overlap import NoOverlap, SpanAtMost
from .resources import Resource


class Reservation(models.Model):
    """One resource, taken for one span [starts_at, ends_at) by one live appointment."""

    # Its index is the one below.
    resource = models.ForeignKey(
        Resource, models.PROTECT, related_name="reservations", db_index=False
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="reservations")

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        # The engine reads a window of some resources, and nothing but these columns; SQLite's
        # overlap trigger reads one row of it.
        indexes = [
            models.Index(
                fields=["resource", "starts_at", "ends_at", "appointment"],
                name="reservation_by_resource",
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")) & Q(SpanAtMost("starts_at", "ends_at", 12)),
                name="reservation_span_is_bounded",
            ),
            NoOverlap(
                name="reservation_no_overlap",
                key="resource",
                start="starts_at",
                end="ends_at",
                violation_error_message=_("This is already taken at that time."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id}: {self.starts_at}–{self.ends_at}"
