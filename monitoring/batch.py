"""Folds a batch of outbox entries into the rows it leads to, before anything is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from monitoring import inbox, labels, transitions
from monitoring.error_patterns import ErrorPattern
from monitoring.inbox import Entry, Loss, NotUnderstood, Report
from monitoring.ledger_models import Evidence, LostTask
from monitoring.models import SetAsideEntry, Task
from monitoring.redaction import clean_text
from monitoring.rollups import Rollups
from monitoring.spans import begin_of_hour
from monitoring.statuses import OVER, Status
from monitoring.transitions import Change, Run

logger = logging.getLogger("quarterdeck.recorder")

LIVE_COLUMNS = (
    "status", "error_type", "error_group", "progress", "progress_message", "attempts", "retry_count", "enqueued_at",
    "scheduled_for", "started_at", "completed_at", "last_run_at", "updated_at", "duration_ms", "wait_ms", "worker",
)  # fmt: skip
"""What nearly every report changes."""
IDENTITY_COLUMNS = ("queue", "task_type", "created_at", "arguments", "handler", "retry_of", *labels.COUNTED)
"""What hardly ever changes after the first report, and never without one of these: the whole row is written then."""
_LOADED_COLUMNS = ("id", *LIVE_COLUMNS, *IDENTITY_COLUMNS)

_IDENTITY = attrgetter(*(Task._meta.get_field(name).attname for name in IDENTITY_COLUMNS))  # type: ignore[union-attr]  # columns
Identity = tuple[Any, ...]


@dataclass(kw_only=True)
class Batch:
    """The rows that a batch of reports leads to, before anything is written."""

    tasks: dict[UUID, Task] = field(default_factory=dict)
    known: dict[UUID, Identity] = field(default_factory=dict)
    """The tasks that have a row already, and what stands in it."""
    changes: list[Change] = field(default_factory=list)
    runs: dict[tuple[UUID, int], Run] = field(default_factory=dict)
    failures: dict[ErrorPattern, datetime] = field(default_factory=dict)
    """How tasks failed, and when one first failed so in this batch."""
    rollups: Rollups = field(default_factory=Rollups)
    set_aside: list[SetAsideEntry] = field(default_factory=list)
    told: set[UUID] = field(default_factory=set)
    """The tasks that changed without changing status: progress, output."""
    removed: set[UUID] = field(default_factory=set)
    """The tasks whose rows go, though one may come back under the same id."""
    losses: list[LostTask] = field(default_factory=list)
    observed: int = 0
    """Jobs that no hook had reported."""
    retries: int = 0

    def ends(self) -> list[End]:
        """The ends of tasks in the batch, and the returns of those that were over, in order."""
        return [
            End(task=task, change=change)
            for change in self.changes
            if (change.new_status in OVER or change.old_status in OVER) and (task := self.tasks.get(change.task_id))
        ]


class End(NamedTuple):
    """A task is over, or not any more."""

    task: Task
    change: Change


def understand(entries: Sequence[Entry], *, refused: str = "") -> Batch:
    """Folds the entries into the rows to write; what cannot be understood, or was ``refused``, is set aside."""
    batch = Batch()
    reports = []
    for entry in entries:
        try:
            if refused:
                raise NotUnderstood(refused)
            reports.append(inbox.parse(entry))
        except NotUnderstood as reason:
            batch.set_aside.append(_set_aside(entry, str(reason)))
    load_tasks(batch, reports)
    count(batch, -1)
    for report in reports:
        fold(batch, report)
    count(batch, +1)
    return batch


def load_tasks(batch: Batch, reports: Sequence[Report]) -> None:
    """Loads the rows of tasks seen before; two queries at most, whatever the size of the batch."""
    telling = {report.task_id for report in reports if report.told}
    others = {report.task_id for report in reports} - telling
    if others:
        batch.tasks.update(Task.objects.only(*_LOADED_COLUMNS).in_bulk(list(others)))
    if telling:
        batch.tasks.update(Task.objects.in_bulk(list(telling)))
    batch.known = {task_id: identity_of(task) for task_id, task in batch.tasks.items()}


def identity_of(task: Task) -> Identity:
    """The values of the columns that hardly ever change."""
    identity: Identity = _IDENTITY(task)
    return identity


def fold(batch: Batch, report: Report) -> None:
    """Applies one report to its task and notes the rows that follow."""
    if report.word == inbox.REMOVED:
        remove(batch, report.task_id)
        return
    task = batch.tasks.get(report.task_id)
    if report.expects is not None and report.expects != (task.status if task else ""):
        return  # the record has gone on since reconcile looked
    if task is None:
        batch.observed += report.expects is not None
        if report.status is None or report.word == "deleted":
            return  # nothing is known of it and nothing will be
        task = batch.tasks[report.task_id] = transitions.new_task(report)
    retries_before = task.retry_count
    outcome = transitions.apply(task, report)
    batch.retries += task.retry_count - retries_before
    if outcome.run:
        batch.runs[outcome.run.task_id, outcome.run.attempt] = outcome.run
        batch.rollups.count_run(outcome.run)
    if outcome.failure:
        batch.failures.setdefault(outcome.failure, report.at)
    if outcome.change:
        batch.changes.append(outcome.change)
        if report.lost and outcome.change.new_status == Status.FAILED:
            batch.losses.append(_loss(task, outcome.change, report.lost, report.at))
    elif report.told:
        batch.told.add(task.id)


def _loss(task: Task, change: Change, told: Loss, at: datetime) -> LostTask:
    return LostTask(
        task_id=task.id,
        job_id=task.job_id,
        queue=task.queue,
        task_type=task.task_type,
        created_hour=begin_of_hour(task.created_at),
        was=change.old_status or "",
        evidence=told.evidence if told.evidence in Evidence else Evidence.DELETED,
        details=told.details,
        missing_since=min(told.since or at, at),
        found_at=at,
    )


def remove(batch: Batch, task_id: UUID) -> None:
    """Forgets a task that an operator removed; its changes and runs stay. It is not counted any more."""
    batch.tasks.pop(task_id, None)
    batch.told.discard(task_id)
    if batch.known.pop(task_id, None):
        batch.removed.add(task_id)


def count(batch: Batch, sign: int) -> None:
    """Takes the batch's tasks from where the rollup counts them (-1, before they change), or adds them (+1, after)."""
    for task in batch.tasks.values():
        batch.rollups.count_task(task, sign)


def _set_aside(entry: Entry, reason: str) -> SetAsideEntry:
    payload = clean_text(entry.payload.decode("utf-8", "replace"), inbox.PAYLOAD_LIMIT)
    logger.warning("entry %s is set aside: %s", entry.stream_id, reason)
    return SetAsideEntry(
        stream_id=entry.stream_id, payload=payload, reason=clean_text(reason), set_aside_at=datetime.now(UTC)
    )
