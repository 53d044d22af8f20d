"""Totals over any span equal what counting the rows gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.models import TaskRun
from demo import history
from monitoring.models import Task
from monitoring.totals import run_totals, task_totals

END = datetime(2026, 3, 10, 9, 41, 7, tzinfo=UTC)
START = END - timedelta(days=5)

SPANS = [
    (None, None),
    (START + timedelta(hours=3, minutes=7), None),
    (None, END - timedelta(days=1, minutes=3)),
    (START + timedelta(hours=30), END - timedelta(hours=30)),
    (END - timedelta(minutes=20), END),
    (END - timedelta(hours=1), END),
    (END, START),
]


@pytest.mark.django_db
def test_they_equal_the_rows() -> None:
    for _ in history.write(history.Simulation(tasks=1_500, start=START, end=END, seed=4)):
        pass
    for start, end in SPANS:
        tasks = Task.objects.filter(created_at__gte=start or START, created_at__lt=end or END)
        totals = task_totals("queue", "status", start=start, end=end)
        assert {names: total.count for names, total in totals.items() if total.count} == _counted(tasks)
        runs = TaskRun.objects.filter(ended_at__gte=start or START, ended_at__lt=end or END)
        for (outcome,), total in run_totals("outcome", start=start, end=end).items():
            times: list[Any] = list(runs.filter(status=outcome).values_list("duration_ms", flat=True))
            assert (total.count, total.timed) == (len(times), len(times))
            assert total.run_us == pytest.approx(sum(times) * 1000, abs=len(times) + 1)
            if times:
                assert total.shortest_us == pytest.approx(min(times) * 1000, abs=1)
                assert total.longest_us == pytest.approx(max(times) * 1000, abs=1)
    only_failed = run_totals("task_type", outcome="FAILED", queue="media")
    failed = TaskRun.objects.filter(status="FAILED", queue="media")
    assert sum(total.count for total in only_failed.values()) == failed.count() > 0


def _counted(tasks: Any) -> dict[tuple[str, str], int]:
    counted: dict[tuple[str, str], int] = {}
    for queue, status in tasks.values_list("queue", "status"):
        counted[queue, status] = counted.get((queue, status), 0) + 1
    return counted


@pytest.mark.django_db
def test_they_cost_two_queries(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        task_totals("queue", "status", start=START + timedelta(minutes=1), end=END)
    with django_assert_num_queries(1):
        run_totals("outcome")
