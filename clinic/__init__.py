"""The project: settings, addresses, Celery, and the few helpers every app stands on."""

from clinic.celery import app as celery_app

__all__ = ["celery_app"]
