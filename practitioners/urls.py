"""Addresses of the directory that need nothing of booking; clinic/urls.py has the others."""

from django.urls import path

from . import views

urlpatterns = [
    path("practitioners/<slug:slug>/portrait.svg", views.portrait, name="portrait"),
    path("therapies/", views.therapies, name="therapies"),
    path("conditions/", views.conditions, name="conditions"),
]
