"""How PostgreSQL finds the tasks of a list: through an index, whichever filter is asked for."""

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

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="the plans asserted here are PostgreSQL's"),
]

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
        cursor.execute("ANALYZE monitoring_task, audit_taskrun, monitoring_taskcount")
    return task


def indexes_of(api: Client, path: str, asked: dict[str, Any]) -> set[str]:
    """The indexes that the queries of a request find tasks with; "none" stands for reading the table."""
    with CaptureQueriesContext(connection) as queries:
        assert api.get(f"{API}/{path}", asked).status_code == 200
    listing = [query["sql"] for query in queries if 'FROM "monitoring_task"' in query["sql"]]
    assert listing
    return {index for sql in listing for index in _indexes(sql)}


def _indexes(sql: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    scans = re.findall(r"Index (?:Only )?Scan (?:Backward )?using (\w+) on|Bitmap Index Scan on (\w+)", plan)
    whole = ["none"] if re.search(r"Seq Scan on monitoring_task\b", plan) else []
    return {using or on for using, on in scans} | set(whole)


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
        found = indexes_of(api, path, asked)
        assert "none" not in found, (path, asked)
        assert index in found, (path, asked, found)


@pytest.mark.parametrize("parameter", ["taskType", "search"])
def test_it_finds_types_by_any_part_through_trigrams(api: Client, a_past: Task, parameter: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'task_type_trigrams'")
        if cursor.fetchone() is None:
            pytest.skip("this PostgreSQL has no pg_trgm, so types are found by reading every task")
        # Of so few tasks PostgreSQL may as well read all, from the table or from a whole index.
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    found = indexes_of(api, "tasks", {parameter: "rare.thi"})
    assert "none" not in found
    assert "task_type_trigrams" in found
