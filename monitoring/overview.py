"""What the overview and the statistics tell over a range of time: one function per figure.

Tasks are told by when they were created, what happened to them by when it happened; in both, tasks that retention has
deleted since are counted on. Everything is added up by
``monitoring.totals``, so it costs the same however many tasks there are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from django.apps import apps

from monitoring.models import Queue
from monitoring.statuses import UNFINISHED, RunStatus, Status
from monitoring.totals import RunTotal, TaskTotal, run_totals, task_totals
from monitoring.trends import Point, Range, over_time, success_rate


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Tasks by status."""

    by_status: dict[Status, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_status.values())

    @property
    def active(self) -> int:
        """Those that are not over."""
        return sum(self.by_status[status] for status in UNFINISHED)

    @property
    def waiting(self) -> int:
        """Those that have not begun."""
        return self.active - self.by_status[Status.RUNNING]

    @property
    def success_rate(self) -> float:
        """See ``success_rate``."""
        return success_rate(self.by_status[Status.COMPLETED], self.by_status[Status.FAILED])


@dataclass(frozen=True, kw_only=True)
class QueueTotals(Totals):
    """A queue's tasks by status."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Overview(Totals):
    """The tasks created in a range, and how they ended in the course of it."""

    mean_run_ms: float
    """Of the completed and failed ones, in milliseconds."""
    active_queues: int
    """Queues with an unfinished task now, whenever it was created."""
    recurring_jobs: int
    """Scheduled jobs that are enabled."""
    queues: list[QueueTotals]
    """Those that any of the tasks went through, most tasks first."""
    over_time: list[Point]


@dataclass(frozen=True, kw_only=True)
class TypeTimes:
    """How long the completed runs of one type of task took; one at least has a measured time."""

    name: str
    """The type after its last dot."""
    total: RunTotal

    @property
    def mean_ms(self) -> float:
        """In milliseconds, like those below."""
        return self.total.mean_ms

    @property
    def shortest_ms(self) -> float:
        """The shortest run."""
        return (self.total.shortest_us or 0) / 1000

    @property
    def longest_ms(self) -> float:
        """The longest run."""
        return (self.total.longest_us or 0) / 1000


def overview(span: Range, now: datetime | None = None) -> Overview:
    """The overview of a range; six queries at most."""
    now = now or datetime.now(UTC)
    totals = task_totals("queue", "status", start=span.start(now), with_pruned=True)
    timed = TaskTotal()
    for total in totals.values():
        timed.merge(total)
    queues = _by_queue(totals)
    return Overview(
        by_status={status: sum(queue.by_status[status] for queue in queues) for status in Status},
        mean_run_ms=timed.mean_ms,
        active_queues=active_queues(),
        recurring_jobs=recurring_jobs(),
        queues=sorted(queues, key=lambda queue: (-queue.total, queue.name)),
        over_time=over_time(span, now),
    )


def active_queues() -> int:
    """How many queues have an unfinished task now; one query."""
    totals = task_totals("queue", status__in=UNFINISHED)
    return sum(total.count > 0 for total in totals.values())


def recurring_jobs() -> int:
    """How many scheduled jobs are enabled; one query."""
    jobs = apps.get_model("scheduler", "ScheduledJob")  # by name: the scheduler stands above this layer
    return int(jobs._default_manager.filter(is_enabled=True).count())


def queue_totals() -> list[QueueTotals]:
    """Every queue ever seen, by name, also those without tasks; two queries."""
    known = {queue.name: queue for queue in _by_queue(task_totals("queue", "status"))}
    nothing = dict.fromkeys(Status, 0)
    names = sorted({*known, *Queue.objects.values_list("name", flat=True)})
    return [known.get(name) or QueueTotals(name=name, by_status=nothing) for name in names]


def task_types(span: Range, now: datetime | None = None) -> dict[str, int]:
    """How many tasks of each short type were created in a range, most first; two queries at most."""
    counts: defaultdict[str, int] = defaultdict(int)
    start = span.start(now or datetime.now(UTC))
    for (task_type,), total in task_totals("task_type", start=start, with_pruned=True).items():
        counts[_short(task_type)] += total.count
    return dict(
        sorted(((name, count) for name, count in counts.items() if count), key=lambda item: (-item[1], item[0]))
    )


def execution_times(span: Range, now: datetime | None = None) -> list[TypeTimes]:
    """How long the completed runs that ended in a range took, by short type, most runs first; two queries at most."""
    start = span.start(now or datetime.now(UTC))
    totals: defaultdict[str, RunTotal] = defaultdict(RunTotal)
    for (task_type,), total in run_totals("task_type", start=start, outcome=RunStatus.COMPLETED).items():
        totals[_short(task_type)].merge(total)
    times = [TypeTimes(name=name, total=total) for name, total in totals.items() if total.timed]
    return sorted(times, key=lambda one: (-one.total.count, one.name))


def _short(task_type: str) -> str:
    return task_type.rpartition(".")[2]


def _by_queue(totals: dict[tuple[str, ...], TaskTotal]) -> list[QueueTotals]:
    queues: defaultdict[str, dict[Status, int]] = defaultdict(lambda: dict.fromkeys(Status, 0))
    for (queue, status), total in totals.items():
        queues[queue][Status(status)] = total.count
    found = (QueueTotals(name=name, by_status=by_status) for name, by_status in queues.items())
    return [queue for queue in found if queue.total]
