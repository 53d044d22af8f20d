"""The rollup of workflows' steps: each attempt is a task with a handler and a kind, counted when it is over.

Kept by the recorder as ``rollups`` are, which is in its charge. Attempts are counted by (hour of the end, queue,
handler, step, status, error), and each hour is added to its day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from monitoring import bulk
from monitoring.histograms import Histogram
from monitoring.models import Span, StepCount, Task
from monitoring.spans import begin_of_day, begin_of_hour
from monitoring.statuses import OVER

_KEY = ("span", "start", "queue", "handler", "kind", "status", "error_group")
_SUMS = ("count", "retries", "timed", "run_us", "waited", "wait_us")
_CONFLICT = f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET " + ", ".join(
    f'"{column}" = excluded."{column}"' for column in (*_SUMS, "run_histogram", "wait_histogram")
)


class StepCell(NamedTuple):
    """Where an attempt is counted."""

    span: Span
    start: datetime
    queue: str
    handler: str
    kind: str
    status: str
    error_group: str

    def of_day(self) -> StepCell:
        """The day's cell that an hour's cell is added to."""
        return self._replace(span=Span.DAY, start=begin_of_day(self.start))


@dataclass(slots=True)
class StepTally:
    """What a cell holds, or is to be changed by."""

    count: int = 0
    retries: int = 0
    timed: int = 0
    run_us: int = 0
    waited: int = 0
    wait_us: int = 0
    run_histogram: Histogram = field(default_factory=Histogram)
    wait_histogram: Histogram = field(default_factory=Histogram)

    def add(self, task: Task, sign: int) -> None:
        """Counts an attempt (+1), or takes it away (-1)."""
        self.count += sign
        self.retries += sign * bool(task.retry_of or task.retry_count)
        if task.duration_ms is not None:
            self.timed += sign
            self.run_us += sign * round(task.duration_ms * 1000)
            self.run_histogram.add(task.duration_ms, sign)
        if task.wait_ms is not None:
            self.waited += sign
            self.wait_us += sign * round(task.wait_ms * 1000)
            self.wait_histogram.add(task.wait_ms, sign)

    def merge(self, other: StepTally) -> None:
        """Adds another tally."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.run_histogram.merge(other.run_histogram)
        self.wait_histogram.merge(other.wait_histogram)

    def __bool__(self) -> bool:
        histograms = (self.run_histogram, self.wait_histogram)
        return any(getattr(self, name) for name in _SUMS) or any(each.to_json() for each in histograms)


class StepCounts:
    """Differences to the rollup, gathered by hour and written for hours and days."""

    def __init__(self) -> None:
        self.hours: dict[StepCell, StepTally] = {}

    def count(self, task: Task, sign: int) -> None:
        """Counts a task if it is an attempt that is over."""
        if not (task.handler and task.kind and task.status in OVER):
            return
        hour = begin_of_hour(task.completed_at or task.created_at)
        cell = StepCell(Span.HOUR, hour, task.queue, task.handler, task.kind, task.status, task.error_group or "")
        self.hours.setdefault(cell, StepTally()).add(task, sign)

    def tallies(self) -> Iterator[tuple[StepCell, StepTally]]:
        """The cells that change, hours and days."""
        days: dict[StepCell, StepTally] = {}
        for cell, tally in self.hours.items():
            days.setdefault(cell.of_day(), StepTally()).merge(tally)
        yield from ((cell, tally) for cell, tally in (self.hours | days).items() if tally)

    def write(self) -> None:
        """Adds the differences to the table; inside the recorder's transaction, whose lock keeps others from it."""
        tallies = dict(self.tallies())
        if not tallies:
            return
        near = StepCount.objects.filter(
            start__in={cell.start for cell in tallies},
            span__in=Span.values,  # the unique index begins with it
            queue__in={cell.queue for cell in tallies},
            handler__in={cell.handler for cell in tallies},
        )
        for cell, held in stored(near):
            if cell in tallies:
                tallies[cell].merge(held)
        bulk.insert(StepCount, [row_of(cell, tally) for cell, tally in tallies.items()], conflict=_CONFLICT)


def row_of(cell: StepCell, tally: StepTally) -> StepCount:
    """The row of a cell."""
    return StepCount(
        **cell._asdict(),
        **{name: getattr(tally, name) for name in _SUMS},
        run_histogram=tally.run_histogram.to_json(),
        wait_histogram=tally.wait_histogram.to_json(),
    )


def stored(rows: Iterable[StepCount]) -> Iterator[tuple[StepCell, StepTally]]:
    """What rows hold."""
    for row in rows:
        tally = StepTally(
            **{name: getattr(row, name) for name in _SUMS},
            run_histogram=Histogram.from_json(row.run_histogram),
            wait_histogram=Histogram.from_json(row.wait_histogram),
        )
        yield StepCell(Span(row.span), *(getattr(row, name) for name in _KEY[1:])), tally
