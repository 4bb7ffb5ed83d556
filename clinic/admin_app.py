"""The admin as an installed app, with our front page; apart from clinic.apps, which holds one."""

from django.contrib.admin.apps import AdminConfig


class ClinicAdminConfig(AdminConfig):
    default = False
    default_site = "clinic.admin_site.ClinicAdminSite"
