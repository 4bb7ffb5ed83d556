"""Appointments, what happened to each, and what the patient answered before it."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clinic.clock import local
from practitioners.models import Location, Practitioner, Treatment

from .patients import Patient
from .screening import ScreeningRecord

# No vowels, no look-alikes: it is read out on the phone and never spells a word.
_READABLE = "23456789CDFGHJKMNPQRTVWXYZ"


def new_token() -> str:
    """What opens an appointment's page: 192 random bits."""
    return secrets.token_urlsafe(24)


def new_reference() -> str:
    """What a patient reads out on the phone; it opens nothing."""
    return "".join(secrets.choice(_READABLE) for _i in range(8))


class State(models.TextChoices):
    HELD = "held", _("held")
    BOOKED = "booked", _("booked")
    ARRIVED = "arrived", _("arrived")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")
    NO_SHOW = "no_show", _("did not come")
    EXPIRED = "expired", _("expired")


# States in which an appointment keeps its reservations. A completed visit and a no-show keep
# theirs too: the time was taken, and history is what reports are made of.
LIVE = (State.HELD, State.BOOKED, State.ARRIVED, State.COMPLETED, State.NO_SHOW)
# What people have agreed on: shown in a diary and counted for a patient.
AGREED = (State.BOOKED, State.ARRIVED, State.COMPLETED, State.NO_SHOW)


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def agreed(self) -> "AppointmentQuerySet":
        """Booked or further: in the diary for people to see."""
        return self.filter(state__in=AGREED)

    def between(self, start: datetime, end: datetime) -> "AppointmentQuerySet":
        """That overlap [start, end)."""
        return self.filter(
            starts_at__lt=end, starts_at__gte=start - timedelta(hours=12), ends_at__gt=start
        )

    def upcoming(self, now: datetime) -> "AppointmentQuerySet":
        return self.filter(state=State.BOOKED, starts_at__gt=now)

    def with_people(self) -> "AppointmentQuerySet":
        """With patient, practitioner, treatment, therapy and location, in the same query."""
        return self.select_related("patient", "practitioner", "treatment__therapy", "location")

    def with_places(self) -> "AppointmentQuerySet":
        """With the rooms and equipment taken: one more query, whatever the count."""
        return self.prefetch_related("reservations__resource")

    def expired_holds(self, now: datetime) -> "AppointmentQuerySet":
        return self.filter(state=State.HELD, held_until__lte=now)


class Appointment(models.Model):
    """A patient, a treatment, a practitioner, a start. States are moved by bookings.appointments.

    Price, length, names and policy are kept as they were agreed, whatever is edited later.
    """

    class Source(models.TextChoices):
        WEB = "web", _("web site")
        API = "api", _("API")
        DESK = "desk", _("front desk")
        IMPORT = "import", _("import")

    class Outcome(models.TextChoices):
        NONE = "", _("not said")
        SUITABLE = "suitable", _("found suitable")
        NOT_SUITABLE = "not_suitable", _("found not suitable")

    reference = models.CharField(
        _("reference"), max_length=8, unique=True, default=new_reference, editable=False
    )
    token = models.CharField(max_length=48, unique=True, default=new_token, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.HELD, editable=False
    )
    patient = models.ForeignKey(
        Patient,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="appointments",
        verbose_name=_("patient"),
    )
    treatment = models.ForeignKey(
        Treatment, models.PROTECT, related_name="appointments", verbose_name=_("treatment")
    )
    practitioner = models.ForeignKey(
        Practitioner, models.PROTECT, related_name="appointments", verbose_name=_("practitioner")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, related_name="appointments", verbose_name=_("location")
    )
    starts_at = models.DateTimeField(_("start"))
    ends_at = models.DateTimeField(_("end"))
    # As agreed.
    treatment_name = models.CharField(_("treatment, as agreed"), max_length=220)
    minutes = models.PositiveSmallIntegerField(_("minutes, as agreed"))
    price_pence = models.PositiveIntegerField(_("price in pence, as agreed"))
    cancellation_hours = models.PositiveSmallIntegerField(
        _("free cancellation until (hours before)")
    )
    # The hold.
    held_until = models.DateTimeField(_("held until"), null=True, blank=True, editable=False)
    hold_extended = models.BooleanField(default=False, editable=False)
    # The calendar entry's SEQUENCE, and the version of the start that reminders belong to.
    sequence = models.PositiveIntegerField(default=0, editable=False)
    source = models.CharField(_("booked through"), max_length=8, choices=Source, default=Source.WEB)
    screening = models.ForeignKey(
        ScreeningRecord,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="appointments",
        verbose_name=_("safety check"),
    )
    note = models.TextField(_("note from the patient"), blank=True)
    staff_note = models.TextField(_("note for staff"), blank=True)
    wants_chaperone = models.BooleanField(_("wants a chaperone"), default=False)
    coming_at = models.DateTimeField(_("said “I’m coming”"), null=True, blank=True, editable=False)
    outcome = models.CharField(
        _("outcome"), max_length=12, choices=Outcome, blank=True, default=Outcome.NONE
    )
    cancel_reason = models.CharField(_("why cancelled"), max_length=200, blank=True, editable=False)
    cancelled_by_clinic = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    booked_at = models.DateTimeField(_("booked"), null=True, blank=True, editable=False)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        ordering = ["-starts_at"]
        indexes = [
            # The desk's day at a location, and a practitioner's schedule.
            models.Index(fields=["location", "starts_at"], name="appointment_by_location"),
            models.Index(fields=["practitioner", "starts_at"], name="appointment_by_practitioner"),
            # Expired holds, found each minute by bookings.tasks.expire_holds.
            models.Index(fields=["held_until"], name="appointment_held", condition=Q(state="held")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="appointment_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="appointment_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["held", "expired"]) | Q(patient__isnull=False),
                name="appointment_has_a_patient",
            ),
            models.CheckConstraint(
                condition=Q(state="held", held_until__isnull=False)
                | (~Q(state="held") & Q(held_until__isnull=True)),
                name="appointment_only_a_hold_ends_by_itself",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {local(self.starts_at, self.location.time_zone):%d %b %Y %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("appointment", args=[self.token])

    @property
    def starts_local(self) -> datetime:
        """The start on the wall clock of its location. Reads `location`."""
        return local(self.starts_at, self.location.time_zone)

    @property
    def ends_local(self) -> datetime:
        return local(self.ends_at, self.location.time_zone)

    @property
    def free_until(self) -> datetime:
        """The instant until which the patient may cancel or move it free of charge."""
        return self.starts_at - timedelta(hours=self.cancellation_hours)

    def places(self) -> list[str]:
        """Names of the rooms and equipment taken. Reads reservations: use `with_places`."""
        return [
            r.resource.name
            for r in self.reservations.all()
            if r.resource.kind in ("room", "equipment")
        ]


class AppointmentEvent(models.Model):
    """One move of an appointment: who, when, from which state to which, and what changed."""

    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="events")
    at = models.DateTimeField(_("when"))
    verb = models.CharField(_("what"), max_length=20)
    actor = models.CharField(_("who"), max_length=20)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("login"),
    )
    from_state = models.CharField(_("from"), max_length=10, blank=True)
    to_state = models.CharField(_("to"), max_length=10)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.verb} ({self.actor})"


class Answer(models.Model):
    """What the patient answered to one safety question. Health data: for those who treat."""

    class Value(models.TextChoices):
        YES = "yes", _("yes")
        NO = "no", _("no")
        UNSURE = "unsure", _("not sure")

    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="answers")
    code = models.CharField(max_length=40)
    # The words as they were asked; the question may be edited later.
    question = models.CharField(_("question"), max_length=300)
    value = models.CharField(_("answer"), max_length=8, choices=Value)
    needs_look = models.BooleanField(_("needs a look"), default=False)

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [
            models.UniqueConstraint(fields=["appointment", "code"], name="answer_once_a_question")
        ]

    def __str__(self) -> str:
        return f"{self.question} {self.get_value_display()}"
