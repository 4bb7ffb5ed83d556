"""Every setting of the site, read from the environment; docs/operations.md lists them all.

Without any environment the site runs on SQLite, a filesystem broker and a mail folder, which
is what `make demo` and the tests use. DATABASE_URL and REDIS_URL alone choose production's
PostgreSQL and Redis. With DEBUG off, a missing SECRET_KEY stops the start.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
# A secret may also come from a file: SECRET_KEY_FILE=/run/secrets/key and so on.
env = environ.FileAwareEnv()


def flag(name: str, *, default: bool) -> bool:
    """Read an on/off variable; a word that is neither stops the start, for "flase" is not off."""
    word = env.str(name, default="").strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    if word:
        raise ImproperlyConfigured(f"{name} is {word!r}: write 1 or 0.")
    return default


DEBUG = flag("DEBUG", default=False)
# Where the embedded set-up keeps its database, queue, mail and uploads. A relative path begins
# at the code, not where a process happens to be started: web and worker must mean one folder.
VAR_DIR = BASE_DIR / env.str("VAR_DIR", default="var")
# It will hold patients' data: nobody else on the machine looks in. Where it cannot be made,
# clinic/checks.py says so.
with suppress(OSError):
    VAR_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)

SECRET_KEY = env.str("SECRET_KEY", default="development-only-" + "x" * 50 if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY (or DEBUG=1 for a machine of your own).")
# The keys before this one: links signed with them stay good while they stand here.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"] if DEBUG else []
)
# The address patients reach the site under; links in mails begin with it.
SITE_URL = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "clinic",
    "bookings",
    "practitioners",
    "clinic.admin_app.ClinicAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_htmx",
]
MIDDLEWARE = [
    "clinic.middleware.RequestId",
    "clinic.middleware.Measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "clinic.middleware.PermissionsPolicy",
    "clinic.middleware.ApiProblems",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "clinic.middleware.Outage",
    "clinic.middleware.BadInput",
]
if DEBUG and flag("FRIENDLY_ERRORS", default=False):
    # Before those that know more about an exception: they see it first.
    MIDDLEWARE.insert(-2, "clinic.middleware.FriendlyErrors")
ROOT_URLCONF = "clinic.urls"
WSGI_APPLICATION = "clinic.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "practitioners.context.clinic",
            ],
        },
    },
]

# --- Database -----------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default="")
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url_config(DATABASE_URL)
    if DATABASE_URL
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": str(VAR_DIR / "clinic.sqlite3")}
}
_db = DATABASES["default"]
if _db["ENGINE"] == "django.db.backends.sqlite3":
    _db["OPTIONS"] = {
        # Every transaction takes the write lock at BEGIN: SQLite then waits its turn
        # instead of failing half-way. Keep atomic() out of pages that only read.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
        "PRAGMA cache_size=-20000;PRAGMA temp_store=MEMORY",
    }
    # A file, not memory: the race tests need connections that really compete.
    _db["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    _db["CONN_MAX_AGE"] = 0
    # A pooled connection is looked at before it is lent: a database that was restarted
    # costs a new connection, not an error page.
    _db["CONN_HEALTH_CHECKS"] = True
    # How long one statement may take; 0 (no limit) for migrations.
    _seconds = env.int("DATABASE_STATEMENT_SECONDS", default=15)
    # One for each thread of a web process, or the others wait for it, and in a crowd in vain.
    _pool = env.int("DATABASE_POOL", default=max(8, env.int("WEB_THREADS", default=8)))
    # How often a statement must have come before the server keeps its plan: never, but for those
    # that ask for it (bookings/prepared.py). With None these don't get it either.
    _never = 1_000_000_000
    _prepare = _never if flag("DATABASE_PREPARE", default=True) else None
    _db["OPTIONS"] = {
        # A server that is gone without a word is noticed within seconds, not by TCP's patience.
        "connect_timeout": 5,
        "keepalives_idle": 20,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        # What the address itself asks for, such as ?sslmode=require, stays.
        **_db.get("OPTIONS", {}),
        # Nobody waits long for a connection: three seconds, then the 503 page. A pool that has
        # lost its server asks anew every few seconds; its own pause grows to minutes.
        "pool": {"min_size": 1, "max_size": _pool, "timeout": 3, "reconnect_timeout": 3}
        if _pool
        else False,
        "prepare_threshold": _prepare,
        "options": f"-c statement_timeout={_seconds * 1000} -c lock_timeout=5000"
        # What is prepared is planned once and for all: planning is what it saves.
        " -c plan_cache_mode=force_generic_plan",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache and Celery ---------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "clinic",
            # A cache that does not answer costs a page a second, not a minute.
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(VAR_DIR / "cache"),
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    }
# Each longer than the one before; clinic/checks.py holds them to it. An answer of the mail server;
# one run of the outbox, which then begins no other message; the longest task: such a run, and a
# message for which each of a dozen answers comes at the last moment, behind those of the other
# senders of its process; until the broker hands a task out again; until a claimed message is
# anybody's again.
SENDERS = 3
EMAIL_TIMEOUT = 10
SEND_SECONDS = 10
LONGEST_TASK_SECONDS = 225
VISIBILITY_SECONDS = 240
LEASE_SECONDS = 300
CELERY_BROKER_URL = REDIS_URL or "files://localhost"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
# What a worker has not begun, another can have.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker that is down must cost a booking a tenth of a second, not a minute.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.1}
if REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        # After so long a task whose worker has died is handed to another.
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_timeout": 10,
        "socket_connect_timeout": 2,
        # Whoever puts a message in tries twice, at once: unsaid it is six seconds, in a page too.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }
else:
    _queue = VAR_DIR / "queue"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue / "messages"),
        "data_folder_out": str(_queue / "messages"),
        "control_folder": str(_queue / "control"),
        "polling_interval": 0.2,
    }
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False

# --- Mail ---------------------------------------------------------------------
EMAIL_URL = env.str("EMAIL_URL", default="")
MAIL_DIR = VAR_DIR / "mail"
if EMAIL_URL:
    vars().update(env.email_url_config(EMAIL_URL))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(MAIL_DIR)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="clinic@example.org")
# What the mail provider takes; 0 is no limit.
MAIL_PER_MINUTE = env.int("MAIL_PER_MINUTE", default=0)
# What could not be sent for so long is not sent any more (bookings/staleness.py).
MAIL_OLDEST_HOURS = env.int("MAIL_OLDEST_HOURS", default=72)

# --- People, language, time ---------------------------------------------------
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "after-login"
LOGOUT_REDIRECT_URL = "home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en-gb"
# The clinic's own zone, for the admin; pages show each date in its location's zone.
TIME_ZONE = env.str("TIME_ZONE", default="Europe/London")
USE_TZ = True

# --- Files --------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / env.str("STATIC_ROOT", default=str(VAR_DIR / "static"))
MEDIA_ROOT = VAR_DIR / "media"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

# --- Security -----------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # data: for Bootstrap's own icons, which are data URLs inside its stylesheet.
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
HTTPS = flag("HTTPS", default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
# What the machine itself asks comes without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# How many proxies of ours stand in front: 0 means nobody's X-Forwarded-For is believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 300

# --- Booking ------------------------------------------------------------------
HOLD_MINUTES = env.int("HOLD_MINUTES", default=10)
# How long the desk can take back a cancellation or a move, before the patient is told.
UNDO_SECONDS = env.int("UNDO_SECONDS", default=120)
# Requests a minute from one address, per kind of door; 0 is no limit (see clinic/throttle.py).
THROTTLES = {
    "api": env.int("THROTTLE_API", default=240),
    "book": env.int("THROTTLE_BOOK", default=60),
    # Times kept at once from one address, not requests: see clinic/throttle.py.
    "hold": env.int("THROTTLE_HOLD", default=env.int("THROTTLE_BOOK", default=60) // 3),
    "contact": env.int("THROTTLE_CONTACT", default=5),
    "code": env.int("THROTTLE_CODE", default=6),
    "login": env.int("THROTTLE_LOGIN", default=20),
}

# --- Log and metrics ----------------------------------------------------------
# One line of JSON an event where machines collect it, plain lines on a machine of one's own.
# Who may read /metrics: whoever brings this word. Empty: there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "clinic.logs.JsonFormatter"},
        "plain": {
            "()": "clinic.logs.PlainFormatter",
            "format": "%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s",
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain" if DEBUG else "json"},
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Its own handler would write the same line again, and a mail to nobody.
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # Every 404 is a line otherwise.
        "django.request": {"level": "ERROR"},
        # Machines that knock under made-up names; they are answered 400 and that is all.
        "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
    },
}
# The worker logs like everybody else, not in Celery's own format.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Nor is a trace that ends a process cut into a line a word.
CELERY_WORKER_REDIRECT_STDOUTS = False
