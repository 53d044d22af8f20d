"""One function per number. Every surface and page takes its figures from here, so they are equal by construction."""

from __future__ import annotations

from django.db.models import Sum

from monitoring.models import TaskCount
from monitoring.statuses import Status


def counts_by_status(queue: str | None = None) -> dict[Status, int]:
    """How many tasks are in each status now, all of them named, zeros included. Reads the rollup, never the tasks."""
    cells = TaskCount.objects.filter(queue=queue) if queue is not None else TaskCount.objects.all()
    sums = dict(cells.values_list("status").annotate(total=Sum("count")))
    return {status: sums.get(status, 0) for status in Status}
