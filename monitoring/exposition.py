"""Figures for Prometheus, made by its official client when they are asked for.

Everything comes from the rollups and from Redis, not from counters in the process that happens to answer: so the
figures are the same whichever of several web processes is asked, and a restart does not set them back. Label values are
bounded: queues, the types of most runs, words for states. No ids, no names of workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from monitoring import broker, health, inbox, overview, queue_line, workload
from monitoring.histograms import Histogram, value_of
from monitoring.models import InboxPosition, RunCount, Span
from monitoring.moments import Moment
from monitoring.spans import DAY, begin_of_day

BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800)
MOST_SERIES = 200
"""Pairs of queue and type with histograms of their own; what is left of each queue has the type "other"."""
OTHER = "other"
STATES = ("busy", "idle", "stopping")

Pair = tuple[str, str]
"""A queue and a type."""


@dataclass(slots=True)
class Durations:
    """How long runs took or had waited: a histogram, and the sum in microseconds."""

    histogram: Histogram = field(default_factory=Histogram)
    sum_us: int = 0

    def add(self, stored: dict[str, int], sum_us: int) -> None:
        """Adds a cell of the rollup."""
        self.histogram.merge(Histogram.from_json(stored))
        self.sum_us += sum_us

    def merge(self, other: Durations) -> None:
        """Adds others."""
        self.histogram.merge(other.histogram)
        self.sum_us += other.sum_us

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound in seconds, as Prometheus has them."""
        counts: Counter[int] = Counter()
        for bucket, count in self.histogram.buckets.items():
            seconds = value_of(bucket) / 1000
            counts[next((i for i, bound in enumerate(BOUNDS_SECONDS) if seconds <= bound), len(BOUNDS_SECONDS))] += (
                count
            )
        names = [*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf"]
        totals = accumulate(counts[index] for index in range(len(names)))
        return [(name, float(total)) for name, total in zip(names, totals, strict=True)]


class Past:
    """The ended runs of all days but the last two, by queue and type: added up once a day, for they do not change."""

    def __init__(self) -> None:
        self.until: datetime | None = None
        self.runs: dict[Pair, Durations] = {}
        self.waits: dict[Pair, Durations] = {}

    def up_to_now(self, now: datetime) -> tuple[dict[Pair, Durations], dict[Pair, Durations]]:
        """Run times and waiting times of all runs that ever ended."""
        until = begin_of_day(now) - DAY
        if until != self.until:
            self.runs, self.waits = _durations(start__lt=until)
            self.until = until
        runs, waits = _durations(start__gte=until)
        return _together(self.runs, runs), _together(self.waits, waits)


def _durations(**when: datetime) -> tuple[dict[Pair, Durations], dict[Pair, Durations]]:
    runs: dict[Pair, Durations] = {}
    waits: dict[Pair, Durations] = {}
    cells = RunCount.objects.filter(span=Span.DAY, **when).values_list(
        "queue", "task_type", "run_histogram", "run_us", "wait_histogram", "wait_us"
    )
    for queue, task_type, run_histogram, run_us, wait_histogram, wait_us in cells.iterator():
        runs.setdefault((queue, task_type), Durations()).add(run_histogram, run_us)
        waits.setdefault((queue, task_type), Durations()).add(wait_histogram, wait_us)
    return runs, waits


def _together(*parts: dict[Pair, Durations]) -> dict[Pair, Durations]:
    """The sum of both, with the pairs beyond MOST_SERIES taken together."""
    merged: dict[Pair, Durations] = {}
    for part in parts:
        for pair, durations in part.items():
            merged.setdefault(pair, Durations()).merge(durations)
    for queue, task_type in sorted(merged, key=lambda pair: len(merged[pair].histogram), reverse=True)[MOST_SERIES:]:
        rest = merged.pop((queue, task_type))
        merged.setdefault((queue, OTHER), Durations()).merge(rest)
    return merged


class Collector:
    """What Quarterdeck knows, as metric families. Redis may be away: then what only it knows is missing."""

    def __init__(self) -> None:
        self.past = Past()

    def describe(self) -> Iterable[Metric]:
        """Nothing: to describe, the client would otherwise collect when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, in a fixed order."""
        yield _tasks()
        yield _transitions()
        runs, waits = self.past.up_to_now(datetime.now(UTC))
        yield _histogram("quarterdeck_run_duration_seconds", "How long runs took, by queue and type.", runs)
        yield _histogram("quarterdeck_wait_duration_seconds", "How long runs had waited in their queue.", waits)
        try:
            moment = workload.look_at_all()
            oldest = queue_line.oldest_of(queue.name for queue in moment.queues)
            lag, length = health.recorder_lag_seconds(), inbox.length()
        except broker.BrokerError:
            yield _gauge("quarterdeck_redis_up", "Whether Redis answers.", 0)
            return
        yield _gauge("quarterdeck_redis_up", "Whether Redis answers.", 1)
        yield _gauge("quarterdeck_recorder_lag_seconds", "Age of the oldest report that is not recorded.", lag)
        yield _gauge("quarterdeck_outbox_entries", "Reports that wait to be recorded.", length)
        yield from _moments(moment)
        yield _oldest(moment, oldest)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _tasks() -> Metric:
    family = GaugeMetricFamily("quarterdeck_tasks", "Tasks by queue and present status.", labels=["queue", "status"])
    for queue in overview.queue_totals():
        for status, count in queue.by_status.items():
            family.add_metric([queue.name, status.lower()], count)
    return family


def _transitions() -> Metric:
    changes = sum(InboxPosition.objects.values_list("changes", flat=True))
    return CounterMetricFamily("quarterdeck_transitions", "Status changes recorded since ever.", value=changes)


def _histogram(name: str, text: str, durations: dict[Pair, Durations]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["queue", "type"])
    for (queue, task_type), one in sorted(durations.items()):
        family.add_metric([queue, task_type], buckets=one.buckets(), sum_value=one.sum_us / 1_000_000)
    return family


def _moments(moment: Moment) -> Iterator[Metric]:
    workers = GaugeMetricFamily("quarterdeck_workers", "Living workers by state.", labels=["state"])
    states = Counter(_state(worker) for worker in moment.workers)
    for state in STATES:
        workers.add_metric([state], states[state])
    yield workers
    depth = GaugeMetricFamily("quarterdeck_queue_depth", "Jobs that a worker could take.", labels=["queue"])
    listening = GaugeMetricFamily("quarterdeck_queue_workers", "Workers that listen to a queue.", labels=["queue"])
    for queue in moment.queues:
        depth.add_metric([queue.name], queue.waiting)
        listening.add_metric([queue.name], queue.workers)
    yield depth
    yield listening


def _oldest(moment: Moment, oldest: Mapping[str, datetime]) -> Metric:
    family = GaugeMetricFamily(
        "quarterdeck_queue_oldest_seconds",
        "How long the oldest of the first jobs in line has waited, 0 if none waits.",
        labels=["queue"],
    )
    for queue in moment.queues:
        since = oldest.get(queue.name)
        family.add_metric([queue.name], max(0.0, (moment.at - since).total_seconds()) if since else 0.0)
    return family


def _state(worker: Any) -> str:
    if worker.is_stopping:
        return "stopping"
    return "busy" if worker.is_busy else "idle"
