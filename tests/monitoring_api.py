"""Asks the monitoring API as its users do, and holds every answer against its document's JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.test import Client
from jsonschema import Draft202012Validator

BASE = "/api/v1/monitoring"
AUTHENTICATION = 3
"""Queries that find the user and the two sources of permissions."""

_SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parent / "schemas" / "monitoring_api.json").read_text())


def schema(name: str) -> dict[str, Any]:
    """The document's schema, with what the contract adds: every key is there, and no other."""
    document = json.loads(json.dumps(_SCHEMAS))
    for described in document["components"]["schemas"].values():
        if properties := described.get("properties"):
            described |= {"required": list(properties), "additionalProperties": False}
    return {"$ref": f"#/components/schemas/{name}", **document}


def check(body: Any, name: str) -> None:
    """Fails unless the body is what the document says."""
    Draft202012Validator(schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)


SHAPES = {
    "tasks": "TaskListResponse",
    "stats": "AggregateStats",
    "queues": "QueueStatsResponse",
    "workers": "WorkerStatsResponse",
    "workers/health": "WorkerHealthResponse",
    "workflows": "MonitoringWorkflowListResponse",
    "workflows/stats": "WorkflowAggregateStats",
}


def shape_of(path: str) -> str:
    """The name of the schema of a path's answer."""
    if path.startswith("tasks/"):
        return "TaskMediaResponse" if path.endswith("/media") else "TaskDetailResponse"
    if path.startswith("workflows/") and path not in SHAPES:
        return "WorkflowDetailResponse"
    return SHAPES[path]


def ask(api: Client, path: str, /, **parameters: Any) -> Any:
    """The answer, checked."""
    response = api.get(f"{BASE}/{path}", parameters)
    assert response.status_code == 200, response.content
    body = response.json()
    check(body, shape_of(path))
    return body


def refused(api: Client, path: str, /, **parameters: Any) -> list[dict[str, Any]]:
    """The mistakes that a 422 names, checked."""
    response = api.get(f"{BASE}/{path}", parameters)
    assert response.status_code == 422, response.content
    body = response.json()
    check(body, "HTTPValidationError")
    mistakes: list[dict[str, Any]] = body["detail"]
    return mistakes


def ids(page: dict[str, Any]) -> Iterator[str]:
    """The ids on a page of tasks."""
    return (item["id"] for item in page["items"])
