"""What the samples tell: newest first for machines, by even buckets of time for charts.

A sample holds counts since ever, so what happened between two samples is the difference of both, whether they are five
seconds apart or, after a time without recorder, an hour: nothing is told twice or forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.db.models import F, Max, TextChoices

from monitoring.models import MetricSample
from monitoring.sampling import SLOT_SECONDS, slot_of


@dataclass(frozen=True, kw_only=True)
class Metric:
    """How things stood at a sample, and what happened since the one before."""

    sample: MetricSample
    before: MetricSample | None
    """None for the first sample that is kept: what happened before it is not known."""

    @property
    def seconds(self) -> float:
        """The length of the interval, 0 if it has no beginning."""
        return (self.sample.at - self.before.at).total_seconds() if self.before else 0.0

    @property
    def throughput(self) -> int:
        """Tasks that were completed or failed in the interval, per minute."""
        return round(60 * self._since("ended") / self.seconds) if self.seconds > 0 else 0

    @property
    def avg_duration_ms(self) -> float | None:
        """The mean run time of the tasks that ended in the interval, None when none has one."""
        timed = self._since("timed")
        return round(self._since("run_us") / timed / 1000, 3) if timed else None

    @property
    def retries(self) -> int:
        """Automatic and manual, in the interval."""
        return self._since("retries")

    @property
    def failures(self) -> int:
        """Tasks that failed in the interval."""
        return self._since("failures")

    def _since(self, count: str) -> int:
        if self.before is None:
            return 0
        difference: int = getattr(self.sample, count) - getattr(self.before, count)
        return max(0, difference)


class Reach(TextChoices):
    """How far back the charts look, each in buckets of one length."""

    MINUTES = "10m", "10 min"
    HOUR = "1h", "1 h"
    HOURS = "6h", "6 h"
    DAY = "24h", "24 h"
    WEEK = "7d", "7 d"

    @property
    def length(self) -> timedelta:
        """The time that is looked at."""
        return _REACHES[self][0]

    @property
    def bucket(self) -> timedelta:
        """The length of a bucket: a whole number of slots."""
        return _REACHES[self][1]


_REACHES = {
    Reach.MINUTES: (timedelta(minutes=10), timedelta(seconds=SLOT_SECONDS)),
    Reach.HOUR: (timedelta(hours=1), timedelta(seconds=30)),
    Reach.HOURS: (timedelta(hours=6), timedelta(minutes=3)),
    Reach.DAY: (timedelta(hours=24), timedelta(minutes=10)),
    Reach.WEEK: (timedelta(days=7), timedelta(hours=1)),
}


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One bucket of a chart."""

    at: datetime
    """When it begins."""
    metric: Metric | None
    """Of its last sample, with what happened since the last one before the bucket; None if none was taken in it."""


def history(limit: int) -> list[Metric]:
    """The newest samples, newest first; one query."""
    samples = list(MetricSample.objects.order_by("-slot")[: limit + 1])
    return _metrics(samples)[:limit]


def over(reach: Reach, now: datetime | None = None) -> list[Bucket]:
    """The buckets of a chart, oldest first, empty ones included; one query, which reads two rows for a bucket at most.

    The last bucket is the present one, so it may still grow.
    """
    slots = int(reach.bucket.total_seconds()) // SLOT_SECONDS
    last = slot_of(now or datetime.now(UTC)) // slots
    first = last - reach.length // reach.bucket + 1
    # One bucket more, for what the first shown one is compared with.
    wanted = MetricSample.objects.filter(slot__gte=(first - 1) * slots, slot__lt=(last + 1) * slots)
    newest = wanted.annotate(bucket=F("slot") / slots).values("bucket").annotate(newest=Max("slot")).values("newest")
    samples = list(MetricSample.objects.filter(slot__in=newest).order_by("-slot"))
    metrics = {metric.sample.slot // slots: metric for metric in _metrics(samples)}
    return [
        Bucket(at=datetime.fromtimestamp(number * slots * SLOT_SECONDS, UTC), metric=metrics.get(number))
        for number in range(first, last + 1)
    ]


def _metrics(samples: Iterable[MetricSample]) -> list[Metric]:
    """Of samples that are in order, newest first."""
    return [Metric(sample=sample, before=before) for sample, before in pairwise([*samples, None]) if sample]
