"""What waits: how long runs had waited in their queues, and whether it gets longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Sum

from monitoring.histograms import Histogram
from monitoring.models import RunCount, Span, StepCount
from monitoring.percentiles import MOST_CELLS
from monitoring.spans import HOUR, begin_of_hour, pieces
from scheduler.slow_work import MOST_ROWS, Scope, Slow

RISING, FALLING, STEADY = "rising", "falling", "steady"
TRENDS = (RISING, STEADY, FALLING)
GROWTH = 1.2
LEAST_GROWTH_MS = 100
"""A wait has grown if it is longer by a fifth and by this much."""


@dataclass(kw_only=True)
class Waiting:
    """How long the runs of a queue had waited."""

    queue: str
    waited: int = 0
    wait_us: int = 0
    early_ms: float | None = None
    """The mean in the first half of the span."""
    late_ms: float | None = None
    times: Histogram = field(default_factory=Histogram)

    @property
    def trend(self) -> str:
        """One of TRENDS."""
        early, late = self.early_ms, self.late_ms
        if early is None or late is None or abs(late - early) < LEAST_GROWTH_MS:
            return STEADY
        return RISING if late > GROWTH * early else FALLING if early > GROWTH * late else STEADY


def waits_of(scope: Scope, steps: Sequence[Slow], begin: datetime, now: datetime) -> list[Waiting]:
    """The longest waits on the mean first, MOST_ROWS at most."""
    cells: QuerySet[Any] = RunCount.objects.all()
    if scope.given:
        cells = StepCount.objects.filter(handler__in={step.task for step in steps})
    span = cells.filter(pieces(begin, None).cells)
    sums = span.values_list("queue").annotate(n=Sum("waited"), us=Sum("wait_us"))
    known = [Waiting(queue=queue, waited=waited, wait_us=wait_us) for queue, waited, wait_us in sums if waited > 0]
    longest = sorted(known, key=lambda wait: (-wait.wait_us / wait.waited, wait.queue))[:MOST_ROWS]
    found = {wait.queue: wait for wait in longest}
    rows = span.filter(queue__in=found).order_by("-start").values_list("queue", "wait_histogram")
    for queue, stored in rows[:MOST_CELLS]:
        found[queue].times.merge(Histogram.from_json(stored))
    middle = max(begin_of_hour(begin + (now - begin) / 2), begin + HOUR)
    hours = cells.filter(span=Span.HOUR, queue__in=found)
    for queue, mean_ms in _means(hours.filter(start__gte=begin, start__lt=middle)):
        found[queue].early_ms = mean_ms
    for queue, mean_ms in _means(hours.filter(start__gte=middle)):
        found[queue].late_ms = mean_ms
    return longest


def _means(cells: QuerySet[Any]) -> list[tuple[str, float]]:
    sums = cells.values_list("queue").annotate(n=Sum("waited"), us=Sum("wait_us"))
    return [(queue, wait_us / waited / 1000) for queue, waited, wait_us in sums if waited > 0]
