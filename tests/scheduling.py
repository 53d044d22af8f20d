"""Scheduled jobs for tests, and what became of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import rq

from monitoring import broker
from monitoring.recorder import Recorder
from scheduler.dispatcher import Dispatcher
from scheduler.models import ScheduledFire, ScheduledJob
from scheduler.planning import set_next

NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def make_job(now: datetime = NOON, **fields: Any) -> ScheduledJob:
    """A job that echoes every minute from the moment it is made at, unless the fields say else."""
    known: dict[str, Any] = {"name": f"job {uuid4()}", "handler": "demo.echo", "kwargs": {"value": 1}}
    if not fields.keys() & {"cron", "run_at"}:
        known["interval_seconds"] = 60
    job = ScheduledJob(**{**known, "created_at": now, "updated_at": now, **fields})
    set_next(job, now)
    job.save()
    return job


def dispatch(at: datetime) -> None:
    """One dispatcher does all there is to do at a moment."""
    Dispatcher(clock=lambda: at).catch_up()


def told(job: ScheduledJob) -> list[tuple[str, str]]:
    """The due times of a job with what became of each, oldest first."""
    return [(f"{fire.due_at:%H:%M:%S}", fire.state) for fire in job.fires.order_by("due_at")]


def queued(queue: str = "default") -> list[str]:
    """The ids of the jobs on a queue."""
    return [each.decode() for each in broker.connection().lrange(f"rq:queue:{queue}", 0, -1)]  # type: ignore[union-attr]


def work(queue: str = "default") -> None:
    """Runs what is queued, in this process."""
    client = broker.connection()
    worker = rq.SimpleWorker(
        [rq.Queue(queue, connection=client, serializer="json")], connection=client, serializer="json"
    )
    worker.work(burst=True, logging_level="CRITICAL")


def record() -> None:
    """Records all there is."""
    recorder = Recorder(announce=lambda _: None)
    recorder.start()
    recorder.drain()


def fires_of(job: ScheduledJob) -> list[ScheduledFire]:
    """Its fires, oldest first."""
    return list(job.fires.order_by("due_at"))
