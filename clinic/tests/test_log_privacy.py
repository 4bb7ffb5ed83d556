"""No line of any log names a person, however much is logged and whatever goes wrong."""

import logging
import smtplib
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DataError, IntegrityError

from bookings import notifications, tasks
from bookings.models import Appointment, Notification, Patient
from bookings.tests import factories as make
from bookings.tests import test_api
from clinic.celery import app
from clinic.clock import now
from clinic.logs import JsonFormatter, PlainFormatter
from clinic.tests.test_outage import away

pytestmark = pytest.mark.django_db
# None of it is a word of ours.
PERSON = {
    "name": "Zacharias Quillfeather",
    "email": "zacharias.q@example.org",
    "phone": "+44 117 496 0777",
}
NOTE = "Osteogenesis since nineteen-eighty"
NEVER = ["zacharias", "quillfeather", "4960777", "496 0777", "osteogenesis"]


@pytest.fixture
def lines():
    """Every line that any logger has to say at DEBUG, as both formatters would write it."""
    said = []

    class Everything(logging.Handler):
        def emit(self, record):
            said.append(PlainFormatter("%(name)s %(message)s").format(record))
            said.append(JsonFormatter().format(record))

    handler, root = Everything(), logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "django", "django.request")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield said
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def leaks(lines):
    return [line for line in lines if any(word in line.lower() for word in NEVER)]


def book(client, hour=10):
    start = (now() + timedelta(days=2)).replace(hour=hour, minute=0, second=0, microsecond=0)
    body = test_api.body(start=start.isoformat(), patient=PERSON, note=NOTE)
    return test_api.post(client, body)


@contextmanager
def mail_server_says(monkeypatch, error):
    def refuse(*args, **kwargs):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("clinic.mail.send", refuse)
        yield


def test_the_control_a_line_that_names_somebody_is_found(lines):
    logging.getLogger("bookings").debug("booked for %s", PERSON["name"])
    assert len(leaks(lines)) == 2


def test_booking_changing_and_mailing_names_nobody(client, lines):
    make.bookable_clinic()
    url = book(client).json()["manage_url"]
    page = url.removeprefix("http://localhost:8000")
    assert client.get(page).status_code == 200
    token = page.strip("/").rpartition("/")[2]
    client.post(f"/api/v1/appointments/{token}/cancel", "{}", content_type="application/json")
    for pk, attempt in notifications.claim():
        notifications.deliver(pk, attempt)
    sent = Notification.objects.filter(state="sent")
    assert sent.exists()
    assert not [line for line in lines if token in line]
    assert leaks(lines) == []


def test_what_goes_wrong_names_nobody(client, lines, monkeypatch):
    make.bookable_clinic()
    assert book(client).status_code == 201
    assert book(client).status_code == 409
    assert test_api.post(client, {"patient": PERSON}).status_code == 422
    for error in (
        smtplib.SMTPRecipientsRefused({PERSON["email"]: (550, b"no such user")}),
        smtplib.SMTPDataError(451, f"greylisted <{PERSON['email']}>".encode()),
        ValueError(f"no address: {PERSON['email']}"),
        OSError("away"),
    ):
        Notification.objects.filter(kind="confirmation").update(
            state="pending", lease_until=None, attempts=0
        )
        with mail_server_says(monkeypatch, error):
            for pk, attempt in notifications.claim():
                notifications.deliver(pk, attempt)
    with away():
        assert book(client, hour=12).status_code == 503
    assert [line for line in lines if "OSError" in line or "SMTP" in line], "it was logged"
    assert leaks(lines) == []


def test_a_row_that_the_database_refuses_names_nobody(client, lines, monkeypatch):
    """The trace of a fault of ours quotes what the database said, without the row."""
    make.bookable_clinic()
    assert book(client).status_code == 201
    visit = Appointment.objects.get()

    def fault(*args, **kwargs):
        Patient.objects.filter(pk=visit.patient_id).update(name=None)

    monkeypatch.setattr("bookings.appointments.book", fault)
    client.raise_request_exception = False
    assert book(client, hour=12).status_code == 500
    assert [line for line in lines if IntegrityError.__name__ in line], "the trace is there"
    assert leaks(lines) == []


def test_a_task_that_fails_names_nobody(client, lines, monkeypatch):
    make.bookable_clinic()
    assert book(client).status_code == 201

    def fault(*args, **kwargs):
        raise DataError(f'invalid input syntax for type integer: "{PERSON["name"]}"')

    monkeypatch.setattr(notifications, "deliver", fault)
    row = Notification.objects.first()
    app.tasks[tasks.send_one.name].apply(args=[row.pk, 1])
    assert [line for line in lines if "send_one" in line], "the trace is there"
    assert leaks(lines) == []
