"""/api/v1/: the same verbs and the same answers as the pages, as JSON."""

from .views import api

__all__ = ["api"]
