"""GET dashboard/recent-activity: the newest status changes of all tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from monitoring.statuses import Status
from tests.cast import API
from tests.factories import NOON, make_change, make_task
from tests.test_task_list import AUTHENTICATION


def told(api: Client, **parameters: Any) -> list[dict[str, Any]]:
    """What the endpoint answers."""
    response = api.get(f"{API}/dashboard/recent-activity", parameters)
    assert response.status_code == 200, response.content
    answer: list[dict[str, Any]] = response.json()
    return answer


def test_it_tells_nothing_when_nothing_happened(api: Client) -> None:
    assert told(api) == []


def test_it_tells_the_newest_first_with_the_documented_keys(api: Client) -> None:
    task = make_task()
    make_change(task.id, None, Status.QUEUED)
    make_change(task.id, Status.QUEUED, Status.COMPLETED, changed_at=NOON + timedelta(milliseconds=5_250))
    assert told(api) == [
        {
            "taskId": str(task.id),
            "taskType": "send_receipt",
            "status": "Completed",
            "timestamp": "2025-01-15T12:00:05.250000Z",
            "message": "Task completed successfully",
        },
        {
            "taskId": str(task.id),
            "taskType": "send_receipt",
            "status": "Queued",
            "timestamp": "2025-01-15T12:00:00Z",
            "message": "Task queued",
        },
    ]


@pytest.mark.parametrize(
    ("status", "word", "message"),
    [
        (Status.SCHEDULED, "WaitingQueue", "Task scheduled for 2025-01-16 09:30:00 UTC"),
        (Status.DEFERRED, "Pending", "Task waiting for its dependencies"),
        (Status.QUEUED, "Queued", "Task queued"),
        (Status.RUNNING, "InProgress", "Task is running"),
        (Status.COMPLETED, "Completed", "Task completed successfully"),
        (Status.FAILED, "Failed", "Task failed: OSError: disk full"),
        (Status.CANCELLED, "Cancelled", "Task cancelled"),
    ],
)
def test_it_says_in_a_sentence_what_happened(api: Client, status: Status, word: str, message: str) -> None:
    task = make_task(scheduled_for=NOON + timedelta(hours=21, minutes=30))
    error = 'Traceback (most recent call last):\n  File "a.py", line 1, in run\nOSError: disk full'
    make_change(task.id, None, status, error=error if status is Status.FAILED else "")
    (row,) = told(api)
    assert (row["status"], row["message"]) == (word, message)


def test_it_still_tells_of_a_task_that_is_no_longer_kept(api: Client) -> None:
    make_change(uuid4(), None, Status.CANCELLED)
    (row,) = told(api)
    assert (row["taskType"], row["message"]) == ("unknown", "Task cancelled")


def test_it_tells_fifty_unless_asked_for_more_or_fewer_and_never_above_100(api: Client) -> None:
    task = make_task()
    for _ in range(101):
        make_change(task.id, None, Status.QUEUED)
    assert [len(told(api, limit=limit)) for limit in (1, 7, 100, 101, 10**30, "")] == [1, 7, 100, 100, 100, 50]
    assert len(told(api)) == 50


def test_it_needs_two_queries_however_much_happened(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 40):
        for _ in range(number):
            make_change(make_task().id, None, Status.QUEUED)
        with django_assert_num_queries(AUTHENTICATION + 2):
            assert told(api)


def test_it_answers_304_to_who_has_the_answer_already(api: Client) -> None:
    task = make_task()
    make_change(task.id, None, Status.QUEUED)
    path = f"{API}/dashboard/recent-activity"
    tag = api.get(path)["ETag"]
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 304
    make_change(task.id, Status.QUEUED, Status.RUNNING)
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 200
