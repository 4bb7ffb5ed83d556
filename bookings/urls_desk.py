"""Addresses under /desk/."""

from django.urls import path

from .views import desk, outcomes, why

urlpatterns = [
    path("", desk.today, name="desk"),
    path("print/", desk.print_day, name="desk-print"),
    path("attention/", desk.all_attention, name="desk-attention"),
    path("search/", desk.search, name="desk-search"),
    path("why/", why.why, name="desk-why"),
    path("audit/", outcomes.last_audit, name="desk-audit"),
    path("mail/<int:pk>/<slug:verb>/", outcomes.mail, name="desk-mail"),
    path("<str:reference>/outcome/", outcomes.outcome, name="desk-outcome"),
    path("<str:reference>/<slug:verb>/", desk.action, name="desk-action"),
]
