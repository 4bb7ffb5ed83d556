"""System checks of the settings: combinations that start and then go wrong, each with a way out.

`manage.py check` runs the first group; `check --deploy` also those of a public site.
"""

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.http.request import validate_host

ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")


@register(Tags.database)
def check_engine(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """The rule against double booking exists for two engines only."""
    engine = settings.DATABASES["default"]["ENGINE"]
    if engine in ENGINES:
        return []
    return [
        Error(
            f"The database engine {engine} cannot refuse overlapping reservations.",
            hint="DATABASE_URL begins with postgresql:// or sqlite:///, or is not set at all.",
            id="clinic.E001",
        )
    ]


@register(Tags.security)
def check_secret(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """A key that stands in the repository opens every patient's page."""
    if settings.DEBUG or not settings.SECRET_KEY.startswith("development-only"):
        return []
    return [
        Error(
            "SECRET_KEY is the one for development, which everybody can read.",
            hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'",
            id="clinic.E002",
        )
    ]


@register()
def check_numbers(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Numbers that would stop every booking, or none."""
    found: list[CheckMessage] = []
    if not 1 <= settings.HOLD_MINUTES <= 120:
        found.append(
            Error(
                f"HOLD_MINUTES is {settings.HOLD_MINUTES}.",
                hint="A start is held for 1 to 120 minutes; 10 is a good value.",
                id="clinic.E003",
            )
        )
    wrong = [kind for kind, limit in settings.THROTTLES.items() if limit < 0]
    if wrong or settings.TRUSTED_PROXIES < 0:
        found.append(
            Error(
                f"A limit is below zero: {', '.join(wrong) or 'TRUSTED_PROXIES'}.",
                hint="THROTTLE_... are requests a minute (0: no limit); TRUSTED_PROXIES a count.",
                id="clinic.E004",
            )
        )
    return found


@register()
def check_mail_numbers(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Numbers with which a patient would never be told, or told twice."""
    found: list[CheckMessage] = []
    if (
        settings.MAIL_PER_MINUTE < 0
        or settings.MAIL_OLDEST_HOURS < 1
        or not 0 <= settings.UNDO_SECONDS <= 900
    ):
        found.append(
            Error(
                "MAIL_PER_MINUTE, MAIL_OLDEST_HOURS or UNDO_SECONDS is out of range.",
                hint="MAIL_PER_MINUTE: 0 (no limit) or more. MAIL_OLDEST_HOURS: 1 or more, 72 is a "
                "good value. UNDO_SECONDS: 0 to 900, 120 is a good value.",
                id="clinic.E009",
            )
        )
    # A message has some twelve answers, with TLS and a login, and waits for three of each other.
    answers = 12 + 3 * (settings.SENDERS - 1)
    steps = [
        settings.SEND_SECONDS + answers * settings.EMAIL_TIMEOUT,
        settings.LONGEST_TASK_SECONDS,
        settings.VISIBILITY_SECONDS,
        settings.LEASE_SECONDS,
    ]
    if steps != sorted(set(steps)):
        found.append(
            Error(
                "A task could be given to a second worker while the first is still at it.",
                hint="SEND_SECONDS + 18 EMAIL_TIMEOUT < LONGEST_TASK_SECONDS < VISIBILITY_SECONDS "
                "< LEASE_SECONDS, in clinic/settings.py.",
                id="clinic.E010",
            )
        )
    return found


@register()
def check_var_dir(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Without Redis the queue, and without PostgreSQL the database, are files in VAR_DIR."""
    embedded = not settings.REDIS_URL or settings.DATABASES["default"]["ENGINE"] == ENGINES[0]
    folder = settings.VAR_DIR
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not embedded or os.access(folder, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"VAR_DIR ({settings.VAR_DIR}) cannot be written to.",
            hint="Give the site's user that folder, or set VAR_DIR, or DATABASE_URL and REDIS_URL.",
            id="clinic.E005",
        )
    ]


@register(Tags.security, deploy=True)
def check_addresses(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """The links in the mails must lead to a site that answers."""
    site = urlsplit(settings.SITE_URL)
    found: list[CheckMessage] = []
    if site.hostname in (None, "localhost", "127.0.0.1"):
        found.append(
            Error(
                f"SITE_URL is {settings.SITE_URL}: links in mails lead to the reader's machine.",
                hint="Set SITE_URL to the address patients use, such as https://clinic.example.org",
                id="clinic.E006",
            )
        )
    elif not validate_host(site.hostname or "", settings.ALLOWED_HOSTS):
        found.append(
            Error(
                f"ALLOWED_HOSTS does not contain {site.hostname}, the host of SITE_URL.",
                hint=f"Every link in a mail would be answered 400: ALLOWED_HOSTS={site.hostname}",
                id="clinic.E007",
            )
        )
    if settings.HTTPS and site.scheme != "https":
        found.append(
            Error(
                "HTTPS is on and SITE_URL does not begin with https://.",
                hint="Links with a patient's token would make their first hop in the clear.",
                id="clinic.E008",
            )
        )
    return found


@register(Tags.security, deploy=True)
def check_proxies(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Behind a proxy that is not declared, all visitors are one visitor."""
    if settings.TRUSTED_PROXIES or not settings.HTTPS:
        return []
    return [
        Warning(
            "HTTPS is on and TRUSTED_PROXIES is 0.",
            hint="If a proxy ends TLS, every page redirects to itself and all visitors share one "
            "throttle: set TRUSTED_PROXIES to the number of proxies that add to "
            "X-Forwarded-For and set X-Forwarded-Proto.",
            id="clinic.W001",
        )
    ]


@register(deploy=True)
def check_mail(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Reminders that go into a folder remind nobody."""
    found: list[CheckMessage] = []
    if not settings.EMAIL_URL:
        found.append(
            Warning(
                "EMAIL_URL is not set: every mail is written to a folder and reaches nobody.",
                hint="EMAIL_URL=smtp+tls://user:password@mail.example.org:587",
                id="clinic.W002",
            )
        )
    if settings.DEFAULT_FROM_EMAIL == "clinic@example.org":
        found.append(
            Warning(
                "DEFAULT_FROM_EMAIL is the one from the examples.",
                hint="Set it to an address of the clinic that takes answers.",
                id="clinic.W003",
            )
        )
    return found
