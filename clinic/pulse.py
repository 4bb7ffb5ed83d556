"""Whether the work that nobody watches gets done: the outbox and the worker, as the database knows.

/readyz, the metrics and the doctor ask here. Nothing depends on what Redis remembers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from bookings.attention import STUCK_AFTER, alarming
from bookings.models import Audit, Notification
from clinic.clock import now
from clinic.models import Heartbeat

# Beat asks for a heartbeat each half minute (clinic.celery); a worker may be busy for a while.
SILENT_AFTER = timedelta(minutes=3)


@dataclass(frozen=True)
class Outbox:
    """What should have gone out by now: how many messages, since when; how many never will."""

    due: int
    stuck: int
    oldest: datetime | None
    undeliverable: int

    @property
    def age(self) -> timedelta:
        """How long the oldest due message has waited."""
        return max(now() - self.oldest, timedelta(0)) if self.oldest else timedelta(0)


def outbox() -> Outbox:
    """Look at the outbox. Two queries."""
    instant = now()
    due = Notification.objects.filter(state=Notification.State.PENDING, due_at__lte=instant)
    found = due.order_by().aggregate(
        due=Count("pk"),
        stuck=Count("pk", filter=Q(due_at__lt=instant - STUCK_AFTER)),
        oldest=Min("due_at"),
    )
    # Until somebody at the desk has sent it again or rung.
    return Outbox(**found, undeliverable=alarming(instant).count())


def silence() -> timedelta | None:
    """How long ago the worker did what beat asked; None where it never did. Negative: a clock
    was set back. One query."""
    last = Heartbeat.last()
    return now() - last if last else None


def audit_findings() -> int | None:
    """How many broken promises the last run of the auditor found; None where it never ran."""
    return Audit.objects.order_by("-at").values_list("total", flat=True).first()
