"""What is slow, what fails and what waits, in a span of time: by handler, by step, by error, by queue.

All of it comes from rollups and from a few steps into indexes, so it costs the same however many tasks there are. Only
rollups know all this, so a span begins with the hour that it begins in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from monitoring.spans import HOUR, begin_of_hour
from scheduler.failing_work import Failing, errors_of
from scheduler.queue_waits import Waiting, waits_of
from scheduler.slow_work import MOST_ROWS, Scope, Slow, add_step_times, share_of_timeout, slow_tasks, steps_of


@dataclass(frozen=True, kw_only=True)
class Bottlenecks:
    """What there is; each list has at most MOST_ROWS, worst first."""

    at: datetime
    tasks: Sequence[Slow]
    steps: Sequence[Slow]
    errors: Sequence[Failing]
    waits: Sequence[Waiting]
    suspects: Sequence[Slow]
    """Steps that a recommendation may be about, with their times."""


def bottlenecks(scope: Scope, hours: int, now: datetime | None = None) -> Bottlenecks:
    """What was slow, failed and waited within the last hours."""
    now = now or datetime.now(UTC)
    begin = begin_of_hour(now - hours * HOUR)
    steps = steps_of(scope, begin)
    slowest = sorted(steps, key=lambda step: -step.mean_ms)[:MOST_ROWS]
    near_limit = sorted(steps, key=share_of_timeout, reverse=True)[:MOST_ROWS]
    retried = sorted(steps, key=lambda step: -step.retries)[:MOST_ROWS]
    suspects = list({id(step): step for step in (*slowest, *near_limit, *retried)}.values())
    add_step_times(suspects, begin)
    return Bottlenecks(
        at=now,
        tasks=slow_tasks(scope, begin),
        steps=slowest,
        errors=errors_of(scope, steps, begin),
        waits=waits_of(scope, steps, begin, now),
        suspects=suspects,
    )
