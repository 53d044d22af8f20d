"""What the hub's two invocations carry, in wire keys."""

from __future__ import annotations

from typing import Any

from monitoring.hub.protocol import write_invocation
from monitoring.statuses import Status

_SEVERITIES = {Status.FAILED: "Error", Status.CANCELLED: "Warning"}


def ever_task_event(event: dict[str, Any]) -> str:
    """A status change, as documented: one argument, these keys, times ending in Z."""
    return write_invocation(
        "EverTaskEvent",
        {
            "taskId": event["task_id"],
            "eventDateUtc": event["at"].replace("+00:00", "Z"),
            "severity": _SEVERITIES.get(event["status"], "Information"),
            "taskType": event["task_type"],
            "taskHandlerType": event["handler"],
            "taskParameters": event["parameters"],
            "message": event["message"],
            "exception": event["error"],
        },
    )


def task_progress(event: dict[str, Any]) -> str:
    """How far a running task is, for those who asked with ``WatchProgress``."""
    return write_invocation(
        "TaskProgress",
        {"taskId": event["task_id"], "progress": event["progress"], "message": event["message"]},
    )
