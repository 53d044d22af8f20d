"""Failed tasks by error: the group of each, what the groups have in common, and their counts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0007_pause_queues")]

    operations = [
        migrations.CreateModel(
            name="ErrorGroup",
            fields=[
                ("fingerprint", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("error_type", models.CharField(blank=True, default="", max_length=255)),
                (
                    "pattern",
                    models.CharField(help_text="What they have in common, as a person reads it.", max_length=300),
                ),
                ("first_seen_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="FailureCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("span", models.CharField(choices=[("h", "Hour"), ("d", "Day")], max_length=1)),
                ("start", models.DateTimeField(help_text="When the UTC hour or day of the failure begins.")),
                ("queue", models.CharField(max_length=255)),
                ("task_type", models.CharField(max_length=255)),
                ("error_group", models.CharField(max_length=16)),
                ("count", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("span", "start", "queue", "task_type", "error_group"),
                        name="one_failure_count_per_cell",
                    )
                ]
            },
        ),
        migrations.AddField(
            model_name="task",
            name="error_group",
            field=models.CharField(
                blank=True,
                default="",
                help_text="The ErrorGroup of a task that is FAILED; of no other.",
                max_length=16,
            ),
        ),
        *(
            migrations.AddIndex(
                model_name="task",
                index=models.Index(
                    condition=models.Q(("error_group__gt", "")), fields=[*fields, "completed_at", "id"], name=name
                ),
            )
            for fields, name in (
                (["queue"], "task_failed"),
                (["error_group"], "task_failed_group"),
                (["queue", "error_group"], "task_failed_queue_group"),
            )
        ),
    ]
