"""What an absence meets: appointments made before it that now cannot take place as agreed."""

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from .models import Absence, Appointment, State

# Agreed and not over: what is completed or missed cannot be rescued any more.
COMING = (State.BOOKED, State.ARRIVED)


def clashes(absence: Absence) -> QuerySet[Appointment]:
    """Coming appointments that use the resource, or are at the location, during the absence."""
    booked = Appointment.objects.filter(state__in=COMING).with_people()
    if absence.location_id:
        return booked.filter(
            location=absence.location_id,
            starts_at__lt=absence.ends_at,
            ends_at__gt=absence.starts_at,
        ).order_by("starts_at")
    return (
        booked.filter(
            reservations__resource=absence.resource_id,
            reservations__starts_at__lt=absence.ends_at,
            reservations__ends_at__gt=absence.starts_at,
        )
        .distinct()
        .order_by("starts_at")
    )


def with_clash_counts(absences: QuerySet[Absence]) -> QuerySet[Absence]:
    """Each absence with `clash_count`, in the same query."""
    booked = Appointment.objects.filter(state__in=COMING).order_by()
    of_resource = booked.filter(
        reservations__resource=OuterRef("resource"),
        reservations__starts_at__lt=OuterRef("ends_at"),
        reservations__ends_at__gt=OuterRef("starts_at"),
    ).values("reservations__resource")
    at_location = booked.filter(
        location=OuterRef("location"),
        starts_at__lt=OuterRef("ends_at"),
        ends_at__gt=OuterRef("starts_at"),
    ).values("location")
    return absences.annotate(
        clash_count=Coalesce(
            Subquery(of_resource.values(n=Count("pk", distinct=True))),
            Subquery(at_location.values(n=Count("pk"))),
            0,
        )
    )
