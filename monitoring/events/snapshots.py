"""What the event stream tells of one moment, in the document's keys; the pages and surface 1 tell the same numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from monitoring import broker, metrics, moments, overview
from monitoring.models import Queue, Task
from monitoring.moments import Moment, WorkerNow
from monitoring.overview import QueueTotals
from monitoring.states import STATE_OF, STATES
from monitoring.statuses import Status

LATEST_JOBS = 10
LATEST_QUEUES = 5
_COUNTED = ("waiting", "active", "delayed", "failed", "completed")
"""The states that are counted, by queue and in all."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One moment, written once for all who listen."""

    number: int
    """Milliseconds of Unix time: greater for later ones, in whichever process they were made."""
    events: Mapping[str, str]
    """By name, as they go onto the wire."""

    def since(self, told: Mapping[str, str]) -> str:
        """The events that differ from what was told, and the number as id; empty if none does."""
        news = "".join(text for name, text in self.events.items() if told.get(name) != text)
        return f"{news}id: {self.number}\n\n" if news else ""


def take() -> Snapshot:
    """The present moment; six queries and two round trips to Redis, however many tasks there are."""
    at = datetime.now(UTC)
    payloads = look(at)
    # JSON has no raw line break, so a payload is one line.
    events = {name: f"event: {name}\ndata: {json.dumps(payload)}\n\n" for name, payload in payloads.items()}
    return Snapshot(number=int(at.timestamp() * 1000), events=events)


def look(at: datetime) -> dict[str, Any]:
    """Every event's payload. Of Redis' part nothing is known while Redis is away: no workers, their number null."""
    recorded = {queue.name: queue for queue in overview.queue_totals()}
    try:
        moment = moments.look(recorded)
    except broker.BrokerError:
        moment = None
    queues = _queues(recorded, moment, set(Queue.objects.paused(at).values_list("name", flat=True)))
    return {
        "overview": {
            "total_queues": len(queues),
            "total_jobs": sum(queue.total for queue in recorded.values()),
            "total_workers": len(moment.workers) if moment else None,
        },
        "jobdist": {state: sum(queue[state] for queue in queues) for state in _COUNTED},
        "metrics": _metrics(),
        "queues": queues,
        "workers": [_worker(worker) for worker in moment.workers] if moment else [],
        "latest_jobs": [_job(task) for task in _latest_tasks()],
        "latest_queues": [{"name": name, "time": _time(at)} for name, at in _latest_queues()],
    }


def _queues(recorded: Mapping[str, QueueTotals], moment: Moment | None, paused: set[str]) -> list[dict[str, Any]]:
    """Every queue that SQL, Redis or a worker knows, by name."""
    names = [queue.name for queue in moment.queues] if moment else list(recorded)
    nothing = dict.fromkeys(Status, 0)
    return [
        {"name": name, "paused": name in paused, **_by_state(recorded[name].by_status if name in recorded else nothing)}
        for name in names
    ]


def _by_state(by_status: Mapping[Status, int]) -> dict[str, int]:
    return {state: sum(by_status[status] for status in STATES[state]) for state in _COUNTED}


def _metrics() -> dict[str, Any]:
    """Of the newest sample."""
    newest = next(iter(metrics.history(1)), None)
    return {
        "throughput": newest.throughput if newest else 0,
        "avg_duration": newest.avg_duration_ms if newest else None,
        "retries": newest.retries if newest else 0,
        "failures": newest.failures if newest else 0,
    }


def _worker(worker: WorkerNow) -> dict[str, Any]:
    return {
        "id": worker.name,
        "queue": ", ".join(worker.queues),
        "concurrency": worker.concurrency,
        "heartbeat": _time(worker.heartbeat_at),
    }


def _job(task: Task) -> dict[str, Any]:
    return {
        "id": task.job_id,
        "queue": task.queue,
        "state": STATE_OF[Status(task.status)],
        "time": _time(task.created_at),
    }


def _latest_tasks() -> Iterable[Task]:
    """Those created last, as on top of the task list."""
    columns = Task.objects.only("job_id", "queue", "status", "created_at")
    return columns.order_by("-created_at", "-id")[:LATEST_JOBS]


def _latest_queues() -> Iterable[tuple[str, Any]]:
    """Those in which a task was created last; one look into an index for each queue."""
    newest = Task.objects.filter(queue=OuterRef("name")).order_by("-created_at").values("created_at")[:1]
    used = Queue.objects.annotate(used_at=Subquery(newest)).filter(used_at__isnull=False)
    return used.order_by("-used_at", "name").values_list("name", "used_at")[:LATEST_QUEUES]


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
