"""What the page of one schedule tells: how it stands, what comes, what was expected and what happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import TextChoices
from django.http import QueryDict

from monitoring.pages import choices
from monitoring.pages.charts import Chart
from monitoring.pages.list_links import Link
from monitoring.pages.task_list import whole_number
from monitoring.redaction import mask_value
from monitoring.spans import HOUR
from monitoring.trends import Point
from scheduler import executions, previews, truth
from scheduler.models import ScheduledJob
from scheduler.pages.schedule_rows import ScheduleRow
from scheduler.schedules import Kind
from scheduler.truth import Verdict

ROWS = 10
UPCOMING = 5
TONES = {
    Verdict.ON_TIME: "completed",
    Verdict.LATE: "queued",
    Verdict.STARTING: "running",
    Verdict.OVERDUE: "failed",
    Verdict.OVERLAPPED: "cancelled",
    Verdict.SKIPPED: "cancelled",
    Verdict.MISSED: "failed",
    Verdict.CANCELLED: "cancelled",
}
"""Whose shape and colour a verdict has."""


class Span(TextChoices):
    """How far back the chart goes."""

    DAY = "day", "24 hours"
    WEEK = "week", "7 days"

    @property
    def hours(self) -> int:
        """Its length; each hour is a bucket."""
        return 24 if self is Span.DAY else 168


class Part:
    """A page of one of the tables, by its own parameter in the address."""

    def __init__(self, parameters: QueryDict, name: str) -> None:
        self.parameters, self.name = parameters, name
        self.number = whole_number(parameters.get(name), 1)
        self.rows: list[Any] = []
        self.total = 0

    def read(self, page_of: Any) -> Part:
        """Reads the page; past the end the last one."""
        self.rows, self.total = page_of(number=self.number, size=ROWS)
        if self.number > self.pages:
            self.number = self.pages
            self.rows, self.total = page_of(number=self.number, size=ROWS)
        return self

    @property
    def pages(self) -> int:
        """How many there are, at least one."""
        return max(1, -(-self.total // ROWS))

    @property
    def ways(self) -> list[Link]:
        """To the newer and the older ones; without an address where there are none."""
        targets = (("Newer", self.number - 1), ("Older", self.number + 1))
        return [Link(label=label, href=self._link(to) if 1 <= to <= self.pages else "") for label, to in targets]

    def _link(self, number: int) -> str:
        query = self.parameters.copy()
        query[self.name] = str(number)
        return f"?{query.urlencode()}"


def story_of(job: ScheduledJob, parameters: QueryDict) -> dict[str, Any]:
    """All of it; ten queries at most, however long the schedule has been running."""
    now = datetime.now(UTC)
    runs = executions.last_runs([job])[job.pk]
    row = ScheduleRow(job=job, runs=runs, now=now)
    span = choices.chosen(parameters, "range", Span.DAY)
    return {
        "row": row,
        "is_going_on": row.state in (Kind.ACTIVE, Kind.OVERDUE),
        "upcoming": _upcoming(job),
        "due": Part(parameters, "due").read(lambda **place: _lines(job, **place)),
        "executions": Part(parameters, "page").read(lambda **place: executions.page_of_executions(job=job, **place)),
        "verdicts": _verdicts(truth.summary(job, since=now - timedelta(days=1))),
        "chart": _chart(job, span, now),
        "spans": choices.links(parameters, "range", span),
        "address": f"?{parameters.urlencode()}",
        "args": mask_value(job.args),
        "kwargs": mask_value(job.kwargs),
    }


def _upcoming(job: ScheduledJob) -> list[previews.Upcoming]:
    """The next fires, also of one that is paused; none of a schedule that nobody can read any more."""
    try:
        return previews.preview(job, count=UPCOMING).upcoming
    except Exception:  # written past the verbs: its page must come up all the same
        return []


def _lines(job: ScheduledJob, *, number: int, size: int) -> tuple[list[dict[str, Any]], int]:
    lines, total = truth.page_of_lines(job, number=number, size=size)
    return [
        {
            "fire": line.fire,
            "verdict": line.verdict,
            "tone": TONES[line.verdict],
            "execution": line.execution,
            "late_ms": None if line.lateness is None else line.lateness.total_seconds() * 1000,
        }
        for line in lines
    ], total


def _verdicts(counts: Mapping[Verdict, int]) -> list[tuple[str, str, int]]:
    """Those that there are any of: shape, word and number."""
    return [(TONES[verdict], str(verdict.label), count) for verdict, count in counts.items() if count]


def _chart(job: ScheduledJob, span: Span, now: datetime) -> Chart:
    buckets = executions.timeline(span.hours, now, job=job)
    points = [Point(at=bucket.start, completed=bucket.completed, failed=bucket.failed) for bucket in buckets]
    return Chart(points=points, bucket=HOUR, until=points[-1].at + HOUR)
