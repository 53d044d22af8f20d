"""GET statistics/success-rate-trend, task-types and execution-times, against rows counted by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from monitoring.statuses import RunStatus, Status
from tests.cast import API
from tests.clock import NOW
from tests.factories import make_run, make_task, miscounted
from tests.test_overview_api import DAY, HOUR, MIDNIGHT, ended
from tests.test_task_list import AUTHENTICATION

pytestmark = pytest.mark.usefixtures("standing_clock")

PATHS = ["success-rate-trend", "task-types", "execution-times"]


def told(api: Client, path: str, **asked: Any) -> Any:
    """What a statistic answers."""
    response = api.get(f"{API}/statistics/{path}", asked)
    assert response.status_code == 200, response.content
    return response.json()


# --- The trend ----------------------------------------------------------------------------------------------------


def test_it_tells_the_trend_with_empty_days(api: Client) -> None:
    for minutes in range(4):
        ended(MIDNIGHT - 2 * DAY + timedelta(minutes=minutes))
    ended(MIDNIGHT - DAY - timedelta(microseconds=1), Status.FAILED)
    ended(NOW, Status.FAILED)
    ended(MIDNIGHT - 6 * DAY)
    ended(MIDNIGHT - 6 * DAY - timedelta(microseconds=1))
    days = [
        {
            "timestamp": f"2026-03-{day:02}T00:00:00Z",
            "successRate": 0.0,
            "totalTasks": 0,
            "successfulTasks": 0,
            "failedTasks": 0,
        }
        for day in range(4, 11)
    ]
    days[0] |= {"successRate": 100.0, "totalTasks": 1, "successfulTasks": 1}
    days[4] |= {"successRate": 80.0, "totalTasks": 5, "successfulTasks": 4, "failedTasks": 1}
    days[6] |= {"totalTasks": 1, "failedTasks": 1}
    assert told(api, "success-rate-trend") == {"period": "Last7Days", "dataPoints": days}
    assert miscounted() == []


@pytest.mark.parametrize(
    ("period", "points", "step", "first"),
    [
        ("Last7Days", 7, DAY, "2026-03-04T00:00:00Z"),
        ("Last30Days", 30, DAY, "2026-02-09T00:00:00Z"),
        ("Last90Days", 13, 7 * DAY, "2025-12-10T00:00:00Z"),
    ],
)
def test_it_has_a_point_for_each_day_or_week(
    api: Client, period: str, points: int, step: timedelta, first: str
) -> None:
    begin = datetime.fromisoformat(first)
    for at in (begin - timedelta(microseconds=1), begin, begin + step - timedelta(microseconds=1), begin + step):
        ended(at)
    for spelling in (period, period.lower(), period.upper()):
        answer = told(api, "success-rate-trend", period=spelling)
        assert (answer["period"], len(answer["dataPoints"])) == (period, points)
        moments = [datetime.fromisoformat(point["timestamp"]) for point in answer["dataPoints"]]
        assert moments == [begin + number * step for number in range(points)]
        assert [point["totalTasks"] for point in answer["dataPoints"]] == [2, 1] + (points - 2) * [0]
    assert moments[-1] <= NOW < moments[-1] + step


# --- Types --------------------------------------------------------------------------------------------------------


def test_it_counts_types_by_their_short_names_most_first(api: Client) -> None:
    for number, task_type in ((1, "shop.mail.send"), (2, "crm.mail.send"), (2, "shop.media.resize"), (3, "audit"),
                              (2, "Ähre.größe")):  # fmt: skip
        for _ in range(number):
            make_task(task_type=task_type, created_at=NOW - HOUR)
    make_task(task_type="shop.old", created_at=MIDNIGHT - HOUR)
    assert list(told(api, "task-types").items()) == [("audit", 3), ("send", 3), ("größe", 2), ("resize", 2)]
    assert told(api, "task-types", range="week")["old"] == 1


def test_it_counts_no_types_when_there_are_none(api: Client) -> None:
    assert told(api, "task-types", range="All") == {}


# --- Execution times ----------------------------------------------------------------------------------------------


def test_it_tells_how_long_completed_runs_took_by_short_type(api: Client) -> None:
    ended(NOW - HOUR, task_type="shop.mail.send", ms=500.0)
    ended(NOW - HOUR * 3, task_type="crm.mail.send", ms=3_000.0)
    ended(NOW, task_type="crm.mail.send", ms=203.704)
    ended(NOW - HOUR, task_type="shop.media.resize", ms=0.125)
    ended(NOW, Status.FAILED, task_type="shop.mail.send", ms=99_999.0)
    ended(MIDNIGHT - HOUR, task_type="shop.mail.send", ms=1.0)
    assert told(api, "execution-times") == [
        {
            "taskType": "send",
            "averageExecutionTime": 1234.57,
            "minExecutionTime": 203.7,
            "maxExecutionTime": 3000.0,
            "taskCount": 3,
        },
        {
            "taskType": "resize",
            "averageExecutionTime": 0.12,
            "minExecutionTime": 0.12,
            "maxExecutionTime": 0.12,
            "taskCount": 1,
        },
    ]
    (week, _) = told(api, "execution-times", range="Week")
    assert (week["taskCount"], week["minExecutionTime"], week["averageExecutionTime"]) == (4, 1.0, 926.18)
    assert miscounted() == []


def test_it_tells_of_completed_runs_only_and_of_those_that_were_measured(api: Client) -> None:
    task = make_task(created_at=NOW)
    for attempt, outcome in enumerate((RunStatus.RETRIED, RunStatus.FAILED, RunStatus.CANCELLED), 1):
        make_run(task.id, attempt, ended_at=NOW, status=outcome)
    make_run(task.id, 4, ended_at=NOW, duration_ms=None)
    make_run(task.id, 5, ended_at=None, status=RunStatus.RUNNING)
    assert told(api, "execution-times") == []


def test_it_reads_the_broken_hour_at_the_beginning_of_a_week(api: Client) -> None:
    ended(NOW - 7 * DAY, ms=10.0)
    ended(NOW - 7 * DAY - timedelta(microseconds=1), ms=20.0)
    (times,) = told(api, "execution-times", range="Week")
    assert (times["taskCount"], times["averageExecutionTime"]) == (1, 10.0)


# --- All of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "asked", "queries"),
    [
        *(("success-rate-trend", {"period": period}, 1) for period in ("Last7Days", "Last30Days", "Last90Days")),
        *((path, {"range": "Today"}, 1) for path in PATHS[1:]),
        *((path, {"range": "All"}, 1) for path in PATHS[1:]),
        *((path, {"range": word}, 2) for path in PATHS[1:] for word in ("Week", "Month")),
    ],
)
def test_it_needs_the_same_queries_for_any_number_of_tasks(
    api: Client, path: str, asked: dict[str, str], queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 12):
        for each in range(number):
            ended(NOW - each * DAY, queue=f"queue{each}", task_type=f"type{each}")
        with django_assert_num_queries(AUTHENTICATION + queries):
            told(api, path, **asked)


@pytest.mark.parametrize("path", PATHS)
def test_it_answers_304_to_who_has_the_answer_already(api: Client, path: str) -> None:
    tag = api.get(f"{API}/statistics/{path}")["ETag"]
    assert api.get(f"{API}/statistics/{path}", headers={"If-None-Match": tag}).status_code == 304
    ended(NOW)
    assert api.get(f"{API}/statistics/{path}", headers={"If-None-Match": tag}).status_code == 200
