"""Processes die, queues are emptied, connections break: what was confirmed stays, and is told once.

The same at full size: `python -m benchmarks.kill` and `python -m benchmarks.storm`.
"""

import json
import random
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection

from bookings import appointments
from bookings.actors import Actor
from bookings.models import Appointment, Kind, Notification
from bookings.tests import factories
from bookings.tests.races.arena import without_the_constraint
from clinic import clock

from .site import ROOT, SITE_NAME, wait_until
from .visitors import Client, Log, Patient, Unanswered, crowd

pytestmark = pytest.mark.broker
DESK = Actor("staff")


@pytest.fixture
def world(site):
    """A clinic with three practitioners, two rooms and two treatments."""
    made = factories.bookable_clinic(grid_minutes=30, notice_minutes=0)
    made.rooms.members.add(factories.room(made.location))
    made.another_treatment(name="Short", slug="short", minutes=30, grid_minutes=30)
    for _n in range(2):
        made.another_practitioner()
    return made


def reminders_due(world, how_many):
    """So many visits next week, whose reminders are due now; nobody nudges the worker."""
    first = clock.now().replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=7)
    made = []
    for n in range(how_many):
        made.append(
            appointments.book(
                treatment=world.treatment,
                start=first + timedelta(days=n),
                details=appointments.Details(name=f"Pat {n}", email=f"pat{n}@example.org"),
                by=DESK,
                source="desk",
                override=True,
            )
        )
    rows = Notification.objects.filter(appointment__in=made)
    rows.exclude(kind=Kind.REMINDER).delete()
    Notification.objects.bulk_create(
        Notification(
            kind=Kind.REMINDER,
            appointment=visit,
            minutes_before=9 * 24 * 60,
            due_at=clock.now(),
            recipient=visit.patient.email,
        )
        for visit in made
    )
    return made


def all_sent(audit, how_many):
    wait_until(lambda: audit.sent("reminder") == how_many, "all reminders")


def letters_to(site, made):
    people = {visit.patient.email for visit in made}
    return [letter for letter in site.letters() if letter.to in people]


def killed_at(site, audit, world, point):
    """How many mails came twice when the worker died there, with every reminder sent."""
    twice, deaths = site.doubles(), site.deaths["worker"]
    site.arm(point)
    reminders_due(world, 3)
    all_sent(audit, 3)
    assert site.deaths["worker"] == deaths + 1
    return site.doubles() - twice


def test_row_22_a_worker_killed_between_send_and_mark_sends_at_most_one_more(site, audit, world):
    assert killed_at(site, audit, world, "sent") == 1
    assert audit.waiting() == 0


def test_row_23_a_worker_killed_before_it_sends_sends_everything_once_it_is_back(
    site, audit, world
):
    assert killed_at(site, audit, world, "claimed") == 0


def test_row_24_two_schedulers_at_once_send_each_message_once(site, audit, world):
    twice = site.doubles()
    beats = [name for name in site.members if name.startswith("beat")]
    assert beats
    made = reminders_due(world, 6)
    all_sent(audit, 6)
    assert site.doubles() == twice
    assert len(letters_to(site, made)) >= 6
    # A killed one comes back and ticks again.
    for name in beats:
        site.kill(name)
    Notification.objects.all().delete()
    Appointment.objects.all().delete()
    reminders_due(world, 1)
    all_sent(audit, 1)


def test_control_the_audit_sees_what_is_half_double_or_lost(audit, world):
    [visit] = reminders_due(world, 1)
    Appointment.objects.update(source="api")
    assert set(audit.broken()) == {"online bookings without a confirmation"}
    visit.reservations.get(resource=visit.patient.resource).delete()
    visit.events.all().delete()
    assert len(audit.broken()) == 4
    with without_the_constraint():
        for row in visit.reservations.all():
            row.pk = None
            row.save()
        assert audit.broken()["pairs of reservations that overlap"] == 2
    assert audit.lost([visit.token, "of nobody"]) == ["of nobody"]
    assert audit.lost([visit.token], cancelled=[visit.token]) == [visit.token]


def order_until_answered(site, key="the-key"):
    """A program that books, and asks again with its key until it is answered; what it was told."""
    log = Log()
    patient = Patient(Client(site.url, log), random.Random(1))
    order = patient.order("visit", patient.free_starts("visit")[0])
    tokens = []

    def answered():
        try:
            tokens.append(patient.post_order(order, key))
        except Unanswered:
            return False
        # 409: the first request is still thought to be at work.
        return bool(tokens[-1])

    wait_until(answered, "an answer")
    return tokens[-1], log


@pytest.mark.parametrize("point", ["reserving", "answering"])
def test_a_web_process_killed_in_mid_booking_leaves_one_whole_booking(site, audit, world, point):
    site.arm(point)
    token, log = order_until_answered(site)
    assert not site.is_armed(point)
    assert log.failed == 1
    assert [a.token for a in Appointment.objects.all()] == [token]
    assert audit.broken() == {}


def storm(site, seconds, clients):
    """What so many patients met, who came in a process of their own."""
    answer = site.folder / "storm.json"
    visitors = "clinic.tests.faults.visitors"
    command = [sys.executable, "-m", visitors, site.url, str(seconds), str(clients), str(answer)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return Log(**json.loads(answer.read_text()))


def test_a_small_storm_meets_refusals_and_no_errors(site, audit, world):
    log = storm(site, 3, 4)
    assert log.errors == []
    assert log.booked
    assert audit.broken() == {}
    assert audit.lost(log.booked, log.cancelled) == []
    told = [refs for refs in log.keys.values() if refs]
    assert all(len(set(refs)) == 1 for refs in told)
    assert len({refs[0] for refs in told}) == len(told)
    assert Appointment.objects.filter(source="api").count() == len(told)


@contextmanager
def booking_crowd(site):
    """Six who do nothing but book, until the block is left; what they met."""
    log, over = Log(), threading.Event()
    people = threading.Thread(
        target=crowd,
        args=(site.url, 6, log, lambda p: p.book_by_api("short"), lambda: not over.is_set()),
        daemon=True,
    )
    people.start()
    try:
        yield log
    finally:
        over.set()
        people.join()


def empty_the_queue(site, own_broker):
    if own_broker is None:
        shutil.rmtree(site.folder / "queue" / "messages")
        (site.folder / "queue" / "messages").mkdir()
        return
    import redis

    with redis.from_url(own_broker.address) as client:
        client.flushall()


def test_row_25_an_emptied_queue_loses_no_booking_and_no_mail(site, audit, world, own_broker):
    with booking_crowd(site) as log:
        for _n in range(3):
            time.sleep(0.4)
            empty_the_queue(site, own_broker)
    assert log.errors == []
    assert log.booked
    assert audit.lost(log.booked) == []
    wait_until(lambda: audit.waiting() == 0, "every confirmation")
    assert audit.sent("confirmation") == len(log.booked)


def test_row_25_without_redis_bookings_go_on_and_mail_follows(site, audit, world, own_broker):
    if own_broker is None:
        pytest.skip("the queue is a folder here: it has no server that could be away")
    log = Log()
    own_broker.stop()
    try:
        patient = Patient(Client(site.url, log), random.Random(2))
        by_program = patient.book_by_api("visit")
        by_browser = patient.book_by_web("short")
    finally:
        own_broker.start()
    assert by_program
    assert by_browser
    wait_until(lambda: audit.waiting() == 0, "the mail that waited for Redis")
    assert audit.sent("confirmation") == 2


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite is no server: nothing to end")
def test_row_26_connections_that_the_database_ends_in_mid_booking_leave_nothing_half(
    site, audit, world
):
    with booking_crowd(site) as log:
        for _n in range(4):
            time.sleep(0.3)
            audit.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database()"
                f" AND application_name = '{SITE_NAME}'"
            )
    assert audit.broken() == {}
    assert audit.lost(log.booked) == []
    assert site.status("/readyz") == 200


def test_row_27_what_was_just_booked_is_seen_at_once_by_every_process(site, world):
    """There is no replica to lag behind; nor does any process keep an old answer."""
    log = Log()
    patient = Patient(Client(site.url, log), random.Random(3))
    token = patient.book_by_api("visit")
    order = {
        k: v
        for k, v in json.loads(
            patient.client.ask("see", "GET", f"/api/v1/appointments/{token}").body
        ).items()
        if k in ("start", "practitioner")
    }
    for _process in range(6):
        seen = Client(site.url, log)
        assert seen.ask("see", "GET", f"/appointments/{token}/").status == 200
        day = order["start"][:10]
        path = f"/api/v1/availability?treatment=visit&from={day}&to={day}&practitioner="
        free = json.loads(seen.ask("free", "GET", path + order["practitioner"]).body)["starts"]
        assert order["start"] not in [start["start"] for start in free]
