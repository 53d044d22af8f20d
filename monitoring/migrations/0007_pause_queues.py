from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0006_find_and_sort_at_any_size")]

    operations = [
        migrations.AddField(
            model_name="queue",
            name="pause_number",
            field=models.PositiveIntegerField(default=0, help_text="Counts its pauses: workers acknowledge by it."),
        ),
        migrations.AddField(
            model_name="queue",
            name="pause_reason",
            field=models.CharField(blank=True, default="", max_length=1000),
        ),
        migrations.AddField(
            model_name="queue",
            name="paused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="queue",
            name="paused_by",
            field=models.CharField(blank=True, default="", max_length=255),
        ),
        migrations.AddField(
            model_name="queue",
            name="paused_until",
            field=models.DateTimeField(
                blank=True, help_text="When it resumes by itself; empty: when somebody resumes it.", null=True
            ),
        ),
    ]
