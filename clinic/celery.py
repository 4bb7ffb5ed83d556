"""The Celery application: `celery -A clinic worker`, `celery -A clinic beat`.

Nothing depends on a message that waits in the broker: what is due stands in the database, and
beat only says when to look. Losing the queue therefore loses nothing.
"""

import os
import threading
import time
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import (
    beat_embedded_init,
    before_task_publish,
    task_postrun,
    task_prerun,
)

from clinic import broker  # noqa: F401  (registers files://)
from clinic.logs import new_id, request_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")


app = Celery("clinic")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Plain intervals in UTC: a clock change can neither skip nor repeat them. A tick that finds the
# previous one still waiting is dropped by `expires`, so a worker that was away is not flooded.
_INTERVALS = {
    "bookings.tasks.send_due": 15,
    "bookings.tasks.expire_holds": 60,
    "bookings.tasks.clean_up": 3600,
    "clinic.tasks.tick": 30,
}
# Set as a whole: to read the configuration here would need the settings for `import clinic`.
app.conf.beat_schedule = {
    task.rpartition(".")[2]: {
        "task": task,
        "schedule": timedelta(seconds=seconds),
        "options": {"expires": seconds},
    }
    for task, seconds in _INTERVALS.items()
} | {
    # At night, by UTC; a run that finds no worker until noon is dropped.
    "audit": {
        "task": "bookings.tasks.audit",
        "schedule": crontab(hour=4, minute=10),
        "options": {"expires": 8 * 3600},
    }
}


# Signals are Celery's way to carry something of ours along with every task.
@before_task_publish.connect
def send_the_request_along(headers: dict[str, Any], **kwargs: Any) -> None:
    """A task belongs to the request that asked for it; one of beat's has an id of its own."""
    headers["request_id"] = request_id.get() or new_id()


@task_prerun.connect
def take_up_the_request(task: Any, **kwargs: Any) -> None:
    request_id.set((task.request.headers or {}).get("request_id", ""))


@task_postrun.connect
def lay_down_the_request(**kwargs: Any) -> None:
    request_id.set("")


@beat_embedded_init.connect
def leave_with_the_worker(**kwargs: Any) -> None:
    """End the embedded beat when its worker is gone.

    A worker killed with SIGKILL takes nobody with it: its beat would go on ticking, and after a
    restart every tick would come twice.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
