"""Who gives treatments, and whether they may."""

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class Gender(models.TextChoices):
    WOMAN = "woman", _("woman")
    MAN = "man", _("man")
    NON_BINARY = "non-binary", _("non-binary")
    UNSAID = "", _("not given")


class Language(models.Model):
    code = models.CharField(_("code"), max_length=12, unique=True)
    name = models.CharField(_("name"), max_length=60)

    class Meta:
        verbose_name = _("language")
        verbose_name_plural = _("languages")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PractitionerQuerySet(models.QuerySet["Practitioner"]):
    def published(self) -> "PractitionerQuerySet":
        return self.filter(is_published=True)

    def with_card(self) -> "PractitionerQuerySet":
        """With all that a directory card shows: three more queries, whatever the count."""
        return self.prefetch_related("registrations", "languages", "treatments__therapy")


class Practitioner(models.Model):
    """A person who gives treatments, registered with a professional body."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="practitioner",
        verbose_name=_("login"),
    )
    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("address on the site"), max_length=120, unique=True)
    profession = models.CharField(_("profession"), max_length=80, blank=True)
    pronouns = models.CharField(_("pronouns"), max_length=40, blank=True)
    gender = models.CharField(_("gender"), max_length=12, choices=Gender, blank=True)
    languages = models.ManyToManyField(Language, blank=True, verbose_name=_("languages"))
    summary = models.CharField(_("in one sentence"), max_length=200, blank=True)
    about = models.TextField(_("about"), blank=True, help_text=_("Markdown."))
    qualifications = models.TextField(
        _("qualifications"), blank=True, help_text=_("One a line, with the year.")
    )
    treatments = models.ManyToManyField(
        "practitioners.Treatment",
        blank=True,
        related_name="practitioners",
        verbose_name=_("treatments"),
    )
    takes_new_patients = models.BooleanField(_("takes new patients"), default=True)
    first_visits_a_day = models.PositiveSmallIntegerField(
        _("first visits a day"),
        null=True,
        blank=True,
        help_text=_("At most this many visits for new patients on one day; empty for no limit."),
    )
    insured_until = models.DateField(_("insured until"), null=True, blank=True)
    dbs_checked_on = models.DateField(_("DBS checked on"), null=True, blank=True)
    is_published = models.BooleanField(
        _("published"), default=False, help_text=_("A draft is seen by staff only.")
    )
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    objects = PractitionerQuerySet.as_manager()

    class Meta:
        verbose_name = _("practitioner")
        verbose_name_plural = _("practitioners")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("practitioner", args=[self.slug])

    @property
    def initials(self) -> str:
        words = [w for w in self.name.split() if w[0].isalpha()]
        return "".join(w[0] for w in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()

    def therapies(self) -> list[str]:
        """Names of the published therapies they give, in the directory's order.

        Reads treatments and their therapies: prefetch them for a list (`with_card`).
        """
        found = {t.therapy for t in self.treatments.all() if t.therapy.is_published}
        return [t.name for t in sorted(found, key=lambda t: (t.position, t.name))]

    def bookable_until(self) -> date | None:
        """The last day on which they may see patients, or None when they may not at all.

        Both insurance and every required registration must be valid on the day of the visit,
        and there must be at least one. Reads `registrations`: prefetch it for a list.
        """
        required = [r for r in self.registrations.all() if r.is_required]
        if not required or self.insured_until is None:
            return None
        if any(r.status == Registration.Status.LAPSED for r in required):
            return None
        return min([self.insured_until, *(r.valid_until for r in required)])


class Registration(models.Model):
    """A membership or registration with a professional body, and whether we have checked it."""

    class Body(models.TextChoices):
        BACC = "BAcC", _("British Acupuncture Council")
        HCPC = "HCPC", _("Health and Care Professions Council")
        AACP = "AACP", _("Acupuncture Association of Chartered Physiotherapists")
        GOSC = "GOsC", _("General Osteopathic Council")
        GCC = "GCC", _("General Chiropractic Council")
        CNHC = "CNHC", _("Complementary and Natural Healthcare Council")
        STAT = "STAT", _("Society of Teachers of the Alexander Technique")
        RCHM = "RCHM", _("Register of Chinese Herbal Medicine")
        CIMSPA = (
            "CIMSPA",
            _("Chartered Institute for the Management of Sport and Physical Activity"),
        )
        BACP = "BACP", _("British Association for Counselling and Psychotherapy")

    class Status(models.TextChoices):
        UNCHECKED = "unchecked", _("not checked yet")
        CURRENT = "current", _("current")
        LAPSED = "lapsed", _("lapsed")

    practitioner = models.ForeignKey(
        Practitioner, models.CASCADE, related_name="registrations", verbose_name=_("practitioner")
    )
    body = models.CharField(_("body"), max_length=12, choices=Body)
    number = models.CharField(_("number"), max_length=40)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.UNCHECKED)
    valid_until = models.DateField(_("valid until"))
    is_required = models.BooleanField(
        _("required"), default=True, help_text=_("Without it they cannot be booked.")
    )
    checked_on = models.DateField(_("checked on"), null=True, blank=True)
    checked_by = models.CharField(_("checked by"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("registration")
        verbose_name_plural = _("registrations")
        ordering = ["-is_required", "body"]
        constraints = [
            models.UniqueConstraint(
                fields=["practitioner", "body"],
                name="registration_once_a_body",
                violation_error_message=_("This body is already on the list."),
            ),
            models.CheckConstraint(
                condition=~Q(status="current") | Q(checked_on__isnull=False),
                name="registration_current_is_checked",
                violation_error_message=_("Say when the registration was checked."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.body} {self.number}"

    def is_valid_on(self, day: date) -> bool:
        return self.status != self.Status.LAPSED and day <= self.valid_until
