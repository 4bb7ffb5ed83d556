"""“Returning” is proved by a code sent to the address, never by typing the address."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.crypto import constant_time_compare, salted_hmac

from clinic.clock import now

from . import notifications
from .models import EmailProof, Kind

LIFETIME = timedelta(minutes=10)
TRIES = 5
# More codes to one address than this in ten minutes are a nuisance, not a patient.
LIVE_CODES = 3
# And than this in a day: it bounds how often anybody can guess at one address.
CODES_A_DAY = 12


def _digest(email: str, code: str) -> str:
    return salted_hmac(
        "bookings.proofs", f"{email.lower()}:{code}", secret=settings.SECRET_KEY, algorithm="sha256"
    ).hexdigest()


def send_code(email: str) -> None:
    """Send a six-digit code to `email`, whether or not the clinic knows it.

    Does the same work for every address, so neither answer nor time tells who is a patient.
    """
    instant = now()
    code = f"{secrets.randbelow(10**6):06d}"
    with transaction.atomic():
        sent = EmailProof.objects.filter(email=email.lower()).aggregate(
            live=Count("pk", filter=Q(expires_at__gt=instant)),
            today=Count("pk", filter=Q(expires_at__gt=instant - timedelta(days=1))),
        )
        if sent["live"] >= LIVE_CODES or sent["today"] >= CODES_A_DAY:
            return
        EmailProof.objects.create(
            email=email.lower(), digest=_digest(email, code), expires_at=instant + LIFETIME
        )
        notifications.enqueue(Kind.CODE, email, {"code": code})


def check_code(email: str, code: str) -> bool:
    """Whether `code` is a live one for `email`; it works once, and five wrong tries end it."""
    instant, wanted = now(), _digest(email, "".join(code.split()))
    live = EmailProof.objects.filter(
        email=email.lower(), expires_at__gt=instant, used_at=None, tries__lt=TRIES
    )
    for proof in live.order_by("-pk"):
        if constant_time_compare(proof.digest, wanted):
            return bool(live.filter(pk=proof.pk).update(used_at=instant))
    live.update(tries=F("tries") + 1)
    return False
