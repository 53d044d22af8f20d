"""The OpenAPI document: it is sound, it is shown without other hosts, and the API does what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator

from config.openapi import document
from monitoring.statuses import Status
from tests.cast import API, client_of
from tests.factories import make_change, make_run, make_schedule, make_task

Operation = tuple[str, str, dict[str, Any]]


def operations() -> Iterator[Operation]:
    """Path, method and description of every operation."""
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


OURS = [operation for operation in operations() if operation[0].startswith(f"{API}/")]


def check(body: Any, response: dict[str, Any]) -> None:
    """Fails unless the body is what the response's description says."""
    schema = {**response["content"]["application/json"]["schema"], "components": document()["components"]}
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)


def test_it_is_sound_and_complete() -> None:
    out, err = StringIO(), StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out, stderr=err)
    assert err.getvalue() == ""
    assert out.getvalue().startswith("openapi: 3.1")


def test_it_is_served_to_anyone(db: None) -> None:
    response = Client(headers={"Authorization": "Bearer stale"}).get("/api-docs.json")
    assert response.json() == document()
    assert Client().get("/api-docs.json", headers={"If-None-Match": response["ETag"]}).status_code == 304


def test_it_describes_every_path_of_the_document() -> None:
    assert [(path.removeprefix(API), method) for path, method, _ in OURS] == [
        ("/auth/login", "post"),
        ("/tasks", "get"),
        ("/tasks/counts", "get"),
        ("/tasks/{id}", "get"),
        ("/tasks/{id}/status-audit", "get"),
        ("/tasks/{id}/runs-audit", "get"),
        ("/dashboard/overview", "get"),
        ("/dashboard/recent-activity", "get"),
        ("/queues", "get"),
        ("/queues/{name}/tasks", "get"),
        ("/statistics/success-rate-trend", "get"),
        ("/statistics/task-types", "get"),
        ("/statistics/execution-times", "get"),
        ("/config", "get"),
    ]


def described_parameters(path: str) -> dict[str, dict[str, Any]]:
    """The schemas of the query parameters of a path."""
    (parameters,) = (operation["parameters"] for each, _, operation in OURS if each == f"{API}/{path}")
    return {parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "query"}


def test_it_describes_every_parameter_of_the_list() -> None:
    described = described_parameters("tasks")
    assert set(described) == {
        *("status", "queueName", "taskType", "isRecurring", "createdFrom", "createdTo", "search"),
        *("sortBy", "sortDescending", "page", "pageSize"),
    }
    defaults = {name: schema["default"] for name, schema in described.items() if "default" in schema}
    assert defaults == {"sortBy": "CreatedAtUtc", "sortDescending": True, "page": 1, "pageSize": 20}
    assert set(described_parameters("queues/{name}/tasks")) == set(described) - {"queueName"}


@pytest.mark.parametrize(
    ("path", "parameter", "default", "words"),
    [
        *(
            (path, "range", "Today", ["Today", "Week", "Month", "All"])
            for path in ("dashboard/overview", "statistics/task-types", "statistics/execution-times")
        ),
        ("statistics/success-rate-trend", "period", "Last7Days", ["Last7Days", "Last30Days", "Last90Days"]),
        ("dashboard/recent-activity", "limit", 50, None),
    ],
)
def test_it_describes_the_parameters_of_the_figures(path: str, parameter: str, default: Any, words: Any) -> None:
    (schema,) = described_parameters(path).values()
    assert list(described_parameters(path)) == [parameter]
    assert (schema["default"], schema.get("enum")) == (default, words)


@pytest.mark.parametrize(("path", "method", "operation"), OURS)
def test_it_says_who_may_and_what_goes_wrong(path: str, method: str, operation: dict[str, Any]) -> None:
    statuses = set(operation["responses"])
    if path.endswith("/config"):
        assert (operation.get("security", []), statuses) == ([], {"200", "304", "429"})
    elif path.endswith("/login"):
        assert (operation.get("security", []), statuses) == ([], {"200", "400", "401", "413", "415", "429", "503"})
    else:
        assert operation["security"] == [{"bearer": []}, {"session": []}]
        assert statuses >= {"200", "304", "401", "403", "503"}
        assert ("404" in statuses) == ("{" in path)
    for name in ("summary", "description", "operationId", "tags"):
        assert operation[name]


@pytest.mark.parametrize(("path", "method", "operation"), OURS)
def test_its_examples_are_what_it_describes(path: str, method: str, operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status != "304":
            examples = response["content"]["application/json"]["examples"]
            assert examples
            for example in examples.values():
                check(example["value"], response)


@pytest.fixture
def task_ids(viewer: User) -> list[str]:
    """Tasks with and without everything that may be null."""
    bare = make_task(status=Status.QUEUED)
    full = make_task(scheduled_job=make_schedule(cron="0 9 * * *", max_runs=3), arguments="{}", error="x", queue="q")
    make_change(full.id, None, Status.QUEUED)
    make_change(full.id, Status.QUEUED, Status.FAILED, error="x")
    make_run(full.id, ended_at=None, status=Status.RUNNING)
    return [str(bare.id), str(full.id)]


REFUSABLE = ("createdFrom", "range", "period", "limit")


@pytest.mark.parametrize("each", [each for each in OURS if each[1] == "get"])
def test_it_describes_what_is_answered(each: Operation, task_ids: list[str], viewer: User, stranger: User) -> None:
    path, responses = each[0], each[2]["responses"]
    for task_id in task_ids:
        answer = client_of(viewer).get(path.replace("{id}", task_id).replace("{name}", "q"))
        check(answer.json(), responses["200"])
        assert set(responses["200"].get("headers", {})) <= set(answer.headers)
    if "401" in responses:
        check(Client().get(path).json(), responses["401"])
        check(client_of(stranger).get(path).json(), responses["403"])
    if "404" in responses:
        check(client_of(viewer).get(path).json(), responses["404"])
    if "400" in responses:
        check(
            client_of(viewer).get(path.replace("{name}", "q"), dict.fromkeys(REFUSABLE, "x")).json(), responses["400"]
        )


def test_it_describes_what_a_login_answers(viewer: User) -> None:
    viewer.set_password("a password of hers")
    viewer.save()
    responses = next(operation for path, _, operation in OURS if path.endswith("/login"))["responses"]
    for body, status in (
        ({"username": "vera", "password": "a password of hers"}, 200),
        ({"username": "vera", "password": "wrong"}, 401),
        ({}, 400),
    ):
        answer = Client().post(f"{API}/auth/login", body, content_type="application/json")
        assert answer.status_code == status
        check(answer.json(), responses[str(status)])


def test_it_is_shown_without_other_hosts_or_inline_scripts(db: None) -> None:
    page = Client().get("/api-docs", headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    html = page.content.decode()
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", html)
    assert len(loaded) >= 4
    assert [address for address in loaded if not address.startswith("/") or address.startswith("//")] == []
    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    script = next(address for address in loaded if address.startswith("/api-docs?"))
    answer = Client().get(script)
    assert answer["Content-Type"] == "application/javascript"
    source = answer.content.decode("unicode-escape")
    assert 'url: "/api-docs.json"' in source
    assert re.findall(r"https?:|//[a-z]", source) == []
