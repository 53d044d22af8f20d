"""What happened to a task, for those who want it as rows: its status changes and its runs."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from audit.models import StatusChange, TaskRun
from monitoring.models import Task

LIMIT = 1_000
"""The newest so many are told, for a schedule may have made a million runs."""


def changes_of(task_id: UUID) -> list[StatusChange]:
    """The task's newest LIMIT status changes, oldest first."""
    newest = StatusChange.objects.filter(task_id=task_id).order_by("-id")[:LIMIT]
    return list(reversed(newest))


def runs_of(task: Task) -> list[TaskRun]:
    """The task's newest LIMIT runs, oldest first; of a task made by a scheduled job, those of the whole series."""
    runs = TaskRun.objects.filter(task_id=task.id)
    if task.scheduled_job_id is not None:
        series = Task.objects.filter(scheduled_job_id=task.scheduled_job_id).order_by("-created_at", "-id")
        runs = TaskRun.objects.filter(task_id__in=series.values("id")[:LIMIT])
    newest = runs.order_by(F("started_at").desc(nulls_last=True), "-id")[:LIMIT]
    return list(reversed(newest))
