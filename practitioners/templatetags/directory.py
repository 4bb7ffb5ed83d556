"""Filters of the directory's templates."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from clinic import clock
from practitioners import citations, richtext
from practitioners.models import Claim, Location, Practitioner, Treatment

register = template.Library()


@register.filter
def money(pence: int) -> str:
    """7000 -> £70.00; whole pounds without pence: £70."""
    pounds, rest = divmod(int(pence), 100)
    return f"£{pounds:,}.{rest:02d}" if rest else f"£{pounds:,}"


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown as HTML; raw HTML is shown as text, and only harmless tags come through."""
    return richtext.html(text)


@register.filter
def citing(text: str, numbers: Mapping[str, int]) -> SafeString:
    """Markdown as HTML, with its citations [@Key] as numbered links."""
    return richtext.html(text, numbers)


@register.filter
def cites(claim: Claim, numbers: Mapping[str, int]) -> str:
    """The numbered links of a claim's references; prefetch them."""
    return citations.links([work.key for work in claim.references.all()], numbers)


@register.filter
def when(instant: datetime, location: Location) -> str:
    """“Today, 14:30”, “Tomorrow, 09:00” or “Mon 23 Nov, 09:30”, by the location's clock."""
    there = clock.local(instant, location.time_zone)
    today = clock.today(location.time_zone)
    time = formats.date_format(there.replace(tzinfo=None), "H:i")
    if there.date() == today:
        return _("Today, %(time)s") % {"time": time}
    if there.date() == today + timedelta(days=1):
        return _("Tomorrow, %(time)s") % {"time": time}
    day = formats.date_format(there.date(), "D j M")
    return _("%(day)s, %(time)s") % {"day": day, "time": time}


@register.simple_tag
def book_link(
    treatment: Treatment,
    start: datetime | None = None,
    location: Location | None = None,
    practitioner: Practitioner | None = None,
    minutes: int | None = None,
) -> str:
    """The address at which to book a treatment: its calendar, or with `start` that start.

    `minutes` is one of its lengths; its own is the one that needs no saying.
    """
    params = {}
    if start:
        # The location's wall time with its offset, so that the address can be read.
        there = clock.local(start, location.time_zone) if location else start
        params["start"] = there.isoformat()
    if practitioner:
        params["practitioner"] = practitioner.slug
    if location:
        params["location"] = location.slug
    if minutes and minutes != treatment.minutes:
        params["minutes"] = str(minutes)
    address = reverse("book-details" if start else "book-treatment", args=[treatment.slug])
    return f"{address}?{urlencode(params)}" if params else address


@register.filter
def phone_link(phone: str) -> str:
    """A phone number as people write it -> the address that dials it."""
    return "tel:" + "".join(c for c in phone if c.isdigit() or c == "+")


@register.filter
def ref_id(key: str) -> str:
    """The id of a work in the list of references, to which citations lead."""
    return citations.anchor(key)


@register.filter
def lines(text: str) -> list[str]:
    """The lines of a text that have something on them."""
    return [line.strip() for line in text.splitlines() if line.strip()]
