"""What a chart of tasks over time shows, as its table has it; ``static/js/charts.js`` draws the table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.spans import DAY, HOUR
from monitoring.trends import Period, Point, Range


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Buckets of time, of one length."""

    points: list[Point]
    bucket: timedelta
    until: datetime
    """Where the axis of time ends: today's is shown whole, though its later hours are yet to come."""

    @property
    def bucket_seconds(self) -> int:
        """For the drawing."""
        return int(self.bucket.total_seconds())

    @property
    def is_hourly(self) -> bool:
        """Whether buckets are told by the clock; else by the day on which they begin."""
        return self.bucket < DAY

    @property
    def is_weekly(self) -> bool:
        """Whether a bucket is a week."""
        return self.bucket == 7 * DAY

    @property
    def ended(self) -> int:
        """Completed and failed, in all buckets."""
        return self.completed + self.failed

    @property
    def completed(self) -> int:
        """In all buckets."""
        return sum(point.completed for point in self.points)

    @property
    def failed(self) -> int:
        """In all buckets."""
        return sum(point.failed for point in self.points)


def ends_chart(points: list[Point], span: Range) -> Chart:
    """How tasks ended over a range; it has one point at least."""
    if span is Range.TODAY:
        return Chart(points=points, bucket=HOUR, until=points[0].at + DAY)
    return _chart(points, points[1].at - points[0].at if len(points) > 1 else DAY)


def trend_chart(points: list[Point], period: Period) -> Chart:
    """The success rate over a period."""
    return _chart(points, period.bucket)


def _chart(points: list[Point], bucket: timedelta) -> Chart:
    return Chart(points=points, bucket=bucket, until=points[-1].at + bucket)
