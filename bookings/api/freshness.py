"""How long an answer may be kept: never so long that a taken start still looks free."""

from collections.abc import Callable
from functools import wraps
from hashlib import blake2b
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

# The directory changes by the week; free times by the second, so they are asked for each time,
# and an ETag of the content makes asking cheap.
A_WHILE = "public, max-age=300"
ASK_EACH_TIME = "private, no-cache"

Run = Callable[..., HttpResponse]


def kept(cache_control: str) -> Callable[[Run], Run]:
    """Give an answer an ETag of what it says, and a caller who has that already a 304."""

    def decorate(run: Run) -> Run:
        @wraps(run)
        def fresh(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            response = run(request, **kwargs)
            if response.status_code != 200:
                return response
            response["Cache-Control"] = cache_control
            response["ETag"] = quote_etag(blake2b(response.content, digest_size=12).hexdigest())
            etag = response["ETag"]
            return get_conditional_response(request, etag=etag, response=response) or response

        return fresh

    return decorate
