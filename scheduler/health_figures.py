"""How much is going on, for the health status: figures from rollups and bounded looks, asked as probes are.

Each is a probe of its own, so that one that hangs takes no other with it, and Redis none that SQL knows.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from monitoring import inbox, workload
from monitoring.models import MetricSample
from monitoring.probes import Finding, Probe, probe_all
from monitoring.sampling import SLOT_SECONDS
from monitoring.statuses import Status
from monitoring.totals import task_totals
from scheduler.handing_over import ENTRY
from scheduler.workflow_counts import Total, totals
from scheduler.workflow_models import WorkflowStep
from scheduler.workflow_states import WorkflowStatus

MOST_COUNTED = 10_000
"""Steps that wait to be tried again are counted so far and no further: they are rows of an index."""
PACE_SECONDS = 60


def look() -> dict[str, Finding]:
    """The probes of readiness and these figures, by name; within the probes' time limit."""
    return probe_all(FIGURES)


def _workflows() -> tuple[str, dict[str, Any]]:
    found = totals("status")
    whole = Total()
    for total in found.values():
        whole.merge(total)
    attempts = task_totals("status", task_type=ENTRY, status=Status.RUNNING)
    running = sum(total.count for total in attempts.values())
    over = whole.completed_steps + whole.failed_steps + whole.cancelled_steps
    return "The workflows are counted.", {
        "by_status": {status: found.get((status,), Total()).count for status in WorkflowStatus},
        "steps": {
            "total": whole.steps,
            "pending": max(0, whole.steps - over - running),
            "running": running,
            "completed": whole.completed_steps,
            "failed": whole.failed_steps,
            "cancelled": whole.cancelled_steps,
        },
    }


def _retries() -> tuple[str, dict[str, Any]]:
    waiting = WorkflowStep.objects.free().filter(next_retry_at__isnull=False)
    later = waiting.filter(next_retry_at__gt=timezone.now())
    return "The steps to be tried again are counted.", {
        "retryable": waiting.order_by()[:MOST_COUNTED].count(),
        "in_backoff": later.order_by()[:MOST_COUNTED].count(),
    }


def _traffic() -> tuple[str, dict[str, Any]]:
    moment = workload.look_at_all()
    busy = sum(worker.is_busy for worker in moment.workers)
    free = sum(worker.has_capacity for worker in moment.workers)
    return "Redis tells of queues and workers.", {
        "queues": {
            "total": len(moment.queues),
            "waiting": sum(queue.waiting for queue in moment.queues),
            "running": sum(queue.running for queue in moment.queues),
            "unattended": sum(bool(queue.waiting and not queue.workers) for queue in moment.queues),
        },
        "workers": {"total": len(moment.workers), "busy": busy, "idle": free},
        "stream_length": inbox.length(),
    }


def _pace() -> tuple[str, dict[str, Any]]:
    """By two samples, a minute apart or, in the first minutes, less."""
    newest = MetricSample.objects.order_by("-slot").first()
    pace = None
    if newest is not None:
        earlier = MetricSample.objects.filter(
            slot__lt=newest.slot, slot__gte=newest.slot - PACE_SECONDS // SLOT_SECONDS
        )
        if (before := earlier.order_by("slot").first()) is not None:
            pace = max(0, newest.recorded - before.recorded) / (newest.at - before.at).total_seconds()
    return "The recorder's pace is known.", {"events_per_second": None if pace is None else round(pace, 2)}


FIGURES = {
    "workflows": Probe(_workflows),
    "retries": Probe(_retries),
    "traffic": Probe(_traffic),
    "pace": Probe(_pace),
}
