"""Histories of some size to measure with, kept between runs: a million tasks take minutes to write.

``KEEP`` names the directory of the SQLite files (else one below the temporary directory); on PostgreSQL the databases
are called ``quarterdeck_bench_<tasks>``. Both stay until somebody removes them. Beyond a million tasks, for which there
is PostgreSQL alone, a million are written and then copied in SQL, with ids of their own and some microseconds apart.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from benchmarks.databases import postgres_server

DAYS = 90
SIMULATED = 1_000_000
"""So many tasks are simulated at most; more are copies."""
_TIMES_AS_MANY = (
    "(SELECT coalesce(jsonb_object_agg(key, value::bigint * {times}), '{{}}') FROM jsonb_each_text(\"{column}\"))"
)
KEEP = Path(os.environ.get("KEEP", Path(tempfile.gettempdir()) / "quarterdeck-benchmarks"))


def kept_database(kind: str, size: int) -> str:
    """The ``DATABASE_URL`` of the history of that size, which ``fill`` has written or will."""
    if kind == "sqlite":
        KEEP.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{KEEP / f'tasks-{size}.sqlite3'}"
    server, name = postgres_server(), f"quarterdeck_bench_{size}"
    with psycopg.connect(server, autocommit=True) as admin:
        there = {row[0] for row in admin.execute("SELECT datname FROM pg_database").fetchall()}
        if name not in there:
            simulated = f"quarterdeck_bench_{SIMULATED}"
            template = f'TEMPLATE "{simulated}"' if size > SIMULATED and simulated in there else ""
            admin.execute(f'CREATE DATABASE "{name}" {template}')
    return urlsplit(server)._replace(path=f"/{name}").geturl()


# --- In a process with that database ------------------------------------------------------------------------------


def fill(size: str) -> dict[str, float]:
    """Writes the history unless it is there; the seconds that took (0: it was there), and the bytes that a task takes.

    Raises RuntimeError if there is part of one, as after an interruption.
    """
    from django.core.management import call_command
    from django.db import connection

    from monitoring.models import Task

    tasks = int(size)
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    seconds = 0.0
    there = Task.objects.count()
    if there in (0, SIMULATED) and there != tasks:
        seconds = _write(tasks, there)
    elif there != tasks:
        raise RuntimeError(
            f"{there:,} tasks instead of {tasks:,} are in {connection.settings_dict['NAME']}: remove it."
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database())"
            if connection.vendor == "postgresql"
            else "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        )
        (size_in_bytes,) = cursor.fetchone()
    return {"seconds": seconds, "bytes": size_in_bytes / tasks}


def _write(tasks: int, there: int) -> float:
    from django.core.management import call_command
    from django.db import connection

    started = time.perf_counter()
    if not there:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device, no path
            call_command("seed_history", tasks=min(tasks, SIMULATED), days=DAYS, seed=5, stdout=nowhere)
    if tasks > SIMULATED:
        multiply(tasks // SIMULATED)
    seconds = time.perf_counter() - started
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return seconds


def multiply(times: int) -> None:
    """Copies every task, with its changes and runs, until there are ``times`` as many; PostgreSQL only.

    Copy number k has an id of its own and all times k microseconds later, so that the rollups only grow by the factor.
    A time in the last microseconds of an hour would break that; ``rebuild_rollups --verify`` tells, and the odds are
    one in a hundred for ten million tasks.
    """
    from django.db import connection, transaction

    from audit.models import StatusChange, TaskRun
    from monitoring.models import Task

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        indexes = _drop_indexes(cursor, [model._meta.db_table for model in (Task, StatusChange, TaskRun)])
        _copy(cursor, Task, times, {"id": _copied("id"), "job_id": f"({_copied('id')})::text"})
        # Before the others' ids: what has the largest ids stays what happened last.
        before = f'"id" - k * (SELECT max("id") FROM "{StatusChange._meta.db_table}")'  # noqa: S608  # a name only
        _copy(cursor, StatusChange, times, {"id": before, "task_id": _copied("task_id")})
        _copy(cursor, TaskRun, times, {"id": None, "task_id": _copied("task_id")})
        for definition in indexes:
            cursor.execute(definition)
        _multiply_rollups(cursor, times)


def _copied(column: str) -> str:
    return f"""md5("{column}"::text || '/' || k)::uuid"""


def _copy(cursor: Any, model: Any, times: int, instead: dict[str, str | None]) -> None:
    from django.db.models import DateTimeField

    values: dict[str, str] = {}
    for field in model._meta.concrete_fields:
        moved = f"\"{field.column}\" + k * interval '1 microsecond'" if isinstance(field, DateTimeField) else None
        value = instead.get(field.column, moved or f'"{field.column}"')
        if value is not None:
            values[f'"{field.column}"'] = value
    table, copies = model._meta.db_table, f"generate_series(1, {times - 1}) AS k"
    cursor.execute(
        f'INSERT INTO "{table}" ({", ".join(values)}) SELECT {", ".join(values.values())} FROM "{table}", {copies}'  # noqa: S608  # names only
    )


def _drop_indexes(cursor: Any, tables: list[str]) -> list[str]:
    """Drops the indexes that are no constraints, and returns how to make them again: faster than to keep them."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        [tables],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


def _multiply_rollups(cursor: Any, times: int) -> None:
    from monitoring.models import ArrivalCount, FailureCount, LabelCount, RunCount, TaskCount

    sums = ("count", "timed", "run_us", "waited", "wait_us")
    for model in (TaskCount, RunCount, FailureCount, LabelCount, ArrivalCount):
        columns = {field.column for field in model._meta.concrete_fields}
        changes = [f'"{column}" = "{column}" * {times}' for column in sums if column in columns]
        changes += [
            f'"{column}" = {_TIMES_AS_MANY.format(column=column, times=times)}'
            for column in ("run_histogram", "wait_histogram")
            if column in columns
        ]
        cursor.execute(f'UPDATE "{model._meta.db_table}" SET {", ".join(changes)}')  # noqa: S608  # names only
