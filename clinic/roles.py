"""What each role may do in the admin; written into its group after every migration.

Reception runs the day; the owner also sets the clinic up and makes logins. Health answers are for
those who treat: neither role sees them here, practitioners see their own patients' at /schedule/.
A permission may be added to a group by hand and stays; one that stands here comes back.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.db.models import Q
from django.db.models.signals import post_migrate

from clinic.access import OWNER, PRACTITIONER, RECEPTION

LOOK = ("view",)
CHANGE = ("view", "change")
WRITE = ("view", "add", "change")
ALL = ("view", "add", "change", "delete")
OURS = ("clinic", "practitioners", "bookings")
HEALTH = {"answer", "screeningrecord"}

DESK: dict[str, dict[str, tuple[str, ...]]] = {
    "clinic": {"contactmessage": CHANGE},
    "practitioners": {
        "clinic": LOOK,
        "condition": LOOK,
        "language": LOOK,
        "length": LOOK,
        "location": LOOK,
        "practitioner": CHANGE,
        # The desk checks registrations, and says when.
        "registration": WRITE,
        "therapy": LOOK,
        "treatment": LOOK,
    },
    "bookings": {
        "absence": ALL,
        "appointment": WRITE,
        "appointmentevent": LOOK,
        "bankholiday": LOOK,
        "journey": LOOK,
        "messagetemplate": LOOK,
        "need": LOOK,
        "notification": CHANGE,
        "opening": LOOK,
        "patient": WRITE,
        "patientmatch": LOOK,
        "pool": LOOK,
        "reminderrule": LOOK,
        "resource": CHANGE,
        "safetyquestion": LOOK,
        "screeningform": LOOK,
        "screeningquestion": LOOK,
    },
}


def write_roles(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Make the three groups and give them their permissions of the app that was migrated."""
    from django.contrib.auth.models import Group, Permission

    # Ours may be called before Django's own handler, which makes the rows.
    create_permissions(sender, verbosity=0, using=using)
    there = Permission.objects.using(using).filter(content_type__app_label=sender.label)
    owner = there.exclude(content_type__model__in=HEALTH)
    if sender.label == "auth":
        owner = there.filter(codename__in=["view_user", "add_user", "change_user", "view_group"])
    desk = Q(pk__in=[])
    for model, verbs in DESK.get(sender.label, {}).items():
        desk |= Q(codename__in=[f"{verb}_{model}" for verb in verbs])
    for role, wanted in ((OWNER, owner), (RECEPTION, there.filter(desk))):
        group, _made = Group.objects.using(using).get_or_create(name=role)
        group.permissions.add(*wanted)
    Group.objects.using(using).get_or_create(name=PRACTITIONER)


def connect() -> None:
    """Called once, when the site starts."""
    for label in (*OURS, "auth"):
        post_migrate.connect(write_roles, sender=apps.get_app_config(label))
