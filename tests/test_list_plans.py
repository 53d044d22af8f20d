"""How databases find the tasks of a list: through an index, whichever filter or order is asked for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from demo import history
from monitoring.models import Queue, Task
from monitoring.rebuilding import rebuild
from monitoring.statuses import Status
from tests.cast import API
from tests.factories import make_schedule

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="the plans asserted here are PostgreSQL's")

END = datetime(2026, 3, 10, 9, 41, 7, tzinfo=UTC)


@pytest.fixture
def a_past() -> Task:
    """6,000 tasks, and one of them, unlike the others: it failed, recurs, and has a type and a queue of its own."""
    for _ in history.write(history.Simulation(tasks=6_000, start=END - timedelta(days=30), end=END, seed=3)):
        pass
    Task.objects.filter(status=Status.FAILED).update(status=Status.COMPLETED)
    task = Task.objects.order_by("created_at")[3_000]
    task.status, task.scheduled_job = Status.FAILED, make_schedule()
    task.queue, task.task_type = "rare", "shop.Rare.thing"
    task.save()
    Queue.objects.create(name=task.queue, first_seen_at=task.created_at)
    rebuild()
    with connection.cursor() as cursor:
        for table in ("monitoring_task", "audit_taskrun", "monitoring_taskcount"):
            cursor.execute(f"ANALYZE {table}")
    return task


def indexes_of(api: Client, path: str, asked: dict[str, Any]) -> set[str]:
    """The indexes that the queries of a request find tasks with; "none" stands for reading the table."""
    with CaptureQueriesContext(connection) as queries:
        assert api.get(path, asked).status_code == 200
    listing = [query["sql"] for query in queries if 'FROM "monitoring_task"' in query["sql"]]
    assert listing
    return {index for sql in listing for index in _indexes(sql)}


def _indexes(sql: str) -> set[str]:
    sql = sql.replace("%%", "%")  # Django's log leaves them in queries without parameters
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        plan = "\n".join(line[-1] for line in cursor.fetchall())
    if connection.vendor == "sqlite":
        scans = re.findall(r"(?:SCAN|SEARCH) (?:monitoring_task|U0)\b(?: USING (?:COVERING )?INDEX (\w+))?", plan)
        return {scan.replace("sqlite_autoindex_monitoring_task_1", "monitoring_task_pkey") or "none" for scan in scans}
    scans = re.findall(r"Index (?:Only )?Scan (?:Backward )?using (\w+) on|Bitmap Index Scan on (\w+)", plan)
    whole = ["none"] if re.search(r"Seq Scan on monitoring_task\b", plan) else []
    return {using or on for using, on in scans} | set(whole)


MONITORING = "/api/v1/monitoring"


@pytest.mark.parametrize(
    ("path", "asked", "index"),
    [
        *(
            (f"{API}/tasks", {"sortBy": sort, "sortDescending": order}, index)
            for sort, index in (
                ("LastExecutionUtc", "task_last_run"),
                ("NextRunUtc", "monitoring_task_pkey"),
                ("Status", "monitoring_task_pkey"),
                ("TaskType", "monitoring_task_pkey"),
                ("QueueName", "monitoring_task_pkey"),
            )
            for order in ("true", "false")
        ),
        *(
            (f"{MONITORING}/tasks", {"sort_by": sort, "sort_order": order}, index)
            for sort, index in (
                ("started_at", "task_last_run"),
                ("completed_at", "task_completed"),
                ("duration_ms", "task_elapsed"),
                ("status", "monitoring_task_pkey"),
                ("task_type", "monitoring_task_pkey"),
            )
            for order in ("asc", "desc")
        ),
    ],
)
def test_it_sorts_tasks_through_an_index(
    api: Client, a_past: Task, path: str, asked: dict[str, Any], index: str
) -> None:
    for page in (1, 3):
        found = indexes_of(api, path, {**asked, "page": page})
        assert "none" not in found, (page, found)
        assert found & {index, "task_status_created", "task_type_created", "task_queue_created", "task_series"}, (
            page,
            found,
        )


@on_postgresql
def test_it_finds_tasks_through_an_index(api: Client, a_past: Task) -> None:
    queue = "queues/rare/tasks"
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("tasks", {}, "task_created"),
        ("tasks", {"sortDescending": "false"}, "task_created"),
        ("tasks", {"page": 100}, "task_created"),
        ("tasks", {"sortBy": "LastExecutionUtc"}, "task_last_run"),
        ("tasks", {"status": "Failed"}, "task_status_created"),
        ("tasks", {"queueName": "rare"}, "task_queue_created"),
        (queue, {}, "task_queue_created"),
        ("tasks", {"createdFrom": "2026-03-01T00:30Z", "createdTo": "2026-03-01T06:30Z"}, "task_created"),
        ("tasks", {"isRecurring": "true"}, "task_series"),
        ("tasks", {"isRecurring": "false"}, "task_created"),
        ("tasks", {"search": str(a_past.id)[:13]}, "monitoring_task_pkey"),
        (f"tasks/{a_past.id}/runs-audit", {}, "task_series"),
    ]
    for path, asked, index in cases:
        found = indexes_of(api, f"{API}/{path}", asked)
        assert "none" not in found, (path, asked)
        assert index in found, (path, asked, found)


@on_postgresql
@pytest.mark.parametrize("parameter", ["taskType", "search"])
def test_it_finds_types_by_any_part_through_trigrams(api: Client, a_past: Task, parameter: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'task_type_trigrams'")
        if cursor.fetchone() is None:
            pytest.skip("this PostgreSQL has no pg_trgm, so types are found by reading every task")
        # Of so few tasks PostgreSQL may as well read all, from the table or from a whole index.
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    found = indexes_of(api, f"{API}/tasks", {parameter: "rare.thi"})
    assert "none" not in found
    assert "task_type_trigrams" in found
