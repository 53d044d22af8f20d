"""Figures of schedules and workflows for Prometheus, beside those of ``monitoring.exposition`` and by its rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from scheduler.models import ScheduledFire, ScheduledJob
from scheduler.workflow_counts import Total, totals
from scheduler.workflow_states import WorkflowStatus

MOST_DUE = 10_000
"""Due times are counted so far and no further."""


class Collector:
    """What the scheduler knows, as metric families; four small queries."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: to describe, the client would otherwise collect when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, in a fixed order."""
        yield _workflows()
        now = datetime.now(UTC)
        due = ScheduledJob.objects.active().filter(next_run_at__lte=now).order_by("next_run_at")
        first = due.values_list("next_run_at", flat=True).first()
        lag = (now - first).total_seconds() if first else 0.0
        yield GaugeMetricFamily(
            "quarterdeck_scheduler_lag_seconds", "How late the job is that has been due for longest.", value=lag
        )
        waiting = due[:MOST_DUE].count() + ScheduledFire.objects.claimed()[:MOST_DUE].count()
        yield GaugeMetricFamily(
            "quarterdeck_scheduler_due", "Scheduled jobs that are due and not yet with RQ.", value=waiting
        )


def _workflows() -> Metric:
    family = GaugeMetricFamily("quarterdeck_workflows", "Workflows by present status.", labels=["status"])
    found = totals("status")
    for status in WorkflowStatus:
        family.add_metric([status.lower()], found.get((status,), Total()).count)
    return family
