"""Makes rows as the recorder leaves them: a task with its queue, and tasks and runs with their place in the counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from audit.models import StatusChange, TaskRun
from monitoring.error_patterns import error_pattern_of
from monitoring.hooks import OUTBOX
from monitoring.models import ErrorGroup, InboxPosition, Queue, Task
from monitoring.rebuilding import differences
from monitoring.rollups import Rollups
from monitoring.statuses import Status
from monitoring.transitions import Run
from scheduler.models import ScheduledJob

NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)


def make_task(**fields: Any) -> Task:
    """A completed mail on the default queue, created at NOON, unless the fields say else."""
    known: dict[str, Any] = {
        "id": uuid4(),
        "task_type": "shop.mail.send_receipt",
        "queue": "default",
        "status": Status.COMPLETED,
        "created_at": NOON,
        "updated_at": NOON,
        **fields,
    }
    if known["status"] == Status.FAILED:
        known = {"completed_at": known["created_at"], **known}
        failure = error_pattern_of(known.get("error", ""))
        known = {"error_type": failure.error_type, "error_group": failure.fingerprint, **known}
        seen_at = known["completed_at"] or known["created_at"]
        ErrorGroup.objects.get_or_create(
            fingerprint=failure.fingerprint, defaults={**failure._asdict(), "first_seen_at": seen_at}
        )
    task = Task.objects.create(**{"job_id": str(known["id"]), **known})
    Queue.objects.get_or_create(name=task.queue, defaults={"first_seen_at": task.created_at})
    rollups = Rollups()
    rollups.count_task(task, +1)
    rollups.write()
    return task


def make_tasks(number: int, **fields: Any) -> list[Task]:
    """Several, created a minute after one another from NOON on."""
    return [make_task(**{"created_at": NOON + timedelta(minutes=minute), **fields}) for minute in range(number)]


def make_schedule(**fields: Any) -> ScheduledJob:
    """A job that runs every five minutes, unless the fields say else."""
    return ScheduledJob.objects.create(**{"name": f"schedule {uuid4()}", "interval_seconds": 300, **fields})


def make_change(task_id: UUID, old_status: Status | None, new_status: Status, **fields: Any) -> StatusChange:
    """A change of status at NOON, unless the fields say else."""
    known = {"changed_at": NOON, **fields}
    return StatusChange.objects.create(task_id=task_id, old_status=old_status, new_status=new_status, **known)


def make_run(task_id: UUID, attempt: int = 1, **fields: Any) -> TaskRun:
    """A completed run of the task's, five seconds from NOON on, unless the fields say else."""
    task = Task.objects.filter(pk=task_id).first()
    known = {
        "queue": task.queue if task else "default",
        "task_type": task.task_type if task else "shop.mail.send_receipt",
        "started_at": NOON,
        "ended_at": NOON + timedelta(seconds=5),
        "status": Status.COMPLETED,
        "duration_ms": 5_000.0,
        **fields,
    }
    row = TaskRun.objects.create(task_id=task_id, attempt=attempt, **known)
    rollups = Rollups()
    rollups.count_run(Run(*(getattr(row, name) for name in Run._fields)))
    rollups.write()
    return row


def miscounted() -> list[str]:
    """What is wrong with the rollups; nothing after rows that were made here."""
    InboxPosition.objects.get_or_create(stream=OUTBOX)
    return differences()
