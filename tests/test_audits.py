"""GET tasks/{id}/status-audit and runs-audit: what happened to a task, in order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from monitoring import history
from monitoring.statuses import Status
from tests.cast import API
from tests.factories import NOON, make_change, make_run, make_schedule, make_task
from tests.test_task_list import AUTHENTICATION


def test_it_tells_the_changes_oldest_first(api: Client) -> None:
    task, other = make_task(status=Status.FAILED), make_task()
    first = make_change(task.id, None, Status.QUEUED)
    make_change(other.id, None, Status.QUEUED)
    second = make_change(task.id, Status.QUEUED, Status.RUNNING, changed_at=NOON + timedelta(seconds=1))
    third = make_change(
        task.id, Status.RUNNING, Status.FAILED, changed_at=NOON + timedelta(seconds=2), error="ValueError: 7"
    )
    assert api.get(f"{API}/tasks/{task.id}/status-audit").json() == [
        {
            "id": first.id,
            "taskId": str(task.id),
            "oldStatus": None,
            "newStatus": "Queued",
            "changedAtUtc": "2025-01-15T12:00:00Z",
            "errorDetails": None,
        },
        {
            "id": second.id,
            "taskId": str(task.id),
            "oldStatus": "Queued",
            "newStatus": "InProgress",
            "changedAtUtc": "2025-01-15T12:00:01Z",
            "errorDetails": None,
        },
        {
            "id": third.id,
            "taskId": str(task.id),
            "oldStatus": "InProgress",
            "newStatus": "Failed",
            "changedAtUtc": "2025-01-15T12:00:02Z",
            "errorDetails": "ValueError: 7",
        },
    ]


def test_it_tells_one_row_per_run_oldest_first(api: Client) -> None:
    task, other = make_task(status=Status.RUNNING), make_task()
    make_run(other.id)
    first = make_run(task.id, 1, status=Status.FAILED, error="ValueError: 7")
    second = make_run(task.id, 2, started_at=NOON + timedelta(minutes=1), ended_at=None, status=Status.RUNNING)
    assert api.get(f"{API}/tasks/{task.id}/runs-audit").json() == [
        {
            "id": first.id,
            "taskId": str(task.id),
            "executionStartedUtc": "2025-01-15T12:00:00Z",
            "executionCompletedUtc": "2025-01-15T12:00:05Z",
            "status": "Failed",
            "errorDetails": "ValueError: 7",
        },
        {
            "id": second.id,
            "taskId": str(task.id),
            "executionStartedUtc": "2025-01-15T12:01:00Z",
            "executionCompletedUtc": None,
            "status": "InProgress",
            "errorDetails": None,
        },
    ]


def test_it_tells_the_runs_of_the_whole_series(api: Client) -> None:
    schedule = make_schedule()
    series = [make_task(scheduled_job=schedule, created_at=NOON + timedelta(hours=hour)) for hour in (2, 0, 1)]
    for task in series:
        make_run(task.id, started_at=task.created_at)
    make_run(make_task(scheduled_job=make_schedule()).id)
    rows = api.get(f"{API}/tasks/{series[0].id}/runs-audit").json()
    assert [row["taskId"] for row in rows] == [str(series[index].id) for index in (1, 2, 0)]


@pytest.mark.parametrize("path", ["status-audit", "runs-audit"])
def test_it_tells_nothing_of_a_task_to_which_nothing_happened(api: Client, path: str) -> None:
    assert api.get(f"{API}/tasks/{make_task().id}/{path}").json() == []


def test_it_keeps_to_the_newest_when_there_are_too_many(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LIMIT", 2)
    schedule = make_schedule()
    tasks = [make_task(scheduled_job=schedule, created_at=NOON + timedelta(hours=hour)) for hour in range(3)]
    for task in tasks:
        make_run(task.id, started_at=task.created_at)
        make_change(tasks[0].id, Status.QUEUED, Status.RUNNING, changed_at=task.created_at)
    runs = api.get(f"{API}/tasks/{tasks[0].id}/runs-audit").json()
    changes = api.get(f"{API}/tasks/{tasks[0].id}/status-audit").json()
    assert [row["taskId"] for row in runs] == [str(task.id) for task in tasks[1:]]
    assert [row["changedAtUtc"] for row in changes] == ["2025-01-15T13:00:00Z", "2025-01-15T14:00:00Z"]


@pytest.mark.parametrize("path", ["status-audit", "runs-audit"])
def test_it_needs_two_queries_however_much_happened(
    api: Client, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    schedule = make_schedule()
    tasks = [make_task(scheduled_job=schedule) for _ in range(5)]
    for task in tasks:
        for attempt in range(1, 6):
            make_run(task.id, attempt)
            make_change(task.id, Status.QUEUED, Status.RUNNING)
    with django_assert_num_queries(AUTHENTICATION + 2):
        assert len(api.get(f"{API}/tasks/{tasks[0].id}/{path}").json()) == (5 if path == "status-audit" else 25)
