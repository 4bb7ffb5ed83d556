"""What the desk can take back; one pace for all mail; reminders found among a million sent rows.

The column has its default in the database, so that the version before this one can go on writing
while this runs. The index is partial: what is sent is not in it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0003_homes_and_journeys"),
        ("practitioners", "0003_evidence_not_assessed_yet"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MailPace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("free_at", models.DateTimeField()),
                ("turns", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Undo",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "verb",
                    models.CharField(
                        choices=[("cancel", "cancelled"), ("reschedule", "moved")], max_length=10
                    ),
                ),
                ("until", models.DateTimeField()),
                ("sequence", models.PositiveIntegerField()),
                ("starts_at", models.DateTimeField()),
                ("coming_at", models.DateTimeField(blank=True, null=True)),
                ("claims", models.JSONField()),
                ("waiting", models.JSONField()),
            ],
            options={
                "ordering": ["until", "pk"],
            },
        ),
        migrations.AddField(
            model_name="notification",
            name="refusals",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="notification",
            name="last_error",
            field=models.CharField(blank=True, max_length=200, verbose_name="why not sent"),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["kind", "due_at"],
                name="notification_claim",
            ),
        ),
        migrations.AddConstraint(
            model_name="mailpace",
            constraint=models.CheckConstraint(
                condition=models.Q(("id", 1)), name="mail_pace_is_one_row"
            ),
        ),
        migrations.AddField(
            model_name="undo",
            name="appointment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="undos",
                to="bookings.appointment",
            ),
        ),
        migrations.AddField(
            model_name="undo",
            name="location",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="practitioners.location",
            ),
        ),
        migrations.AddField(
            model_name="undo",
            name="practitioner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="practitioners.practitioner",
            ),
        ),
        migrations.AddField(
            model_name="undo",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="undo",
            index=models.Index(fields=["until"], name="undo_by_end"),
        ),
        migrations.AddConstraint(
            model_name="undo",
            constraint=models.UniqueConstraint(
                fields=("appointment", "sequence"), name="undo_once_a_change"
            ),
        ),
    ]
