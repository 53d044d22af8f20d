"""A trigram index on types, where the database can have one: PostgreSQL with the extension pg_trgm."""

import logging

from django.db import DatabaseError, migrations, transaction

INDEX = "task_type_trigrams"
log = logging.getLogger(__name__)


def add_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            # UPPER is what Django writes for icontains.
            cursor.execute(f'CREATE INDEX "{INDEX}" ON "monitoring_task" USING gin (UPPER("task_type") gin_trgm_ops)')
    except DatabaseError as error:
        # Only who owns the database may create the extension, and not everywhere even they.
        log.warning(
            "There is no trigram index, so a search for part of a type reads every task: %s. Once pg_trgm is there, "
            "`migrate monitoring 0004` and `migrate` add the index.",
            str(error).partition("\n")[0],
        )


def remove_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f'DROP INDEX IF EXISTS "{INDEX}"')


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0004_index_series_and_last_runs")]

    operations = [migrations.RunPython(add_index, remove_index)]
