"""What one report does to one task: pure rules, no SQL.

Observation never argues: any transition that RQ reports is written down, however odd. Only a repeat of the present
status is not a change (RQ reports an interval retry twice, and redis-py retries pipelines), nor is the deletion of a
job whose task is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models.base import ModelState

from monitoring import facts
from monitoring.error_patterns import ErrorPattern, error_pattern_of, error_type_of
from monitoring.inbox import Report
from monitoring.models import Task
from monitoring.statuses import OVER, WAITING, RunStatus, Status

DELETED = "The job was deleted from Redis before it was over."
UNREPORTED_END = "The run ended without a reported error."


class Change(NamedTuple):
    """A row of audit.StatusChange to be; a model instance would cost ten times as much to make."""

    task_id: UUID
    old_status: str | None
    new_status: str
    changed_at: datetime
    error: str
    stream_id: str
    source: str = "hooks"


class Run(NamedTuple):
    """A row of audit.TaskRun to be."""

    task_id: UUID
    attempt: int
    queue: str
    task_type: str
    worker: str
    started_at: datetime | None
    ended_at: datetime | None
    status: str
    error: str
    wait_ms: float | None
    duration_ms: float | None


class Outcome(NamedTuple):
    """What a report made of a task: the change of status, the run it opened or closed, and how it failed, if any."""

    change: Change | None = None
    run: Run | None = None
    failure: ErrorPattern | None = None


NOTHING = Outcome()


_BLANK = {name: value for name, value in vars(Task()).items() if name != "_state"}


def new_task(report: Report) -> Task:
    """A task seen for the first time; ``status`` is empty until its first change is applied."""
    task = Task.__new__(Task)  # with Task() filling the forty fields with their defaults costs four times as much
    task.__dict__.update(_BLANK)
    task._state = ModelState()
    task.id, task.job_id, task.status = report.task_id, report.job_id, ""
    task.task_type = report.function or facts.UNKNOWN
    task.queue = report.queue or facts.UNKNOWN
    task.created_at = task.updated_at = report.at
    return task


def apply(task: Task, report: Report) -> Outcome:
    """Brings the task up to date with the report."""
    task.updated_at = report.at
    facts.merge(task, report)
    if report.status is None or report.status == task.status or (report.word == "deleted" and task.status in OVER):
        return NOTHING
    old_status = task.status
    run = _RUN_RULES.get(report.status, _leave_run)(task, report)
    if report.status in WAITING and old_status in (Status.RUNNING, Status.FAILED, Status.CANCELLED):
        task.retry_count += 1
    if report.status in WAITING:
        task.completed_at = None
    if report.status == Status.QUEUED:
        task.enqueued_at = report.at
    task.status = report.status
    failure = error_pattern_of(task.error) if report.status == Status.FAILED else None
    task.error_group = failure.fingerprint if failure else None
    if failure:
        task.error_type = failure.error_type
    change = Change(
        task_id=task.id,
        old_status=old_status or None,
        new_status=report.status,
        changed_at=report.at,
        error=_error_of(report),
        stream_id=report.stream_id,
        source=report.source,
    )
    return Outcome(change=change, run=run, failure=failure)


# --- Runs ---------------------------------------------------------------------------------------------------------


def _start_run(task: Task, report: Report) -> Run:
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


def _end_run(task: Task, report: Report) -> Run:
    """COMPLETED or FAILED: the end of the run that is open, or of one whose start was never reported."""
    if not _has_open_run(task):
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
    return _run(task, status=str(report.status), ended_at=report.at, error=_error_of(report))


def _cancel_run(task: Task, report: Report) -> Run | None:
    """Only "stopped" ends a run: RQ lets a job that is cancelled or deleted while it runs go on, and report its end."""
    task.completed_at = report.at
    if report.word != "stopped" or not _has_open_run(task):
        return None
    _measure(task, report)
    return _run(task, status=Status.CANCELLED, ended_at=report.at, error=_error_of(report))


def _leave_run(task: Task, report: Report) -> Run | None:
    """Back to waiting. An open run has failed, then, and will be retried."""
    if not _has_open_run(task):
        return None
    _measure(task, report)
    task.error = report.error or UNREPORTED_END
    task.error_type = error_type_of(task.error)
    return _run(task, status=RunStatus.RETRIED, ended_at=report.at, error=task.error)


_RUN_RULES = {
    Status.RUNNING: _start_run,
    Status.COMPLETED: _end_run,
    Status.FAILED: _end_run,
    Status.CANCELLED: _cancel_run,
}


def _run(task: Task, *, status: str, ended_at: datetime | None = None, error: str = "") -> Run:
    return Run(
        task_id=task.id,
        attempt=task.attempts,
        queue=task.queue,
        task_type=task.task_type,
        worker=task.worker,
        started_at=task.started_at,
        ended_at=ended_at,
        status=status,
        error=error,
        wait_ms=task.wait_ms,
        duration_ms=task.duration_ms if ended_at else None,
    )


def _has_open_run(task: Task) -> bool:
    """A run has no measured time until its end."""
    return task.attempts > 0 and task.duration_ms is None


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
