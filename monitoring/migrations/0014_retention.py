"""What retention remembers: how far each kind was pruned, and the pruned tasks that history goes on counting."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0013_ledger")]

    operations = [
        migrations.CreateModel(
            name="Pruned",
            fields=[
                ("kind", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("before", models.DateTimeField(help_text="Rows older than this may be gone: of such times only the rollups tell.", null=True)),
                ("deleted", models.BigIntegerField(default=0, help_text="Rows deleted since ever.")),
                ("told", models.BigIntegerField(default=0, help_text="How many of them the operators' trail tells of.")),
                ("finished_at", models.DateTimeField(help_text="When it last came to its end.", null=True)),
            ],
            options={"verbose_name_plural": "pruned"},
        ),
        migrations.AddField(
            model_name="taskcount",
            name="pruned",
            field=models.BigIntegerField(default=0, help_text="How many more there were, which were deleted for their age."),
        ),
        migrations.AddField(model_name="taskcount", name="pruned_timed", field=models.BigIntegerField(default=0)),
        migrations.AddField(model_name="taskcount", name="pruned_run_us", field=models.BigIntegerField(default=0)),
    ]
