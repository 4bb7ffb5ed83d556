"""Addresses of booking, of a patient's own appointment, and of those who work in the clinic."""

from django.urls import include, path

from .api import api
from .views import book, details, manage, returning

urlpatterns = [
    path("book/", book.choose, name="book"),
    path("book/returning/", returning.address, name="book-returning"),
    path("book/returning/code/", returning.code, name="book-returning-code"),
    path("book/returning/who/", returning.who, name="book-returning-who"),
    path("book/returning/forget/", returning.forget, name="book-returning-forget"),
    path("book/help-now/", details.help_now, name="safety-advice"),
    path("book/<slug:slug>/", book.treatment, name="book-treatment"),
    path("book/<slug:slug>/details/", details.details, name="book-details"),
    path("book/<slug:slug>/safety/", details.safety, name="book-safety"),
    path("book/<slug:slug>/hold/", details.hold, name="book-hold"),
    path("book/<slug:slug>/longer/", details.longer, name="book-longer"),
    path("book/<slug:slug>/let-go/", details.let_go, name="book-let-go"),
    path("appointments/<str:token>/", manage.show, name="appointment"),
    path("appointments/<str:token>/coming/", manage.coming, name="appointment-coming"),
    path("appointments/<str:token>/cancel/", manage.cancel, name="appointment-cancel"),
    path("appointments/<str:token>/move/", manage.move, name="appointment-move"),
    path("appointments/<str:token>/calendar.ics", manage.calendar, name="appointment-ics"),
    path("desk/", include("bookings.urls_desk")),
    path("schedule/", include("bookings.urls_schedule")),
    path("api/v1/", api.urls),
]
