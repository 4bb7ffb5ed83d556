"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from clinic import accounts, contact_page, devmail, health, metrics_page, pages

handler500 = "clinic.middleware.server_error"

urlpatterns = [
    path("", pages.home, name="home"),
    path("practitioners/", pages.directory, name="practitioners"),
    path("practitioners/<slug:slug>/", pages.practitioner, name="practitioner"),
    path("therapies/<slug:slug>/", pages.therapy, name="therapy"),
    path("conditions/<slug:slug>/", pages.condition, name="condition"),
    path("contact/", contact_page.write, name="contact"),
    path("contact/thanks/", contact_page.thanks, name="contact-thanks"),
    path("privacy/", pages.privacy, name="privacy"),
    path("login/", accounts.sign_in, name="login"),
    path("logout/", accounts.sign_out, name="logout"),
    path("signed-in/", accounts.after_login, name="after-login"),
    path("", include("practitioners.urls")),
    path("", include("bookings.urls")),
    path("admin/login/", accounts.admin_login),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics_page.metrics, name="metrics"),
    path("dev/mail/", devmail.folder, name="dev-mail"),
    path("dev/mail/<str:file>/<int:index>/", devmail.letter, name="dev-mail-letter"),
    path("dev/mail/<str:file>/<int:index>/html/", devmail.html, name="dev-mail-html"),
    path(
        "dev/mail/<str:file>/<int:index>/<int:number>/",
        devmail.attachment,
        name="dev-mail-attachment",
    ),
]
