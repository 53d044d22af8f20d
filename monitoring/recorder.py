"""The recorder: writes what the outbox reported into SQL, each entry exactly once.

One batch is one transaction: lock the position row, apply the entries after it, save the new position. Whatever is
killed, a batch is there whole or not at all, and two recorders take turns on the lock. Only after the commit is the
stream trimmed and the news announced; both may be lost and cost nothing, for the next batch trims again and pages
catch up from SQL.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from audit.models import StatusChange, TaskRun
from monitoring import bulk, inbox, live, transitions
from monitoring.hooks import OUTBOX
from monitoring.inbox import Entry, NotUnderstood, Report
from monitoring.models import InboxPosition, Queue, SetAsideEntry, Task, TaskCount
from monitoring.redaction import clean_text

logger = logging.getLogger("quarterdeck.recorder")

OUTSIDE_TROUBLE = (OperationalError, InterfaceError)
"""The database is gone or busy: no entry's fault, so the batch is tried again."""

# Loaded only for tasks that reported progress, output or media; elsewhere the UPDATE leaves them as they are.
_TOLD_COLUMNS = ("output", "service_requests", "media")
_KEPT_COLUMNS = ("result", "error", *_TOLD_COLUMNS, "config", "task_data", "depends_on")
_WRITTEN_ONCE = ("id", "job_id")
_UPDATED_COLUMNS = tuple(
    field.name for field in Task._meta.concrete_fields if field.name not in (*_WRITTEN_ONCE, *_KEPT_COLUMNS)
)
_RUN_CONFLICT = """ON CONFLICT ("task_id", "attempt") DO UPDATE SET
    "ended_at" = excluded."ended_at", "status" = excluded."status",
    "error" = excluded."error", "duration_ms" = excluded."duration_ms" """
_COUNT_CONFLICT = """ON CONFLICT ("hour", "queue", "task_type", "status") DO UPDATE SET
    "count" = "monitoring_taskcount"."count" + excluded."count" """

Cell = tuple[datetime, str, str, str]
"""Where a task is counted: hour of creation, queue, type, status."""


@dataclass(kw_only=True)
class Batch:
    """The rows that a batch of reports leads to, before anything is written."""

    tasks: dict[UUID, Task] = field(default_factory=dict)
    known: set[UUID] = field(default_factory=set)
    """The tasks that have a row already."""
    changes: list[StatusChange] = field(default_factory=list)
    runs: dict[tuple[UUID, int], TaskRun] = field(default_factory=dict)
    counts: Counter[Cell] = field(default_factory=Counter)
    set_aside: list[SetAsideEntry] = field(default_factory=list)
    told: set[UUID] = field(default_factory=set)
    """The tasks that changed without changing status: progress, output."""


class Recorder:
    """Records batch after batch from the position stored in SQL."""

    def __init__(self, announce: Callable[[Batch], None] = live.announce) -> None:
        self.announce = announce
        self.position = inbox.START
        self.known_queues: set[str] = set()

    def start(self) -> None:
        """Takes up the stored position; raises OperationalError when the database is out of reach."""
        row, _ = InboxPosition.objects.get_or_create(stream=OUTBOX)
        self.position = row.last_id

    def record_next(self, *, wait_ms: int | None = None, limit: int = inbox.BATCH) -> int:
        """Records the next entries and returns how many; 0 when none came or another recorder was faster."""
        entries = inbox.read(self.position, limit=limit, wait_ms=wait_ms)
        return self._record_halving(entries) if entries else 0

    def drain(self) -> int:
        """Records all that is there now and returns how many entries that were."""
        total = 0
        while recorded := self.record_next():
            total += recorded
        return total

    def _record_halving(self, entries: Sequence[Entry]) -> int:
        """Records the entries; if the database refuses one of them, finds it by halving and sets it aside."""
        try:
            return self._record(entries)
        except OUTSIDE_TROUBLE:
            raise
        except Exception as error:
            if len(entries) == 1:
                logger.exception("entry %s cannot be recorded and is set aside", entries[0].stream_id)
                return self._record(entries, refused=f"{type(error).__name__}: {error}")
            middle = len(entries) // 2
            first = self._record_halving(entries[:middle])
            return first + self._record_halving(entries[middle:]) if first else 0

    def _record(self, entries: Sequence[Entry], *, refused: str = "") -> int:
        with transaction.atomic():
            position = lock_position()
            if position.last_id != self.position:
                self.position = position.last_id  # another recorder was faster: go on from where it is
                return 0
            batch = understand(entries, refused=refused)
            write_queues(batch, self.known_queues)
            write_tasks(batch)
            write_changes(batch)
            write_runs(batch)
            write_counts(batch)
            write_set_aside(batch)
            save_position(position, entries, batch)
        self.position = position.last_id
        self.known_queues.update(task.queue for task in batch.tasks.values())
        inbox.trim(self.position)
        self.announce(batch)
        return len(entries)


def lock_position() -> InboxPosition:
    """The position row, locked until the transaction ends (on SQLite the transaction itself holds the write lock)."""
    return InboxPosition.objects.select_for_update().get(stream=OUTBOX)


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
    for report in reports:
        fold(batch, report)
    return batch


def load_tasks(batch: Batch, reports: Sequence[Report]) -> None:
    """Loads the rows of tasks seen before; two queries at most, whatever the size of the batch."""
    telling = {report.task_id for report in reports if report.told}
    others = {report.task_id for report in reports} - telling
    if others:
        batch.tasks.update(Task.objects.defer(*_KEPT_COLUMNS).in_bulk(list(others)))
    if telling:
        batch.tasks.update(Task.objects.in_bulk(list(telling)))
    batch.known = set(batch.tasks)


def fold(batch: Batch, report: Report) -> None:
    """Applies one report to its task and notes the rows and counts that follow."""
    task = batch.tasks.get(report.task_id)
    if task is None:
        if report.status is None or report.word == "deleted":
            return  # nothing is known of it and nothing will be
        task = batch.tasks[report.task_id] = transitions.new_task(report)
    before = _cell(task)
    outcome = transitions.apply(task, report)
    if outcome.run:
        batch.runs[outcome.run.task_id, outcome.run.attempt] = outcome.run
    if outcome.change:
        batch.changes.append(outcome.change)
    elif report.told:
        batch.told.add(task.id)
    after = _cell(task)
    if before != after:
        batch.counts[after] += 1
        if before[-1]:
            batch.counts[before] -= 1


def write_queues(batch: Batch, known: set[str]) -> None:
    """Remembers the queues that are seen for the first time."""
    new = {task.queue: task.created_at for task in batch.tasks.values() if task.queue not in known}
    if new:
        rows = [Queue(name=name, first_seen_at=seen_at) for name, seen_at in sorted(new.items())]
        Queue.objects.bulk_create(rows, ignore_conflicts=True)


def write_tasks(batch: Batch) -> None:
    """Inserts the new tasks and updates the others."""
    bulk.insert(Task, [task for key, task in batch.tasks.items() if key not in batch.known])
    known = [batch.tasks[key] for key in batch.known]
    bulk.update(Task, known, _UPDATED_COLUMNS, keep_if_null=_KEPT_COLUMNS)


def write_changes(batch: Batch) -> None:
    """Adds the status changes, in the order of the stream."""
    bulk.insert(StatusChange, batch.changes)


def write_runs(batch: Batch) -> None:
    """Adds the runs that began and closes those that ended."""
    bulk.insert(TaskRun, list(batch.runs.values()), conflict=_RUN_CONFLICT)


def write_counts(batch: Batch) -> None:
    """Moves the tasks between the cells of the rollup."""
    rows = [
        TaskCount(hour=hour, queue=queue, task_type=task_type, status=status, count=difference)
        for (hour, queue, task_type, status), difference in sorted(batch.counts.items())
        if difference
    ]
    bulk.insert(TaskCount, rows, conflict=_COUNT_CONFLICT)


def write_set_aside(batch: Batch) -> None:
    """Keeps the entries that could not be understood."""
    bulk.insert(SetAsideEntry, batch.set_aside)


def save_position(position: InboxPosition, entries: Sequence[Entry], batch: Batch) -> None:
    """Moves the position past the batch, in the batch's own transaction."""
    position.last_id = entries[-1].stream_id
    position.recorded += len(entries) - len(batch.set_aside)
    position.set_aside += len(batch.set_aside)
    position.updated_at = datetime.now(UTC)
    position.save()


def _cell(task: Task) -> Cell:
    return task.created_at.replace(minute=0, second=0, microsecond=0), task.queue, task.task_type, task.status


def _set_aside(entry: Entry, reason: str) -> SetAsideEntry:
    payload = clean_text(entry.payload.decode("utf-8", "replace"), inbox.PAYLOAD_LIMIT)
    logger.warning("entry %s is set aside: %s", entry.stream_id, reason)
    return SetAsideEntry(
        stream_id=entry.stream_id, payload=payload, reason=clean_text(reason), set_aside_at=datetime.now(UTC)
    )
