"""A practitioner's diary as a private calendar: who holds the address may read it.

The address carries 192 random bits, is shown once and kept as a digest. It ends when it is
revoked, and with the practitioner's login.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby

from django.db.models import Max
from django.db.models.functions import Coalesce, Greatest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clinic import access, clock
from clinic.errors import Refused
from clinic.mail import domain
from practitioners.models import Practitioner

from . import ics
from .models import Appointment, FeedToken
from .models.appointments import AGREED

TOKEN_BYTES = 24
PAST = timedelta(days=30)
AHEAD = timedelta(days=180)
FEEDS_AT_MOST = 10
# A calendar asks every few minutes; that it asked is worth a write an hour.
_NOTE_USE_EVERY = timedelta(hours=1)


class TooManyFeeds(Refused):
    code = "too_many_feeds"

    def __init__(self) -> None:
        super().__init__(
            _("You have %(n)d calendar addresses. Please revoke one you no longer use first.")
            % {"n": FEEDS_AT_MOST}
        )


def make(practitioner: Practitioner, *, detail: str, label: str = "") -> tuple[FeedToken, str]:
    """A new feed and its token, which nobody can show again. Raises TooManyFeeds."""
    if practitioner.feed_tokens.filter(revoked_at=None).count() >= FEEDS_AT_MOST:
        raise TooManyFeeds
    token = secrets.token_urlsafe(TOKEN_BYTES)
    feed = FeedToken.objects.create(
        practitioner=practitioner, digest=_digest(token), detail=detail, label=label
    )
    return feed, token


def revoke(feed: FeedToken) -> None:
    """The address stops working at once, for good."""
    FeedToken.objects.filter(pk=feed.pk, revoked_at=None).update(revoked_at=clock.now())


def find(token: str) -> FeedToken | None:
    """The feed this token opens, or None: unknown, revoked, or its practitioner may not sign in."""
    feed = (
        FeedToken.objects.filter(digest=_digest(token), revoked_at=None)
        .select_related("practitioner__user")
        .first()
    )
    user = feed.practitioner.user if feed else None
    if feed is None or user is None or access.PRACTITIONER not in access.roles(user):
        return None
    now = clock.now()
    if feed.used_at is None or now - feed.used_at > _NOTE_USE_EVERY:
        FeedToken.objects.filter(pk=feed.pk).update(used_at=now)
    return feed


def appointments(practitioner: Practitioner, *, now: datetime) -> list[Appointment]:
    """What the feed shows: 30 days back to 180 ahead. One query.

    `changed_at` is when an appointment last moved, so that the calendar's text changes only
    when the diary does.
    """
    return list(
        Appointment.objects.filter(
            practitioner=practitioner,
            state__in=AGREED,
            starts_at__gte=now - PAST,
            starts_at__lt=now + AHEAD,
        )
        .select_related("patient", "location", "treatment")
        .annotate(
            changed_at=Greatest(
                "created_at",
                Coalesce("booked_at", "created_at"),
                Coalesce(Max("events__at"), "created_at"),
            )
        )
        .order_by("starts_at", "treatment", "location", "pk")
    )


def calendar(feed: FeedToken, found: Sequence[Appointment]) -> bytes:
    """The feed as iCalendar, in UTC. Names no patient, therapy or treatment."""

    def line(a: Appointment) -> tuple[object, ...]:
        same = (a.treatment_id, a.location_id) if a.treatment.is_group else (a.pk, 0)
        return (a.starts_at, a.treatment.is_group, *same)

    together = groupby(sorted(found, key=line), key=line)
    entries = [_entry(feed, list(people)) for _key, people in together]
    return ics.calendar(entries, name=_("Clinic diary"))


def etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


def initials(name: str) -> str:
    """The first letters of the first and the last name: “Pat van der Example” is “PE”."""
    words = [w for w in name.split() if any(c.isalnum() for c in w)]
    letters = [next(c for c in w if c.isalnum()) for w in words[:1] + words[1:][-1:]]
    return "".join(letters).upper() or "–"


def _entry(feed: FeedToken, people: Sequence[Appointment]) -> ics.Entry:
    first = people[0]
    changed: datetime = max(a.changed_at for a in people)  # type: ignore[attr-defined]
    return ics.Entry(
        uid=f"{_uid(first)}@{domain()}",
        sequence=max(a.sequence for a in people),
        stamp=changed.astimezone(UTC).replace(microsecond=0),
        starts_at=first.starts_at.astimezone(UTC),
        ends_at=max(a.ends_at for a in people).astimezone(UTC),
        summary=_summary(feed, people),
        location=first.location.name,
        alarm_minutes=0,
    )


def _summary(feed: FeedToken, people: Sequence[Appointment]) -> str:
    if feed.detail == FeedToken.Detail.BUSY:
        return _("Busy")
    if people[0].treatment.is_group:
        count = len(people)
        return ngettext("Group, %(n)d person", "Group, %(n)d people", count) % {"n": count}
    patient = people[0].patient
    return initials(patient.name if patient else "")


def _uid(first: Appointment) -> str:
    """The same for as long as the visit exists, and nothing that opens or names one.

    A class keeps its entry while people come and go, so it goes by its start and place.
    """
    key = first.reference
    if first.treatment.is_group:
        start = first.starts_at.astimezone(UTC)
        key = f"{first.treatment_id}/{first.location_id}/{start:%Y%m%dT%H%M}"
    return salted_hmac("bookings.feeds", key, algorithm="sha256").hexdigest()[:32]


def _digest(token: str) -> str:
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
