"""Totals of tasks and of runs over any span of time and by any names, at a price that does not grow with the rows.

Whole days and hours come from the rollups; rows are read for the broken hours at the ends of the span only. Every
statistic of every surface and page is made of these two functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, Q, Sum

from audit.models import TaskRun
from monitoring.models import RunCount, Task, TaskCount
from monitoring.rollups import TIMED
from monitoring.spans import pieces

Names = tuple[str, ...]


@dataclass(slots=True)
class TaskTotal:
    """Tasks: how many, and the run times of those completed or failed."""

    count: int = 0
    timed: int = 0
    run_us: int = 0

    def merge(self, other: Any) -> None:
        """Adds another total."""
        self.count += other.count
        self.timed += other.timed
        self.run_us += other.run_us

    @property
    def mean_ms(self) -> float:
        """The mean run time in milliseconds, 0 when none has one."""
        return self.run_us / self.timed / 1000 if self.timed else 0.0


@dataclass(slots=True)
class RunTotal(TaskTotal):
    """Ended runs: how many, how long they ran and had waited."""

    shortest_us: int | None = None
    longest_us: int | None = None
    waited: int = 0
    wait_us: int = 0

    def merge(self, other: Any) -> None:
        """Adds another total."""
        TaskTotal.merge(self, other)  # super() does not know a class with slots
        self.shortest_us = min((us for us in (self.shortest_us, other.shortest_us) if us is not None), default=None)
        self.longest_us = max((us for us in (self.longest_us, other.longest_us) if us is not None), default=None)
        self.waited += other.waited
        self.wait_us += other.wait_us


def task_totals(
    *by: str, start: datetime | None = None, end: datetime | None = None, with_pruned: bool = False, **where: Any
) -> dict[Names, TaskTotal]:
    """Tasks created in [start, end) by ``queue``, ``task_type`` and/or ``status``; look-ups on those narrow it.

    Those that there are, or ``with_pruned`` also those whose rows were deleted for their age.
    """
    cut, sums = pieces(start, end), _EVER if with_pruned else _PRESENT
    cells = TaskCount.objects.filter(cut.cells, **where).values_list(*by)
    rows = Task.objects.filter(cut.rows("created_at"), **where).values_list(*by)
    timed = Q(status__in=TIMED, duration_ms__isnull=False)
    totals: dict[Names, TaskTotal] = {}
    for *names, count, tasks_timed, run_us in cells.annotate(**sums):
        _add(totals, tuple(names), TaskTotal(count, tasks_timed, run_us))
    for *names, count, tasks_timed, run_ms in rows.annotate(
        n=Count("pk"), t=Count("pk", filter=timed), ms=Sum("duration_ms", filter=timed)
    ):
        _add(totals, tuple(names), TaskTotal(count, tasks_timed, round((run_ms or 0) * 1000)))
    return totals


_PRESENT = {"n": Sum("count"), "t": Sum("timed"), "us": Sum("run_us")}
_EVER = {
    "n": Sum(F("count") + F("pruned")),
    "t": Sum(F("timed") + F("pruned_timed")),
    "us": Sum(F("run_us") + F("pruned_run_us")),
}


def run_totals(
    *by: str, start: datetime | None = None, end: datetime | None = None, **where: Any
) -> dict[Names, RunTotal]:
    """Runs ended in [start, end) by ``queue``, ``task_type`` and/or ``outcome``; look-ups on those narrow it."""
    cut = pieces(start, end)
    totals: dict[Names, RunTotal] = {}
    cells = RunCount.objects.filter(cut.cells, **where).values_list(*by)
    for *names, count, timed, run_us, shortest, longest, waited, wait_us in cells.annotate(
        n=Sum("count"), t=Sum("timed"), us=Sum("run_us"), s=Min("shortest_us"), l=Max("longest_us"),
        w=Sum("waited"), wus=Sum("wait_us"),
    ):  # fmt: skip
        _add(totals, tuple(names), RunTotal(count, timed, run_us, shortest, longest, waited, wait_us))
    # In the rows the outcome is called status.
    of_rows = {name.replace("outcome", "status", 1): value for name, value in where.items()}
    rows = TaskRun.objects.filter(cut.rows("ended_at"), **of_rows)
    columns = ["status" if name == "outcome" else name for name in by]
    for *names, count, timed, run_ms, shortest, longest, waited, wait_ms in rows.values_list(*columns).annotate(
        n=Count("pk"), t=Count("duration_ms"), ms=Sum("duration_ms"), s=Min("duration_ms"), l=Max("duration_ms"),
        w=Count("wait_ms"), wms=Sum("wait_ms"),
    ):  # fmt: skip
        times = [None if time is None else round(time * 1000) for time in (run_ms, shortest, longest, wait_ms)]
        _add(totals, tuple(names), RunTotal(count, timed, times[0] or 0, times[1], times[2], waited, times[3] or 0))
    return totals


def _add(totals: dict[Names, Any], names: Names, more: Any) -> None:
    if names in totals:
        totals[names].merge(more)
    else:
        totals[names] = more
