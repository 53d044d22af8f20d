"""How fast jobs come into a queue and leave it, and what follows for those that wait.

Measured over the last ten minutes, or over the last hour where nothing happened in those. Rows are read for so short a
span only, and the rollup for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.statuses import RunStatus
from monitoring.totals import run_totals, task_totals

SPANS = (timedelta(minutes=10), timedelta(hours=1))
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What came into a queue and what left it in a span of time."""

    span: timedelta
    came: int
    """Tasks created."""
    ran: int
    """Runs ended, also those that were tried again."""
    left: int
    """Runs after which the task was over."""

    @property
    def came_per_minute(self) -> float:
        """Tasks created a minute."""
        return self.came / (self.span / _MINUTE)

    @property
    def left_per_minute(self) -> float:
        """Tasks over a minute."""
        return self.left / (self.span / _MINUTE)

    def until_started(self, ahead: int) -> timedelta | None:
        """How long a job with so many before it will wait at this pace; None if nothing ran to measure by."""
        return self.span * (ahead + 1) / self.ran if self.ran else None

    def until_empty(self, waiting: int) -> timedelta | None:
        """How long so many jobs will take; None if they do not get fewer at this pace."""
        return self.span * waiting / (self.left - self.came) if self.left > self.came else None


def pace_of(queue: str, now: datetime) -> Pace:
    """The queue's pace up to now; four queries, or eight where little happened."""
    for span in SPANS:
        runs = run_totals("outcome", start=now - span, queue=queue)
        ran = sum(total.count for total in runs.values())
        retried = runs.get((RunStatus.RETRIED,))
        came = sum(total.count for total in task_totals("queue", start=now - span, queue=queue).values())
        pace = Pace(span=span, came=came, ran=ran, left=ran - (retried.count if retried else 0))
        if ran:
            break
    return pace
