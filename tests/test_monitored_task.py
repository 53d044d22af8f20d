"""GET tasks/{id} and tasks/{id}/media of the monitoring API: everything told of one task, and its files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import rq
from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from monitoring import broker
from monitoring.models import Task
from monitoring.recorder import Recorder
from monitoring.redaction import MASK
from monitoring.statuses import Status
from tests.factories import NOON, make_task
from tests.monitoring_api import AUTHENTICATION, BASE, ask


def test_it_answers_null_for_what_nobody_told(api: Client) -> None:
    task = make_task(status=Status.SCHEDULED)
    answer = ask(api, f"tasks/{task.id}")
    nulls = {key for key, value in answer.items() if value is None}
    assert nulls == {
        *("provider_type", "origin_zone", "origin_tenant_id", "origin_reference", "started_at", "completed_at"),
        *("duration_ms", "service_task_id", "executor_type", "executor_instance", "config", "webhook_url", "errors"),
        *("last_resume_attempt", "service_requests"),
    }
    assert {key: answer[key] for key in answer.keys() - nulls} == {
        "id": str(task.id),
        "task_type": "send_receipt",
        "status": "PENDING",
        "progress": 0.0,
        "origin_instance": settings.QUARTERDECK_INSTANCE,
        "created_at": "2025-01-15T12:00:00Z",
        "updated_at": "2025-01-15T12:00:00Z",
        "queue_name": "default",
        "priority": 0,
        "celery_task_id": str(task.id),
        "retry_count": 0,
        "is_resumed": False,
        "resume_attempt_count": 0,
        "task_data": {},
    }


def test_it_answers_what_the_producer_and_the_task_told(api: Client) -> None:
    told = {
        "task_type": "GENERATION",
        "provider_type": "fal",
        "origin_instance": "deck-7",
        "origin_zone": "eu",
        "origin_tenant_id": "north",
        "origin_reference": "order 7",
        "priority": 5,
        "service_task_id": "req_1",
        "executor_type": "gpu",
        "executor_instance": "gpu-3",
        "webhook_url": "https://shop.example.com/done",
        "config": {"steps": 30},
        "task_data": {"prompt": "a harbour", "password": "hidden-value"},
    }
    job_id = broker.enqueue("tests.jobs.report_everything", meta=told)
    rq.SimpleWorker([broker.queue("default")], connection=broker.connection(), serializer="json").work(burst=True)
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    task = Task.objects.get(job_id=job_id)
    answer = ask(api, f"tasks/{task.id}")
    data = told.pop("task_data")
    assert answer.items() >= told.items()
    assert answer["task_data"] == {**data, "password": MASK}  # type: ignore[dict-item]
    assert "hidden-value" not in str(answer)
    assert (answer["status"], answer["progress"], answer["errors"]) == ("COMPLETED", 100.0, None)
    assert answer["duration_ms"] == (task.completed_at - task.started_at).total_seconds() * 1000  # type: ignore[operator]
    (request,) = answer["service_requests"]
    assert (request["service"], request["status"]) == ("mailer", 200)
    media = ask(api, f"tasks/{task.id}/media")
    assert media["outputs"] == [
        {"name": "a.png", "path": "out/a.png", "url": "/media/out/a.png", "media_type": "image"}
    ]


def test_it_answers_the_last_error(api: Client) -> None:
    task = make_task(status=Status.FAILED, error="ValueError: boom", retry_count=2)
    answer = ask(api, f"tasks/{task.id}")
    assert (answer["errors"], answer["retry_count"]) == (["ValueError: boom"], 2)


def test_it_measures_from_start_to_completion(api: Client) -> None:
    task = make_task(started_at=NOON, completed_at=NOON + timedelta(milliseconds=1_234.5), duration_ms=1)
    assert ask(api, f"tasks/{task.id}")["duration_ms"] == 1_234.5
    running = make_task(started_at=NOON, status=Status.RUNNING)
    assert ask(api, f"tasks/{running.id}")["duration_ms"] is None


@pytest.mark.parametrize("path", ["tasks/{}", "tasks/{}/media"])
def test_it_asks_one_question(api: Client, path: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    task = make_task(media=[{"url": f"{number}.png"} for number in range(100)])
    with django_assert_num_queries(AUTHENTICATION + 1):
        ask(api, path.format(task.id))


@pytest.mark.parametrize("task_id", [str(uuid4()), "x", "%00", "0" * 500, "%F0%9F%92%A9", "'; --", "1e5", "%FF"])
def test_it_does_not_find_what_is_not_there(api: Client, task_id: str) -> None:
    for path in (f"tasks/{task_id}", f"tasks/{task_id}/media"):
        response = api.get(f"{BASE}/{path}")
        assert (response.status_code, response.json()) == (404, {"detail": "Task not found"})


# --- Media --------------------------------------------------------------------------------------------------------


def media(api: Client, *reported: Any) -> dict[str, Any]:
    answer: dict[str, Any] = ask(api, f"tasks/{make_task(media=list(reported)).id}/media")
    return answer


def test_it_has_no_files_without_any(api: Client) -> None:
    task = make_task()
    assert ask(api, f"tasks/{task.id}/media") == {"task_id": str(task.id), "inputs": [], "outputs": []}


def test_it_tells_given_files_from_made_ones(api: Client) -> None:
    answer = media(api, {"url": "in.png", "direction": "input"}, {"url": "out.png"})
    assert [item["path"] for item in answer["inputs"]] == ["in.png"]
    assert [item["path"] for item in answer["outputs"]] == ["out.png"]


@pytest.mark.parametrize(
    ("reported", "url"),
    [
        ("out/a.png", "/media/out/a.png"),
        ("/out/a.png", "/media/out/a.png"),
        ("a b#c?.png", "/media/a%20b%23c%3F.png"),
        ('"><script>.png', "/media/%22%3E%3Cscript%3E.png"),
        ("%2e%2e/secret", "/media/%252e%252e/secret"),
        ("https://cdn.example.com/x/a.png?s=1", "https://cdn.example.com/x/a.png?s=1"),
        ("HTTP://cdn.example.com/a.png", "HTTP://cdn.example.com/a.png"),
    ],
)
def test_it_joins_paths_to_the_media_url_and_leaves_addresses(api: Client, reported: str, url: str) -> None:
    (item,) = media(api, {"url": reported})["outputs"]
    assert item["url"] == url


def test_it_joins_to_another_media_url(api: Client, settings: Settings) -> None:
    settings.MEDIA_URL = "https://files.example.com/shop/"
    (item,) = media(api, {"url": "out/a.png"})["outputs"]
    assert item["url"] == "https://files.example.com/shop/out/a.png"


@pytest.mark.parametrize(
    "reported",
    [
        *(
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
        ),
        *("//evil.example.com/a.png", "\\\\evil.example.com\\a", "/\\evil.example.com", "file:///etc/passwd"),
        *(
            "ftp://example.com/a",
            "https:a.png",
            "http://",
            "http://[",
            "../../etc/passwd",
            "a/../../b",
            "",
            "/",
            None,
            7,
        ),
    ],
)
def test_it_lets_no_other_addresses_through(api: Client, reported: Any) -> None:
    answer = media(api, {"url": reported}, "no document", {"name": "without"})
    assert (answer["inputs"], answer["outputs"]) == ([], [])


@pytest.mark.parametrize(
    ("reported", "media_type"),
    [
        ({"url": "a.png"}, "image"),
        ({"url": "a.MP4"}, "video"),
        ({"url": "a.mp3"}, "audio"),
        ({"url": "a.pdf"}, "file"),
        ({"url": "a"}, "file"),
        ({"url": "blob/17", "name": "clip.mp4"}, "video"),
        ({"url": "a.png", "media_type": "video"}, "video"),
        ({"url": "a.png", "media_type": "hologram"}, "image"),
        ({"url": "https://cdn.example.com/a.webm?x=1"}, "video"),
    ],
)
def test_it_tells_the_kind_of_a_file_from_its_name(api: Client, reported: dict[str, Any], media_type: str) -> None:
    (item,) = media(api, reported)["outputs"]
    assert item["media_type"] == media_type
