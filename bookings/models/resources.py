"""What a visit needs, and when it can be had.

A resource is anything that can be in one place at a time. An opening says when it can be used,
an absence when it can't after all, a need which of them a treatment takes for which part.
"""

from datetime import date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from clinic.clock import midnight
from practitioners.models import Location, Practitioner, Treatment


class Resource(models.Model):
    """A practitioner, a room, a piece of equipment; also a patient, who has but one body."""

    class Kind(models.TextChoices):
        PRACTITIONER = "practitioner", _("practitioner")
        ROOM = "room", _("room")
        EQUIPMENT = "equipment", _("equipment")
        PERSON = "person", _("patient")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    name = models.CharField(_("name"), max_length=120)
    location = models.ForeignKey(
        Location,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="resources",
        verbose_name=_("location"),
        help_text=_("Where a room or a piece of equipment is."),
    )
    practitioner = models.OneToOneField(
        Practitioner,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="resource",
        verbose_name=_("practitioner"),
    )
    lives_in = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="holds",
        verbose_name=_("lives in"),
        limit_choices_to={"kind": "room"},
        help_text=_("The room a piece of equipment cannot leave; empty if it moves between rooms."),
    )
    # A digest of the details a patient gave: the same person booking twice as a guest is the
    # same body, although their two records stay apart until staff merge them.
    person_key = models.CharField(max_length=64, null=True, unique=True, editable=False)
    is_active = models.BooleanField(
        _("in use"), default=True, help_text=_("Switch off to take it out of service for good.")
    )
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("resource")
        verbose_name_plural = _("resources")
        ordering = ["kind", "position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="practitioner", practitioner__isnull=False, location__isnull=True)
                | Q(
                    kind__in=["room", "equipment"],
                    practitioner__isnull=True,
                    location__isnull=False,
                )
                | Q(kind="person", practitioner__isnull=True, location__isnull=True),
                name="resource_stands_somewhere",
                violation_error_message=_(
                    "A room or a piece of equipment needs a location; a practitioner’s "
                    "resource needs the practitioner."
                ),
            ),
            models.UniqueConstraint(
                fields=["location", "name"], name="resource_named_once_a_location"
            ),
            models.CheckConstraint(
                condition=Q(lives_in__isnull=True) | Q(kind="equipment"),
                name="resource_only_equipment_lives_in_a_room",
                violation_error_message=_("Only a piece of equipment lives in a room."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        home = self.lives_in
        if home and (home.kind != self.Kind.ROOM or home.location_id != self.location_id):
            raise ValidationError({"lives_in": _("Choose a room at the same location.")})


class Pool(models.Model):
    """Interchangeable resources: “treatment room”, “IDD table”. A member may be in several."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    members = models.ManyToManyField(
        Resource,
        related_name="pools",
        verbose_name=_("members"),
        blank=True,
        limit_choices_to={"kind__in": ["room", "equipment"]},
    )

    class Meta:
        verbose_name = _("pool")
        verbose_name_plural = _("pools")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Need(models.Model):
    """A treatment needs its practitioner, or resources out of a pool, for a part of the visit.

    Minutes count from the start of the visit: a set-up begins before 0, a clean-up ends after
    the visit does. An empty pool means the practitioner who gives the treatment.
    """

    treatment = models.ForeignKey(
        Treatment, models.CASCADE, related_name="needs", verbose_name=_("treatment")
    )
    pool = models.ForeignKey(
        Pool,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="needs",
        verbose_name=_("pool"),
        help_text=_("Leave empty for the practitioner."),
    )
    from_minute = models.SmallIntegerField(_("from minute"), default=0)
    to_minute = models.SmallIntegerField(_("to minute"))
    quantity = models.PositiveSmallIntegerField(
        _("how many"), default=1, validators=[MinValueValidator(1)]
    )
    is_shared = models.BooleanField(
        _("shared by the group"),
        default=False,
        help_text=_("Taken once for everybody who joins the same class."),
    )
    follows_end = models.BooleanField(
        _("counts from the end"),
        default=False,
        help_text=_(
            "When the visit is booked longer, this part moves with its end. Other parts keep "
            "their place, and those that reach the end are stretched."
        ),
    )

    class Meta:
        verbose_name = _("need")
        verbose_name_plural = _("needs")
        ordering = ["from_minute", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    from_minute__lt=F("to_minute"), from_minute__gte=-240, to_minute__lte=720
                ),
                name="need_starts_before_it_ends",
                violation_error_message=_("A part of the visit starts before it ends."),
            ),
            models.CheckConstraint(
                condition=Q(Exact(F("from_minute") % 5, 0)) & Q(Exact(F("to_minute") % 5, 0)),
                name="need_minutes_in_fives",
                violation_error_message=_("Minutes go in steps of five."),
            ),
            models.CheckConstraint(
                condition=Q(pool__isnull=False, quantity__gte=1) | Q(quantity=1),
                name="need_one_practitioner",
                violation_error_message=_("A treatment has one practitioner."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool or _('practitioner')} {self.from_minute}–{self.to_minute}"


class Opening(models.Model):
    """Hours in which a resource can be used, by the wall clock of a location.

    Without a resource they are the location's own hours, and hold for every room and piece of
    equipment there that has none of its own. An end of 00:00 means midnight.
    """

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    resource = models.ForeignKey(
        Resource,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="openings",
        verbose_name=_("resource"),
        help_text=_("Leave empty for the location’s own hours."),
    )
    location = models.ForeignKey(
        Location, models.CASCADE, related_name="openings", verbose_name=_("location")
    )
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday, null=True, blank=True)
    on_date = models.DateField(
        _("or one day only"), null=True, blank=True, help_text=_("Extra hours on one date.")
    )
    starts = models.TimeField(_("from"))
    ends = models.TimeField(_("to"))
    every_weeks = models.PositiveSmallIntegerField(
        _("every … weeks"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("2 for alternate weeks, counted from the week of “valid from”."),
    )
    valid_from = models.DateField(_("valid from"), default=date(2020, 1, 6))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)

    class Meta:
        verbose_name = _("hours")
        verbose_name_plural = _("hours")
        ordering = ["weekday", "on_date", "starts"]
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__isnull=False, weekday__lte=6, on_date__isnull=True)
                | Q(weekday__isnull=True, on_date__isnull=False),
                name="opening_weekday_or_date",
                violation_error_message=_("Choose a weekday or one date, not both."),
            ),
            models.CheckConstraint(
                condition=Q(starts__lt=F("ends")) | Q(ends="00:00"),
                name="opening_starts_before_it_ends",
                violation_error_message=_("Hours start before they end."),
            ),
            models.CheckConstraint(
                condition=Q(every_weeks__gte=1), name="opening_every_week_or_more"
            ),
        ]

    def __str__(self) -> str:
        day = self.on_date or (self.get_weekday_display() if self.weekday is not None else "")
        return f"{day} {self.starts:%H:%M}–{self.ends:%H:%M}"

    def clean(self) -> None:
        if (
            self.resource_id
            and self.resource
            and self.resource.location_id
            not in (
                None,
                self.location_id,
            )
        ):
            raise ValidationError({"location": _("The resource stands at another location.")})


class Journey(models.Model):
    """How long it takes from one location to another, either way.

    Somebody who works at both on one day is not booked sooner than they can be there.
    """

    one = models.ForeignKey(
        Location, models.CASCADE, related_name="journeys", verbose_name=_("between")
    )
    other = models.ForeignKey(Location, models.CASCADE, related_name="+", verbose_name=_("and"))
    minutes = models.PositiveSmallIntegerField(
        _("minutes"), validators=[MinValueValidator(1), MaxValueValidator(720)]
    )

    class Meta:
        verbose_name = _("journey")
        verbose_name_plural = _("journeys")
        ordering = ["one", "other"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(one=F("other")),
                name="journey_goes_somewhere",
                violation_error_message=_("Choose two different locations."),
            ),
            models.CheckConstraint(
                condition=Q(minutes__gte=1, minutes__lte=720), name="journey_takes_a_day_at_most"
            ),
            models.UniqueConstraint(
                Least("one", "other"),
                Greatest("one", "other"),
                name="journey_once_a_pair",
                violation_error_message=_("This journey is already on the list."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.one} – {self.other}: {self.minutes} min"


class Absence(models.Model):
    """A time in which a resource, or a whole location, can't be used in spite of its hours.

    It stops new starts; appointments already made stay, and are listed as clashes.
    """

    class Reason(models.TextChoices):
        LEAVE = "leave", _("leave")
        SICK = "sick", _("sick")
        TRAINING = "training", _("training")
        REPAIR = "repair", _("repair or maintenance")
        HOLIDAY = "holiday", _("bank holiday")
        OTHER = "other", _("other")

    resource = models.ForeignKey(
        Resource,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="absences",
        verbose_name=_("resource"),
    )
    location = models.ForeignKey(
        Location,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="absences",
        verbose_name=_("or a whole location"),
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, default=Reason.LEAVE)
    note = models.CharField(_("note"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        ordering = ["-starts_at"]
        # The engine asks for all absences that reach into a window.
        indexes = [models.Index(fields=["ends_at", "starts_at"], name="absence_by_time")]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")),
                name="absence_starts_before_it_ends",
                violation_error_message=_("An absence starts before it ends."),
            ),
            models.CheckConstraint(
                condition=Q(resource__isnull=False, location__isnull=True)
                | Q(resource__isnull=True, location__isnull=False),
                name="absence_of_one_thing",
                violation_error_message=_("Choose a resource or a location, not both."),
            ),
            models.UniqueConstraint(
                fields=["location", "starts_at"],
                condition=Q(reason="holiday"),
                name="absence_bank_holiday_once",
                violation_error_message=_("This bank holiday is on the list already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource or self.location}: {self.get_reason_display()}"


class BankHolidays(models.Manager["BankHoliday"]):
    def get_queryset(self) -> "models.QuerySet[BankHoliday]":
        return super().get_queryset().filter(reason=Absence.Reason.HOLIDAY)


class BankHoliday(Absence):
    """A day on which a location is closed: an absence from its midnight to its next midnight."""

    objects = BankHolidays()  # type: ignore[misc]  # a proxy shows some of its model's rows

    class Meta:
        proxy = True
        verbose_name = _("bank holiday")
        verbose_name_plural = _("bank holidays")

    @classmethod
    def on(cls, day: date, location: Location, note: str = "") -> "BankHoliday":
        """An unsaved bank holiday of `location` on the local date `day`."""
        start: datetime = midnight(day, location.time_zone)
        end: datetime = midnight(day + timedelta(days=1), location.time_zone)
        return cls(
            location=location,
            starts_at=start,
            ends_at=end,
            reason=Absence.Reason.HOLIDAY,
            note=note,
        )
