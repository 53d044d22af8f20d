"""Tasks are started through the workflow API: what is taken, what is refused, and which mistake is named."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit.models import OperatorAction
from scheduler.workflow_models import Workflow
from tests.workflow_api import BASE, TASK_KEYS, refused, sent
from tests.workflows import run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("wrapped", [False, True])
def test_it_starts_a_task(acting: Client, wrapped: bool) -> None:
    order = {"name": "diamond", "namespace": "tests", "version": "1.0.0", "context": {"amount": 3}, "tags": ["a"]}
    response = sent(acting, "post", "tasks", {"task": order} if wrapped else order)
    assert response.status_code == 201, response.content
    body = response.json()
    assert list(body) == TASK_KEYS
    assert (body["full_name"], body["status"], body["initiator"]) == ("tests.diamond@1.0.0", "pending", "oscar")
    assert (body["context"], body["tags"], body["source_system"]) == ({"amount": 3}, ["a"], None)
    assert response["Location"] == f"{BASE}/tasks/{body['id']}"
    assert run(Workflow.objects.get(pk=body["id"])).status == "COMPLETED"
    assert acting.get(response["Location"]).json()["status"] == "complete"
    deed = OperatorAction.objects.get()
    assert (deed.action, deed.actor, deed.target, deed.outcome) == ("workflow.start", "oscar", body["id"], "success")


def test_it_takes_the_latest_version_unless_another_is_named(acting: Client) -> None:
    body = sent(acting, "post", "tasks", {"name": "diamond", "namespace": "tests", "context": {}}).json()
    assert body["version"] == "1.1.0"


def test_the_same_key_starts_one_task(acting: Client) -> None:
    order = {"name": "diamond", "namespace": "tests", "context": {}, "idempotency_key": "order-1"}
    first, second = (sent(acting, "post", "tasks", order) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert Workflow.objects.count() == 1
    Workflow.objects.update(created_at="2020-01-01T00:00:00Z")
    third = sent(acting, "post", "tasks", order)
    assert (third.status_code, Workflow.objects.count()) == (201, 2)


@pytest.mark.parametrize(
    ("order", "field", "sentence"),
    [
        ({}, "name", "required"),
        ({"name": "diamond"}, "context", "required"),
        ({"context": {"amount": 0}}, "$.amount", "less than the minimum"),
        ({"context": {"amount": "x"}}, "$.amount", "not of type 'integer'"),
        ({"context": []}, "$", "not of type 'object'"),
        ({"context": None}, "context", "null"),
        ({"context": ""}, "$", "not of type 'object'"),
        ({"context": "", "name": "quick", "version": "0.1.0"}, "$", "object"),
        ({"context": {}, "tags": "a"}, "tags", "list"),
        ({"context": {}, "tags": ["x" * 101]}, "tags.0", "100"),
        ({"context": {}, "run_at": "tomorrow"}, "run_at", "2025-01-15"),
        ({"context": {}, "priority": "high"}, "priority", "integer"),
        ({"context": {}, "initiator": "a\x00b"}, "initiator", "Null"),
        ({"context": {}, "webhook_url": "https://example.com/"}, "webhook_url", "WEBHOOK_SECRET"),
    ],
)
def test_it_names_each_mistake_of_an_order(acting: Client, order: dict[str, Any], field: str, sentence: str) -> None:
    known = {"name": "diamond", "namespace": "tests", "version": "1.0.0"} if "context" in order else {}
    error = refused(sent(acting, "post", "tasks", {**known, **order}), 422, "INVALID_TASK_CONFIG")
    assert sentence in " ".join(error["details"][field])
    assert Workflow.objects.count() == 0


def test_it_names_every_failure_of_a_context_by_its_path(acting: Client) -> None:
    order = {"name": "greet", "namespace": "tests", "context": {"times": "x", "extra": 1}}
    details = refused(sent(acting, "post", "tasks", order), 422, "INVALID_TASK_CONFIG")["details"]
    assert set(details) == {"$", "$.times"}
    assert len(details["$"]) == 2


@pytest.mark.parametrize(("name", "version"), [("ghost", ""), ("diamond", "9.9.9")])
def test_it_does_not_start_what_is_not_registered(acting: Client, name: str, version: str) -> None:
    order = {"name": name, "namespace": "tests", "version": version, "context": {}}
    error = refused(sent(acting, "post", "tasks", order), 404, "HANDLER_NOT_FOUND")
    assert (version == "") == ("Its versions are" not in error["message"])


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b'{"name": NaN}', b'{"a":' * 5_000])
def test_it_refuses_a_body_that_is_no_json_object(acting: Client, body: bytes) -> None:
    refused(acting.post(f"{BASE}/tasks", body, content_type="application/json"), 400, "MALFORMED_REQUEST")


def test_it_refuses_a_context_of_five_megabytes(acting: Client) -> None:
    order = {"name": "diamond", "namespace": "tests", "context": {"text": "x" * 5_000_000}}
    refused(sent(acting, "post", "tasks", order), 413, "MALFORMED_REQUEST")
    refused(acting.post(f"{BASE}/tasks", b"x", content_type="text/plain"), 415, "MALFORMED_REQUEST")


def test_odd_texts_in_a_context_come_out_as_they_went_in(acting: Client) -> None:
    context = {"nul": "a\x00b", "surrogate": "\ud800", "percent": "%s%%", "slash/key": "é", "deep": [[{"x": 1.0}]]}
    body = sent(acting, "post", "tasks", {"name": "diamond", "namespace": "tests", "context": context}).json()
    assert acting.get(f"{BASE}/tasks/{body['id']}").json()["context"] == context


def test_it_masks_what_sensitive_keys_hold(acting: Client) -> None:
    order = {
        "name": "diamond",
        "namespace": "tests",
        "context": {"card": {"api_key": "sk-1"}, "list": list(range(500))},
    }
    body = sent(acting, "post", "tasks", order).json()
    assert (body["context"]["card"], len(body["context"]["list"])) == ({"api_key": "********"}, 500)
    assert "sk-1" not in OperatorAction.objects.get().details
    assert Workflow.objects.get().context["card"] == {"api_key": "sk-1"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.dictionaries(
        st.sampled_from(["name", "namespace", "version", "context", "tags", "priority", "run_at", "idempotency_key",
                         "reason", "webhook_url", "task", "initiator"]),
        JSON,
    ),
    st.booleans(),
)  # fmt: skip
def test_it_never_fails_whatever_is_sent(acting: Client, body: dict[str, Any], fits: bool) -> None:
    known = {"name": "diamond", "namespace": "tests"} if fits else {}
    response = sent(acting, "post", "tasks", {**body, **known})
    assert response.status_code in (200, 201, 404, 422), response.content
    change = sent(acting, "patch", f"tasks/{uuid4()}/workflow_steps/x", body)
    assert change.status_code == 404
