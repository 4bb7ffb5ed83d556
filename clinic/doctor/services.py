"""What works beside the pages: broker, cache, worker, beat, the outbox, the mail server."""

import ssl
from datetime import timedelta
from smtplib import SMTPAuthenticationError, SMTPException, SMTPNotSupportedError

from django.conf import settings
from django.core.mail import get_connection
from kombu.exceptions import ChannelError

from clinic import health, pulse
from clinic.celery import app

from .findings import Findings, ok, problem, warning

START_WORKER = "Start one: celery --app clinic worker --pool threads --concurrency 4"
START_BEAT = "Start one, exactly one: celery --app clinic beat"
MAIL_SECONDS = 10


def broker() -> Findings:
    """The queue between pages and worker."""
    where = "Redis" if settings.REDIS_URL else "A folder in VAR_DIR"
    result = health.run_check("broker")
    if result == "ok":
        yield ok(f"{where} takes messages.")
        return
    yield problem(
        f"The broker: {result}. Bookings go on, mail waits.",
        "Is Redis running, and does REDIS_URL name it?"
        if settings.REDIS_URL
        else "Give the site's user the folder queue in VAR_DIR.",
    )


def kept() -> Findings:
    """The cache, which only counts how often one address knocks."""
    result = health.run_check("cache")
    if result == "ok":
        yield ok("Keeps what it is given.")
    else:
        yield warning(f"The cache: {result}. Nobody's requests are limited.", "As for the broker.")


def worker() -> Findings:
    """A worker does what beat asks for."""
    silence, queued = pulse.silence(), _queued()
    if silence is not None and silence <= pulse.SILENT_AFTER:
        yield ok(f"Did what beat asked {_ago(silence)}.")
    elif queued:
        yield problem(f"No worker. Messages that wait in the queue: {queued}.", START_WORKER)
    elif queued is None:
        yield problem(f"No worker {_since(silence)}: the broker is away.", "See the broker.")
    else:
        yield warning("Nobody asks it for anything, so nobody knows.", "See beat.")


def beat() -> Findings:
    """Beat says when to look."""
    silence, queued = pulse.silence(), _queued()
    if silence is not None and silence <= pulse.SILENT_AFTER:
        yield ok(f"Its last tick was done {_ago(silence)}.")
    elif queued:
        yield warning(f"No tick was done {_since(silence)}; what waits may be its.", "See worker.")
    elif queued is None:
        yield warning(f"No tick was done {_since(silence)}.", "See the broker.")
    else:
        yield problem(f"No beat: no tick was done {_since(silence)}.", START_BEAT)


def outbox() -> Findings:
    """Mail goes out in time."""
    box = pulse.outbox()
    if box.stuck:
        yield problem(
            f"Messages that wait too long: {box.stuck}, the oldest for {_minutes(box.age)}.",
            "Look at worker, beat and the mail server, here and in the log.",
        )
    elif box.due:
        yield ok(f"Messages on their way: {box.due}, the oldest for {_minutes(box.age)}.")
    else:
        yield ok("Nothing waits.")
    if box.undeliverable:
        yield warning(
            f"Messages that could not be delivered: {box.undeliverable}.",
            "The desk's “To look at” lists them: mend the address and send again, or ring.",
        )


def mail() -> Findings:
    """The mail server takes our name and password. Nothing is sent."""
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        if settings.DEBUG:
            yield ok("Goes into a folder, read at /dev/mail/.")
        else:
            yield warning("Every mail goes into a folder and reaches nobody.", "Set EMAIL_URL.")
        return
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    link = get_connection(timeout=MAIL_SECONDS)
    try:
        link.open()
        link.connection.ehlo_or_helo_if_needed()
    except (SMTPAuthenticationError, SMTPNotSupportedError):
        yield problem(
            f"The mail server {server} refuses our login.",
            "Look at user and password in EMAIL_URL; write special characters as %40 and so on.",
        )
    except ssl.SSLError:
        yield problem(
            f"The mail server {server} and we do not agree on encryption.",
            "EMAIL_URL begins with smtp+tls:// (port 587) or smtp+ssl:// (port 465).",
        )
    except (SMTPException, OSError) as error:
        yield problem(
            f"The mail server {server} cannot be reached ({type(error).__name__}).",
            "Look at host and port in EMAIL_URL, and whether a firewall lets us out.",
        )
    else:
        yield ok(f"{server} takes our mail (asked, nothing sent).")
    finally:
        link.close()


def _queued() -> int | None:
    """How many messages wait for a worker; None where the broker cannot be asked."""
    try:
        with app.connection_for_read() as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=2)
            queue = app.conf.task_default_queue
            return int(link.default_channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:
        return 0  # Redis: a queue that is empty is not there
    except Exception:
        return None


def _ago(silence: timedelta) -> str:
    return f"{max(silence.total_seconds(), 0):.0f} s ago"


def _since(silence: timedelta | None) -> str:
    return f"for {_minutes(silence)}" if silence else "since the site was set up"


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f} minutes"
