"""What could not be sent is found among a million sent rows: each page of the desk asks for it.

The index is partial: what is sent is not in it.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0005_nobody_falls_through")]

    operations = [
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("state", "failed")),
                fields=["due_at"],
                name="notification_failed",
            ),
        ),
    ]
