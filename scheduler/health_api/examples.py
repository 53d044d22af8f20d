"""What the OpenAPI document shows of the answers about health."""

from __future__ import annotations

from typing import Any

from scheduler.workflow_api import examples as workflow_examples

ALIVE = {"alive": True, "timestamp": "2025-01-15T10:00:00Z", "service": "quarterdeck"}


def _check(message: str, **more: Any) -> dict[str, Any]:
    return {"status": "healthy", "message": message, "response_time_ms": 0.8, **more}


READY: dict[str, Any] = {
    "ready": True,
    "checks": {
        "database": _check("The database answers."),
        "redis": _check("Redis answers."),
        "migrations": _check("The database has the tables of this version."),
        "recorder": _check("What RQ reports is being recorded.", lag_seconds=0.0),
    },
    "failed_checks": [],
}
NOT_READY: dict[str, Any] = {
    "ready": False,
    "checks": {
        **READY["checks"],
        "redis": {"status": "unhealthy", "message": "No answer for 1.5 s.", "response_time_ms": 1500.2},
    },
    "failed_checks": ["redis"],
}
ERRORS = {status: workflow_examples.ERRORS[status] for status in (401, 403, 503)}
