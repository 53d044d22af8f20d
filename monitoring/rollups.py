"""Counts kept while writing, so that any total costs the same at ten thousand and at ten million tasks.

Tasks are counted by (hour of creation, queue, type, status), ended runs by (hour of the end, queue, type, outcome),
tasks that are failed now by (hour of the failure, queue, type, error), and each hour is added to its day. Tasks that
were given labels are counted by each of them, too, over all time; attempts of steps as ``step_counts`` has it. Sums
are whole microseconds, so that adding and taking away never drifts. The recorder and the rebuild count with the same
code; ``rebuild_rollups --verify`` proves that both come to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from monitoring import bulk, labels
from monitoring.histograms import Histogram
from monitoring.ledger_models import ArrivalCount
from monitoring.models import FailureCount, LabelCount, RunCount, Span, Task, TaskCount
from monitoring.spans import begin_of_hour
from monitoring.statuses import Status
from monitoring.step_counts import StepCounts
from monitoring.transitions import Run

TASK_CONFLICT = """ON CONFLICT ("span", "start", "queue", "task_type", "status") DO UPDATE SET
    "count" = "monitoring_taskcount"."count" + excluded."count",
    "timed" = "monitoring_taskcount"."timed" + excluded."timed",
    "run_us" = "monitoring_taskcount"."run_us" + excluded."run_us",
    "pruned" = "monitoring_taskcount"."pruned" + excluded."pruned",
    "pruned_timed" = "monitoring_taskcount"."pruned_timed" + excluded."pruned_timed",
    "pruned_run_us" = "monitoring_taskcount"."pruned_run_us" + excluded."pruned_run_us" """
_FAILURE_CONFLICT = """ON CONFLICT ("span", "start", "queue", "task_type", "error_group") DO UPDATE SET
    "count" = "monitoring_failurecount"."count" + excluded."count" """
_LABEL_CONFLICT = """ON CONFLICT ("label", "value", "queue", "task_type", "status") DO UPDATE SET
    "count" = "monitoring_labelcount"."count" + excluded."count" """
_ARRIVAL_CONFLICT = """ON CONFLICT ("start", "queue") DO UPDATE SET
    "count" = "monitoring_arrivalcount"."count" + excluded."count" """
_RUN_COLUMNS = tuple(
    column.column for column in RunCount._meta.concrete_fields
    if column.name not in ("id", "span", "start", "queue", "task_type", "outcome")
)  # fmt: skip
_RUN_CONFLICT = 'ON CONFLICT ("span", "start", "queue", "task_type", "outcome") DO UPDATE SET ' + ", ".join(
    f'"{column}" = excluded."{column}"' for column in _RUN_COLUMNS
)
TIMED = (Status.COMPLETED, Status.FAILED)


class Cell(NamedTuple):
    """Where something is counted; ``word`` is a task's status, a run's outcome or a failure's error group."""

    span: Span
    start: datetime
    queue: str
    task_type: str
    word: str

    def of_day(self) -> Cell:
        """The day's cell that an hour's cell is added to."""
        return self._replace(span=Span.DAY, start=self.start.replace(hour=0))


class LabelCell(NamedTuple):
    """Where a task with a label is counted."""

    label: str
    value: str
    queue: str
    task_type: str
    status: str


class ArrivalCell(NamedTuple):
    """Where a task is counted whatever becomes of it: the hour of its creation, and its queue."""

    start: datetime
    queue: str


@dataclass(slots=True)
class TaskTally:
    """What a cell of TaskCount is to be changed by."""

    count: int = 0
    timed: int = 0
    run_us: int = 0

    def merge(self, other: TaskTally) -> None:
        """Adds another tally."""
        self.count += other.count
        self.timed += other.timed
        self.run_us += other.run_us

    def __bool__(self) -> bool:
        return bool(self.count or self.timed or self.run_us)


@dataclass(slots=True)
class RunTally:
    """What a cell of RunCount holds, or is to be changed by."""

    count: int = 0
    timed: int = 0
    run_us: int = 0
    shortest_us: int | None = None
    longest_us: int | None = None
    run_histogram: Histogram = field(default_factory=Histogram)
    waited: int = 0
    wait_us: int = 0
    wait_histogram: Histogram = field(default_factory=Histogram)

    def add(self, duration_ms: float | None, wait_ms: float | None) -> None:
        """Counts one run with its times."""
        self.count += 1
        if duration_ms is not None:
            microseconds = round(duration_ms * 1000)
            self._widen(microseconds, microseconds)
            self.timed += 1
            self.run_us += microseconds
            self.run_histogram.add(duration_ms)
        if wait_ms is not None:
            self.waited += 1
            self.wait_us += round(wait_ms * 1000)
            self.wait_histogram.add(wait_ms)

    def merge(self, other: RunTally) -> None:
        """Adds another tally."""
        self.count += other.count
        self.timed += other.timed
        self.run_us += other.run_us
        self._widen(other.shortest_us, other.longest_us)
        self.run_histogram.merge(other.run_histogram)
        self.waited += other.waited
        self.wait_us += other.wait_us
        self.wait_histogram.merge(other.wait_histogram)

    def _widen(self, shortest_us: int | None, longest_us: int | None) -> None:
        if shortest_us is not None:
            self.shortest_us = shortest_us if self.shortest_us is None else min(self.shortest_us, shortest_us)
        if longest_us is not None:
            self.longest_us = longest_us if self.longest_us is None else max(self.longest_us, longest_us)

    def __bool__(self) -> bool:
        return bool(self.count or self.timed or self.waited)


class Rollups:
    """Differences to the rollups, gathered by hour and written for hours and days."""

    def __init__(self) -> None:
        self.tasks: dict[Cell, TaskTally] = {}
        self.labels: Counter[LabelCell] = Counter()
        self.runs: dict[Cell, RunTally] = {}
        self.failures: Counter[Cell] = Counter()
        self.arrivals: Counter[ArrivalCell] = Counter()
        self.steps = StepCounts()

    def count_task(self, task: Task, sign: int) -> None:
        """Counts a task where it is (+1), or takes it from there (-1)."""
        cell = Cell(Span.HOUR, begin_of_hour(task.created_at), task.queue, task.task_type, task.status)
        tally = self.tasks.setdefault(cell, TaskTally())
        tally.count += sign
        self.arrivals[ArrivalCell(cell.start, cell.queue)] += sign
        if task.duration_ms is not None and task.status in TIMED:
            tally.timed += sign
            tally.run_us += sign * round(task.duration_ms * 1000)
        if task.status == Status.FAILED:
            failed_at = task.completed_at or task.created_at
            cell = Cell(Span.HOUR, begin_of_hour(failed_at), task.queue, task.task_type, task.error_group or "")
            self.failures[cell] += sign
        self.steps.count(task, sign)
        for label, value in labels.given_to(task):
            self.labels[LabelCell(label, value, task.queue, task.task_type, task.status)] += sign

    def count_run(self, run: Run) -> None:
        """Counts a run if it has ended."""
        if run.ended_at is None:
            return
        cell = Cell(Span.HOUR, begin_of_hour(run.ended_at), run.queue, run.task_type, run.status)
        self.runs.setdefault(cell, RunTally()).add(run.duration_ms, run.wait_ms)

    def write(self) -> None:
        """Adds the differences to the tables; inside the recorder's transaction, whose lock keeps others from them."""
        bulk.insert(TaskCount, [task_row(cell, tally) for cell, tally in self.task_tallies()], conflict=TASK_CONFLICT)
        bulk.insert(LabelCount, self.label_rows(), conflict=_LABEL_CONFLICT)
        if arrivals := self.arrival_rows():
            bulk.insert(ArrivalCount, arrivals, conflict=_ARRIVAL_CONFLICT)
        tallies = dict(self.run_tallies())
        for cell, stored in _stored_runs(tallies):
            tallies[cell].merge(stored)
        bulk.insert(RunCount, [run_row(cell, tally) for cell, tally in tallies.items()], conflict=_RUN_CONFLICT)
        self._write_failures()
        self.steps.write()

    def write_pruned(self) -> None:
        """Moves the tasks that were counted with -1, and whose rows go for their age, to where history counts them.

        They leave what lists and dead letters count. What tells of the past keeps them: ends and runs, attempts of
        steps, and the tasks created in a span. Inside a transaction that holds the recorders' lock.
        """
        rows = [_pruned_row(cell, tally) for cell, tally in self.task_tallies()]
        bulk.insert(TaskCount, rows, conflict=TASK_CONFLICT)
        bulk.insert(LabelCount, self.label_rows(), conflict=_LABEL_CONFLICT)
        self._write_failures()

    def _write_failures(self) -> None:
        rows = [failure_row(cell, count) for cell, count in self.failure_counts()]
        bulk.insert(FailureCount, rows, conflict=_FAILURE_CONFLICT)

    def task_tallies(self) -> Iterator[tuple[Cell, TaskTally]]:
        """The cells of tasks that change, hours and days, in the order in which they are locked."""
        days: dict[Cell, TaskTally] = {}
        for cell, tally in self.tasks.items():
            days.setdefault(cell.of_day(), TaskTally()).merge(tally)
        yield from sorted((cell, tally) for cell, tally in (self.tasks | days).items() if tally)

    def arrival_rows(self) -> list[ArrivalCount]:
        """The hours and queues in which tasks came or went, as rows, in the order in which they are locked."""
        cells = sorted(self.arrivals.items())
        return [ArrivalCount(**cell._asdict(), count=count) for cell, count in cells if count]

    def label_rows(self) -> list[LabelCount]:
        """The cells of labels that change, as rows, in the order in which they are locked."""
        return [LabelCount(**cell._asdict(), count=count) for cell, count in sorted(self.labels.items()) if count]

    def run_tallies(self) -> Iterator[tuple[Cell, RunTally]]:
        """The cells of runs that change, hours and days."""
        days: dict[Cell, RunTally] = {}
        for cell, tally in self.runs.items():
            days.setdefault(cell.of_day(), RunTally()).merge(tally)
        yield from ((cell, tally) for cell, tally in (self.runs | days).items() if tally)

    def failure_counts(self) -> Iterator[tuple[Cell, int]]:
        """The cells of failures that change, hours and days, in the order in which they are locked."""
        days: Counter[Cell] = Counter()
        for cell, count in self.failures.items():
            days[cell.of_day()] += count
        yield from sorted((cell, count) for cell, count in {**self.failures, **days}.items() if count)


def task_row(cell: Cell, tally: TaskTally) -> TaskCount:
    """The row of a cell of tasks."""
    return TaskCount(
        span=cell.span, start=cell.start, queue=cell.queue, task_type=cell.task_type, status=cell.word,
        count=tally.count, timed=tally.timed, run_us=tally.run_us,
    )  # fmt: skip


def _pruned_row(cell: Cell, tally: TaskTally) -> TaskCount:
    row = task_row(cell, tally)
    row.pruned, row.pruned_timed, row.pruned_run_us = -tally.count, -tally.timed, -tally.run_us
    return row


def run_row(cell: Cell, tally: RunTally) -> RunCount:
    """The row of a cell of runs."""
    return RunCount(
        span=cell.span, start=cell.start, queue=cell.queue, task_type=cell.task_type, outcome=cell.word,
        count=tally.count, timed=tally.timed, run_us=tally.run_us,
        shortest_us=tally.shortest_us, longest_us=tally.longest_us, run_histogram=tally.run_histogram.to_json(),
        waited=tally.waited, wait_us=tally.wait_us, wait_histogram=tally.wait_histogram.to_json(),
    )  # fmt: skip


def failure_row(cell: Cell, count: int) -> FailureCount:
    """The row of a cell of failures."""
    return FailureCount(
        span=cell.span, start=cell.start, queue=cell.queue, task_type=cell.task_type, error_group=cell.word, count=count
    )


def run_tally(row: RunCount) -> RunTally:
    """What a row holds."""
    return RunTally(
        count=row.count, timed=row.timed, run_us=row.run_us, shortest_us=row.shortest_us, longest_us=row.longest_us,
        run_histogram=Histogram.from_json(row.run_histogram), waited=row.waited, wait_us=row.wait_us,
        wait_histogram=Histogram.from_json(row.wait_histogram),
    )  # fmt: skip


def _stored_runs(wanted: dict[Cell, RunTally]) -> Iterator[tuple[Cell, RunTally]]:
    """What the table holds for the wanted cells: one query, which may bring a few cells more than asked for."""
    if not wanted:
        return
    rows = RunCount.objects.filter(
        start__in={cell.start for cell in wanted},
        span__in=Span.values,  # the unique index begins with it
        queue__in={cell.queue for cell in wanted},
        task_type__in={cell.task_type for cell in wanted},
    )
    for row in rows:
        cell = Cell(Span(row.span), row.start, row.queue, row.task_type, row.outcome)
        if cell in wanted:
            yield cell, run_tally(row)
