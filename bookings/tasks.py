"""What the worker does. Tasks take ids, call a verb, and rely on no result."""

from datetime import timedelta

from celery import shared_task

from clinic.clock import now

from . import appointments, audit, idempotency, notifications
from .models import EmailProof, IdempotencyKey, ScreeningRecord, Undo


@shared_task(name="bookings.tasks.send_due")
def send_due() -> None:
    notifications.send_due()


@shared_task(name="bookings.tasks.send_one")
def send_one(pk: int, attempt: int) -> None:
    notifications.deliver(pk, attempt)


@shared_task(name="bookings.tasks.expire_holds")
def expire_holds() -> None:
    appointments.expire_holds()


@shared_task(name="bookings.tasks.clean_up")
def clean_up() -> None:
    """Forget what was kept for a while only: codes, keys, ways back, and stopped safety checks
    (30 days)."""
    instant = now()
    EmailProof.objects.filter(expires_at__lt=instant - timedelta(days=1)).delete()
    IdempotencyKey.objects.filter(created_at__lt=instant - idempotency.KEPT).delete()
    Undo.objects.filter(until__lt=instant - timedelta(days=1)).delete()
    ScreeningRecord.objects.filter(at__lt=instant - timedelta(days=30), appointments=None).delete()


@shared_task(name="bookings.tasks.audit")
def audit_the_diary() -> None:
    """Once a night: what the database promises, and whether it is so."""
    audit.run()
