"""The histories that endpoints are measured with: copied tasks are counted exactly, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from audit.models import StatusChange, TaskRun
from benchmarks.histories import multiply
from demo import history
from monitoring.models import Task
from monitoring.rebuilding import differences

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="tasks are copied on PostgreSQL only"),
]

END = datetime(2026, 3, 10, 9, 41, 7, tzinfo=UTC)


def test_copied_tasks_are_counted_and_found_as_the_first_ones() -> None:
    for _ in history.write(history.Simulation(tasks=400, start=END - timedelta(days=2), end=END, seed=4)):
        pass
    was = [model.objects.count() for model in (Task, StatusChange, TaskRun)]
    newest = StatusChange.objects.latest("changed_at").changed_at
    multiply(5)
    assert [model.objects.count() for model in (Task, StatusChange, TaskRun)] == [5 * count for count in was]
    assert differences() == []
    assert newest <= StatusChange.objects.latest("id").changed_at <= newest + timedelta(microseconds=5)
    assert all(task.job_id == str(task.id) for task in Task.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'monitoring_task'")
        assert cursor.fetchone()[0] >= len(Task._meta.indexes)
