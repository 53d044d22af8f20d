"""The workflow API's contract, path by path: the keys of each answer, who may ask, and what no path takes."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import Client

from tests.cast import client_of
from tests.workflow_api import STEP_KEYS, TASK_KEYS, refused, sent
from tests.workflows import begin, run

pytestmark = pytest.mark.django_db
BASE = "/api/v1"
NAMES = {"id", "namespace", "name", "version", "versions", "description"}
TEMPLATE = {
    *("name", "description", "handler_class", "depends_on_step", "depends_on_steps", "default_retryable"),
    *("default_retry_limit", "skippable", "custom_events"),
}
SUMMARY = {"id", "name", "status", "results", "attempts", "started_at", "completed_at"}
DEPENDENCIES = {
    *("analysis", "ready_steps", "blocked_steps", "completed_steps", "critical_path", "critical_path_ms"),
    "parallelism",
}
TREND = {"completion_rate", "error_rate", "avg_duration_ms", "throughput_per_minute"}
# What an answer consists of: keys for an object, a single row's shape in a list, None for a value.
SHAPES: dict[str, Any] = {
    "handlers": {
        "namespaces": [{"name", "description", "handler_count", "handlers"}],
        "total_namespaces": None,
        "generated_at": None,
    },
    "handlers/tests": {
        "namespace": None,
        "handlers": [{*NAMES, "step_count", "step_names"}],
        "total_handlers": None,
    },
    "handlers/tests/diamond?version=1.0.0": {
        **dict.fromkeys((*NAMES, "full_name", "context_schema")),
        "step_templates": [TEMPLATE],
        "dependency_graph": {"nodes": None, "edges": [{"from", "to"}], "execution_order": None},
    },
    "tasks": {"tasks": [set(TASK_KEYS)], "pagination": {"current_page", "per_page", "total_pages", "total_count"}},
    "tasks/{task}": {**dict.fromkeys(TASK_KEYS), "steps": [SUMMARY]},
    "tasks/{task}?include_dependencies=true": {
        **dict.fromkeys(TASK_KEYS),
        "steps": [SUMMARY],
        "dependencies": {**dict.fromkeys(DEPENDENCIES), "blocked_steps": [{"step", "waiting_for"}]},
    },
    "tasks/{task}/workflow_steps": {"steps": [STEP_KEYS]},
    "tasks/{task}/workflow_steps/charge": {"step": STEP_KEYS},
    "analytics/performance": {
        "system_health_score": None,
        "performance_trends": {"1h": TREND, "4h": TREND, "24h": TREND},
        "task_statistics": {"total_tasks", "completed", "failed", "retried"},
        "processing_times": {"p50", "p95", "p99"},
        "generated_at": None,
        "cache_info": {"cached", "ttl_seconds"},
    },
    "analytics/bottlenecks": {
        "analysis_period": None,
        "scope": set(),
        "slowest_tasks": [
            {"task_name", "avg_duration_ms", "p95_duration_ms", "execution_count", "failure_rate"},
        ],
        "slowest_steps": [{"step_name", "task_name", "avg_duration_ms", "avg_wait_ms", "retry_rate"}],
        "error_patterns": [{"error_type", "message", "frequency", "affected_steps", "first_seen", "last_seen"}],
        "queue_waits": [{"queue", "p50_ms", "p95_ms", "trend"}],
        "recommendations": None,
        "generated_at": None,
        "cache_info": {"cached", "ttl_seconds"},
    },
}
READS = [*SHAPES, "health/status", "metrics"]
WRITES = ["tasks/{task}/pause", "tasks/{task}/resume", "tasks/{task}/retry"]


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    caches["analytics"].clear()


def assert_shape(value: Any, shape: Any, where: str) -> None:
    """Fails unless the value has the keys of its shape, all of them and no others."""
    if shape is None:
        return
    if isinstance(shape, list):
        assert value, f"{where} is empty, so it shows nothing"
        for each in value:
            assert_shape(each, shape[0], f"{where}[]")
        return
    assert set(value) == set(shape), where
    for key, inner in shape.items() if isinstance(shape, dict) else ():
        assert_shape(value[key], inner, f"{where}.{key}")


@pytest.mark.parametrize("path", SHAPES)
def test_an_answer_has_the_contracts_keys(api: Client, path: str) -> None:
    workflow = run(begin(context={"charge": {"failures": 9}}))
    answer = api.get(f"{BASE}/{path.replace('{task}', str(workflow.pk))}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert "no-store" in answer["Cache-Control"]
    assert_shape(answer.json(), SHAPES[path], path)


@pytest.mark.parametrize("path", [*READS, *WRITES])
def test_nobody_is_answered_without_a_login(path: str) -> None:
    method = "post" if path in WRITES else "get"
    for headers in (
        {},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Bearer"},
    ):
        response = getattr(Client(headers=headers), method)(f"{BASE}/{path}")
        refused(response, 401, "AUTHENTICATION_FAILED")
        assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", [*SHAPES, "metrics"])
def test_strangers_are_answered_nothing(stranger: User, path: str) -> None:
    refused(client_of(stranger).get(f"{BASE}/{path}"), 403, "AUTHORIZATION_FAILED")


@pytest.mark.parametrize("path", [*READS, *WRITES, "health/live", "health/ready"])
def test_a_path_takes_its_methods_and_no_slash(operator: User, path: str) -> None:
    client, address = client_of(operator), path.partition("?")[0].replace("{task}", str(begin().pk))
    refused(client.get(f"{BASE}/{address}/"), 404, "PATH_NOT_FOUND")
    if path == "health/status":  # who asks is looked up in a thread, which sees nothing of a test's transaction
        return
    wrong = "get" if path in WRITES else "put"
    refused(sent(client, wrong, address), 405, "METHOD_NOT_ALLOWED")
