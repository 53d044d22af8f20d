"""Why is it not running? What holds a waiting task back, and when it can be expected to start. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from monitoring import broker, moments, queue_line
from monitoring.models import Queue, Task
from monitoring.moments import WorkerNow
from monitoring.paces import Pace, pace_of
from monitoring.queue_line import Place
from monitoring.statuses import WAITING, Status

Dependency = tuple[UUID, Task | None]
"""The id of a task that must succeed first, and its row if it was recorded."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that the task waits for, as a sentence; then, if it has one, a moment."""

    what: str
    at: datetime | None = None
    task: Task | None = None
    """The task that it speaks of."""
    is_grave: bool = False
    """Whether nothing will happen until somebody does something."""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What is known about a task's wait."""

    reasons: list[Reason]
    expected_at: datetime | None = None
    """When it will start if all goes on as it does; None if that cannot be said."""
    pace: Pace | None = None
    """What that was computed from, if a pace was measured."""
    unknown: str = ""
    """Why it cannot be said."""


@dataclass(frozen=True, kw_only=True)
class _Sight:
    """What was seen of the task's queue."""

    now: datetime
    queue: Queue | None
    place: Place
    workers: list[WorkerNow]

    @property
    def is_paused(self) -> bool:
        return self.queue is not None and self.queue.is_paused

    @property
    def free(self) -> list[WorkerNow]:
        return [worker for worker in self.workers if worker.has_capacity]


def wait_of(task: Task, dependencies: Iterable[Dependency] = ()) -> Wait | None:
    """Why a waiting task waits; None for any other. Nine queries at most, and four round trips to Redis."""
    if task.status not in WAITING:
        return None
    try:
        seen = _look(task)
    except broker.BrokerError:
        told = [*_known(task, dependencies), Reason(what="Redis cannot be reached: nothing starts.", is_grave=True)]
        return Wait(reasons=told, unknown="Redis cannot be reached.")
    if not seen.place.status:
        gone = Reason(what="Redis no longer holds the job, so no worker can take it.", is_grave=True)
        return Wait(reasons=[gone], unknown="It will not start by itself.")
    reasons = [*_known(task, dependencies), *_held_back(task, seen), *_line(task, seen), *_queue(seen)]
    return _with_expectation(task, seen, reasons)


def _look(task: Task) -> _Sight:
    place = queue_line.place_of(task.job_id, task.queue)
    moment = moments.look([task.queue], others=False)
    return _Sight(
        now=moment.at,
        queue=Queue.objects.filter(name=task.queue).first(),
        place=place,
        workers=[worker for worker in moment.workers if task.queue in worker.queues],
    )


# --- What holds it back ---------------------------------------------------------------------------------------------


def _known(task: Task, dependencies: Iterable[Dependency]) -> Iterator[Reason]:
    """What SQL alone knows."""
    if task.status == Status.SCHEDULED and task.scheduled_for:
        is_over = task.scheduled_for <= datetime.now(UTC)
        if task.attempts:
            what = f"Its last run failed: it is tried again ({task.retry_count} of at most {task.max_retries})"
        else:
            what = "It is scheduled"
        yield Reason(what=f"{what}, which was due" if is_over else f"{what} for", at=task.scheduled_for)
    if task.status == Status.DEFERRED:
        for pk, needed in dependencies:
            yield from _dependency(pk, needed)


def _dependency(pk: UUID, needed: Task | None) -> Iterator[Reason]:
    if needed is None:
        yield Reason(what=f"It waits for a task that was not recorded: {pk}.")
    elif needed.status in (Status.FAILED, Status.CANCELLED):
        word = "has failed" if needed.status == Status.FAILED else "was cancelled"
        yield Reason(what=f"It needs a task that {word}: that one must succeed first.", task=needed, is_grave=True)
    elif needed.status != Status.COMPLETED:
        yield Reason(what="It waits for another task, which must succeed first.", task=needed)


def _held_back(task: Task, seen: _Sight) -> Iterator[Reason]:
    place = seen.place
    if place.status == "rate_limited":
        before = "" if place.limit_ahead is None else f"; {_some(place.limit_ahead, 'is', 'are')} held back before it"
        yield Reason(
            what=f"It is held back by the rate limit {place.limit_key!r}, which lets {place.limit:,} at once{before}."
        )
    if task.status == Status.SCHEDULED and task.scheduled_for and task.scheduled_for <= seen.now and not seen.workers:
        yield Reason(
            what="RQ's scheduler, which would put it onto its queue, runs in a worker of that queue only.",
            is_grave=True,
        )


def _line(task: Task, seen: _Sight) -> Iterator[Reason]:
    if task.status != Status.QUEUED:
        return
    if seen.place.ahead is None:
        yield Reason(what="It is not in the line any more: a worker is just taking it.")
    elif seen.place.ahead == 0:
        yield Reason(what="It is the first in line.")
    else:
        yield Reason(
            what=f"It is number {seen.place.ahead + 1:,} in line: {_some(seen.place.ahead, 'comes', 'come')} before it."
        )


def _queue(seen: _Sight) -> Iterator[Reason]:
    if seen.is_paused and seen.queue:
        why = f" ({seen.queue.pause_reason})" if seen.queue.pause_reason else ""
        paused = f"The queue {seen.queue.name} was paused by {seen.queue.paused_by}{why}"
        if seen.queue.paused_until:
            yield Reason(what=f"{paused} until", at=seen.queue.paused_until)
        else:
            yield Reason(what=f"{paused} until somebody resumes it.", is_grave=True)
    if not seen.workers:
        yield Reason(what="No worker listens to its queue.", is_grave=True)
    elif not seen.free:
        count = len(seen.workers)
        busy = "The one worker that listens is" if count == 1 else f"All {count:,} workers that listen are"
        yield Reason(what=f"{busy} busy.")


def _some(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


# --- When it will start ---------------------------------------------------------------------------------------------


def _with_expectation(task: Task, seen: _Sight, reasons: list[Reason]) -> Wait:
    if any(reason.is_grave for reason in reasons):
        return Wait(reasons=reasons, unknown="Not before that has changed.")
    if task.status == Status.DEFERRED:
        return Wait(reasons=reasons, unknown="That depends on others.")
    begin = max([seen.now, *(reason.at for reason in reasons if reason.at)])
    if task.status == Status.SCHEDULED or (not seen.place.ahead and seen.free):
        return Wait(reasons=reasons, expected_at=begin)
    pace = pace_of(task.queue, seen.now)
    rest = pace.until_started(seen.place.ahead or 0)
    if rest is None:
        return Wait(reasons=reasons, unknown="No task of the queue ended in the last hour to measure by.")
    return Wait(reasons=reasons, expected_at=begin + rest, pace=pace)
