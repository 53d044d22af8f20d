"""One schedule in a list: how it stands now and how its last runs went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitoring.redaction import mask_value
from monitoring.statuses import Status
from scheduler import schedules
from scheduler.executions import Execution
from scheduler.models import ScheduledJob, ScheduleType
from scheduler.schedules import Kind
from scheduler.truth import ON_TIME

GOING_ON = (Kind.ACTIVE, Kind.OVERDUE)


@dataclass(frozen=True, kw_only=True)
class ScheduleRow:
    """A schedule with its last executions, oldest first."""

    job: ScheduledJob
    runs: list[Execution]
    now: datetime

    @property
    def state(self) -> Kind:
        """Whether it will be started."""
        return schedules.state_of(self.job, self.now)

    @property
    def problem(self) -> str:
        """Why it cannot be started; empty if it can."""
        return schedules.problem_of(self.job)

    @property
    def next_run_at(self) -> datetime | None:
        """When it is started next; None while it is not going to be."""
        return self.job.next_run_at if self.state in GOING_ON else None

    @property
    def last(self) -> Execution | None:
        """The newest execution, also one that is not over."""
        return self.runs[-1] if self.runs else None

    @property
    def lateness(self) -> timedelta | None:
        """By how much it is overdue, else how late the last run by the schedule was; None if nothing is known."""
        if self.state == Kind.OVERDUE and self.job.next_run_at:
            return self.now - self.job.next_run_at
        fire = self.runs[-1].fire if self.runs else None
        if fire is None or fire.enqueued_at is None:
            return None
        return max(timedelta(), fire.enqueued_at - fire.run_at)

    @property
    def late_ms(self) -> float | None:
        """As a page tells it; None for what is on time, too."""
        return None if self.lateness is None or self.lateness <= ON_TIME else self.lateness.total_seconds() * 1000

    @property
    def runs_in_words(self) -> str:
        """What the sparkline shows: "28 completed, 2 failed"."""
        counts = Counter(run.status for run in self.runs)
        words = [f"{counts[status]} {status.label.lower()}" for status in Status if counts[status]]
        return ", ".join(words) or "none yet"


def as_json(row: ScheduleRow) -> dict[str, Any]:
    """A schedule as scripts get it."""
    job, last = row.job, row.last
    return {
        "id": str(job.uuid),
        "name": job.name,
        "task_id": job.handler,
        "queue": job.queue,
        "kind": job.schedule_type.value,
        "schedule": job.in_words(),
        "cron": job.cron or None,
        "every": job.interval_seconds if job.schedule_type == ScheduleType.INTERVAL else None,
        "run_at": job.run_at,
        "timezone": job.timezone,
        "state": row.state.value,
        "enabled": job.is_enabled,
        "paused": job.is_paused,
        "problem": row.problem or None,
        "next_run_at": row.next_run_at,
        "last_run_at": job.last_executed_at,
        "last_outcome": job.last_status.lower() or None,
        "last_task": str(last.id) if last else None,
        "consecutive_failures": job.consecutive_failures,
        "run_count": job.run_count,
        "max_runs": job.max_runs,
        "late_ms": None if row.lateness is None else round(row.lateness.total_seconds() * 1000, 1),
        "last_runs": [run.status.lower() for run in row.runs],
    }


def definition_as_json(job: ScheduledJob) -> dict[str, Any]:
    """What a list leaves out: arguments, masked, and policies."""
    return {
        "description": job.description,
        "args": mask_value(job.args),
        "kwargs": mask_value(job.kwargs),
        "start_at": job.start_at,
        "end_at": job.end_at,
        "jitter_seconds": job.jitter_seconds,
        "overlap_policy": job.overlap_policy,
        "misfire_policy": job.misfire_policy,
        "misfire_grace_seconds": job.misfire_grace_seconds,
        "max_retries": job.max_retries,
        "retry_delay_seconds": job.retry_delay_seconds,
        "retry_backoff": job.retry_backoff,
        "timeout_seconds": job.timeout_seconds,
        "tags": job.tags,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "updated_at": job.updated_at,
    }
