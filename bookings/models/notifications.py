"""The outbox: a message is a row before it is a mail."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from practitioners.models import Treatment

from .appointments import Appointment


class Kind(models.TextChoices):
    CONFIRMATION = "confirmation", _("confirmation")
    REMINDER = "reminder", _("reminder")
    CHANGE = "change", _("change")
    CANCELLATION = "cancellation", _("cancellation")
    CODE = "code", _("code for a returning patient")
    CONTACT_CLINIC = "contact_clinic", _("contact message, to the clinic")
    CONTACT_RECEIPT = "contact_receipt", _("contact message, receipt")
    CONTACT_ANSWER = "contact_answer", _("contact message, answer")


class Notification(models.Model):
    """One message that is due to one person.

    Written in the transaction that makes it due. A message about an appointment is built when
    it is sent, from the appointment as it is then; other kinds carry their words in `payload`.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        DROPPED = "dropped", _("no longer due")

    class Channel(models.TextChoices):
        EMAIL = "email", _("mail")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel, default=Channel.EMAIL)
    appointment = models.ForeignKey(
        Appointment,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="notifications",
        verbose_name=_("appointment"),
    )
    # The appointment's `sequence` when this was written: a later start makes this one stale.
    start_version = models.PositiveIntegerField(default=0)
    # Which of several reminders; 0 for everything else.
    minutes_before = models.PositiveIntegerField(_("minutes before"), default=0)
    # Which of several of the same kind, when staff send one again.
    copy = models.PositiveSmallIntegerField(default=0)
    recipient = models.EmailField(_("to"), max_length=254)
    payload = models.JSONField(default=dict, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PENDING)
    due_at = models.DateTimeField(_("due"))
    # How often it was claimed: the fence that keeps two workers apart.
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    # How often the mail server put off this very message; its own absence does not count.
    refusals = models.PositiveSmallIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    last_error = models.CharField(_("why not sent"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("written"), auto_now_add=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-due_at"]
        indexes = [
            # How many wait: the desk, the metrics.
            models.Index(
                fields=["due_at"], name="notification_pending", condition=Q(state="pending")
            ),
            # What notifications.claim() looks for: reminders by themselves, the oldest first.
            models.Index(
                fields=["kind", "due_at"], name="notification_claim", condition=Q(state="pending")
            ),
            # What a person has to pass on: the desk, /readyz, the metrics.
            models.Index(
                fields=["due_at"], name="notification_failed", condition=Q(state="failed")
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "appointment",
                    "kind",
                    "channel",
                    "start_version",
                    "minutes_before",
                    "copy",
                ],
                name="notification_once",
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="notification_sent_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} → {self.recipient}"


class MailPace(models.Model):
    """When the next mail may go out, for all workers together: one row. Where MAIL_PER_MINUTE is
    set, each mail moves it on."""

    free_at = models.DateTimeField()
    turns = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="mail_pace_is_one_row")]

    def __str__(self) -> str:
        return str(self.free_at)


class ReminderRule(models.Model):
    """How long before a visit to remind; without a treatment, for all that have no own rule."""

    treatment = models.ForeignKey(
        Treatment,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="reminder_rules",
        verbose_name=_("treatment"),
        help_text=_("Leave empty for the clinic’s default."),
    )
    minutes_before = models.PositiveIntegerField(
        _("minutes before"),
        validators=[MinValueValidator(15), MaxValueValidator(60 * 24 * 30)],
        help_text=_("2880 is two days: sent at the same time of day as the visit."),
    )
    # Visits that were booked before keep the reminders they have; None: since ever.
    changed_at = models.DateTimeField(auto_now=True, null=True, editable=False)

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ["treatment", "-minutes_before"]
        constraints = [
            models.UniqueConstraint(
                fields=["treatment", "minutes_before"],
                name="reminder_rule_once_a_treatment",
                violation_error_message=_("This reminder is on the list already."),
            ),
            models.UniqueConstraint(
                fields=["minutes_before"],
                condition=Q(treatment__isnull=True),
                name="reminder_rule_once_by_default",
                violation_error_message=_("This reminder is on the list already."),
            ),
        ]

    def __str__(self) -> str:
        return str(_("%(n)d minutes before")) % {"n": self.minutes_before}


class MessageTemplate(models.Model):
    """The clinic's own words for one kind of message; empty fields keep the standard words."""

    kind = models.CharField(_("kind"), max_length=20, choices=Kind, unique=True)
    subject = models.CharField(_("subject"), max_length=120, blank=True)
    body = models.TextField(_("text"), blank=True)

    class Meta:
        verbose_name = _("message text")
        verbose_name_plural = _("message texts")
        ordering = ["kind"]

    def __str__(self) -> str:
        return str(self.get_kind_display())
