"""The site's settings, with django-appointment beside it; DATABASE_URL chooses the engine."""

import os
import secrets

os.environ["DEBUG"] = "0"
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(60))
# One process asks over one connection; filling a large clinic takes longer than a page may.
os.environ["DATABASE_POOL"] = "0"
os.environ["DATABASE_STATEMENT_SECONDS"] = "0"

from clinic.settings import *  # noqa: F403
from clinic.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "appointment"]
# django-appointment reads its configuration from the cache for each day it computes: give it the
# quickest one.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
LOGGING = {"version": 1, "disable_existing_loggers": True}
