"""Failed tasks by error: the group of each, what the groups have in common, and their counts."""

from collections import Counter

from django.db import migrations, models

from monitoring.error_patterns import error_pattern_of

CHUNK = 2_000


def group_failures(apps, schema_editor):
    """Groups and counts the tasks that are failed already, as the recorder does from now on."""
    task_model, group_model = apps.get_model("monitoring", "Task"), apps.get_model("monitoring", "ErrorGroup")
    failed = task_model.objects.filter(status="FAILED").order_by("pk")
    columns = ("error", "error_group", "queue", "task_type", "created_at", "completed_at")
    first_seen, counts = {}, Counter()
    chunk = list(failed.only(*columns)[:CHUNK])
    while chunk:
        for task in chunk:
            pattern, at = error_pattern_of(task.error), task.completed_at or task.created_at
            task.error_group = pattern.fingerprint
            first_seen[pattern] = min(at, first_seen.get(pattern, at))
            hour = at.replace(minute=0, second=0, microsecond=0)
            for span, start in (("h", hour), ("d", hour.replace(hour=0))):
                counts[span, start, task.queue, task.task_type, task.error_group] += 1
        task_model.objects.bulk_update(chunk, ["error_group"], batch_size=200)
        chunk = list(failed.filter(pk__gt=chunk[-1].pk).only(*columns)[:CHUNK])
    group_model.objects.bulk_create(
        (group_model(**pattern._asdict(), first_seen_at=at) for pattern, at in first_seen.items()), batch_size=CHUNK
    )
    count_model = apps.get_model("monitoring", "FailureCount")
    names = ("span", "start", "queue", "task_type", "error_group")
    count_model.objects.bulk_create(
        (count_model(**dict(zip(names, cell)), count=count) for cell, count in counts.items()), batch_size=CHUNK
    )


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
                help_text="The ErrorGroup of a task that is FAILED; of no other.",
                max_length=16,
                null=True,
            ),
        ),
        migrations.RunPython(group_failures, migrations.RunPython.noop),
        *(
            migrations.AddIndex(
                model_name="task",
                index=models.Index(
                    condition=models.Q(("error_group__isnull", False)), fields=[*fields, "completed_at", "id"], name=name
                ),
            )
            for fields, name in (
                (["queue"], "task_failed"),
                (["error_group"], "task_failed_group"),
                (["queue", "error_group"], "task_failed_queue_group"),
            )
        ),
    ]
