"""What one report does to one task: pure rules, no SQL.

Observation never argues: any transition that RQ reports is written down, however odd. Only a repeat of the present
status is not a change (RQ reports an interval retry twice, and redis-py retries pipelines), nor is the deletion of a
job whose task is over.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from audit.models import StatusChange, TaskRun
from monitoring.inbox import Report
from monitoring.models import Task
from monitoring.redaction import clean_text, cut_text
from monitoring.statuses import OVER, WAITING, Status
from monitoring.wording import error_summary

DELETED = "The job was deleted from Redis before it was over."
UNREPORTED_END = "The run ended without a reported error."
OUTPUT_LIMIT = 65_536
LIST_LIMIT = 100
# What a producer may say of its job in meta["quarterdeck"], by the field it goes to.
DESCRIPTIVE_TEXTS = (
    "kind",
    "handler",
    "triggered_by",
    "origin_instance",
    "origin_zone",
    "origin_tenant_id",
    "origin_reference",
    "provider_type",
    "executor_type",
    "executor_instance",
    "service_task_id",
    "webhook_url",
)
_MAX_LENGTHS = {field.name: field.max_length or 255 for field in Task._meta.concrete_fields}
DESCRIPTIVE_DOCUMENTS = ("config", "task_data")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a report made of a task: the change of status and the run it opened or closed, if any."""

    change: StatusChange | None = None
    run: TaskRun | None = None


def new_task(report: Report) -> Task:
    """A task seen for the first time; ``status`` is empty until its first change is applied."""
    return Task(
        id=report.task_id,
        job_id=report.job_id,
        task_type=report.function or "unknown",
        queue=report.queue or "unknown",
        status="",
        created_at=report.at,
        updated_at=report.at,
    )


def apply(task: Task, report: Report) -> Outcome:
    """Brings the task up to date with the report."""
    task.updated_at = report.at
    _merge_facts(task, report)
    if report.status is None or report.status == task.status or (report.word == "deleted" and task.status in OVER):
        return Outcome()
    old_status = task.status
    run = _RUN_RULES.get(report.status, _leave_run)(task, report)
    if report.status in WAITING and old_status in (Status.RUNNING, Status.FAILED, Status.CANCELLED):
        task.retry_count += 1
    if report.status in WAITING:
        task.completed_at = None
    if report.status == Status.QUEUED:
        task.enqueued_at = report.at
    task.status = report.status
    change = StatusChange(
        task_id=task.id,
        old_status=old_status or None,
        new_status=report.status,
        changed_at=report.at,
        error=_error_of(report),
        stream_id=report.stream_id,
    )
    return Outcome(change=change, run=run)


# --- Runs ---------------------------------------------------------------------------------------------------------


def _start_run(task: Task, report: Report) -> TaskRun:
    task.attempts += 1
    task.started_at = task.last_run_at = report.at
    task.completed_at = None
    task.duration_ms = None
    task.progress = 0
    task.progress_message = ""
    task.worker = report.worker
    if task.enqueued_at:
        task.wait_ms = _milliseconds(task.enqueued_at, report.at)
    return _run(task, status=Status.RUNNING)


def _end_run(task: Task, report: Report) -> TaskRun:
    """COMPLETED or FAILED: the end of the run that is open, or of one whose start was never reported."""
    if task.status in WAITING or not task.attempts:
        _start_run(task, report)  # a synchronous queue reports no start
        task.started_at = task.last_run_at = report.at - timedelta(milliseconds=report.duration_ms or 0)
    _measure(task, report)
    task.completed_at = report.at
    if report.status == Status.COMPLETED:
        task.progress = 100
        task.result = report.result
        task.error = task.error_type = ""
    else:
        task.error = _error_of(report)
        task.error_type = error_type_of(task.error)
    return _run(task, status=str(report.status), ended_at=report.at, error=_error_of(report))


def _cancel_run(task: Task, report: Report) -> TaskRun | None:
    was_running = task.status == Status.RUNNING
    task.completed_at = report.at
    if not was_running:
        return None
    _measure(task, report)
    return _run(task, status=Status.CANCELLED, ended_at=report.at, error=_error_of(report))


def _leave_run(task: Task, report: Report) -> TaskRun | None:
    """Back to waiting. From running, that is a failed run which will be retried."""
    if task.status != Status.RUNNING:
        return None
    _measure(task, report)
    task.error = report.error or UNREPORTED_END
    task.error_type = error_type_of(task.error)
    return _run(task, status=Status.FAILED, ended_at=report.at, error=task.error)


_RUN_RULES = {
    Status.RUNNING: _start_run,
    Status.COMPLETED: _end_run,
    Status.FAILED: _end_run,
    Status.CANCELLED: _cancel_run,
}


def _run(task: Task, *, status: str, ended_at: datetime | None = None, error: str = "") -> TaskRun:
    return TaskRun(
        task_id=task.id,
        attempt=task.attempts,
        worker=task.worker,
        started_at=task.started_at,
        ended_at=ended_at,
        status=status,
        error=error,
        duration_ms=task.duration_ms if ended_at else None,
    )


def _measure(task: Task, report: Report) -> None:
    """The run's time: as its worker measured it, else between the two reports."""
    if report.duration_ms is not None:
        task.duration_ms = report.duration_ms
    elif task.started_at:
        task.duration_ms = _milliseconds(task.started_at, report.at)


def _milliseconds(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds() * 1000)


# --- Errors -------------------------------------------------------------------------------------------------------


def _error_of(report: Report) -> str:
    if report.word == "deleted":
        return DELETED
    return report.error or ""


def error_type_of(error: str) -> str:
    """The exception's class, with which the summary of its traceback begins; empty if the error is a plain sentence."""
    match = re.match(r"([A-Za-z_][\w.]*)(?::|$)", error_summary(error))
    return match[1][:255] if match else ""


# --- Facts that change no status ----------------------------------------------------------------------------------


def _merge_facts(task: Task, report: Report) -> None:
    if report.queue:
        task.queue = report.queue
    if report.function and task.task_type == "unknown":
        task.task_type = report.function
    if report.due_at:
        task.scheduled_for = report.due_at
    if report.description and not task.arguments:
        _describe(task, report.description)
    if report.told and task.status not in OVER:
        _listen(task, report.told)


def _describe(task: Task, description: dict[str, Any]) -> None:
    """What the enqueuing side wrote down. Every value came over the wire, so each is checked and bounded."""
    created = description.get("created")
    if isinstance(created, int | float) and not isinstance(created, bool) and 0 < created < task.created_at.timestamp():
        task.created_at = datetime.fromtimestamp(created, tz=UTC)
    task.arguments = _text(description.get("params"), 20_000)
    retries = description.get("retries")
    task.max_retries = min(retries, 2**31 - 1) if isinstance(retries, int) and retries > 0 else 0
    after = description.get("after")
    task.depends_on = [_text(job_id, 255) for job_id in after[:LIST_LIMIT]] if isinstance(after, list) else None
    meta = description.get("meta")
    if isinstance(meta, dict):
        _describe_from_meta(task, meta)


def _describe_from_meta(task: Task, meta: dict[str, Any]) -> None:
    for name in DESCRIPTIVE_TEXTS:
        if value := meta.get("task_type" if name == "kind" else name):
            setattr(task, name, _text(value, _MAX_LENGTHS[name]))
    for name in DESCRIPTIVE_DOCUMENTS:
        if isinstance(value := meta.get(name), dict):
            setattr(task, name, value)
    if isinstance(priority := meta.get("priority"), int):
        task.priority = max(-(2**31), min(priority, 2**31 - 1))
    if isinstance(scheduled_job := meta.get("scheduled_job"), int) and 0 < scheduled_job < 2**63:
        task.scheduled_job_id = scheduled_job
    try:
        task.retry_of = UUID(str(meta["retry_of"])) if meta.get("retry_of") else None
    except ValueError:
        task.retry_of = None


def _listen(task: Task, told: dict[str, Any]) -> None:
    """What a running task said of itself."""
    progress = told.get("progress")
    if isinstance(progress, int | float) and math.isfinite(progress):
        task.progress = max(0.0, min(100.0, float(progress)))
        task.progress_message = _text(told.get("message"), 500)
    if isinstance(output := told.get("output"), str):
        task.output = clean_text(task.output + output + "\n", OUTPUT_LIMIT)
    if isinstance(media := told.get("media"), dict):
        task.media = [*(task.media or []), media][:LIST_LIMIT]
    if isinstance(request := told.get("service_request"), dict):
        task.service_requests = [*(task.service_requests or []), request][:LIST_LIMIT]


def _text(value: Any, limit: int) -> str:
    return cut_text(str(value or ""), limit)
