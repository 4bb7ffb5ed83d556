"""Addresses of our own pages as the world knows them."""

from django.conf import settings
from django.http import HttpRequest


def canonical(request: HttpRequest) -> str:
    """The one address of a page, without what came behind the question mark."""
    return f"{settings.SITE_URL}{request.path}"
