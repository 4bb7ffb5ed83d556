"""The site's settings, with what a test run needs on top; pyproject.toml points pytest here.

DATABASE_URL and REDIS_URL choose the engine and the broker exactly as they do for the site.
"""

import os
from hashlib import blake2b
from pathlib import Path

os.environ.setdefault("DEBUG", "1")
_folder = Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parents[2] / "var" / "test")
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker and _folder.name != _worker:
    # Tests that run side by side share neither database nor queue, cache or mail folder. The
    # processes that such a test starts inherit VAR_DIR, and with it all of these.
    _folder /= _worker
os.environ["VAR_DIR"] = str(_folder)
# A pool keeps connections open, and PostgreSQL won't drop a test database that has any.
os.environ["DATABASE_POOL"] = "0"

from clinic.settings import *  # noqa: F403
from clinic.settings import CACHES, DATABASE_URL, DATABASES, REDIS_URL, STATIC_ROOT

STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns about a folder that is missing

# Two checkouts that test on one server must not meet either.
_mark = blake2b(str(_folder).encode(), digest_size=4).hexdigest()
if DATABASE_URL:
    DATABASES["default"].setdefault("TEST", {})["NAME"] = f"test_clinic_{_mark}"
if REDIS_URL:
    CACHES["default"]["KEY_PREFIX"] = f"test-{_mark}"
    CELERY_TASK_DEFAULT_QUEUE = f"test-{_mark}"

# Signing in is not what most tests are about; the real hasher takes a quarter of a second.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
