"""The story of one task: its status changes, each with the run that it began, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from audit.models import StatusChange, TaskRun
from monitoring.statuses import Status

LIMIT = 50
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A status that the task took, the run that belongs to it, or both."""

    at: datetime
    change: StatusChange | None = None
    run: TaskRun | None = None
    after_ms: float | None = None
    """How long after the step before."""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The newest steps of a task."""

    steps: Sequence[Step]
    is_cut: bool
    """Whether older steps exist that are not among these."""


def timeline_of(task_id: UUID) -> Timeline:
    """The task's newest LIMIT changes and runs, merged; two queries."""
    changes = list(StatusChange.objects.filter(task_id=task_id).order_by("-id")[: LIMIT + 1])
    runs = list(TaskRun.objects.filter(task_id=task_id).order_by("-attempt")[: LIMIT + 1])
    is_cut = len(changes) > LIMIT or len(runs) > LIMIT
    return Timeline(steps=_merged(changes[:LIMIT], runs[:LIMIT]), is_cut=is_cut)


def _merged(changes: Sequence[StatusChange], runs: Sequence[TaskRun]) -> list[Step]:
    """Newest first. A run joins the change that began it, else the one that ended it, else it stands alone."""
    homeless = {run.attempt: run for run in runs}
    pairs: list[tuple[datetime, StatusChange | None, TaskRun | None]] = []
    for change in reversed(changes):
        run = next((run for run in homeless.values() if _belongs(run, change)), None)
        if run is not None:
            del homeless[run.attempt]
        pairs.append((change.changed_at, change, run))
    pairs += [(run.started_at or run.ended_at or _BEGINNING, None, run) for run in homeless.values()]
    pairs.sort(key=lambda pair: pair[0])  # stable: changes of one moment keep the order in which they were recorded
    return list(reversed(_with_distances(pairs)))


def _belongs(run: TaskRun, change: StatusChange) -> bool:
    if change.new_status == Status.RUNNING:
        return run.started_at == change.changed_at
    # A synchronous queue reports no start: its runs are told by their end only.
    return change.old_status != Status.RUNNING and run.ended_at == change.changed_at


def _with_distances(pairs: Sequence[tuple[datetime, StatusChange | None, TaskRun | None]]) -> list[Step]:
    steps: list[Step] = []
    for at, change, run in pairs:
        after_ms = (at - steps[-1].at).total_seconds() * 1000 if steps else None
        steps.append(Step(at=at, change=change, run=run, after_ms=after_ms))
    return steps
