"""The measure of the recorder: the rows it left behind, written again by plain ``executemany`` and nothing else."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models, transaction

from audit.models import StatusChange, TaskRun
from monitoring.models import Queue, RunCount, Task, TaskCount

TASKS_PER_BATCH = 333
_WRITTEN = (Task, StatusChange, TaskRun)

Batch = list[tuple[str, list[tuple[Any, ...]]]]


def empty_tables() -> None:
    """Empties all that a round writes, and on SQLite its write-ahead log, so that every round begins alike."""
    tables = [model._meta.db_table for model in (*_WRITTEN, TaskCount, RunCount, Queue)]
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables, reset_sequences=True))
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def batches_of_present_rows() -> list[Batch]:
    """The present rows as batches of 333 tasks with their status changes and runs, ready to be written again."""
    tables = [_Table.read(model) for model in _WRITTEN]
    tasks = list(tables[0].rows_of_task)
    return [
        [
            (table.insert, [row for task in tasks[start : start + TASKS_PER_BATCH] for row in table.rows_of_task[task]])
            for table in tables
        ]
        for start in range(0, len(tasks), TASKS_PER_BATCH)
    ]


def write(batches: list[Batch]) -> None:
    """Writes each batch in a transaction."""
    for batch in batches:
        with transaction.atomic(), connection.cursor() as cursor:
            for insert, rows in batch:
                cursor.executemany(insert, rows)


@dataclass(frozen=True, kw_only=True)
class _Table:
    insert: str
    rows_of_task: dict[Any, list[tuple[Any, ...]]]

    @classmethod
    def read(cls, model: type[models.Model]) -> _Table:
        """All rows in the form in which the driver takes them: no conversion is left for the round that is timed."""
        columns = [field.column for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
        names = ", ".join(f'"{column}"' for column in columns)
        table, key = model._meta.db_table, columns.index("id" if model is Task else "task_id")
        rows_of_task: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
        # In the order of writing. Tasks sorted by their random ids would be a gift to the plain side's index.
        order = '"created_at", "id"' if model is Task else '"id"'
        for row in _select(f'SELECT {names} FROM "{table}" ORDER BY {order}'):  # noqa: S608  # names of columns only
            rows_of_task[row[key]].append(row)
        marks = ", ".join(["%s"] * len(columns))
        return cls(insert=f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows_of_task=rows_of_task)  # noqa: S608  # as above


def _select(sql: str) -> list[tuple[Any, ...]]:
    if connection.vendor == "sqlite":  # Django's own connection converts what it reads
        with sqlite3.connect(connection.settings_dict["NAME"]) as raw:
            return raw.execute(sql).fetchall()
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
