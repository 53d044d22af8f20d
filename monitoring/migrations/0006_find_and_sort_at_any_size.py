"""Finds tasks by payload, job id, error and worker, sorts them by duration, and counts those with labels."""

import logging

from django.db import DatabaseError, migrations, models, transaction

import monitoring.descending
import monitoring.expressions

TRIGRAMS = {
    # UPPER is what Django writes for icontains.
    "task_payload_trigrams": 'USING gin (UPPER("arguments") gin_trgm_ops)',
    # Without the ids that RQ makes: see TaskFilter.filter_job_id.
    "task_job_trigrams": 'USING gin (UPPER("job_id") gin_trgm_ops) WHERE "job_id" <> ("id")::text',
}
STATUSES = [
    ("SCHEDULED", "Scheduled"),
    ("DEFERRED", "Deferred"),
    ("QUEUED", "Queued"),
    ("RUNNING", "Running"),
    ("COMPLETED", "Completed"),
    ("FAILED", "Failed"),
    ("CANCELLED", "Cancelled"),
]
NOTHING = {
    **dict.fromkeys(("kind", "provider_type", "origin_instance", "origin_zone", "origin_tenant_id"), ""),
    "scheduled_job": 0,
}
"""By label what every value is greater than."""
log = logging.getLogger(__name__)


def count_labels(apps, schema_editor):
    """Counts the tasks that are there already; the recorder counts what comes."""
    tasks = apps.get_model("monitoring", "Task").objects
    counts = apps.get_model("monitoring", "LabelCount").objects
    for label, nothing in NOTHING.items():
        given = tasks.filter(**{f"{label}__gt": nothing})
        groups = given.values_list(label, "queue", "task_type", "status").annotate(count=models.Count("pk"))
        counts.bulk_create(
            counts.model(
                label=label, value=str(value), queue=queue, task_type=task_type, status=status, count=count
            )
            for value, queue, task_type, status, count in groups
        )


def add_trigrams(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for index, of in TRIGRAMS.items():
                cursor.execute(f'CREATE INDEX "{index}" ON "monitoring_task" {of}')
    except DatabaseError as error:
        log.warning(
            "There are no trigram indexes, so a search for part of a payload or of a job id reads every task: %s. Once "
            "pg_trgm is there, `migrate monitoring 0004` and `migrate` add them.",
            str(error).partition("\n")[0],
        )


def remove_trigrams(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for index in TRIGRAMS:
            schema_editor.execute(f'DROP INDEX IF EXISTS "{index}"')


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0005_find_types_by_any_part")]

    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("error_type__gt", "")), fields=["error_type", "created_at", "id"], name="task_error"
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("worker__gt", "")), fields=["worker"], name="task_worker"
            ),
        ),
        migrations.RunPython(add_trigrams, remove_trigrams),
        migrations.RemoveIndex(model_name="task", name="task_completed"),
        migrations.AddIndex(
            model_name="task",
            index=monitoring.descending.EmptyLastIndex(fields=["-completed_at", "-id"], name="task_completed"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=monitoring.descending.EmptyLastIndex(
                models.OrderBy(
                    monitoring.expressions.Elapsed("completed_at", "started_at"), descending=True, nulls_last=True
                ),
                models.OrderBy(models.F("id"), descending=True),
                name="task_elapsed",
            ),
        ),
        migrations.CreateModel(
            name="LabelCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("label", models.CharField(help_text="The column of Task that holds it.", max_length=20)),
                ("value", models.CharField(max_length=255)),
                ("queue", models.CharField(max_length=255)),
                ("task_type", models.CharField(max_length=255)),
                ("status", models.CharField(choices=STATUSES, max_length=10)),
                ("count", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("label", "value", "queue", "task_type", "status"), name="one_label_count_per_cell"
                    ),
                ],
            },
        ),
        migrations.RunPython(count_labels, migrations.RunPython.noop),
    ]
