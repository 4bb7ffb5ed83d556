"""When the worker last did what beat asked for: one row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clinic", "0002_one_form_one_message")]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
            ],
            options={
                "verbose_name": "heartbeat",
                "verbose_name_plural": "heartbeats",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="heartbeat_is_one_row"
                    )
                ],
            },
        )
    ]
