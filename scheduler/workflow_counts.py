"""Counts of workflows, kept in the transactions that change them, so that a total never counts workflows.

Many processes change workflows at once: web, workers, recorder, dispatcher. So a change is written as rows of
differences, which waits for nobody and can lock with nobody in a circle; what is told is always a sum over rows. The
dispatcher folds the rows of each cell into one every few seconds, so a sum reads about one row for each cell. Workflows
are counted by the hour of their creation and, once they are over, by that of their end; each hour is added to its day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, QuerySet, Sum

from monitoring import bulk
from monitoring.histograms import Histogram
from monitoring.models import Span
from monitoring.spans import begin_of_day, begin_of_hour, pieces
from scheduler.workflow_count_models import Basis, WorkflowCount
from scheduler.workflow_models import Workflow
from scheduler.workflow_states import OVER

FOLDED_AT_ONCE = 2_000
NAMES = ("namespace", "name", "version", "origin_instance", "origin_zone", "status")
"""What workflows are counted by, as they and the rollup call it."""
COUNTED = (
    *NAMES, "created_at", "started_at", "completed_at", "total_steps", "completed_steps", "failed_steps",
    "cancelled_steps",
)  # fmt: skip
"""The columns of Workflow that counting reads."""


class Cell(NamedTuple):
    """Where a workflow is counted."""

    basis: Basis
    span: Span
    start: datetime
    namespace: str
    name: str
    version: str
    origin_instance: str
    origin_zone: str
    status: str

    def of_day(self) -> Cell:
        """The day's cell that an hour's cell is added to."""
        return self._replace(span=Span.DAY, start=begin_of_day(self.start))


@dataclass(slots=True)
class Tally:
    """What a cell holds, or is to be changed by."""

    count: int = 0
    steps: int = 0
    completed_steps: int = 0
    failed_steps: int = 0
    cancelled_steps: int = 0
    timed: int = 0
    run_us: int = 0
    run_histogram: Histogram = field(default_factory=Histogram)

    def merge(self, other: Tally) -> None:
        """Adds another tally."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.run_histogram.merge(other.run_histogram)

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in _SUMS) or bool(self.run_histogram.to_json())


_SUMS = ("count", "steps", "completed_steps", "failed_steps", "cancelled_steps", "timed", "run_us")


class Counts:
    """Differences to the rollup, gathered by hour and written for hours and days."""

    def __init__(self) -> None:
        self.hours: dict[Cell, Tally] = {}

    def count(self, workflow: Workflow, sign: int) -> None:
        """Counts a workflow where it is (+1), or takes it from there (-1)."""
        self._count_created(workflow, sign)
        self._count_ended(workflow, sign)

    def _count_created(self, workflow: Workflow, sign: int) -> None:
        self._cell(workflow, Basis.CREATED, workflow.created_at).merge(
            Tally(
                count=sign,
                steps=sign * workflow.total_steps,
                completed_steps=sign * workflow.completed_steps,
                failed_steps=sign * workflow.failed_steps,
                cancelled_steps=sign * workflow.cancelled_steps,
            )
        )

    def _count_ended(self, workflow: Workflow, sign: int) -> None:
        if workflow.status in OVER and workflow.completed_at:
            ended = self._cell(workflow, Basis.ENDED, workflow.completed_at)
            ended.count += sign
            if (took := workflow.duration_ms) is not None:
                ended.timed += sign
                ended.run_us += sign * round(took * 1000)
                ended.run_histogram.add(took, sign)

    def forget(self, workflow: Workflow) -> None:
        """Takes away one that is deleted for its age: from what there is, not from what has ended."""
        self._count_created(workflow, -1)

    def write(self) -> None:
        """Adds the differences; inside the transaction that made them."""
        bulk.insert(WorkflowCount, [row_of(cell, tally) for cell, tally in self.tallies()])

    def tallies(self) -> Iterator[tuple[Cell, Tally]]:
        """The cells that change, hours and days."""
        days: dict[Cell, Tally] = {}
        for cell, tally in self.hours.items():
            days.setdefault(cell.of_day(), Tally()).merge(tally)
        yield from ((cell, tally) for cell, tally in (self.hours | days).items() if tally)

    def _cell(self, workflow: Workflow, basis: Basis, at: datetime) -> Tally:
        cell = Cell(basis, Span.HOUR, begin_of_hour(at), *(getattr(workflow, name) for name in NAMES))
        return self.hours.setdefault(cell, Tally())


def write_new(workflow: Workflow) -> None:
    """Counts a workflow that was just made, in the transaction that makes it."""
    counts = Counts()
    counts.count(workflow, +1)
    counts.write()


def row_of(cell: Cell, tally: Tally, *, is_new: bool = True) -> WorkflowCount:
    """A row of a cell."""
    sums = {name: getattr(tally, name) for name in _SUMS}
    return WorkflowCount(**cell._asdict(), **sums, run_histogram=tally.run_histogram.to_json(), is_new=is_new)


def added_up(rows: Iterable[WorkflowCount]) -> dict[Cell, Tally]:
    """The cells that rows are of, with their sums."""
    cells: dict[Cell, Tally] = {}
    for row in rows:
        sums = {name: getattr(row, name) for name in _SUMS}
        tally = Tally(**sums, run_histogram=Histogram.from_json(row.run_histogram))
        cells.setdefault(cell_of(row), Tally()).merge(tally)
    return cells


def cell_of(row: WorkflowCount) -> Cell:
    """The cell that a row is of."""
    return Cell(Basis(row.basis), Span(row.span), row.start, *(getattr(row, name) for name in NAMES))


# --- Folding ------------------------------------------------------------------------------------------------------


def fold() -> int:
    """Makes one row of all rows of each cell that has new ones; returns how many new ones that were.

    Rows that another dispatcher is folding are passed over: two rows of a cell are as good as one.
    """
    with transaction.atomic():
        new = list(_locked(WorkflowCount.objects.filter(is_new=True).order_by("pk"))[:FOLDED_AT_ONCE])
        if not new:
            return 0
        cells = {cell_of(row) for row in new}
        near = WorkflowCount.objects.filter(
            basis__in=Basis.values,
            span__in=Span.values,
            start__in={cell.start for cell in cells},
            namespace__in={cell.namespace for cell in cells},
            name__in={cell.name for cell in cells},
            is_new=False,
        )
        rows = [*new, *(row for row in _locked(near.order_by("pk")) if cell_of(row) in cells)]
        folded = added_up(rows)
        bulk.insert(WorkflowCount, [row_of(cell, tally, is_new=False) for cell, tally in folded.items() if tally])
        WorkflowCount.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(new)


def _locked(rows: QuerySet[WorkflowCount]) -> QuerySet[WorkflowCount]:
    return rows.select_for_update(skip_locked=True)


# --- Totals -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Total:
    """Workflows: how many, and their steps."""

    count: int = 0
    steps: int = 0
    completed_steps: int = 0
    failed_steps: int = 0
    cancelled_steps: int = 0

    def merge(self, other: Total) -> None:
        """Adds another total."""
        self.count += other.count
        self.steps += other.steps
        self.completed_steps += other.completed_steps
        self.failed_steps += other.failed_steps
        self.cancelled_steps += other.cancelled_steps


def totals(
    *by: str, start: datetime | None = None, end: datetime | None = None, **where: Any
) -> dict[tuple[str, ...], Total]:
    """Workflows created in [start, end) by any of NAMES; look-ups on those narrow it.

    One query, and one more for the broken hours at the ends of the span: what it costs does not grow with the rows.
    """
    cut, columns = pieces(start, end), by or ("status",)
    cells = WorkflowCount.objects.filter(cut.cells, basis=Basis.CREATED, **where).values_list(*columns)
    found = list(cells.annotate(n=Sum("count"), s=Sum("steps"), **_STEPS))
    if cut.broken:
        rows = Workflow.objects.filter(cut.rows("created_at"), **where).order_by().values_list(*columns)
        found += rows.annotate(n=Count("pk"), s=Sum("total_steps"), **_STEPS)
    added: dict[tuple[str, ...], Total] = {}
    for row in found:
        added.setdefault(tuple(row[: len(by)]), Total()).merge(Total(*row[len(columns) :]))
    return added


_STEPS = {"c": Sum("completed_steps"), "f": Sum("failed_steps"), "x": Sum("cancelled_steps")}
