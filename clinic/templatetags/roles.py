"""Filters that say which staff links a signed-in user gets; a stranger costs no query."""

from django import template
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from clinic import access

register = template.Library()
User = AbstractBaseUser | AnonymousUser


@register.filter
def runs_the_desk(user: User) -> bool:
    """Whether the user may open the front desk."""
    return access.runs_the_desk(user)


@register.filter
def has_a_schedule(user: User) -> bool:
    """Whether the user is a practitioner with a schedule of their own."""
    return access.PRACTITIONER in access.roles(user)
