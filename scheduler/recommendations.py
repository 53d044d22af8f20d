"""What follows from the bottlenecks: each recommendation says the numbers that it follows from. None is given for few.

A step whose runs come close to its time limit, a step whose retries mostly succeed or never do, and a queue whose wait
grows while nobody who listens is idle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import TextChoices

from monitoring.moments import Moment, WorkerNow
from scheduler.bottlenecks import Bottlenecks
from scheduler.queue_waits import RISING, Waiting
from scheduler.slow_work import MOST_ROWS, Slow

ENOUGH = 5
"""So many runs or retries at least."""
NEAR_TIMEOUT = 0.8
ROOM = 1.5
"""A suggested time limit is so many times the 95th percentile."""


class Kind(TextChoices):
    """What is recommended."""

    RAISE_TIMEOUT = "raise_timeout"
    RETRIES_HELP = "retries_help"
    RETRIES_ARE_VAIN = "retries_are_vain"
    ADD_WORKERS = "add_workers"


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """One thing to do."""

    kind: Kind
    rationale: str
    """With the numbers."""
    step: str = ""
    task: str = ""
    """The step's handler."""
    queue: str = ""
    current: float | None = None
    """What is now: seconds of a time limit, a number of workers."""
    suggested: float | None = None


def recommendations(found: Bottlenecks, moment: Moment) -> list[Recommendation]:
    """What to do, MOST_ROWS at most; ``moment`` says who works now."""
    made = [*_of_queues(found.waits, moment), *(each for step in found.suspects for each in _of_step(step))]
    return made[:MOST_ROWS]


def _of_step(step: Slow) -> Iterator[Recommendation]:
    yield from _timeout(step)
    if step.retries < ENOUGH:
        return
    told = f"of {step.retries:,} retries of {step.step} ({step.task}) succeeded"
    if step.retries_done > step.retries / 2:
        yield Recommendation(
            kind=Kind.RETRIES_HELP,
            rationale=f"{step.retries_done:,} {told}: most of its failures pass. Let it wait for what it needs, by "
            "RetryAfter or a longer backoff, rather than fail first.",
            step=step.step,
            task=step.task,
        )
    elif not step.retries_done:
        yield Recommendation(
            kind=Kind.RETRIES_ARE_VAIN,
            rationale=f"None {told}: its failures do not pass. Raise PermanentError for them, which is not retried.",
            step=step.step,
            task=step.task,
        )


def _timeout(step: Slow) -> Iterator[Recommendation]:
    template, p95_ms = step.template, step.times.percentile(95)
    if template is None or p95_ms is None or len(step.times) < ENOUGH:
        return
    seconds, limit = p95_ms / 1000, template.timeout_seconds
    if seconds > NEAR_TIMEOUT * limit:
        yield Recommendation(
            kind=Kind.RAISE_TIMEOUT,
            rationale=f"One in twenty of {len(step.times):,} runs of {step.step} ({step.task}) took {seconds:,.1f} s "
            f"or longer, {100 * seconds / limit:.0f} % of its time limit of {limit:,} s.",
            step=step.step,
            task=step.task,
            current=limit,
            suggested=math.ceil(ROOM * seconds),
        )


def _of_queues(waits: Sequence[Waiting], moment: Moment) -> Iterator[Recommendation]:
    waiting = {queue.name: queue.waiting for queue in moment.queues}
    for wait in waits:
        listening = [worker for worker in moment.workers if wait.queue in worker.queues]
        if wait.trend == RISING and not any(worker.has_capacity for worker in listening):
            yield Recommendation(
                kind=Kind.ADD_WORKERS,
                rationale=f"The mean wait in {wait.queue} grew from {wait.early_ms:,.0f} ms in the first half of the "
                f"period to {wait.late_ms:,.0f} ms in the second, {waiting.get(wait.queue, 0):,} jobs wait now, "
                f"and {_nobody(listening)}.",
                queue=wait.queue,
                current=len(listening),
                suggested=len(listening) + 1,
            )


def _nobody(listening: Sequence[WorkerNow]) -> str:
    if not listening:
        return "no worker listens to it"
    return "its one worker is busy" if len(listening) == 1 else f"none of its {len(listening):,} workers is idle"
