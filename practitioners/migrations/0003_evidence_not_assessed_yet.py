from django.db import migrations, models


class Migration(migrations.Migration):
    """A new therapy's evidence is “not assessed yet”; what was chosen for others stays."""

    dependencies = [
        ("practitioners", "0002_lengths_and_first_visits"),
    ]

    operations = [
        migrations.AlterField(
            model_name="therapy",
            name="evidence_strength",
            field=models.CharField(
                choices=[
                    ("unknown", "not assessed yet"),
                    ("good", "good"),
                    ("some", "some"),
                    ("weak", "weak"),
                    ("none", "none found"),
                    ("against", "against"),
                ],
                default="unknown",
                max_length=8,
                verbose_name="strength of the evidence",
            ),
        ),
    ]
