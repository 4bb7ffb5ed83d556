"""Addresses under /desk/."""

from django.urls import path

from .views import desk, why

urlpatterns = [
    path("", desk.today, name="desk"),
    path("print/", desk.print_day, name="desk-print"),
    path("attention/", desk.all_attention, name="desk-attention"),
    path("search/", desk.search, name="desk-search"),
    path("why/", why.why, name="desk-why"),
    path("<str:reference>/<slug:verb>/", desk.action, name="desk-action"),
]
