"""The sentences in which people read what happened to a task."""

from __future__ import annotations

from datetime import datetime

from monitoring.statuses import Status

_SENTENCES = {
    Status.COMPLETED: "Task completed successfully",
    Status.RUNNING: "Task is running",
    Status.QUEUED: "Task queued",
    Status.DEFERRED: "Task waiting for its dependencies",
    Status.CANCELLED: "Task cancelled",
}


def message_for(status: str, *, error: str = "", scheduled_for: datetime | None = None) -> str:
    """What happened, in one sentence: "Task failed: ValueError: no such user"."""
    if status == Status.FAILED:
        return f"Task failed: {error_summary(error)}" if error else "Task failed"
    if status == Status.SCHEDULED:
        return f"Task scheduled for {scheduled_for:%Y-%m-%d %H:%M:%S} UTC" if scheduled_for else "Task scheduled"
    return _SENTENCES[Status(status)]


def error_summary(error: str) -> str:
    """The line of a traceback that says what went wrong ("ValueError: no such user"), else the first line."""
    lines = error.splitlines()
    indented = [index for index, line in enumerate(lines) if line.startswith("  ")]
    after = lines[indented[-1] + 1 :] if indented else lines
    return next((line.strip()[:300] for line in after if line.strip()), "")
