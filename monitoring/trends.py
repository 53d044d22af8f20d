"""How tasks ended in the course of time: the points of the charts, and the ranges that people ask about.

Every point adds up cells of the rollups, so a chart costs the same however many tasks there are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Min, Sum, TextChoices

from monitoring.models import RunCount, Span
from monitoring.spans import DAY, HOUR, begin_of_day, begin_of_hour
from monitoring.statuses import RunStatus

MOST_POINTS = 480
"""A chart has no more points than this."""


class Range(TextChoices):
    """The ranges of time that people ask about."""

    TODAY = "today", "Today"
    WEEK = "week", "Last 7 days"
    MONTH = "month", "Last 30 days"
    ALL = "all", "All time"

    def start(self, now: datetime) -> datetime | None:
        """Today begins at UTC midnight; a week is the last 7 × 24 hours; all time has no beginning."""
        starts = {Range.TODAY: begin_of_day(now), Range.WEEK: now - 7 * DAY, Range.MONTH: now - 30 * DAY}
        return starts.get(self)


class Period(TextChoices):
    """The periods of the success-rate trend, each with the days it has and how many make one point."""

    LAST_7_DAYS = "7", "Last 7 days"
    LAST_30_DAYS = "30", "Last 30 days"
    LAST_90_DAYS = "90", "Last 90 days"

    @property
    def bucket(self) -> timedelta:
        """Days, and weeks for the longest."""
        return 7 * DAY if self is Period.LAST_90_DAYS else DAY

    def start(self, now: datetime) -> datetime:
        """The beginning of the first bucket; the last one ends with the present UTC day."""
        buckets = math.ceil(int(self.value) * DAY / self.bucket)
        return begin_of_day(now) + DAY - buckets * self.bucket


def success_rate(completed: int, failed: int) -> float:
    """100 · completed / (completed + failed), with one decimal, 0 when none has ended."""
    ended = completed + failed
    return round(100 * completed / ended, 1) if ended else 0.0


@dataclass(frozen=True, kw_only=True)
class Point:
    """The tasks that ended in one bucket of a chart."""

    at: datetime
    """The beginning of the bucket."""
    completed: int
    failed: int

    @property
    def total(self) -> int:
        """Completed and failed."""
        return self.completed + self.failed

    @property
    def success_rate(self) -> float:
        """See ``success_rate``."""
        return success_rate(self.completed, self.failed)


def over_time(span: Range, now: datetime) -> list[Point]:
    """How tasks ended over a range, empty buckets included: by hours today, by days for longer ranges.

    All time begins with the first end of a run; its buckets are as many days long as keep the chart within MOST_POINTS.
    """
    if span is Range.TODAY:
        return _points(begin_of_day(now), begin_of_hour(now) + HOUR, HOUR)
    tomorrow = begin_of_day(now) + DAY
    start = span.start(now) or min(_first_end() or now, now)  # a worker's clock may be ahead of ours
    days = math.ceil((tomorrow - begin_of_day(start)) / DAY)
    bucket = math.ceil(days / MOST_POINTS) * DAY
    return _points(tomorrow - math.ceil(days * DAY / bucket) * bucket, tomorrow, bucket)


def success_rate_trend(period: Period, now: datetime | None = None) -> list[Point]:
    """How tasks ended over a period, empty buckets included; one query."""
    now = now or datetime.now(UTC)
    return _points(period.start(now), begin_of_day(now) + DAY, period.bucket)


def _points(start: datetime, end: datetime, bucket: timedelta) -> list[Point]:
    """The buckets from start to end; cells of whole hours or days only, so one query."""
    span = Span.HOUR if bucket < DAY else Span.DAY
    ended: dict[tuple[datetime, str], int] = defaultdict(int)
    for at, outcome, count in _ends(span, start, end):
        ended[start + (at - start) // bucket * bucket, outcome] += count
    buckets = (start + number * bucket for number in range((end - start) // bucket))
    return [
        Point(at=at, completed=ended[at, RunStatus.COMPLETED], failed=ended[at, RunStatus.FAILED]) for at in buckets
    ]


def _ends(span: Span, start: datetime, end: datetime) -> Iterator[tuple[datetime, str, int]]:
    """Ends of tasks: a run that was retried is not one."""
    cells = RunCount.objects.filter(span=span, start__gte=start, start__lt=end)
    ends = cells.filter(outcome__in=(RunStatus.COMPLETED, RunStatus.FAILED)).values_list("start", "outcome")
    yield from ends.annotate(total=Sum("count"))


def _first_end() -> datetime | None:
    first: datetime | None = RunCount.objects.filter(span=Span.DAY).aggregate(first=Min("start"))["first"]
    return first
