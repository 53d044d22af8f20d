"""Indexes for lists by payload, job id, error and worker."""

import logging

from django.db import DatabaseError, migrations, models, transaction

TRIGRAMS = {"task_payload_trigrams": "arguments", "task_job_trigrams": "job_id"}
log = logging.getLogger(__name__)


def add_trigrams(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for index, column in TRIGRAMS.items():
                # UPPER is what Django writes for icontains.
                cursor.execute(
                    f'CREATE INDEX "{index}" ON "monitoring_task" USING gin (UPPER("{column}") gin_trgm_ops)'
                )
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
                condition=models.Q(("worker__gt", "")), fields=["worker", "created_at", "id"], name="task_worker"
            ),
        ),
        migrations.RunPython(add_trigrams, remove_trigrams),
    ]
