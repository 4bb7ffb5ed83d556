"""Our site and django-appointment on one server: the latter's pages are under /theirs/."""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import DATABASES, STORAGES, THROTTLES

ALLOWED_HOSTS = ["127.0.0.1"]
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
ROOT_URLCONF = "benchmarks.rival"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
THROTTLES = dict.fromkeys(THROTTLES, 0)
# As the site has it: a pool a process.
DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10}
