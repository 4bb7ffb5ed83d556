"""What proves who somebody is, and that a request was made once."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from practitioners.models import Practitioner


class EmailProof(models.Model):
    """A six-digit code sent to an address, kept as a digest; it works once, for ten minutes."""

    email = models.EmailField(max_length=254)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["email", "expires_at"], name="email_proof_by_email")]

    def __str__(self) -> str:
        return f"{self.expires_at:%Y-%m-%d %H:%M}"


class FeedToken(models.Model):
    """What opens a practitioner's calendar feed: shown once, kept as a digest, revocable."""

    class Detail(models.TextChoices):
        BUSY = "busy", _("busy times only")
        INITIALS = "initials", _("the patient’s initials")

    practitioner = models.ForeignKey(
        Practitioner, models.CASCADE, related_name="feed_tokens", verbose_name=_("practitioner")
    )
    digest = models.CharField(max_length=64, unique=True)
    label = models.CharField(_("name"), max_length=60, blank=True)
    detail = models.CharField(_("shows"), max_length=10, choices=Detail, default=Detail.INITIALS)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.label or f"{self.created_at:%Y-%m-%d}"


class IdempotencyKey(models.Model):
    """A request that was answered, so that sending it again gets the same answer."""

    key = models.CharField(max_length=255, unique=True)
    # SHA-256 of the request's body: the same key with another body is refused.
    digest = models.CharField(max_length=64)
    # Null while the first request is still at work.
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"
