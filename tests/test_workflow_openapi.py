"""What the OpenAPI document says of the workflow API and of surface 4's workflows: complete, sound, and true."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.cast import client_of
from tests.test_openapi import check, operations
from tests.workflows import begin, run

OURS = [
    operation
    for operation in operations()
    if operation[2]["operationId"].startswith("workflow_") or "/monitoring/workflows" in operation[0]
]
NAMES = [f"{method} {path}" for path, method, _ in OURS]


def test_it_describes_every_path_of_the_contract() -> None:
    task = "/api/v1/tasks/{task_id}"
    assert set(NAMES) == {
        *(f"get /api/v1/handlers{rest}" for rest in ("", "/{namespace}", "/{namespace}/{name}")),
        *(f"{method} /api/v1/tasks" for method in ("get", "post")),
        *(f"{method} {task}" for method in ("get", "patch", "delete")),
        *(f"post {task}/{verb}" for verb in ("pause", "resume", "retry")),
        f"get {task}/workflow_steps",
        *(f"{method} {task}/workflow_steps/{{step_id}}" for method in ("get", "patch", "delete")),
        *(f"get /api/v1/monitoring/workflows{rest}" for rest in ("", "/stats", "/{workflow_id}")),
    }


@pytest.mark.parametrize(("path", "method", "operation"), OURS, ids=NAMES)
def test_it_says_who_may_and_what_goes_wrong(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["security"] == [{"bearer": []}, {"session": []}]
    statuses = set(operation["responses"])
    assert statuses >= {"401", "403", "503"}
    assert ("404" in statuses) == ("{" in path or method == "post")
    if "requestBody" in operation:
        assert statuses >= {"400", "413", "415", "422"}
    if method != "get":
        assert "operator role" in operation["description"]


@pytest.mark.parametrize(("path", "method", "operation"), OURS, ids=NAMES)
def test_its_examples_are_what_it_describes(path: str, method: str, operation: dict[str, Any]) -> None:
    for response in operation["responses"].values():
        examples = response["content"]["application/json"]["examples"]
        assert examples
        for example in examples.values():
            check(example["value"], response)


@pytest.mark.parametrize(("path", "method", "operation"), [each for each in OURS if each[1] == "get"])
def test_it_describes_what_is_answered(
    path: str, method: str, operation: dict[str, Any], viewer: User, stranger: User
) -> None:
    responses = operation["responses"]
    for workflow in (begin(), run(begin(context={"charge": {"failures": 9}, "pack": {"skip": True}}))):
        values = {"namespace": "tests", "name": "diamond", "step_id": "charge"}
        values |= dict.fromkeys(("task_id", "workflow_id"), str(workflow.pk))
        asked = path
        for name, value in values.items():
            asked = asked.replace(f"{{{name}}}", value)
        check(client_of(viewer).get(asked).json(), responses["200"])
        check(client_of(viewer).get(asked, {"include_dependencies": "true"}).json(), responses["200"])
    check(Client().get(asked).json(), responses["401"])
    check(client_of(stranger).get(asked).json(), responses["403"])
    if "404" in responses:
        check(client_of(viewer).get(path.replace("{", "").replace("}", "")).json(), responses["404"])
    if {"400", "422"} & set(responses):
        refused = client_of(viewer).get(asked, {"page": "x", "include_dependencies": "x", "version": "\x00"})
        if "/stats" not in path:
            check(refused.json(), responses.get("400") or responses["422"])
