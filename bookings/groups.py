"""Who shares a group's start, and what they take together; for those who write reservations."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from .models import LIVE, Appointment, Need


def of_the_group() -> Q:
    """Of a group's reservations those that are taken once for all: the instructor, the studio."""
    shared = Need.objects.filter(
        treatment=OuterRef("appointment__treatment"),
        is_shared=True,
        pool__members=OuterRef("resource"),
    )
    return Q(resource__practitioner__isnull=False) | Q(Exists(shared))


def mates(appointment: Appointment) -> "QuerySet[Appointment]":
    """The others who share a group's start with `appointment`, oldest first, as a queryset."""
    return (
        Appointment.objects.filter(
            treatment=appointment.treatment_id,
            practitioner=appointment.practitioner_id,
            location=appointment.location_id,
            starts_at=appointment.starts_at,
            state__in=LIVE,
        )
        .exclude(pk=appointment.pk)
        .order_by("pk")
    )
