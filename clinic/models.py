"""The inbox: what people write through the contact form; and the heartbeat of the worker."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ContactMessage(models.Model):
    """One message from the contact form, and what became of it."""

    class State(models.TextChoices):
        NEW = "new", _("new")
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed")

    class Reply(models.TextChoices):
        MAIL = "mail", _("by mail")
        PHONE = "phone", _("by phone")

    name = models.CharField(_("name"), max_length=200)
    email = models.EmailField(_("mail address"), max_length=254)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    subject = models.CharField(_("subject"), max_length=120)
    message = models.TextField(_("message"))
    reply_by = models.CharField(_("reach me"), max_length=8, choices=Reply, default=Reply.MAIL)
    best_time = models.CharField(_("best time"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.NEW)
    answer = models.TextField(_("answer"), blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True, editable=False)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("answered by"),
    )
    # Which form it came from: a form that arrives twice is one message. None: typed in by staff.
    form_token = models.CharField(max_length=32, null=True, unique=True, editable=False)
    created_at = models.DateTimeField(_("received"), auto_now_add=True)

    class Meta:
        verbose_name = _("contact message")
        verbose_name_plural = _("contact messages")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.subject


class Heartbeat(models.Model):
    """When the worker last did what beat asked for. One row; clinic.tasks.tick writes it."""

    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="heartbeat_is_one_row")
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def last(cls) -> datetime | None:
        """The last beat, or None where there was never one."""
        return cls.objects.values_list("at", flat=True).first()
