"""GET dashboard/overview: every figure against rows counted by hand, and against the other endpoints."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from demo import history
from monitoring.statuses import RunStatus, Status
from tests.cast import API
from tests.clock import NOW
from tests.factories import make_run, make_schedule, make_task, miscounted
from tests.test_task_list import AUTHENTICATION

pytestmark = pytest.mark.usefixtures("standing_clock")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)


def told(api: Client, asked: str | None = None) -> dict[str, Any]:
    """What the overview of a range answers."""
    response = api.get(f"{API}/dashboard/overview", {} if asked is None else {"range": asked})
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def ended(at: datetime, status: Status = Status.COMPLETED, *, ms: float = 1_000.0, **fields: Any) -> None:
    """A task that was made a second before it ended, with its run."""
    task = make_task(status=status, created_at=at - timedelta(seconds=1), duration_ms=ms, **fields)
    make_run(task.id, started_at=at - timedelta(milliseconds=ms), ended_at=at, status=status, duration_ms=ms)


def test_it_answers_the_documented_keys(api: Client) -> None:
    ended(MIDNIGHT + HOUR * 9, queue="mail", ms=1_234.567)
    ended(MIDNIGHT + HOUR * 9, queue="mail", ms=2_000.0)
    ended(MIDNIGHT + HOUR * 2, Status.FAILED, queue="media", ms=1.0)
    make_task(created_at=NOW, status=Status.RUNNING, queue="media", duration_ms=7_777_777)
    make_task(created_at=NOW, status=Status.CANCELLED, queue="mail", duration_ms=8_888_888)
    for enabled in (True, True, False):
        make_schedule(is_enabled=enabled)
    hours = [{"timestamp": f"2026-03-10T{hour:02}:00:00Z", "completed": 0, "failed": 0} for hour in range(10)]
    hours[9]["completed"], hours[2]["failed"] = 2, 1
    assert told(api) == {
        "totalTasks": 5,
        "completedTasks": 2,
        "failedTasks": 1,
        "activeTasks": 1,
        "successRate": 66.7,
        "averageExecutionTime": 1078.52,
        "activeQueues": 1,
        "recurringTasks": 2,
        "tasksOverTime": hours,
        "queueSummaries": [
            {"queueName": "mail", "totalTasks": 3, "activeTasks": 0, "completedTasks": 2, "failedTasks": 0},
            {"queueName": "media", "totalTasks": 2, "activeTasks": 1, "completedTasks": 0, "failedTasks": 1},
        ],
    }
    assert miscounted() == []


def test_it_is_all_zeros_when_nothing_happened(api: Client) -> None:
    answer = told(api, "All")
    (today,) = answer.pop("tasksOverTime")
    assert today == {"timestamp": "2026-03-10T00:00:00Z", "completed": 0, "failed": 0}
    numbers = ["totalTasks", "completedTasks", "failedTasks", "activeTasks", "activeQueues", "recurringTasks"]
    rates = {"successRate": 0.0, "averageExecutionTime": 0.0}
    assert answer == {**dict.fromkeys(numbers, 0), **rates, "queueSummaries": []}


@pytest.mark.parametrize(
    ("asked", "tasks", "points"), [("Today", 1, 10), ("Week", 3, 8), ("Month", 5, 31), ("All", 7, 401)]
)
def test_it_counts_what_was_created_in_the_range(api: Client, asked: str, tasks: int, points: int) -> None:
    tick = timedelta(microseconds=1)
    for at in (MIDNIGHT, MIDNIGHT - tick, NOW - 7 * DAY, NOW - 7 * DAY - tick, NOW - 30 * DAY, NOW - 30 * DAY - tick):
        make_task(created_at=at)
    ended(MIDNIGHT - 400 * DAY + HOUR)
    for spelling in (asked, asked.lower(), asked.upper(), f" {asked} "):
        answer = told(api, spelling)
        assert (answer["totalTasks"], len(answer["tasksOverTime"])) == (tasks, points)
    assert miscounted() == []


def test_it_means_today_unless_asked_for_more(api: Client) -> None:
    ended(MIDNIGHT - HOUR)
    ended(MIDNIGHT + HOUR)
    assert told(api) == told(api, "") == told(api, "Today") != told(api, "Week")


def test_its_chart_counts_ends_of_tasks_only(api: Client) -> None:
    task = make_task(created_at=MIDNIGHT)
    outcomes = (RunStatus.RETRIED, RunStatus.CANCELLED, RunStatus.COMPLETED)
    for attempt, outcome in enumerate(outcomes, 1):
        make_run(task.id, attempt, ended_at=MIDNIGHT + HOUR, status=outcome)
    make_run(task.id, 4, ended_at=None, status=RunStatus.RUNNING)
    ends = [(point["completed"], point["failed"]) for point in told(api)["tasksOverTime"]]
    assert ends == [(0, 0), (1, 0)] + 8 * [(0, 0)]


def test_it_charts_a_long_past_with_few_points_and_no_gap(api: Client) -> None:
    ended(NOW - 2_000 * DAY, Status.FAILED)
    ended(NOW)
    points = told(api, "All")["tasksOverTime"]
    assert len(points) <= 480
    assert (sum(point["completed"] for point in points), sum(point["failed"] for point in points)) == (1, 1)
    moments = [datetime.fromisoformat(point["timestamp"]) for point in points]
    assert len({after - before for before, after in pairwise(moments)}) == 1
    assert moments[0] <= NOW - 2_000 * DAY


def test_it_bears_a_worker_whose_clock_is_ahead(api: Client) -> None:
    ended(MIDNIGHT + DAY + timedelta(seconds=2))
    answer = told(api, "All")
    assert (answer["totalTasks"], len(answer["tasksOverTime"])) == (1, 1)


def test_it_counts_active_queues_whenever_their_tasks_were_made(api: Client) -> None:
    for days, queue in enumerate(("a", "a", "b", "c")):
        make_task(queue=queue, status=Status.QUEUED, created_at=NOW - 100 * days * DAY)
    make_task(queue="d", created_at=NOW)
    answer = told(api)
    assert (answer["totalTasks"], answer["activeTasks"], answer["activeQueues"]) == (2, 1, 3)


@pytest.fixture
def a_past(db: None) -> None:
    for _ in history.write(history.Simulation(tasks=600, start=NOW - 40 * DAY, end=NOW, seed=12)):
        pass


@pytest.mark.usefixtures("a_past")
def test_it_equals_the_other_endpoints(api: Client) -> None:
    everything = told(api, "All")
    counts = api.get(f"{API}/tasks/counts").json()
    queues = api.get(f"{API}/queues").json()
    assert everything["totalTasks"] == counts["total"] == sum(queue["totalTasks"] for queue in queues) == 600
    for figure, words in {
        "completedTasks": ["Completed"],
        "failedTasks": ["Failed"],
        "activeTasks": ["WaitingQueue", "Pending", "Queued", "InProgress"],
    }.items():
        assert everything[figure] == sum(counts["counts"][word] for word in words)
        assert everything[figure] == sum(queue[figure] for queue in everything["queueSummaries"])
    for figure in ("totalTasks", "completedTasks", "failedTasks"):
        summaries = {queue["queueName"]: queue[figure] for queue in everything["queueSummaries"]}
        assert summaries == {queue["queueName"]: queue[figure] for queue in queues}
    for asked in ("Today", "Week", "Month", "All"):
        types = api.get(f"{API}/statistics/task-types", {"range": asked}).json()
        assert told(api, asked)["totalTasks"] == sum(types.values())
    for start, asked in ((MIDNIGHT, "Today"), (NOW - 7 * DAY, "Week"), (NOW - 30 * DAY, "Month")):
        listed = api.get(f"{API}/tasks/counts", {"createdFrom": start.isoformat()}).json()
        assert told(api, asked)["totalTasks"] == listed["total"]
    totals = [queue["totalTasks"] for queue in everything["queueSummaries"]]
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize(("asked", "queries"), [("Today", 4), ("Week", 5), ("Month", 5), ("All", 5)])
def test_it_needs_the_same_queries_for_any_number_of_tasks(
    api: Client, asked: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 12):
        for each in range(number):
            ended(NOW - each * DAY, queue=f"queue{each}", task_type=f"type{each}")
        with django_assert_num_queries(AUTHENTICATION + queries):
            told(api, asked)


def test_it_answers_304_to_who_has_the_overview_already(api: Client) -> None:
    path = f"{API}/dashboard/overview"
    tag = api.get(path)["ETag"]
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 304
    ended(NOW)
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 200
