"""A new clinic reminds twice: two days and two hours before. Rows, so that the admin can change it."""

from django.apps.registry import Apps
from django.db import migrations

MINUTES_BEFORE = (2880, 120)


def add(apps: Apps, editor: object) -> None:
    """Where the clinic has said nothing yet."""
    rules = apps.get_model("bookings", "ReminderRule").objects
    if not rules.filter(treatment=None).exists():
        for minutes in MINUTES_BEFORE:
            rules.create(treatment=None, minutes_before=minutes)


class Migration(migrations.Migration):
    dependencies = [("bookings", "0001_diary")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
