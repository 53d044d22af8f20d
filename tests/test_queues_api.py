"""GET queues and queues/{name}/tasks: the figures of every queue, and the list of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from monitoring.models import Task, TaskCount
from monitoring.statuses import Status
from tests.cast import API
from tests.factories import NOON, make_schedule, make_task, make_tasks, miscounted
from tests.test_task_list import AUTHENTICATION, listed


def listed_in(api: Client, queue: str, **parameters: Any) -> dict[str, Any]:
    """What the list of a queue answers."""
    response = api.get(f"{API}/queues/{quote(queue, safe='')}/tasks", parameters)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_it_answers_the_documented_keys_and_every_status(api: Client) -> None:
    counts = {
        Status.SCHEDULED: 1, Status.DEFERRED: 2, Status.QUEUED: 3, Status.RUNNING: 4,
        Status.COMPLETED: 5, Status.FAILED: 2, Status.CANCELLED: 6,
    }  # fmt: skip
    for days, (status, number) in enumerate(counts.items()):
        make_tasks(number, status=status, created_at=NOON - timedelta(days=400 * days))
    assert api.get(f"{API}/queues").json() == [
        {
            "queueName": "default",
            "totalTasks": 23,
            "queuedTasks": 6,
            "inProgressTasks": 4,
            "completedTasks": 5,
            "failedTasks": 2,
            "cancelledTasks": 6,
            "successRate": 71.4,
        }
    ]
    assert miscounted() == []


def test_it_has_no_queues_before_the_first_task(api: Client) -> None:
    assert api.get(f"{API}/queues").json() == []


def test_it_tells_all_queues_by_name_with_zeros_for_empty_ones(api: Client) -> None:
    for queue in ("mail", "empty", "audio"):
        make_task(queue=queue)
    Task.objects.filter(queue="empty").delete()
    TaskCount.objects.filter(queue="empty").update(count=0)
    queues = api.get(f"{API}/queues").json()
    assert [(queue["queueName"], queue["totalTasks"]) for queue in queues] == [("audio", 1), ("empty", 0), ("mail", 1)]
    zeros = ["totalTasks", "queuedTasks", "inProgressTasks", "completedTasks", "failedTasks", "cancelledTasks"]
    assert queues[1] == {"queueName": "empty", **dict.fromkeys(zeros, 0), "successRate": 0.0}


def test_it_needs_the_same_queries_for_any_number_of_queues(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 20):
        for each in range(number):
            make_tasks(2, queue=f"queue{each}")
        with django_assert_num_queries(AUTHENTICATION + 2):
            assert len(api.get(f"{API}/queues").json()) == number


def test_it_answers_304_to_who_has_the_queues_already(api: Client) -> None:
    make_task()
    tag = api.get(f"{API}/queues")["ETag"]
    assert api.get(f"{API}/queues", headers={"If-None-Match": tag}).status_code == 304
    make_task()
    assert api.get(f"{API}/queues", headers={"If-None-Match": tag}).status_code == 200


# --- The tasks of one ---------------------------------------------------------------------------------------------


def test_it_lists_a_queue_as_the_task_list_does(api: Client) -> None:
    make_tasks(7, queue="mail", scheduled_job=make_schedule(next_run_at=NOON))
    make_tasks(3, queue="mail", status=Status.FAILED, task_type="shop.mail.newsletter")
    make_tasks(5, queue="media", status=Status.FAILED)
    for asked in (
        {},
        {"status": "failed,queued"},
        {"taskType": "LETTER", "sortBy": "tasktype", "sortDescending": "false"},
        {"isRecurring": "true", "page": 2, "pageSize": 3},
        {"createdFrom": "2025-01-15T12:01:00Z", "createdTo": "2025-01-15"},
        {"page": 99},
    ):
        assert listed_in(api, "mail", **asked) == listed(api, queueName="mail", **asked), asked
    assert listed_in(api, "mail")["totalCount"] == 10


def test_it_takes_the_queue_of_the_path_whatever_the_parameter_says(api: Client) -> None:
    make_tasks(2, queue="mail")
    make_tasks(3, queue="media")
    assert listed_in(api, "mail", queueName="media")["totalCount"] == 2


@pytest.mark.parametrize(
    "name",
    [
        *("a/b", "/a", "a/", "a//b", "a/tasks", "tasks", "a/tasks/b", "..", ".", "?a=b#c", " ", " a ", "a\\b"),
        *("100%", "%2F", "a%2Fb", "%", "_", "'\";--", "größe 队列 🐢", "a+b", "A", "x" * 255),
    ],
)
def test_it_finds_a_queue_whatever_its_name(api: Client, name: str) -> None:
    make_tasks(2, queue=name)
    make_tasks(3, queue="a")
    answer = listed_in(api, name)
    assert answer["totalCount"] == len(answer["tasks"]) == 2
    assert {task["queueName"] for task in answer["tasks"]} == {name}


def test_it_finds_a_queue_whose_slashes_were_not_encoded(api: Client) -> None:
    make_task(queue="eu/mail")
    assert api.get(f"{API}/queues/eu/mail/tasks").json()["totalCount"] == 1


def test_it_lists_nothing_of_a_queue_that_is_empty(api: Client) -> None:
    make_task(queue="mail")
    assert listed_in(api, "mail", status="Failed") == {
        "tasks": [], "totalCount": 0, "page": 1, "pageSize": 20, "totalPages": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["mial", "MAIL", "mai", "%00", "a%00b", "%25", "_", "%27", "x" * 5_000, "%FF%FE", "%20"]
)
def test_it_knows_no_other_queue(api: Client, name: str) -> None:
    make_task(queue="mail")
    response = api.get(f"{API}/queues/{name}/tasks")
    assert response.status_code == 404
    assert list(response.json()) == ["message"]
    assert response.json()["message"].startswith("No queue has the name ")


@pytest.mark.parametrize("path", ["queues/", "queues//tasks", "queues/mail", "queues/mail/tasks/", "queues/mail/task"])
def test_it_knows_no_other_path_below_queues(api: Client, path: str) -> None:
    make_task(queue="mail")
    response = api.get(f"{API}/{path}")
    assert (response.status_code, list(response.json())) == (404, ["message"])


def test_it_needs_the_same_queries_for_any_number_of_tasks(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 30):
        make_tasks(number, queue="mail", scheduled_job=make_schedule())
        with django_assert_num_queries(AUTHENTICATION + 3):
            listed_in(api, "mail")
    with django_assert_num_queries(AUTHENTICATION + 1):
        api.get(f"{API}/queues/nowhere/tasks")
