"""The recorder: writes what the outbox reported into SQL, each entry exactly once.

One batch is one transaction: lock the position row, apply the entries after it, save the new position. Whatever is
killed, a batch is there whole or not at all, and two recorders take turns on the lock. Only after the commit is the
stream trimmed and the news announced; both may be lost and cost nothing, for the next batch trims again and pages
catch up from SQL.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence, Set
from datetime import UTC, datetime

from django.db import InterfaceError, OperationalError, ProgrammingError, transaction
from django.db.models import F

from audit.models import StatusChange, TaskRun
from monitoring import bulk, inbox, live
from monitoring.batch import IDENTITY_COLUMNS, LIVE_COLUMNS, Batch, identity_of, understand
from monitoring.hooks import OUTBOX
from monitoring.inbox import Entry
from monitoring.ledger_models import LostTask, Reconciliation
from monitoring.models import ErrorGroup, InboxPosition, Queue, SetAsideEntry, Task
from monitoring.rollups import TIMED
from monitoring.signals import task_over
from monitoring.statuses import Status

logger = logging.getLogger("quarterdeck.recorder")

OUTSIDE_TROUBLE = (OperationalError, InterfaceError, ProgrammingError)
"""The database is gone, busy or not migrated: no entry's fault, so the batch is tried again."""

_TOLD_COLUMNS = ("result", "error", "output", "service_requests", "media")
_OTHER_COLUMNS = tuple(
    field.name
    for field in Task._meta.concrete_fields
    if field.name not in ("id", "job_id", *LIVE_COLUMNS, *IDENTITY_COLUMNS)
)
_RUN_CONFLICT = 'ON CONFLICT ("task_id", "attempt") DO UPDATE SET ' + ", ".join(
    f'"{column}" = excluded."{column}"'
    for column in ("queue", "task_type", "wait_ms", "ended_at", "status", "error", "duration_ms")
)


class Recorder:
    """Records batch after batch from the position stored in SQL."""

    def __init__(self, announce: Callable[[Batch], None] = live.announce) -> None:
        self.announce = announce
        self.position = inbox.START
        self.known_queues: set[str] = set()
        self.known_errors: set[str] = set()

    def start(self) -> None:
        """Takes up the stored position; raises OperationalError when the database is out of reach."""
        row, _ = InboxPosition.objects.get_or_create(stream=OUTBOX)
        self.position = row.last_id

    def record_next(self, *, wait_ms: int | None = None, limit: int = inbox.BATCH) -> int:
        """Records the next entries and returns how many; 0 when none came or another recorder was faster."""
        entries = inbox.read(self.position, limit=limit, wait_ms=wait_ms)
        return self._record(entries, after=self.position) if entries else 0

    def drain(self) -> int:
        """Records all that is there now and returns how many entries that were."""
        total = 0
        while recorded := self.record_next():
            total += recorded
        return total

    def _record(self, entries: Sequence[Entry], *, after: str, refused: str = "") -> int:
        """Records entries that were read after a position; if one cannot be written, halving finds it, to set it aside.

        What follows the commit is outside of the ``try``: its failure must not look like a batch that was not written.
        """
        try:
            batch = self._commit(entries, after=after, refused=refused)
        except OUTSIDE_TROUBLE:
            raise
        except Exception as error:
            if refused:
                raise
            return self._record_around(error, entries, after=after)
        if batch is None:
            return 0
        inbox.trim(self.position)
        self.announce(batch)
        return len(entries)

    def _record_around(self, error: Exception, entries: Sequence[Entry], *, after: str) -> int:
        if len(entries) == 1:
            known = {"task_id": inbox.task_id_of(entries[0])}
            logger.error(
                "entry %s cannot be recorded and is set aside", entries[0].stream_id, exc_info=error, extra=known
            )
            return self._record(entries, after=after, refused=f"{type(error).__name__}: {error}")
        middle = len(entries) // 2
        first = self._record(entries[:middle], after=after)
        return first + self._record(entries[middle:], after=entries[middle - 1].stream_id) if first else 0

    def _commit(self, entries: Sequence[Entry], *, after: str, refused: str) -> Batch | None:
        """Writes the batch and the position past it in one transaction; None if another recorder was faster."""
        with transaction.atomic():
            position = lock_position()
            if position.last_id != after:
                self.position = position.last_id  # go on from where the other one is
                return None
            batch = understand(entries, refused=refused)
            count_ends(position, batch)  # before writing, which adds what the tables hold to the batch's own counts
            write_rows(batch, known_queues=self.known_queues, known_errors=self.known_errors)
            save_position(position, entries, batch)
        self.position = position.last_id
        self.known_queues.update(task.queue for task in batch.tasks.values())
        self.known_errors.update(failure.fingerprint for failure in batch.failures)
        return batch


def lock_position() -> InboxPosition:
    """The position row, locked until the transaction ends (on SQLite the transaction itself holds the write lock)."""
    position, _ = InboxPosition.objects.select_for_update().get_or_create(stream=OUTBOX)
    return position


def write_rows(batch: Batch, *, known_queues: Set[str] = frozenset(), known_errors: Set[str] = frozenset()) -> None:
    """Writes all that a batch leads to; the caller holds the position's lock."""
    write_queues(batch, known_queues)
    write_error_groups(batch, known_errors)
    write_tasks(batch)
    write_changes(batch)
    write_runs(batch)
    write_counts(batch)
    write_losses(batch)
    write_set_aside(batch)
    tell_ends(batch)


def write_queues(batch: Batch, known: Set[str]) -> None:
    """Remembers the queues that are seen for the first time."""
    new = {task.queue: task.created_at for task in batch.tasks.values() if task.queue not in known}
    if new:
        rows = [Queue(name=name, first_seen_at=seen_at) for name, seen_at in sorted(new.items())]
        Queue.objects.bulk_create(rows, ignore_conflicts=True)


def write_error_groups(batch: Batch, known: Set[str]) -> None:
    """Remembers the errors that are seen for the first time."""
    rows = [
        ErrorGroup(**failure._asdict(), first_seen_at=at)
        for failure, at in batch.failures.items()
        if failure.fingerprint not in known
    ]
    bulk.insert(ErrorGroup, rows, conflict="ON CONFLICT DO NOTHING")


def write_tasks(batch: Batch) -> None:
    """Deletes the removed tasks, inserts the new and updates the others; of most, only what a report changes."""
    if batch.removed:
        Task.objects.filter(pk__in=batch.removed).delete()
    bulk.insert(Task, [task for key, task in batch.tasks.items() if key not in batch.known])
    same: list[Task] = []
    other: list[Task] = []
    for key, identity in batch.known.items():
        task = batch.tasks[key]
        (same if identity_of(task) == identity else other).append(task)
    bulk.update(Task, same, LIVE_COLUMNS, keep_if_null=_TOLD_COLUMNS)
    bulk.update(Task, other, (*LIVE_COLUMNS, *IDENTITY_COLUMNS), keep_if_null=_OTHER_COLUMNS)


def write_changes(batch: Batch) -> None:
    """Adds the status changes, in the order of the stream."""
    bulk.insert(StatusChange, batch.changes)


def write_runs(batch: Batch) -> None:
    """Adds the runs that began and closes those that ended."""
    bulk.insert(TaskRun, list(batch.runs.values()), conflict=_RUN_CONFLICT)


def write_counts(batch: Batch) -> None:
    """Adds what the batch changed to the rollups."""
    batch.rollups.write()


def write_losses(batch: Batch) -> None:
    """Keeps the evidence of tasks that were given up, until they go on after all; one lost again is told anew."""
    if batch.losses:
        columns = ("was", "evidence", "details", "missing_since", "found_at", "recovered_at")
        LostTask.objects.bulk_create(
            batch.losses, update_conflicts=True, unique_fields=["task_id"], update_fields=columns
        )
    gone_on = {change.task_id for change in batch.changes if change.old_status == Status.FAILED} & batch.tasks.keys()
    if back := [task_id for task_id in gone_on if batch.tasks[task_id].status != Status.FAILED]:
        LostTask.objects.filter(task_id__in=back, recovered_at=None).update(recovered_at=datetime.now(UTC))
    if batch.removed:
        LostTask.objects.filter(task_id__in=batch.removed).delete()  # the ledger counts it no more
    if batch.observed:
        Reconciliation.objects.filter(pk=1).update(observed=F("observed") + batch.observed)


def write_set_aside(batch: Batch) -> None:
    """Keeps the entries that could not be understood."""
    bulk.insert(SetAsideEntry, batch.set_aside)


def tell_ends(batch: Batch) -> None:
    """Lets the apps above write what follows from it that tasks are over, in the batch's own transaction."""
    if ends := batch.ends():
        task_over.send(sender=Batch, ends=ends)


def save_position(position: InboxPosition, entries: Sequence[Entry], batch: Batch) -> None:
    """Moves the position past the batch, in the batch's own transaction."""
    position.last_id = entries[-1].stream_id
    position.recorded += len(entries) - len(batch.set_aside)
    position.set_aside += len(batch.set_aside)
    position.changes += len(batch.changes)
    position.updated_at = datetime.now(UTC)
    position.save()


def count_ends(position: InboxPosition, batch: Batch) -> None:
    """Adds what ended and was retried in the batch to the counts since ever; ``monitoring.sampling`` looks at them."""
    position.retries += batch.retries
    for cell, tally in batch.rollups.runs.items():
        if cell.word in TIMED:
            position.ended += tally.count
            position.failures += tally.count if cell.word == Status.FAILED else 0
            position.timed += tally.timed
            position.run_us += tally.run_us
