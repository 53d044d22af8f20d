"""How well everything goes that runs on RQ, in a few numbers. Each attempt of a workflow's step is a task like others.

All of it comes from rollups, histograms and samples, so it costs the same however many tasks there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Sum

from monitoring import statistics, workload
from monitoring.histograms import Histogram
from monitoring.models import InboxPosition, MetricSample, RunCount
from monitoring.moments import Moment
from monitoring.percentiles import MOST_CELLS
from monitoring.sampling import slot_of
from monitoring.spans import DAY, HOUR, begin_of_hour, pieces
from monitoring.statuses import RunStatus, Status
from monitoring.totals import RunTotal, run_totals

SPANS = {"1h": HOUR, "4h": 4 * HOUR, "24h": DAY}
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How the tasks fared that ended in a span."""

    completed: int
    failed: int
    mean_ms: float
    """Of their runs, 0 if none has a time."""
    per_minute: float

    @property
    def completion_rate(self) -> float:
        """The share that was completed, from 0 to 1; 1 if none ended."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else 1.0


@dataclass(frozen=True, kw_only=True)
class Performance:
    """The numbers."""

    at: datetime
    trends: Mapping[str, Trend]
    by_status: Mapping[Status, int]
    retries: int
    percentiles_ms: Mapping[int, float | None]
    """Of the run times of what was completed in the last 24 hours."""
    attended: float
    """The share of queues that a living worker listens to."""
    backlog_growth: float
    """Which share of the waiting tasks has come on top within the last hour, from 0 to 1."""

    @property
    def score(self) -> float:
        """100 · (0.5 · completion rate of the last hour + 0.3 · attended + 0.2 · (1 - backlog growth))."""
        share = 0.5 * self.trends["1h"].completion_rate + 0.3 * self.attended + 0.2 * (1 - self.backlog_growth)
        return 100 * share


def performance(now: datetime | None = None) -> Performance:
    """The numbers now; a dozen small queries. Raises BrokerError: without Redis nobody knows who works."""
    now = now or datetime.now(UTC)
    moment = workload.look_at_all()
    by_status = statistics.counts_by_status()
    return Performance(
        at=now,
        trends={name: _trend(span, now) for name, span in SPANS.items()},
        by_status=by_status,
        retries=InboxPosition.objects.aggregate(total=Sum("retries", default=0))["total"],
        percentiles_ms=_percentiles(now),
        attended=_attended(moment),
        backlog_growth=_backlog_growth(by_status[Status.QUEUED], now),
    )


def _trend(span: timedelta, now: datetime) -> Trend:
    ends = run_totals("outcome", start=now - span, outcome__in=(RunStatus.COMPLETED, RunStatus.FAILED))
    both = RunTotal()
    for total in ends.values():
        both.merge(total)
    return Trend(
        completed=ends.get((RunStatus.COMPLETED,), RunTotal()).count,
        failed=ends.get((RunStatus.FAILED,), RunTotal()).count,
        mean_ms=both.mean_ms,
        per_minute=both.count / (span / timedelta(minutes=1)),
    )


def _percentiles(now: datetime) -> dict[int, float | None]:
    """Only the rollup has histograms, so the 24 hours begin with the hour that they begin in."""
    cut = pieces(begin_of_hour(now - DAY), None)
    cells = RunCount.objects.filter(cut.cells, outcome=RunStatus.COMPLETED).order_by("-start")
    merged = Histogram()
    for stored in cells.values_list("run_histogram", flat=True)[:MOST_CELLS]:
        merged.merge(Histogram.from_json(stored))
    return {percent: merged.percentile(percent) for percent in PERCENTILES}


def _attended(moment: Moment) -> float:
    queues = moment.queues
    return sum(bool(queue.workers) for queue in queues) / len(queues) if queues else 1.0


def _backlog_growth(waiting: int, now: datetime) -> float:
    """Against the oldest sample of the last hour; 0 if there is none."""
    samples = MetricSample.objects.filter(slot__gte=slot_of(now - HOUR), slot__lte=slot_of(now))
    before = samples.order_by("slot").values_list("waiting", flat=True).first()
    return max(0, waiting - before) / waiting if waiting and before is not None else 0.0
