"""Whatever more is sent: what a call does not offer to change, it does not change. For every write of the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import models, transaction
from django.test import Client

from audit.models import OperatorAction
from config.openapi import document
from monitoring.models import Task
from scheduler.models import ScheduledFire, ScheduledJob
from scheduler.workflow_models import Workflow, WorkflowStep
from tests.cast import client_of, member
from tests.routes import Stage, set_stage

pytestmark = pytest.mark.django_db

WATCHED: tuple[type[models.Model], ...] = (
    ScheduledJob, ScheduledFire, Workflow, WorkflowStep, Task, User, Group, OperatorAction,
)  # fmt: skip
POISON = "poison-7f3a"
ALSO = ("is_superuser", "is_staff", "groups", "permissions", "role", "by", "actor", "user", "pk", "_state", "__class__")
PASSWORD = "correct horse battery staple"


def writes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            if method not in ("get", "head"):
                yield path, method, operation


WRITES = list(writes())


def _first(found: dict[str, Any]) -> dict[str, Any]:
    """The first of the values, empty if there is none."""
    return next(iter(found.values())) if found else {}


def schema_of(described: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a request or an answer, with references followed."""
    schema: dict[str, Any] = _first(described.get("content", {})).get("schema", {})
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    """The document's own example of what is sent, made to fit the stage."""
    content = operation.get("requestBody", {}).get("content", {})
    examples = _first(content).get("examples", {})
    body = dict(next(iter(examples.values()))["value"]) if examples else {}
    if "handler" in body:
        body |= {"name": "of the test", "handler": "demo.echo", "kwargs": {"value": 1}}
    if "context" in body:
        body = {"namespace": "tests", "name": "diamond", "context": {}}
    return {"username": "somebody", "password": PASSWORD} if "password" in body else body


def poison_of(operation: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Every name that stands in an answer or in a table and is not offered here, with a value that would be noticed."""
    offered = set(schema_of(operation.get("requestBody", {})).get("properties", {})) | body.keys()
    names = {name for answer in operation["responses"].values() for name in schema_of(answer).get("properties", {})}
    fields = {field.attname: field for model in WATCHED for field in model._meta.concrete_fields}
    poison = {name: value_for(fields.get(name)) for name in {*names, *fields, *ALSO} - offered}
    camel = {re.sub(r"_(\w)", lambda found: found[1].upper(), name): value for name, value in poison.items()}
    return {**{name: value for name, value in camel.items() if name not in offered}, **poison}


def value_for(field: Any) -> Any:
    kinds: dict[type[models.Field[Any, Any]], Any] = {
        models.BooleanField: True,
        models.DateTimeField: "2001-02-03T04:05:06Z",
        models.UUIDField: "77777777-7777-4777-8777-777777777777",
        models.JSONField: [POISON],
        models.FloatField: 7_777_777.5,
        models.IntegerField: 7_777_777,
    }
    return next((value for kind, value in kinds.items() if isinstance(field, kind)), POISON)


def snapshot() -> dict[str, Any]:
    """All rows, without what differs from one call to the next: generated ids and the present moment."""
    found: dict[str, Any] = {}
    for model in WATCHED:
        names = [field.attname for field in model._meta.concrete_fields if not _differs(model, field)]
        rows = model._default_manager.values_list(*names)
        found[model._meta.label] = sorted(json.dumps(row, default=str) for row in rows)
    text = json.dumps([list(apps.get_model(label).objects.values()) for label in found], default=str)
    found["planted"] = [word for word in (POISON, "2001-02-03", "77777777-7777", "7777777") if word in text]
    return found


def _differs(model: type[models.Model], field: Any) -> bool:
    generated = isinstance(field, models.UUIDField | models.DateTimeField | models.AutoField)
    return generated or field.is_relation or (model is OperatorAction and field.name in ("hash", "target", "details"))


def call(client: Client, stage: Stage, path: str, method: str, body: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The answer, and all rows after it; everything is rolled back."""
    values = {
        "job_id": stage.job.uuid, "execution_id": stage.fire.task_id, "step_id": "charge",
        "task_id": stage.workflow.pk,
    }  # fmt: skip
    address = re.sub(r"{(\w+)}", lambda found: str(values[found[1]]), path)
    with transaction.atomic():
        answer = getattr(client, method)(address, json.dumps(body), content_type="application/json")
        after = snapshot()
        transaction.set_rollback(True)
    return answer, after


@pytest.mark.parametrize(("path", "method", "operation"), WRITES, ids=[f"{way[1]} {way[0]}" for way in WRITES])
def test_what_is_not_offered_has_no_effect(path: str, method: str, operation: dict[str, Any]) -> None:
    stage, client, body = set_stage(), client_of(member("ada", "admin")), body_of(operation)
    somebody = User.objects.get(username="somebody")
    somebody.set_password(PASSWORD)
    somebody.save()
    poison = poison_of(operation, body)
    assert len(poison) > 50
    plain, wanted = call(client, stage, path, method, body)
    answer, found = call(client, stage, path, method, {**body, **poison})
    assert plain.status_code < 300 or plain.status_code == 409, plain.content
    assert wanted["planted"] == []
    if answer.status_code in (400, 422):  # this call refuses what it does not know
        named = json.dumps(answer.json())
        assert any(name in named for name in poison), named
        answer, found = call(client, stage, path, method, body)
    assert answer.status_code == plain.status_code, answer.content
    assert found == wanted


def test_every_write_is_tried() -> None:
    assert len(WRITES) >= 19
    assert {method for _, method, _ in WRITES} == {"post", "put", "patch", "delete"}
