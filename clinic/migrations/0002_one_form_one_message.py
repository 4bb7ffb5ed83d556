"""A form that arrives twice is one message."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clinic", "0001_inbox")]

    operations = [
        migrations.AddField(
            model_name="contactmessage",
            name="form_token",
            field=models.CharField(editable=False, max_length=32, null=True, unique=True),
        )
    ]
