"""Who somebody is, as far as we may conclude it from what they typed."""

import unicodedata
from dataclasses import dataclass, field
from datetime import date

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from clinic.clock import now
from clinic.errors import Refused

from .actors import Actor
from .models import Appointment, Patient, PatientMatch, Resource
from .models.appointments import AGREED
from .models.reservations import Reservation

MOST_MATCHES = 10


@dataclass(frozen=True)
class Details:
    """What a patient tells us when they book. Clean text, phone in E.164 or empty.

    `patient` is a record that the person has proved to be theirs, or that staff have chosen.
    `answers` maps a safety question's code to yes, no or unsure.
    """

    name: str = ""
    email: str = ""
    phone: str = ""
    date_of_birth: date | None = None
    access_needs: str = ""
    wants_chaperone: bool = False
    note: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    patient: Patient | None = None


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def person_key(name: str, email: str, phone: str, date_of_birth: date | None) -> str:
    """A digest of who somebody says they are: the same name at the same mail address, the same
    body; without a mail address the same phone, without either the same birth date.

    What may be left out of a form does not make two of one. A family shares an address, not
    a name.
    """
    reach = email.casefold() or phone or str(date_of_birth or "")
    parts = (_folded(name), reach)
    return salted_hmac(
        "bookings.person", "\n".join(parts), secret=settings.SECRET_KEY, algorithm="sha256"
    ).hexdigest()


def body_of(patient: Patient) -> Resource:
    """The resource that keeps a patient from being in two places at once; made when missing."""
    if patient.resource is None:
        key = person_key(patient.name, patient.email, patient.phone, patient.date_of_birth)
        # The name stays out of it: resources are listed in places where patients are not.
        patient.resource, _made = Resource.objects.get_or_create(
            person_key=key, defaults={"kind": Resource.Kind.PERSON, "name": "patient"}
        )
        patient.save(update_fields=["resource"])
    return patient.resource


def current(patient: Patient) -> Patient:
    """The record as it is now, locked until the transaction ends, or the one that it was merged
    into: a form, a page or a hold may be older than that."""
    rows = Patient.objects.select_related("resource").select_for_update(no_key=True, of=("self",))
    row = rows.get(pk=patient.pk)
    while row.merged_into_id:
        row = rows.get(pk=row.merged_into_id)
    return row


def add_guest(details: Details) -> Patient:
    """A new record for a guest, with likely matches noted for staff.

    Nothing that the clinic holds is read back or changed: whoever types a known address gets
    the same answer as a stranger.
    """
    patient = Patient.objects.create(
        name=details.name,
        email=details.email,
        phone=details.phone,
        date_of_birth=details.date_of_birth,
        access_needs=details.access_needs,
    )
    note_matches(patient)
    return patient


def note_matches(patient: Patient) -> None:
    """Write down older records that may be the same person, for staff to decide. Two queries."""
    same = Q()
    if patient.email:
        same |= Q(email__iexact=patient.email)
    if patient.phone:
        same |= Q(phone=patient.phone)
    if patient.date_of_birth:
        same |= Q(name__iexact=patient.name, date_of_birth=patient.date_of_birth)
    if not same:
        return
    older = Patient.objects.filter(same, merged_into=None).exclude(pk=patient.pk).order_by("-pk")
    PatientMatch.objects.bulk_create(
        [
            PatientMatch(newer=patient, older=other, because=_because(patient, other))
            for other in older[:MOST_MATCHES]
        ],
        ignore_conflicts=True,
    )


def _because(one: Patient, other: Patient) -> str:
    reasons = []
    if _folded(one.name) == _folded(other.name):
        reasons.append("name")
    if one.email and one.email.casefold() == other.email.casefold():
        reasons.append("mail")
    if one.phone and one.phone == other.phone:
        reasons.append("phone")
    if one.date_of_birth and one.date_of_birth == other.date_of_birth:
        reasons.append("date of birth")
    return ", ".join(reasons)


def proved_patients(email: str) -> list[Patient]:
    """The people who share a proved address and have been (or are due) here: 10 at most."""
    return list(
        Patient.objects.filter(
            email__iexact=email, merged_into=None, appointments__state__in=AGREED
        )
        .distinct()
        .order_by("name")[:10]
    )


def note_proved(email: str) -> None:
    """Somebody who reads `email` has just shown that they do: staff see it on its records."""
    Patient.objects.filter(email__iexact=email, merged_into=None).update(email_proved_at=now())


def merge(*, keep: Patient, duplicate: Patient, by: Actor) -> None:
    """Make one record of two: `duplicate`'s appointments become `keep`'s.

    Refused when both have an appointment at one time, or when one is merged already. What
    `keep` does not know (phone, mail, birth date, access needs) is taken over; nothing of it
    is overwritten.
    """
    try:
        with transaction.atomic():
            keep, duplicate = _locked(keep, duplicate)
            mine, theirs = body_of(keep), body_of(duplicate)
            if mine.pk != theirs.pk:
                Reservation.objects.filter(resource=theirs, appointment__patient=duplicate).update(
                    resource=mine
                )
            moved = Appointment.objects.filter(patient=duplicate).update(patient=keep)
            if not keep.email:
                keep.email_proved_at = duplicate.email_proved_at
            for name in ("email", "phone", "date_of_birth", "access_needs"):
                if not getattr(keep, name):
                    setattr(keep, name, getattr(duplicate, name))
            note = f"{now():%Y-%m-%d}: {moved} appointments of record {duplicate.pk} ({by.kind})"
            keep.staff_note = "\n".join(filter(None, [keep.staff_note, duplicate.staff_note, note]))
            keep.save()
            duplicate.merged_into = keep
            duplicate.save(update_fields=["merged_into"])
            both = [keep.pk, duplicate.pk]
            PatientMatch.objects.filter(newer__in=both, older__in=both).update(
                state=PatientMatch.State.MERGED
            )
            _inherit_matches(keep, duplicate)
    except IntegrityError:
        raise Refused(
            _("Both have an appointment at the same time: move one of them first."),
            code="patient_busy",
        ) from None


def _locked(keep: Patient, duplicate: Patient) -> tuple[Patient, Patient]:
    """Both as they are now, with their appointments, in the order in which a booking locks them."""
    both = {keep.pk, duplicate.pk}
    theirs = Appointment.objects.filter(patient__in=both).order_by("pk")
    list(theirs.select_for_update(no_key=True).values_list("pk", flat=True))
    people = Patient.objects.filter(pk__in=both, merged_into=None).order_by("pk")
    rows = {row.pk: row for row in people.select_for_update(no_key=True)}
    if len(rows) != 2:
        raise Refused(_("These two records cannot be merged."), code="not_two_records")
    bodies = Resource.objects.filter(pk__in=[row.resource_id for row in rows.values()])
    list(bodies.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    return rows[keep.pk], rows[duplicate.pk]


def _inherit_matches(keep: Patient, duplicate: Patient) -> None:
    """What staff had still to decide about `duplicate` is to be decided about `keep`."""
    about = Q(newer=duplicate) | Q(older=duplicate)
    for match in PatientMatch.objects.filter(about, state=PatientMatch.State.OPEN):
        pair = {match.newer_id, match.older_id} - {duplicate.pk} | {keep.pk}
        if PatientMatch.objects.filter(newer__in=pair, older__in=pair).exists():
            match.delete()
        else:
            match.newer_id, match.older_id = max(pair), min(pair)
            match.save(update_fields=["newer", "older"])
