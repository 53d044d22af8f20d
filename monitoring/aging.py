"""The kinds of rows of this app, and of the trails below it, that retention deletes for their age."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from audit import cutting
from audit.models import OperatorAction, StatusChange, TaskRun
from monitoring.models import MetricSample, Task
from monitoring.rebuilding import TASK_COLUMNS
from monitoring.recorder import lock_position
from monitoring.retention import KeyWalk, Kind, TimeWalk
from monitoring.rollups import Rollups
from monitoring.statuses import OVER


def _over(before: datetime) -> Q:
    return Q(status__in=OVER, completed_at__lt=before)


def _forget_tasks(tasks: Sequence[Task]) -> None:
    rollups = Rollups()
    for task in tasks:
        rollups.count_task(task, -1)
    rollups.write_pruned()


class TrailWalk:
    """Along the trail from its first row, to the first that is not old: what is kept of a chain must be whole."""

    def __init__(self, kind: Kind, before: datetime) -> None:
        self.before, self.after = before, cutting.anchor().number

    def next(self, limit: int) -> list[int]:
        """See retention.Walk."""
        numbers: list[int] = []
        rows = OperatorAction.objects.filter(number__gt=self.after).order_by("number")
        for number, at in rows.values_list("number", "at")[:limit]:
            if at >= self.before:
                break
            self.after = number
            numbers.append(number)
        return numbers


def _older(column: str) -> Any:
    return lambda before: Q(**{f"{column}__lt": before})


KINDS = (
    Kind(
        name="tasks",
        title="Tasks",
        model=Task,
        aged_by="completed_at",
        rule="Tasks that are over, by when they ended. What waits or runs stays, however old.",
        old=_over,
        walk=TimeWalk,
        lock=lock_position,
        forget=_forget_tasks,
        counted=TASK_COLUMNS,
    ),
    Kind(
        name="runs",
        title="Runs",
        model=TaskRun,
        aged_by="ended_at",
        rule="Ended runs, by their end. Statistics keep them.",
        old=_older("ended_at"),
        walk=KeyWalk,
        lock=lock_position,
    ),
    Kind(
        name="changes",
        title="Status changes",
        model=StatusChange,
        aged_by="changed_at",
        rule="By when they happened.",
        old=_older("changed_at"),
        walk=KeyWalk,
    ),
    Kind(
        name="samples",
        title="Samples",
        model=MetricSample,
        aged_by="at",
        rule="The figures of the metrics page, one every five seconds.",
        old=_older("at"),
        walk=KeyWalk,
    ),
    Kind(
        name="trail",
        title="Operators' trail",
        model=OperatorAction,
        aged_by="at",
        rule="From the first row on, and only while the chain of hashes is whole.",
        old=_older("at"),
        walk=TrailWalk,
        lock=cutting.lock,
        forget=cutting.cut,
    ),
)
