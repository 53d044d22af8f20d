"""The queues' page: what each holds and did, and who works for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from monitoring import broker, moments, overview
from monitoring.models import Queue
from monitoring.overview import QueueTotals
from monitoring.pages.acting import wants_json
from monitoring.pages.views import for_viewers
from monitoring.statuses import Status


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """A queue's tasks as they were recorded, and what Redis holds of it now."""

    recorded: QueueTotals
    now: moments.QueueNow | None
    """None when Redis could not be asked."""
    paused: Queue | None
    """With who paused it and why; None if it is not paused."""

    @property
    def waiting(self) -> int:
        """Tasks that a worker could take."""
        return self.recorded.by_status[Status.QUEUED]

    @property
    def delayed(self) -> int:
        """Tasks that wait for their time or for others."""
        return self.recorded.waiting - self.waiting

    @property
    def is_stranded(self) -> bool:
        """Whether jobs are there that no worker listens for."""
        return self.now is not None and self.now.waiting > 0 and self.now.workers == 0


@for_viewers
def queues(request: HttpRequest) -> HttpResponse:
    """Every queue. With ``Accept: application/json`` the same figures as JSON."""
    if wants_json(request):
        answer: HttpResponse = JsonResponse([_as_json(row) for row in _rows()[0]], safe=False)
    else:
        answer = render(request, "queues/list.html", {"section": "queues", **_queues()})
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def queues_parts(request: HttpRequest) -> HttpResponse:
    """What of the page changes with time."""
    return render(request, "queues/_table.html", _queues())


def _queues() -> dict[str, Any]:
    rows, workers = _rows()
    return {
        "rows": rows,
        "total": {status: sum(row.recorded.by_status[status] for row in rows) for status in Status},
        "waiting": sum(row.waiting for row in rows),
        "delayed": sum(row.delayed for row in rows),
        "depth": sum(row.now.waiting for row in rows if row.now),
        "workers": workers,
        "redis_answers": workers is not None,
        "stranded": [row.recorded.name for row in rows if row.is_stranded],
    }


def _rows() -> tuple[list[QueueRow], int | None]:
    """Every queue that SQL, Redis or a worker knows, by name, and how many workers live (None if Redis is away).

    Three queries and two round trips to Redis.
    """
    recorded = {queue.name: queue for queue in overview.queue_totals()}
    paused = {queue.name: queue for queue in Queue.objects.paused(datetime.now(UTC))}
    try:
        moment = moments.look(recorded)
    except broker.BrokerError:
        return [QueueRow(recorded=queue, now=None, paused=paused.get(queue.name)) for queue in recorded.values()], None
    nothing = dict.fromkeys(Status, 0)
    rows = [
        QueueRow(
            recorded=recorded.get(queue.name) or QueueTotals(name=queue.name, by_status=nothing),
            now=queue,
            paused=paused.get(queue.name),
        )
        for queue in moment.queues
    ]
    return rows, len(moment.workers)


def _as_json(row: QueueRow) -> dict[str, Any]:
    by_status = row.recorded.by_status
    return {
        "name": row.recorded.name,
        "paused": row.paused is not None,
        "total": row.recorded.total,
        "waiting": row.waiting,
        "delayed": row.delayed,
        "active": by_status[Status.RUNNING],
        "completed": by_status[Status.COMPLETED],
        "failed": by_status[Status.FAILED],
        "cancelled": by_status[Status.CANCELLED],
        "success_rate": row.recorded.success_rate,
        "in_redis": row.now.waiting if row.now else None,
        "workers": row.now.workers if row.now else None,
    }
