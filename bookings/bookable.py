"""What a practitioner, or a treatment, still lacks to be booked: for those who set them up."""

from collections import Counter
from collections.abc import Iterator
from datetime import date

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from practitioners.models import Practitioner, Registration, Treatment

from .models import Need, Opening


def with_missing(people: QuerySet[Practitioner], today: date) -> QuerySet[Practitioner]:
    """With what `practitioner_lacks` reads: two more queries, whatever the count."""
    hours = Opening.objects.filter(
        Q(on_date__gte=today)
        | Q(Q(valid_until=None) | Q(valid_until__gte=today), weekday__isnull=False),
        resource=OuterRef("resource"),
        location__is_published=True,
    )
    treatments = Treatment.objects.filter(is_published=True, therapy__is_published=True)
    given = treatments.filter(practitioners=OuterRef("pk"))
    return (
        people.select_related("resource")
        .prefetch_related("registrations")
        .annotate(has_hours=Exists(hours), has_treatment=Exists(given))
    )


def practitioner_lacks(person: Practitioner, today: date) -> Iterator[str]:
    """Why they cannot be booked, in sentences; nothing when they can. Asked by `with_missing`."""
    required = [r for r in person.registrations.all() if r.is_required]
    if not required:
        yield _("No required registration is on the list.")
    for row in required:
        if row.status == Registration.Status.LAPSED:
            yield _("%(registration)s has lapsed.") % {"registration": row}
        elif row.valid_until < today:
            yield _("%(registration)s expired on %(day)s.") % {
                "registration": row,
                "day": date_format(row.valid_until, "j M Y"),
            }
    if person.insured_until is None:
        yield _("No insurance date.")
    elif person.insured_until < today:
        day = date_format(person.insured_until, "j M Y")
        yield _("The insurance expired on %(day)s.") % {"day": day}
    if not person.is_published:
        yield _("Not published.")
    if not person.has_treatment:  # type: ignore[attr-defined]
        yield _("No published treatment.")
    resource = getattr(person, "resource", None)
    if resource and not resource.is_active:
        yield _("Switched off: not in use.")
    if not person.has_hours:  # type: ignore[attr-defined]
        yield _("No hours at a published location.")
    if not person.takes_new_patients:
        yield _("Takes no new patients: only who has been here before can book.")


def with_needs(treatments: QuerySet[Treatment]) -> QuerySet[Treatment]:
    """With what `treatment_lacks` reads: three more queries, whatever the count."""
    givers = Practitioner.objects.published().filter(
        treatments=OuterRef("pk"), resource__is_active=True
    )
    needs = Need.objects.select_related("pool").prefetch_related("pool__members")
    return (
        treatments.select_related("therapy")
        .prefetch_related(Prefetch("needs", needs))
        .annotate(has_giver=Exists(givers))
    )


def treatment_lacks(treatment: Treatment) -> Iterator[str]:
    """Why it cannot be booked, in sentences; nothing when it can. Asked by `with_needs`."""
    if not treatment.is_published:
        yield _("Not published.")
    if not treatment.therapy.is_published:
        yield _("Its therapy is not published.")
    needs = list(treatment.needs.all())
    if not any(need.pool is None for need in needs):
        yield _("It needs no practitioner: add a need.")
    for need in needs:
        if need.pool is None:
            continue
        # What one visit takes stands at one location.
        there = Counter(m.location_id for m in need.pool.members.all() if m.is_active)
        if max(there.values(), default=0) < need.quantity:
            words = _("The pool “%(pool)s” has too few members in use.")
            yield words % {"pool": need.pool}
    if not treatment.has_giver:  # type: ignore[attr-defined]
        yield _("Nobody whose page is published gives it.")
