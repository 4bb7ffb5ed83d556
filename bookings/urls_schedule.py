"""Addresses under /schedule/."""

from django.urls import path

from .views import feeds, schedule

urlpatterns = [
    path("", schedule.day_and_week, name="schedule"),
    path("feed/", feeds.manage, name="schedule-feeds"),
    path("feed/<int:pk>/revoke/", feeds.revoke, name="schedule-feed-revoke"),
    path("feed/<str:token>.ics", feeds.feed, name="schedule-feed"),
    path("<str:reference>/<slug:verb>/", schedule.action, name="schedule-action"),
]
