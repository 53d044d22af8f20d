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
STATUS: dict[str, Any] = {
    "healthy": True,
    "status": "healthy",
    "metrics": {
        "tasks": {"total": 81, "pending": 1, "in_progress": 3, "complete": 70, "error": 5, "cancelled": 2},
        "steps": {"total": 324, "pending": 9, "in_progress": 3, "complete": 297, "error": 6, "cancelled": 9},
        "retries": {"retryable_errors": 2, "exhausted_retries": 6, "in_backoff": 1},
        "queues": {"total": 5, "waiting": 12, "running": 3, "unattended": 0},
        "workers": {"total": 4, "busy": 3, "idle": 1},
    },
    "database": {**_check("The database answers."), "engine": "postgresql"},
    "recorder": {"lag_seconds": 0.0, "events_per_second": 41.5, "stream_length": 0},
    "timestamp": "2025-01-15T10:00:00Z",
}
UNHEALTHY_STATUS: dict[str, Any] = {
    **STATUS,
    "healthy": False,
    "status": "unhealthy",
    "metrics": {**STATUS["metrics"], "queues": None, "workers": None},
    "recorder": {"lag_seconds": None, "events_per_second": 41.5, "stream_length": None},
}
NO_ANSWER = workflow_examples.error(
    "SYSTEM_NOT_READY", "The database did not answer within 1.5 s. See health/ready, which needs no login."
)
ERRORS = {status: workflow_examples.ERRORS[status] for status in (401, 403, 429, 503)}
