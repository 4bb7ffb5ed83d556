"""Pages of the directory that need nothing of booking: the two lists, and the portraits."""

from hashlib import blake2b

from django.db.models import Min, Q
from django.db.models.functions import Coalesce, Least
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from clinic.addresses import canonical

from .models import Condition, Practitioner, Therapy
from .portraits import portrait as draw

A_WEEK = 60 * 60 * 24 * 7


@require_safe
def therapies(request: HttpRequest) -> HttpResponse:
    """Every published therapy, with its lowest price, of whatever length."""
    bookable = Q(treatments__is_published=True)
    own = Min("treatments__price_pence", filter=bookable)
    other = Min("treatments__lengths__price_pence", filter=bookable)
    found = Therapy.objects.published().annotate(from_pence=Least(own, Coalesce(other, own)))
    context = {"therapies": found, "canonical": canonical(request)}
    return render(request, "practitioners/therapies.html", context)


@require_safe
def conditions(request: HttpRequest) -> HttpResponse:
    """Every published condition."""
    context = {"conditions": Condition.objects.published(), "canonical": canonical(request)}
    return render(request, "practitioners/conditions.html", context)


@require_safe
def portrait(request: HttpRequest, slug: str) -> HttpResponse:
    """The drawn portrait of a published practitioner, as SVG that a browser may keep."""
    person = get_object_or_404(Practitioner.objects.published(), slug=slug)
    response = HttpResponse(draw(person.slug, person.initials), content_type="image/svg+xml")
    # An address of its own opened in a tab can run nothing, whatever it contains.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    patch_cache_control(response, public=True, max_age=A_WEEK)
    etag = quote_etag(blake2b(response.content, digest_size=12).hexdigest())
    response.headers["ETag"] = etag
    kept = get_conditional_response(request, etag=etag, response=response)
    return kept or response
