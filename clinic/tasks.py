"""What beat asks of the worker for the site itself."""

import logging
from datetime import timedelta

from celery import shared_task

from clinic.clock import now
from clinic.models import Heartbeat

log = logging.getLogger(__name__)

# Clocks of two machines differ by less where both are kept right.
STEP_BACK = timedelta(seconds=5)


@shared_task(name="clinic.tasks.tick")
def tick() -> None:
    """Leave word in the database that beat asked, the broker carried it and a worker did it.

    A clock that was set back is said aloud: holds and reminders go by it.
    """
    instant = now()
    last = Heartbeat.last()
    if last and last - instant > STEP_BACK:
        log.error("the clock went back by %d seconds", (last - instant).total_seconds())
    Heartbeat.objects.update_or_create(pk=1, defaults={"at": instant})
