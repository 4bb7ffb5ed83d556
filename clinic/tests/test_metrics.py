"""/metrics: what all processes counted and what the database knows, for who brings the token."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as running
from prometheus_client.parser import text_string_to_metric_families

from bookings import notifications
from bookings.models import Appointment, Audit, Kind, Notification
from bookings.tests import factories as make
from bookings.tests import test_api
from clinic import fuse, metrics
from clinic.clock import now
from clinic.models import Heartbeat
from clinic.tests.test_outage import away

TOKEN = "a-word-that-only-prometheus-knows"


@pytest.fixture
def scrape(client, settings):
    """What stands at /metrics: the value of each line."""
    settings.METRICS_TOKEN = TOKEN

    def ask() -> dict[str, float]:
        response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200
        return {
            sample.name + "".join(f"|{value}" for _name, value in sorted(sample.labels.items())): (
                sample.value
            )
            for family in text_string_to_metric_families(response.content.decode())
            for sample in family.samples
        }

    return ask


def test_without_the_setting_there_is_no_such_page(client, settings, db):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.once
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer x", f"Basic {TOKEN}", TOKEN])
def test_without_the_token_nobody_reads_it(client, settings, given):
    settings.METRICS_TOKEN = TOKEN
    response = client.get("/metrics", headers={"Authorization": given})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.content == b""


@pytest.mark.django_db
def test_the_database_s_numbers_are_those_of_this_moment(scrape):
    instant = now()
    Heartbeat.objects.create(pk=1, at=instant - timedelta(seconds=40))
    for state, minutes in (("pending", 20), ("pending", 5), ("pending", -60), ("failed", 30)):
        due = instant - timedelta(minutes=minutes)
        Notification.objects.create(
            kind=Kind.CODE, recipient="ada@example.org", due_at=due, state=state
        )
    for minutes, total in ((60, 5), (0, 3)):
        Audit.objects.create(at=instant - timedelta(minutes=minutes), total=total)
    found = scrape()
    assert found["clinic_audit_findings"] == 3
    assert found["clinic_database_up"] == 1
    assert found["clinic_outbox_due"] == 2
    assert found["clinic_outbox_stuck"] == 1
    assert 1200 <= found["clinic_outbox_age_seconds"] < 1230
    assert found["clinic_undeliverable"] == 1
    assert found["clinic_holds"] == 0
    assert 40 <= found["clinic_worker_silence_seconds"] < 70


@pytest.mark.django_db(transaction=True)
def test_a_booking_and_a_lost_start_are_counted(client, scrape):
    make.bookable_clinic()
    start = (now() + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)
    body = test_api.body(start=start.isoformat())
    before = scrape()
    assert test_api.post(client, body).status_code == 201
    assert test_api.post(client, body).status_code == 409
    after = scrape()
    for name in ("clinic_bookings_total|api", "clinic_conflicts_total|start_taken"):
        assert after[name] - before.get(name, 0) == 1, name


@pytest.mark.django_db
def test_what_is_rolled_back_is_no_booking(client, scrape, django_capture_on_commit_callbacks):
    make.bookable_clinic()
    start = (now() + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)
    before = scrape().get("clinic_bookings_total|api", 0)
    with django_capture_on_commit_callbacks(execute=False):
        assert test_api.post(client, test_api.body(start=start.isoformat())).status_code == 201
    assert scrape().get("clinic_bookings_total|api", 0) == before


@pytest.mark.django_db
def test_a_live_hold_is_counted_and_one_that_is_over_is_not(scrape, world_with_holds):
    assert scrape()["clinic_holds"] == 1


@pytest.fixture
def world_with_holds():
    from bookings import appointments
    from bookings.actors import Actor

    world = make.bookable_clinic()
    start = (now() + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)
    for hours in (0, 2):
        held = appointments.hold(
            treatment=world.treatment,
            start=start + timedelta(hours=hours),
            screening=make.passed_screening(),
            by=Actor("patient"),
        )
    Appointment.objects.filter(pk=held.pk).update(held_until=now() - timedelta(seconds=1))


@pytest.mark.django_db
def test_mails_are_counted_sent_and_not(scrape, monkeypatch):
    make.bookable_clinic()
    before = scrape()
    for fault in (None, ValueError("no address")):
        row = Notification.objects.create(
            kind=Kind.CODE, recipient="ada@example.org", due_at=now(), payload={"code": "123456"}
        )
        if fault:

            def fail(*args, fault=fault, **kwargs):
                raise fault

            monkeypatch.setattr("clinic.mail.send", fail)
        for pk, attempt in notifications.claim():
            notifications.deliver(pk, attempt)
        row.refresh_from_db()
    after = scrape()
    for outcome in ("sent", "failed"):
        name = f"clinic_mails_total|{outcome}"
        assert after[name] - before.get(name, 0) == 1, name


@pytest.mark.django_db
def test_an_answer_is_timed_under_the_name_of_its_address_and_never_its_path(client, scrape):
    before = scrape()
    client.get("/appointments/s3cr3t-s3cr3t-s3cr3t-s3/")
    client.get("/no/such/s3cr3t/")
    client.get("/")
    after = scrape()
    for name in (
        "clinic_request_seconds_count|home",
        "clinic_request_seconds_count|none",
        "clinic_responses_total|200",
    ):
        assert after[name] > before.get(name, 0), name
    assert not [name for name in after if "s3cr3t" in name]
    assert after["clinic_request_seconds_bucket|+Inf|home"] >= 1


@pytest.mark.django_db
def test_without_the_database_the_counters_are_still_there(client, scrape):
    with away():
        client.get("/")
        found = scrape()
    assert found["clinic_database_up"] == 0
    assert found["clinic_failures_total|database"] >= 1
    assert "clinic_outbox_due" not in found


@pytest.mark.django_db
def test_a_broker_that_is_away_is_counted_and_left_alone_for_a_while(scrape, monkeypatch):
    asked = []

    def lost(*args, **kwargs):
        asked.append(1)
        raise OSError

    monkeypatch.setattr("celery.current_app.send_task", lost)
    before = scrape().get("clinic_failures_total|broker", 0)
    for _ in range(3):
        notifications.nudge()
    assert scrape()["clinic_failures_total|broker"] == before + 1
    assert len(asked) == 1, "the pages after the first do not pay for it"
    fuse.broker.mend()
    notifications.nudge()
    assert len(asked) == 2


# --- counting across processes --------------------------------------------------
COUNT = """
import os, sys, time
from clinic import metrics
for _ in range(int(sys.argv[1])):
    metrics.count(metrics.failures, "test")
print(metrics.process_number(), flush=True)
if len(sys.argv) > 2:
    child = os.fork()
    if not child:
        metrics.count(metrics.failures, "test")
        print(metrics.process_number(), flush=True)
        os._exit(0)
    os.wait()
    time.sleep(60)
"""


def counting(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "VAR_DIR": str(folder), "DEBUG": "1", "DATABASE_URL": ""}
    environment["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
    return subprocess.Popen(
        [sys.executable, "-c", COUNT, *arguments],
        cwd=running.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def total(folder: Path) -> float:
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder / "metrics"))
    return registry.get_sample_value("clinic_failures_total", {"service": "test"}) or 0


@pytest.mark.once
def test_processes_count_together_and_their_files_stay_few(tmp_path):
    living = counting(tmp_path, "2", "and a child")
    numbers = [living.stdout.readline().strip() for _ in range(2)]
    assert sorted(numbers) == ["0", "1"], "a forked child takes a number of its own"
    assert total(tmp_path) == 3
    short = counting(tmp_path, "5")
    assert short.stdout.readline().strip() == "1", "the number of who is gone is taken again"
    short.wait(20)
    assert total(tmp_path) == 8, "and its counters go on"
    living.send_signal(signal.SIGKILL)
    living.wait(20)
    last = counting(tmp_path, "1")
    assert last.stdout.readline().strip() == "0", "a process that was killed holds nothing"
    last.wait(20)
    assert total(tmp_path) == 9
    assert len(list((tmp_path / "metrics").glob("*.db"))) == 4


@pytest.mark.once
def test_counters_that_a_power_cut_left_unreadable_are_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "FOLDER", tmp_path)
    broken = tmp_path / "counter_0.db"
    broken.write_bytes((4096).to_bytes(4, "little") + b"\xff" * 4092)
    _number, lock = metrics._take_number()
    lock.close()
    assert broken.stat().st_size == metrics.FILE_BYTES
    assert broken.read_bytes()[:4] == b"\0" * 4


@pytest.mark.once
def test_a_full_disk_kills_no_process_that_counts(tmp_path, monkeypatch):
    """The room is really taken: a file with holes would be a SIGBUS when the disk is full."""
    monkeypatch.setattr(metrics, "FOLDER", tmp_path)
    _number, lock = metrics._take_number()
    lock.close()
    for kind in ("counter", "histogram"):
        found = (tmp_path / f"{kind}_0.db").stat()
        assert found.st_blocks * 512 >= metrics.FILE_BYTES


@pytest.mark.once
def test_counting_never_costs_a_page(monkeypatch):
    class Broken:
        def labels(self, *args):
            raise OSError("no space left on device")

    metrics.count(Broken(), "x")
    monkeypatch.setattr(metrics, "responses", Broken())
    metrics.observe("home", 0.1, 200)
