"""Makes a believable past: a daily rhythm, several queues and types, failures in bursts, retries, long tails.

The simulated reports go through the recorder's own rules and writers, so the rows, runs and rollups are what they would
be had the work been done: only Redis and the workers are left out.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from monitoring import recorder
from monitoring.batch import Batch, count, fold, identity_of
from monitoring.inbox import Report
from monitoring.models import Task
from monitoring.statuses import FROM_RQ

REPORTS_PER_BATCH = 20_000
HOUR = timedelta(hours=1)
WORKERS = tuple(f"worker-{number}" for number in range(1, 9))
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of work."""

    queue: str
    function: str
    share: int
    """How often it comes, compared with the others."""
    median_ms: float
    spread: float
    """Sigma of the log-normal run time: 0.3 is steady, 1 has a long tail."""
    failures: float
    """The share of runs that fail on a good day."""
    error: str
    retries: int = 0
    delayed: float = 0.0
    """The share that is scheduled for later."""


KINDS = (
    Kind(queue="mail", function="demo.tasks.send_welcome_mail", share=28, median_ms=180, spread=0.5, failures=0.012,
         error="MailboxUnavailable: 550 5.1.1 no such user here", retries=2),
    Kind(queue="mail", function="demo.tasks.send_reminder", share=16, median_ms=150, spread=0.5, failures=0.01,
         error="MailboxUnavailable: 450 4.2.0 greylisted, try again later", retries=3, delayed=0.6),
    Kind(queue="mail", function="demo.tasks.send_newsletter_batch", share=4, median_ms=4_200, spread=0.6, failures=0.02,
         error="ConnectionResetError: [Errno 104] Connection reset by peer", retries=1),
    Kind(queue="media", function="demo.tasks.transcode_video", share=6, median_ms=21_000, spread=0.9, failures=0.04,
         error="UnsupportedCodec: no decoder for codec prores"),
    Kind(queue="media", function="demo.tasks.make_thumbnails", share=14, median_ms=900, spread=0.6, failures=0.008,
         error="OSError: image file is truncated (41 bytes not processed)"),
    Kind(queue="reports", function="demo.tasks.build_monthly_report", share=2, median_ms=38_000, spread=0.7,
         failures=0.03, error="TimeoutError: canceling statement due to statement timeout", retries=1, delayed=0.3),
    Kind(queue="reports", function="demo.tasks.export_orders", share=5, median_ms=6_500, spread=0.8, failures=0.015,
         error="PermissionError: [Errno 13] Permission denied: 'orders.csv'"),
    Kind(queue="payments", function="demo.tasks.charge_card", share=20, median_ms=620, spread=0.6, failures=0.03,
         error="CardDeclined: insufficient funds", retries=2),
    Kind(queue="payments", function="demo.tasks.refund", share=5, median_ms=540, spread=0.5, failures=0.02,
         error="LedgerLocked: booking is in progress", retries=3),
)  # fmt: skip


class Burst(NamedTuple):
    """An incident: from ``start`` to ``end`` a kind of work fails more often."""

    start: datetime
    end: datetime
    kind: Kind
    failures: float


class Simulation:
    """The reports of a past of ``tasks`` tasks created from ``start`` to ``end``; a ``seed`` gives the same chances.

    What they do later has happened if it was before ``now``, which is the end unless given.
    """

    def __init__(
        self, *, tasks: int, start: datetime, end: datetime, now: datetime | None = None, seed: int | str | None = None
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # a play, no secret
        self.tasks, self.seed = tasks, seed
        self.start, self.end, self.now = start, end, now or end
        self.hours = hours_of(start, end)
        self.per_hour = shared_out(tasks, [rhythm(hour) for hour in self.hours])
        self.bursts = [self._burst(start, end) for _ in range(max(1, (end - start).days // 3))]
        self.sequence = 0

    def reports(self) -> Iterator[list[Report]]:
        """The reports hour by hour, in the order of time."""
        pending: list[Report] = []
        for hour, tasks in zip(self.hours, self.per_hour, strict=True):
            begin, end_of_hour = max(hour, self.start), min(hour + HOUR, self.end)
            seconds = (end_of_hour - begin).total_seconds()
            for _ in range(tasks):
                pending.extend(self._life(begin + timedelta(seconds=self.chance.uniform(0, seconds))))
            pending.sort(key=lambda report: report.at)
            happened = [report for report in pending if report.at < end_of_hour]
            pending = pending[len(happened) :]
            yield happened
        yield [report for report in pending if report.at < self.now]

    def _life(self, created: datetime) -> Iterator[Report]:
        kind = self.chance.choices(KINDS, weights=[kind.share for kind in KINDS])[0]
        task_id, at = UUID(int=self.chance.getrandbits(128), version=4), created
        job_id = str(task_id)

        def report(word: str, at: datetime, **more: Any) -> Report:
            self.sequence += 1
            return Report(
                stream_id=f"{int(at.timestamp() * 1000)}-{self.sequence}", at=at, job_id=job_id, task_id=task_id,
                status=FROM_RQ[word], word=word, queue=kind.queue, function=kind.function, **more,
            )  # fmt: skip

        description = self._description(kind, created)
        if self.chance.random() < kind.delayed:
            due = at + timedelta(minutes=self.chance.uniform(1, 90))
            yield report("scheduled", at, due_at=due, description=description)
            at = due
        yield report("queued", at, description=description)
        if self.chance.random() < 0.004:
            yield report("canceled", at + timedelta(seconds=self.chance.uniform(0, 5)))
            return
        yield from self._runs(kind, at, report)

    def _runs(self, kind: Kind, at: datetime, report: Any) -> Iterator[Report]:
        for attempt in range(kind.retries + 1):
            at += timedelta(milliseconds=self.chance.lognormvariate(math.log(120), 1.1))
            yield report("started", at, worker=self.chance.choice(WORKERS))
            milliseconds = round(self.chance.lognormvariate(math.log(kind.median_ms), kind.spread), 3)
            at += timedelta(milliseconds=milliseconds)
            if self.chance.random() >= self._failures(kind, at):
                yield report("finished", at, duration_ms=milliseconds, result='{"ok":true}')
                return
            error = f'Traceback (most recent call last):\n  File "/srv/shop/tasks.py", line 41, in run\n{kind.error}'
            if attempt == kind.retries:
                yield report("failed", at, duration_ms=milliseconds, error=error)
            else:
                due = at + timedelta(seconds=30 * 2**attempt)
                yield report("scheduled", at, duration_ms=milliseconds, error=error, due_at=due)
                at = due
                yield report("queued", at)

    def _failures(self, kind: Kind, at: datetime) -> float:
        in_bursts = [burst.failures for burst in self.bursts if burst.kind is kind and burst.start <= at < burst.end]
        return max([kind.failures, *in_bursts])

    def _burst(self, start: datetime, end: datetime) -> Burst:
        begins = start + (end - start) * self.chance.random()
        lasts = timedelta(minutes=self.chance.lognormvariate(math.log(50), 0.8))
        return Burst(begins, begins + lasts, self.chance.choice(KINDS), self.chance.uniform(0.35, 0.95))

    def _description(self, kind: Kind, created: datetime) -> Mapping[str, Any]:
        number = self.chance.randrange(1_000_000)
        kwargs = {"order": f"A-{number:06}", "address": f"customer{number}@shop.example"}
        return {
            "created": created.timestamp(),
            "params": json.dumps({"args": [number], "kwargs": kwargs}),
            "retries": kind.retries,
        }


def write(simulation: Simulation) -> Iterator[int]:
    """Writes a simulated past and yields how many reports were written with each batch."""
    open_tasks: dict[UUID, Task] = {}
    waiting: list[Report] = []
    for reports in simulation.reports():
        waiting.extend(reports)
        while len(waiting) >= REPORTS_PER_BATCH:
            yield _write_batch(waiting[:REPORTS_PER_BATCH], open_tasks)
            del waiting[:REPORTS_PER_BATCH]
    if waiting:
        yield _write_batch(waiting, open_tasks)


def _write_batch(reports: list[Report], open_tasks: dict[UUID, Task]) -> int:
    """One transaction, like the recorder's; tasks that are not over stay in memory instead of being read again."""
    batch = Batch()
    ids = {report.task_id for report in reports}
    batch.tasks = {task_id: open_tasks[task_id] for task_id in ids & open_tasks.keys()}
    batch.known = {task_id: identity_of(task) for task_id, task in batch.tasks.items()}
    count(batch, -1)
    for report in reports:
        fold(batch, report)
    count(batch, +1)
    with transaction.atomic():
        recorder.lock_position()
        recorder.write_rows(batch)
    for task_id, task in batch.tasks.items():
        if task.is_over:
            open_tasks.pop(task_id, None)
        else:
            open_tasks[task_id] = task
    return len(reports)


def hours_of(start: datetime, end: datetime) -> list[datetime]:
    """When the hours of a span begin."""
    first = start.replace(minute=0, second=0, microsecond=0)
    return [first + number * HOUR for number in range(math.ceil((end - first) / HOUR))]


def rhythm(hour: datetime) -> float:
    """How busy an hour is: most in the early afternoon, least before dawn, less at weekends."""
    daily = 1 + 0.8 * math.sin((hour.hour - 8) / 24 * 2 * math.pi)
    return daily * (0.55 if hour.weekday() >= 5 else 1.0)


def shared_out(total: int, weights: list[float]) -> list[int]:
    """Whole numbers in proportion to the weights that add up to the total."""
    whole, shares, passed = sum(weights), [], 0.0
    for weight in weights:
        before = round(total * passed / whole)
        passed += weight
        shares.append(round(total * passed / whole) - before)
    return shares


def until_now(*, tasks: int, days: int, seed: int | None = None) -> Simulation:
    """The past of the last ``days`` days."""
    now = datetime.now(UTC)
    return Simulation(tasks=tasks, start=now - timedelta(days=days), end=now, seed=seed)
