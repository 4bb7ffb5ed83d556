"""Addresses of our own pages as the world knows them."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def canonical(request: HttpRequest) -> str:
    """The one address of a page, without what came behind the question mark."""
    return f"{settings.SITE_URL}{request.path}"


def is_ours(page: str) -> bool:
    """Whether somebody may be sent there: a path of this site, without a scheme or a host."""
    return page.startswith("/") and url_has_allowed_host_and_scheme(page, allowed_hosts=None)
