"""One login each for four people. What a role may do is written in clinic/roles.py."""

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from clinic.access import OWNER, PRACTITIONER, RECEPTION
from practitioners.models import Practitioner

from .people import PRACTITIONERS

# Printed in the README: it opens invented data only.
PASSWORD = "tidewell-demo"
_OPENS = {
    OWNER: "the admin and the desk",
    RECEPTION: "the desk and parts of the admin",
    PRACTITIONER: "their own schedule",
}


def build() -> None:
    """Write the logins; one that is there already is left as it is."""
    password = make_password(PASSWORD)
    for username, role, first, last in _people():
        user, made = get_user_model().objects.get_or_create(
            username=username,
            defaults={
                "password": password,
                "first_name": first,
                "last_name": last,
                "email": f"{username}@example.org",
                "is_staff": role in (OWNER, RECEPTION),
            },
        )
        if made:
            user.groups.add(Group.objects.get_or_create(name=role)[0])
            Practitioner.objects.filter(name=f"{first} {last}", user=None).update(user=user)


def usernames() -> list[tuple[str, str]]:
    """(login, whose it is and what it opens), in the order in which they are printed."""
    return [
        (username, f"{first} {last} ({role}): {_OPENS[role]}")
        for username, role, first, last in _people()
    ]


def _people() -> list[tuple[str, str, str, str]]:
    people = [
        ("owner", OWNER, "Marguerite", "Tolliver"),
        ("reception", RECEPTION, "Desmond", "Fairlight"),
    ]
    for data in PRACTITIONERS:
        if data.login:
            first, last = data.name.split(" ", 1)
            people.append((data.login, PRACTITIONER, first, last))
    return people
