"""What became of each visit that the clinic called off, of mails that failed, and of each audit.

What was called off before and has not begun yet becomes a task of the desk; what is past is closed.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FILL = """
    INSERT INTO bookings_calledoff
        (appointment_id, outcome, reason, noted_at, noted_by, created_at)
    SELECT id,
        CASE WHEN starts_at > CURRENT_TIMESTAMP THEN 'open' ELSE 'closed' END,
        CASE WHEN starts_at > CURRENT_TIMESTAMP THEN '' ELSE 'Before outcomes were kept' END,
        CASE WHEN starts_at > CURRENT_TIMESTAMP THEN NULL ELSE CURRENT_TIMESTAMP END,
        CASE WHEN starts_at > CURRENT_TIMESTAMP THEN '' ELSE 'an update' END,
        CURRENT_TIMESTAMP
    FROM bookings_appointment WHERE state = 'cancelled' AND cancelled_by_clinic
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0004_undo_and_mail_pace"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="reminderrule",
            name="changed_at",
            field=models.DateTimeField(auto_now=True, null=True),
        ),
        migrations.CreateModel(
            name="Audit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="when")),
                ("total", models.PositiveIntegerField(verbose_name="found")),
                ("findings", models.JSONField(default=list)),
            ],
            options={
                "verbose_name": "audit",
                "verbose_name_plural": "audits",
                "ordering": ["-at"],
                "indexes": [models.Index(fields=["at"], name="audit_by_time")],
            },
        ),
        migrations.CreateModel(
            name="CalledOff",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("open", "nothing yet"),
                            ("rebooked", "booked again"),
                            ("offered", "another time was offered"),
                            ("refunded", "the money was given back"),
                            ("closed", "closed, with a reason"),
                        ],
                        default="open",
                        editable=False,
                        max_length=8,
                        verbose_name="outcome",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("noted_at", models.DateTimeField(blank=True, null=True, verbose_name="noted")),
                ("noted_by", models.CharField(blank=True, max_length=150, verbose_name="noted by")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="called off")),
                (
                    "appointment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="called_off",
                        to="bookings.appointment",
                    ),
                ),
                (
                    "replacement",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaces",
                        to="bookings.appointment",
                        verbose_name="the new visit",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="login",
                    ),
                ),
            ],
            options={
                "verbose_name": "visit called off",
                "verbose_name_plural": "visits called off",
                "ordering": ["created_at", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome", "open")),
                        fields=["created_at"],
                        name="called_off_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("noted_at__isnull", True), ("outcome", "open")),
                            models.Q(
                                ("noted_at__isnull", False),
                                ("outcome__in", ["rebooked", "offered", "refunded", "closed"]),
                            ),
                            _connector="OR",
                        ),
                        name="called_off_outcome_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "rebooked"), ("replacement__isnull", False)),
                            models.Q(
                                models.Q(("outcome", "rebooked"), _negated=True),
                                ("replacement__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="called_off_rebooked_names_the_visit",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "closed"), _negated=True),
                            models.Q(
                                models.Q(("reason", ""), _negated=True),
                                models.Q(("noted_by", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="called_off_closed_by_a_person_with_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reached",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="when")),
                ("by", models.CharField(max_length=150, verbose_name="who")),
                (
                    "notification",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reached",
                        to="bookings.notification",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="login",
                    ),
                ),
            ],
            options={
                "verbose_name": "reached by other means",
                "verbose_name_plural": "reached by other means",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("by", ""), _negated=True), name="reached_by_somebody"
                    )
                ],
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
