"""Fills the outbox with what real tasks report: the hooks write the entries, only the work in between is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from monitoring.hooks import OUTBOX

TRANSITIONS_PER_TASK = 3
FILL_CHUNK = 1_000


def produce(redis: Redis, tasks: int, wave: int) -> list[bytes]:
    """The entries of tasks that are queued, started and finished, ``wave`` of them queued before they are worked."""
    redis.delete(OUTBOX)
    for first in range(0, tasks, wave):
        jobs = [_job(number, redis) for number in range(first, min(first + wave, tasks))]
        pipeline: Any = redis.pipeline(transaction=False)
        for job in jobs:
            job.set_status(JobStatus.QUEUED, pipeline=pipeline)
        for number, job in enumerate(jobs):
            _work(job, f"worker-{number % 2}", pipeline)
        pipeline.execute()
    entries: Any = redis.xrange(OUTBOX)
    redis.flushall()
    return [fields[b"e"] for _, fields in entries]


def fill(redis: Redis, entries: list[bytes]) -> None:
    """Puts the entries into an empty outbox, in order."""
    redis.delete(OUTBOX)
    for start in range(0, len(entries), FILL_CHUNK):
        pipeline = redis.pipeline(transaction=False)
        for entry in entries[start : start + FILL_CHUNK]:
            pipeline.xadd(OUTBOX, {"e": entry})
        pipeline.execute()


def _job(number: int, redis: Redis) -> Job:
    arguments: dict[str, Any] = {
        "args": (f"uploads/{number % 97}/portrait-{number}.png",),
        "kwargs": {"width": 640, "height": 480, "crop": number % 2 == 0},
    }
    if number % 3:
        arguments = {
            "args": (number,),
            "kwargs": {
                "address": f"reader.{number}@example.org",
                "template": "weekly-letter",
                "context": {"name": f"Reader {number}", "articles": [number, number + 1], "token": "of-the-link"},
            },
        }
    function = "benchmarks.jobs.send_mail" if number % 3 else "benchmarks.jobs.make_thumbnail"
    return Job.create(
        function,
        **arguments,
        origin=("mail", "media")[number % 3 == 0],
        connection=redis,
        serializer=JSONSerializer,
        meta={"quarterdeck": {"triggered_by": "newsletter", "priority": number % 5}},
    )


def _work(job: Job, worker: str, pipeline: Any) -> None:
    job.prepare_for_execution(worker, pipeline)
    job.ended_at = datetime.now(UTC) + timedelta(milliseconds=12)
    job._result = {"message_id": f"{job.id}@example.org", "accepted": True}
    job.set_status(JobStatus.FINISHED, pipeline=pipeline)
