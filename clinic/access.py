"""Who may: roles are Django groups, and every staff page asks here.

Owner and reception run the desk; a practitioner sees their own schedule. A superuser is an owner.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

OWNER, RECEPTION, PRACTITIONER = "Owner", "Reception", "Practitioner"
ROLES = (OWNER, RECEPTION, PRACTITIONER)

View = Callable[..., HttpResponse]


def roles(user: AbstractBaseUser | AnonymousUser) -> set[str]:
    """The roles of an active user; one query, kept on the user object."""
    if not user.is_authenticated or not user.is_active:
        return set()
    if not hasattr(user, "_clinic_roles"):
        names = set(user.groups.filter(name__in=ROLES).values_list("name", flat=True))  # type: ignore[attr-defined]
        user._clinic_roles = names | ({OWNER} if user.is_superuser else set())  # type: ignore[attr-defined]
    return user._clinic_roles  # type: ignore[attr-defined]


def runs_the_desk(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user may see and change the whole diary."""
    return bool(roles(user) & {OWNER, RECEPTION})


def _only(allowed: set[str]) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not roles(request.user) & allowed:
                raise PermissionDenied
            response = view(request, *args, **kwargs)
            response.headers.setdefault("Cache-Control", "no-store, private")
            return response

        return guarded

    return decorate


desk_only = _only({OWNER, RECEPTION})
practitioner_only = _only({PRACTITIONER})
