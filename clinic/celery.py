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
from celery.signals import beat_embedded_init

from clinic import broker  # noqa: F401  (registers files://)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")


app = Celery("clinic")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Plain intervals in UTC: a clock change can neither skip nor repeat them. A tick that finds the
# previous one still waiting is dropped by `expires`, so a worker that was away is not flooded.
app.conf.beat_schedule = {
    name: {
        "task": f"bookings.tasks.{name}",
        "schedule": timedelta(seconds=seconds),
        "options": {"expires": seconds},
    }
    for name, seconds in {"send_due": 15, "expire_holds": 60, "clean_up": 3600}.items()
}


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
