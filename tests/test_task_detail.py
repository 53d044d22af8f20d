"""GET tasks/{id}: everything known of one task."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rq import SimpleWorker

from monitoring import broker
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from tests.cast import API, client_of
from tests.factories import NOON, make_schedule, make_task
from tests.test_task_list import AUTHENTICATION


def detail(api: Client, task_id: object) -> dict[str, Any]:
    """What the task's page of the API answers."""
    response = api.get(f"{API}/tasks/{task_id}")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_it_answers_the_documented_keys_and_nothing_else(api: Client) -> None:
    task = make_task(
        handler="shop.mail.Receipts",
        status=Status.FAILED,
        arguments='{"args":[7],"kwargs":{}}',
        error="Traceback …\nValueError: no such user",
        scheduled_for=NOON + timedelta(seconds=1),
        last_run_at=NOON + timedelta(seconds=2),
        completed_at=NOON + timedelta(seconds=3),
    )
    assert detail(api, task.id) == {
        "id": str(task.id),
        "taskType": "shop.mail.send_receipt",
        "handlerType": "shop.mail.Receipts",
        "status": "Failed",
        "queueName": "default",
        "parameters": '{"args":[7],"kwargs":{}}',
        "errorDetails": "Traceback …\nValueError: no such user",
        "createdAtUtc": "2025-01-15T12:00:00Z",
        "scheduledAtUtc": "2025-01-15T12:00:01Z",
        "lastExecutionUtc": "2025-01-15T12:00:02Z",
        "completedAtUtc": "2025-01-15T12:00:03Z",
        "isRecurring": False,
        "recurringInfo": None,
        "maxRuns": None,
        "currentRunCount": None,
        "nextRunUtc": None,
        "runUntil": None,
    }


def test_it_says_null_for_what_nobody_told(api: Client) -> None:
    answer = detail(api, make_task(status=Status.QUEUED).id)
    assert answer["handlerType"] == "shop.mail.send_receipt"
    for key in ("parameters", "errorDetails", "scheduledAtUtc", "lastExecutionUtc", "completedAtUtc"):
        assert answer[key] is None


def test_it_takes_what_recurs_from_the_schedule(api: Client) -> None:
    schedule = make_schedule(
        cron="0 9 * * 1-5", max_runs=10, run_count=3, next_run_at=NOON, end_at=NOON + timedelta(days=1)
    )
    answer = detail(api, make_task(scheduled_job=schedule).id)
    assert {key: answer[key] for key in list(answer)[-6:]} == {
        "isRecurring": True,
        "recurringInfo": "At 09:00 AM, Monday through Friday",
        "maxRuns": 10,
        "currentRunCount": 3,
        "nextRunUtc": "2025-01-15T12:00:00Z",
        "runUntil": "2025-01-16T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"interval_seconds": 300}, "Every 5 minutes"),
        ({"cron": "*/5 * * * *"}, "Every 5 minutes"),
        ({"cron": "no cron at all"}, "no cron at all"),
    ],
)
def test_it_says_a_schedule_in_words(api: Client, schedule: dict[str, Any], words: str) -> None:
    answer = detail(api, make_task(scheduled_job=make_schedule(**schedule)).id)
    assert answer["recurringInfo"] == words


def test_it_knows_a_recurring_task_whose_schedule_is_gone(api: Client) -> None:
    answer = detail(api, make_task(scheduled_job_id=987_654).id)
    assert (answer["isRecurring"], answer["recurringInfo"], answer["maxRuns"]) == (True, None, None)


def test_it_needs_one_query(api: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    task = make_task(scheduled_job=make_schedule())
    with django_assert_num_queries(AUTHENTICATION + 1):
        detail(api, task.id)


def test_it_takes_an_id_in_any_spelling(api: Client) -> None:
    task = make_task()
    for spelling in (str(task.id).upper(), task.id.hex):
        assert detail(api, spelling)["id"] == str(task.id)


@pytest.mark.parametrize("task_id", [uuid4(), "17", "not-an-id", "%00", "%ED%A0%80", "%F0%9F%92%A9", "a" * 5_000, ".."])
@pytest.mark.parametrize("path", ["{}", "{}/status-audit", "{}/runs-audit"])
def test_it_knows_no_task_of_an_unknown_or_malformed_id(api: Client, path: str, task_id: object) -> None:
    response = api.get(f"{API}/tasks/{path.format(task_id)}")
    assert (response.status_code, list(response.json())) == (404, ["message"])


def test_it_shows_what_a_worker_did(viewer: User) -> None:
    job_id = broker.enqueue("tests.jobs.connect", args=["ann"], kwargs={"password": "hidden-value"})
    broken = broker.enqueue("tests.jobs.fail", args=["no such user"])
    queue = broker.queue("default")
    SimpleWorker([queue], connection=queue.connection, serializer="json").work(burst=True)
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    answer = detail(client_of(viewer), job_id)
    assert (answer["status"], answer["taskType"], answer["errorDetails"]) == ("Completed", "tests.jobs.connect", None)
    assert json.loads(answer["parameters"]) == {"args": ["ann"], "kwargs": {"password": "********"}}
    assert answer["createdAtUtc"] <= answer["lastExecutionUtc"] <= answer["completedAtUtc"]
    assert "ValueError: no such user" in detail(client_of(viewer), broken)["errorDetails"]
