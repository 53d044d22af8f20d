"""Asks the workflow API as its users do, and holds its refusals against their one shape."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from tests.workflows import committed

BASE = "/api/v1"
TASK_KEYS = [
    *("id", "name", "namespace", "version", "full_name", "status", "context", "initiator", "source_system", "reason"),
    *("tags", "created_at", "updated_at", "started_at", "completed_at"),
]
STEP_KEYS = {
    *("id", "task_id", "name", "status", "attempts", "retry_limit", "retryable", "skippable", "inputs", "results"),
    *("error", "depends_on", "dependents", "ready", "next_retry_at", "started_at", "completed_at", "duration_ms"),
    "run_task_id",
}


def sent(client: Client, method: str, path: str, body: Any = None) -> Any:
    """The response to a request with a JSON body."""
    options = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    with committed():
        return getattr(client, method)(f"{BASE}/{path}", **options)


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The error of a refusal, checked for its shape."""
    assert response.status_code == status, response.content[:500]
    body: dict[str, Any] = response.json()
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    assert {"type", "message", "code"} <= set(error) <= {"type", "message", "code", "details"}
    assert (error["code"], error["type"]) == (code, code.title().replace("_", ""))
    assert error["message"]
    return error
