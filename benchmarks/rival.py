"""Who wants what somebody else wants too: from us and from django-appointment, over HTTP.

benchmarks.storm starts it in an environment that has django-appointment:
`python -m benchmarks.rival CLIENTS SLOTS`. Each client, for each slot in turn, looks whether it is
free and if so books it the way a browser or program does: ours over the API, theirs over the page
that lists slots and the two forms that follow, as somebody who is logged in. Prints JSON.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.rival_settings"
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(60))
if __name__ == "__main__":
    django.setup()

from django.urls import include, path

from benchmarks.house import ZONE, House, days_from, slots, theirs
from clinic.tests.faults.site import free_port, wait_until
from clinic.tests.faults.visitors import Client, Log, Unanswered
from clinic.urls import urlpatterns as ours

urlpatterns = [
    path("theirs/", include("appointment.urls")),
    path("theirs/i18n/", include("django.conf.urls.i18n")),
    *ours,
]
CSRF = "x" * 32


@dataclass
class Side:
    """What one of the two did with its clients."""

    name: str
    asked: int = 0
    told: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def book(self, start: datetime, book: Callable[[datetime], bool | None]) -> None:
        began = time.perf_counter()
        try:
            told = book(start)
        except Unanswered as error:
            self.statuses[str(error)] += 1
            told = False
        if told is not None:
            self.asked += 1
            self.told += told
            self.seconds.append(time.perf_counter() - began)


def our_way(url: str, n: int, side: Side) -> Callable[[datetime], bool | None]:
    client = Client(url, Log())

    def book(start: datetime) -> bool | None:
        """Whether we were told that it is ours; None when it was not free to begin with."""
        day, said = start.date(), start.isoformat()
        which = f"treatment=talk&practitioner=practitioner-0&from={day}&to={day}"
        found = client.ask("look", "GET", f"/api/v1/availability?{which}")
        if said not in [s["start"] for s in json.loads(found.body)["starts"]]:
            return None
        patient = {"name": f"Pat {n}", "email": f"pat{n}@example.org"}
        order = {"treatment": "talk", "practitioner": "practitioner-0", "start": said}
        answer = client.ask(
            "book",
            "POST",
            "/api/v1/appointments",
            data={**order, "patient": patient, "screening": {}},
        )
        side.statuses[str(answer.status)] += answer.status != 201
        return answer.status == 201

    return book


def their_way(url: str, session: str, side: Side) -> Callable[[datetime], bool | None]:
    client = Client(url, Log())
    client.cookies = {"sessionid": session, "csrftoken": CSRF}

    def post(where: str, **form: str) -> Any:
        return client.ask("book", "POST", where, form={**form, "csrfmiddlewaretoken": CSRF})

    def book(start: datetime) -> bool | None:
        wall = start.astimezone(ZoneInfo(ZONE))
        which = {"selected_date": str(wall.date()), "staff_member": "1", "service_id": "1"}
        found = client.ask(
            "look",
            "GET",
            f"/theirs/ajax/available_slots/?{urlencode(which)}",
            headers={"X-Requested-With": "XMLHttpRequest"},
        )
        free = [slot for slot, _words in json.loads(found.body)["available_slots"]]
        if f"{wall:%Y-%m-%dT%H:%M:%S}" not in free:
            return None
        asked = post(
            "/theirs/request-submit/",
            date=str(wall.date()),
            start_time=f"{wall:%H:%M}",
            end_time=f"{wall + timedelta(minutes=30):%H:%M}",
            service="1",
            staff_member="1",
        )
        if asked.status != 302:
            raise Unanswered(f"{asked.status}")
        done = post(
            asked.location, name="Pat", phone_0="GB", phone_1="2079460123", payment_type="full"
        )
        side.statuses[str(done.status)] += done.status != 302
        return "thank-you" in done.location

    return book


def race(ways: list[Callable[[datetime], bool | None]], starts: list[datetime], side: Side) -> None:
    """All clients at once, slot after slot; they wait for each other before each."""
    gate = threading.Barrier(len(ways))

    def come(way: Callable[[datetime], bool | None]) -> None:
        for start in starts:
            gate.wait()
            side.book(start, way)

    threads = [threading.Thread(target=come, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def figures(side: Side, visits: Counter[Any]) -> dict[str, Any]:
    other = ", ".join(f"{n} × {status}" for status, n in side.statuses.items() if n)
    return {
        "name": side.name, "asked": side.asked, "told": side.told, "slots": len(visits),
        "double": sum(n > 1 for n in visits.values()),
        "too_many": sum(visits.values()) - len(visits),
        "other": other or "none", "seconds": side.seconds,
    }  # fmt: skip


def main(clients: int, how_many: int) -> None:
    from appointment.models import Appointment as TheirAppointment
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client as Browser

    from bookings.models import Appointment
    from bookings.tests.factories import screening_form
    from clinic.clock import today

    # django-appointment comes without migrations, and its tables point at migrated ones.
    call_command("migrate", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)
    house = House(people=1)
    screening_form()
    theirs(house, [], [])
    sessions = []
    for n in range(clients):
        browser = Browser()
        browser.force_login(
            get_user_model().objects.create(username=f"pat{n}", email=f"pat{n}@example.org")
        )
        sessions.append(browser.cookies["sessionid"].value)
    first = today(ZONE) + timedelta(days=3)
    starts = list(slots(days_from(first, 14)))[:how_many]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "WEB_BIND": f"127.0.0.1:{port}"}
    web = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "django.core.wsgi:get_wsgi_application()"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it logs each booking; what goes wrong is in the answers
    )
    try:

        def serves() -> bool:
            try:
                return Client(url, Log()).ask("", "GET", "/healthz").fine
            except Unanswered:
                return False

        wait_until(serves, "the server of both")
        us, them = Side("the clinic"), Side("django-appointment")
        race([our_way(url, n, us) for n in range(clients)], starts, us)
        race([their_way(url, session, them) for session in sessions], starts, them)
    finally:
        web.terminate()
        web.wait()
    ours = Appointment.objects.filter(state="booked").values_list("practitioner", "starts_at")
    requests = TheirAppointment.objects.values_list(
        "appointment_request__staff_member",
        "appointment_request__date",
        "appointment_request__start_time",
    )
    print(json.dumps([figures(us, Counter(ours)), figures(them, Counter(requests))]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
