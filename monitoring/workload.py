"""How busy queues and workers are: what Redis holds now, beside what was recorded in the last minutes.

Every number here costs the same however many tasks there are.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q, Sum

from audit.models import TaskRun
from monitoring import broker, memory
from monitoring.models import Queue
from monitoring.moments import Moment, QueueNow, WorkerNow, look
from monitoring.statuses import RunStatus
from monitoring.totals import RunTotal, run_totals

QUEUE_SPAN = timedelta(hours=1)
WORKER_SPAN = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class QueueLoad:
    """A queue now, and what was done of it in the last hour."""

    now: QueueNow
    mean_wait_ms: float | None
    """How long the runs that ended had waited, on the mean; None if none ended."""
    completed: int
    """Runs that ended well."""


@dataclass(frozen=True, kw_only=True)
class WorkerLoad:
    """A worker now, and what it did in the last five minutes."""

    now: WorkerNow
    utilization_percent: float
    """The share of the span that it spent working."""
    per_minute: float
    """Tasks that it completed a minute."""
    memory_mb: float | None
    """Resident memory of the worker and its work horse; None for a worker on another machine."""


def known_queues() -> set[str]:
    """Queues that a task was ever seen in, and those that this installation works for."""
    return {*Queue.objects.values_list("name", flat=True), *settings.QUARTERDECK_QUEUES}


def look_at_all() -> Moment:
    """Every known queue and every worker now; raises BrokerError."""
    return look(known_queues())


def queue_loads(moment: Moment) -> list[QueueLoad]:
    """The load of every queue of the moment; two queries."""
    runs = run_totals("queue", "outcome", start=moment.at - QUEUE_SPAN)
    by_queue: dict[str, dict[str, RunTotal]] = {}
    for (name, outcome), total in runs.items():
        by_queue.setdefault(name, {})[outcome] = total
    return [_queue_load(queue, by_queue.get(queue.name, {})) for queue in moment.queues]


def _queue_load(queue: QueueNow, runs: dict[str, RunTotal]) -> QueueLoad:
    waited = sum(total.waited for total in runs.values())
    wait_us = sum(total.wait_us for total in runs.values())
    completed = runs.get(RunStatus.COMPLETED)
    return QueueLoad(
        now=queue,
        mean_wait_ms=wait_us / waited / 1000 if waited else None,
        completed=completed.count if completed else 0,
    )


def worker_loads(moment: Moment) -> list[WorkerLoad]:
    """The load of every worker of the moment; one query."""
    since = moment.at - WORKER_SPAN
    recent = _recent_work([worker.name for worker in moment.workers], since)
    return [_worker_load(worker, recent.get(worker.name, {}), since, moment.at) for worker in moment.workers]


def _recent_work(workers: Iterable[str], since: datetime) -> dict[str, dict[str, Any]]:
    """What each worker did since then, by name. A worker runs one task at a time, so one run at most began before."""
    runs = TaskRun.objects.filter(Q(ended_at__gte=since) | Q(ended_at=None), worker__in=list(workers))
    by_worker = runs.values("worker").annotate(
        completed=Count("pk", filter=Q(ended_at__gte=since, status=RunStatus.COMPLETED)),
        inside_ms=Sum("duration_ms", filter=Q(started_at__gte=since)),
        first_ended_at=Max("ended_at", filter=Q(started_at__lt=since)),
        open_since=Max("started_at", filter=Q(ended_at=None)),
    )
    return {row["worker"]: dict(row) for row in by_worker}


def _worker_load(worker: WorkerNow, recent: dict[str, Any], since: datetime, at: datetime) -> WorkerLoad:
    worked = timedelta(milliseconds=recent.get("inside_ms") or 0)
    if ended_at := recent.get("first_ended_at"):
        worked += ended_at - since
    # A run may stay open in SQL though its worker is idle: while the recorder is behind, or after a lost report.
    if worker.is_busy and (open_since := recent.get("open_since")):
        worked += at - max(open_since, since)
    return WorkerLoad(
        now=worker,
        utilization_percent=min(100.0, round(100 * worked / WORKER_SPAN, 1)),
        per_minute=round(recent.get("completed", 0) / (WORKER_SPAN / timedelta(minutes=1)), 2),
        memory_mb=_memory_of(worker),
    )


def _memory_of(worker: WorkerNow) -> float | None:
    if worker.host != socket.gethostname() or worker.born_at is None:
        return None
    return memory.resident_mb(worker.pid, born_at=worker.born_at)


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether waiting work can be done."""

    timestamp: datetime
    total_workers: int = 0
    workers_with_capacity: int = 0
    queues_with_workers: list[str] = field(default_factory=list)
    queues_without_workers: list[str] = field(default_factory=list)
    nobody_takes: list[str] = field(default_factory=list)
    """Queues with waiting jobs and no worker."""

    @property
    def healthy(self) -> bool:
        """A worker could take a job now, and no job waits where nobody listens."""
        return bool(self.workers_with_capacity) and not self.nobody_takes


def readiness() -> Readiness:
    """Readiness now. Never raises BrokerError: without Redis nothing is ready, and that is the answer."""
    try:
        moment = look_at_all()
    except broker.BrokerError:
        return Readiness(timestamp=datetime.now(UTC))
    return Readiness(
        timestamp=moment.at,
        total_workers=len(moment.workers),
        workers_with_capacity=sum(worker.has_capacity for worker in moment.workers),
        queues_with_workers=[queue.name for queue in moment.queues if queue.workers],
        queues_without_workers=[queue.name for queue in moment.queues if not queue.workers],
        nobody_takes=[queue.name for queue in moment.queues if queue.waiting and not queue.workers],
    )
