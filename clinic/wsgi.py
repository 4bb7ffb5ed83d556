"""What gunicorn serves: `gunicorn clinic.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")

application = get_wsgi_application()

if settings.REDIS_URL:
    # A page only puts messages in: a Redis that hangs costs it a second, then nothing for a while
    # (clinic/fuse.py). A worker waits for messages, and needs its longer patience.
    settings.CELERY_BROKER_TRANSPORT_OPTIONS |= {"socket_timeout": 1, "socket_connect_timeout": 1}
