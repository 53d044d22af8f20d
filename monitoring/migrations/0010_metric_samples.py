"""Samples of how things stand, and the recorder's counts since ever that they repeat."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0009_operations")]

    operations = [
        migrations.CreateModel(
            name="MetricSample",
            fields=[
                ("slot", models.BigIntegerField(help_text="Which five seconds since 1970: one sample for each.", primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("waiting", models.BigIntegerField(help_text="Tasks that a worker could take.")),
                ("active", models.BigIntegerField()),
                ("delayed", models.BigIntegerField(help_text="Tasks that wait for their time, or for others.")),
                ("completed", models.BigIntegerField()),
                ("failed", models.BigIntegerField()),
                ("total_queues", models.PositiveIntegerField()),
                ("total_workers", models.PositiveIntegerField()),
                ("ended", models.BigIntegerField()),
                ("failures", models.BigIntegerField()),
                ("retries", models.BigIntegerField()),
                ("timed", models.BigIntegerField()),
                ("run_us", models.BigIntegerField()),
            ],
        ),
        *(
            migrations.AddField(
                model_name="inboxposition",
                name=name,
                field=models.BigIntegerField(default=0, help_text=help_text),
            )
            for name, help_text in (
                ("ended", "Tasks that were completed or failed, since ever."),
                ("failures", "How many of them failed."),
                ("retries", "Automatic and manual retries, since ever."),
                ("timed", "How many of the ended have a run time."),
                ("run_us", "Their run times added up, in microseconds."),
            )
        ),
    ]
