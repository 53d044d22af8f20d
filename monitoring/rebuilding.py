"""Computes the rollups anew from the rows: to repair them, or to prove that the counting while writing was right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet, Sum

from audit.models import TaskRun
from monitoring import bulk, labels, step_counts
from monitoring.error_patterns import ErrorPattern, error_pattern_of
from monitoring.ledger_models import ArrivalCount
from monitoring.models import ErrorGroup, FailureCount, LabelCount, RunCount, Span, StepCount, Task, TaskCount
from monitoring.retention import pruned_before
from monitoring.rollups import (
    TASK_CONFLICT,
    ArrivalCell,
    Cell,
    LabelCell,
    Rollups,
    RunTally,
    TaskTally,
    failure_row,
    run_row,
    run_tally,
    task_row,
)
from monitoring.statuses import Status
from monitoring.step_counts import StepCell, StepTally
from monitoring.transitions import Run

CHUNK = 5_000
TASK_COLUMNS = (
    "created_at",
    "completed_at",
    "queue",
    "task_type",
    "status",
    "duration_ms",
    "wait_ms",
    "retry_count",
    "retry_of",
    "handler",
    "error_group",
    *labels.COUNTED,
)
"""What counting a task reads."""
_GROUPED_COLUMNS = ("error", "error_group", "created_at", "completed_at")


class Recount(NamedTuple):
    """How a higher app counts its own rows anew, and what it finds wrong."""

    rebuild: Callable[[], None]
    differences: Callable[[], list[str]]


_further: list[Recount] = []


def count_also(recount: Recount) -> None:
    """Has all of this include the rollups of a higher app, too, which calls this once it is ready."""
    if recount not in _further:
        _further.append(recount)


def rebuild() -> None:
    """Groups the failed tasks anew and replaces the rollups by what the rows say.

    What the rollups alone remember, since retention deleted the rows, stays as it is. The recorder waits meanwhile;
    nothing that it would count is lost.
    """
    for recount in _further:
        recount.rebuild()
    from monitoring.recorder import lock_position

    with transaction.atomic():
        lock_position()
        group_anew()
        rollups = counted_anew()
        TaskCount.objects.filter(pruned=0, pruned_timed=0, pruned_run_us=0).delete()
        TaskCount.objects.update(count=0, timed=0, run_us=0)
        _whole(RunCount, "runs").delete()
        FailureCount.objects.all().delete()
        rows = [task_row(cell, tally) for cell, tally in rollups.task_tallies()]
        bulk.insert(TaskCount, rows, conflict=TASK_CONFLICT)
        bulk.insert(RunCount, [run_row(cell, tally) for cell, tally in rollups.run_tallies()])
        bulk.insert(FailureCount, [failure_row(cell, count) for cell, count in rollups.failure_counts()])
        LabelCount.objects.all().delete()
        bulk.insert(LabelCount, rollups.label_rows())
        ArrivalCount.objects.all().delete()
        _add_pruned(rollups)
        bulk.insert(ArrivalCount, rollups.arrival_rows())
        _whole(StepCount, "tasks").delete()
        bulk.insert(StepCount, [step_counts.row_of(cell, tally) for cell, tally in rollups.steps.tallies()])


def differences() -> list[str]:
    """A sentence for each cell whose stored counts differ from what the rows say; empty when all are right."""
    from monitoring.recorder import lock_position

    with transaction.atomic():
        lock_position()
        rollups = counted_anew()
        stored_tasks, stored_runs = dict(_stored_tasks()), dict(_stored_runs())
        stored_failures, stored_labels = dict(_stored_failures()), dict(_stored_labels())
        stored_arrivals = dict(_stored_arrivals())
        _add_pruned(rollups)
        stored_steps = {cell: tally for cell, tally in step_counts.stored(_whole(StepCount, "tasks")) if tally}
    return [
        *_compared("tasks", stored_tasks, dict(rollups.task_tallies()), TaskTally()),
        *_compared("runs", stored_runs, dict(rollups.run_tallies()), RunTally()),
        *_compared("failures", stored_failures, dict(rollups.failure_counts()), 0),
        *_compared("tasks", stored_labels, dict(rollups.labels), 0),
        *_compared("arrivals", stored_arrivals, {cell: count for cell, count in rollups.arrivals.items() if count}, 0),
        *_compared("steps", stored_steps, dict(rollups.steps.tallies()), StepTally()),
        *(sentence for recount in _further for sentence in recount.differences()),
    ]


def group_anew() -> None:
    """Gives every failed task the group of its error, by the rules of today, and takes it from all others."""
    Task.objects.filter(error_group__isnull=False).exclude(status=Status.FAILED).update(error_group=None)
    failed = Task.objects.filter(status=Status.FAILED).order_by("pk")
    seen: dict[ErrorPattern, datetime] = {}
    chunk = list(failed.only(*_GROUPED_COLUMNS)[:CHUNK])
    while chunk:
        for task in chunk:
            pattern, at = error_pattern_of(task.error), task.completed_at or task.created_at
            task.error_group = pattern.fingerprint
            seen[pattern] = min(at, seen.get(pattern, at))
        bulk.update(Task, chunk, ("error_group",))
        chunk = list(failed.filter(pk__gt=chunk[-1].pk).only(*_GROUPED_COLUMNS)[:CHUNK])
    groups = [ErrorGroup(**pattern._asdict(), first_seen_at=at) for pattern, at in seen.items()]
    bulk.insert(ErrorGroup, groups, conflict="ON CONFLICT DO NOTHING")


def counted_anew() -> Rollups:
    """The rollups of all rows, counted by the recorder's own code, one row in memory at a time."""
    rollups = Rollups()
    for task in Task.objects.only(*TASK_COLUMNS).iterator(CHUNK):
        rollups.count_task(task, +1)
    ended = TaskRun.objects.filter(ended_at__isnull=False).values_list(*Run._fields)
    for row in ended.iterator(CHUNK):
        rollups.count_run(Run(*row))
    _leave_out(rollups.runs, pruned_before("runs"))
    _leave_out(rollups.steps.hours, pruned_before("tasks"))
    return rollups


def _whole(model: Any, kind: str) -> QuerySet[Any]:
    """The cells of a rollup whose rows are all there: retention ends at the beginning of a day."""
    before = pruned_before(kind)
    cells: QuerySet[Any] = model.objects.all()
    return cells.filter(start__gte=before) if before else cells


def _add_pruned(rollups: Rollups) -> None:
    """Adds to the arrivals what retention has deleted: they are told of for ever."""
    pruned = TaskCount.objects.filter(span=Span.HOUR, pruned__gt=0).order_by()
    for start, queue, count in pruned.values_list("start", "queue").annotate(total=Sum("pruned")):
        rollups.arrivals[ArrivalCell(start, queue)] += count


def _leave_out(cells: dict[Any, Any], before: datetime | None) -> None:
    """Forgets the cells of which some rows may be gone."""
    for cell in [cell for cell in cells if before and cell.start < before]:
        del cells[cell]


def _stored_tasks() -> Iterator[tuple[Cell, TaskTally]]:
    for row in TaskCount.objects.iterator(CHUNK):
        cell = Cell(row.span, row.start, row.queue, row.task_type, row.status)  # type: ignore[arg-type]  # a stored Span
        if tally := TaskTally(count=row.count, timed=row.timed, run_us=row.run_us):
            yield cell, tally


def _stored_runs() -> Iterator[tuple[Cell, RunTally]]:
    for row in _whole(RunCount, "runs").iterator(CHUNK):
        cell = Cell(row.span, row.start, row.queue, row.task_type, row.outcome)
        if tally := run_tally(row):
            yield cell, tally


def _stored_failures() -> Iterator[tuple[Cell, int]]:
    for row in FailureCount.objects.exclude(count=0).iterator(CHUNK):
        yield Cell(row.span, row.start, row.queue, row.task_type, row.error_group), row.count  # type: ignore[arg-type]  # as above


def _stored_arrivals() -> Iterator[tuple[ArrivalCell, int]]:
    for row in ArrivalCount.objects.exclude(count=0).iterator(CHUNK):
        yield ArrivalCell(row.start, row.queue), row.count


def _stored_labels() -> Iterator[tuple[LabelCell, int]]:
    for row in LabelCount.objects.exclude(count=0).iterator(CHUNK):
        yield LabelCell(row.label, row.value, row.queue, row.task_type, row.status), row.count


def _compared(what: str, stored: dict[Any, Any], counted: dict[Any, Any], nothing: Any) -> Iterator[str]:
    for cell in sorted(stored.keys() | counted.keys()):
        was, should_be = stored.get(cell, nothing), counted.get(cell, nothing)
        if was != should_be:
            yield f"{_place(cell, what)}: stored {was}, the rows say {should_be}"


def _place(cell: Cell | LabelCell | StepCell | ArrivalCell, what: str) -> str:
    if isinstance(cell, StepCell):
        return f"{cell.status} {what} {cell.kind} of {cell.handler} in {cell.queue}, {cell.span} from {cell.start}"
    if isinstance(cell, LabelCell):
        return f"{cell.status} {what} of {cell.task_type} in {cell.queue} with {cell.label} {cell.value}"
    if isinstance(cell, ArrivalCell):
        return f"{what} in {cell.queue}, hour from {cell.start:%Y-%m-%d %H:%M}"
    return f"{cell.word} {what} of {cell.task_type} in {cell.queue}, {cell.span} from {cell.start:%Y-%m-%d %H:%M}"
