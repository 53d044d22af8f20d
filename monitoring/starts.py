"""Starts many jobs in one round trip, each once, however often and by however many it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import rq
from redis.commands.core import Script
from rq import scripts
from rq.job import Job

from monitoring import broker, callables
from monitoring.hooks import META_KEY
from monitoring.statuses import FROM_RQ, Status


@dataclass(frozen=True, kw_only=True)
class Start:
    """A job to be. Whoever else wants to start it gives it the same id."""

    job_id: str
    function: str
    queue: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    retry_delays_seconds: Sequence[int] = ()
    """One for each automatic retry."""
    timeout_seconds: int | None = None
    at_front: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)


def start_once(starts: Sequence[Start]) -> list[bool]:
    """Puts the jobs on their queues and says of each whether it was new; False: Redis holds a job with that id.

    Raises callables.NotAllowed before anything is started, or BrokerError; then some may have been started.
    """
    if not starts:
        return []
    for start in starts:
        callables.resolve(start.function)
    queues = {name: broker.queue(name) for name in {start.queue for start in starts}}
    client = broker.connection()
    script: Script = client.register_script(scripts.UNIQUE_ENQUEUE_SCRIPT)
    with client.pipeline(transaction=False) as pipeline:
        for queue in queues.values():
            pipeline.sadd(queue.redis_queues_keys, queue.key)
        for start in starts:
            job = _job(start, queues[start.queue])
            # As RQ's save_unique_job does it, which cannot be put on a pipeline.
            script(
                keys=[job.key, queues[start.queue].key],
                args=[job.id, "L" if start.at_front else "R", -1, *scripts._build_hset_args(job)],
                client=pipeline,
            )
        answers = pipeline.execute()
    return [bool(answer) for answer in answers[len(queues) :]]


def statuses(job_ids: Sequence[str]) -> list[Status | None]:
    """The status of each job by Redis' account, None for one that it does not hold. Nothing is cleaned up."""
    if not job_ids:
        return []
    with broker.connection().pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.hget(Job.key_for(job_id), "status")
        words: Any = pipeline.execute()
    return [FROM_RQ.get(word.decode()) if word else None for word in words]


def _job(start: Start, queue: rq.Queue) -> Job:
    retry = None
    if start.retry_delays_seconds:
        delays = list(start.retry_delays_seconds)
        retry = rq.Retry(max=len(delays), interval=delays)
    job = queue.create_job(
        start.function,
        args=list(start.args),
        kwargs=dict(start.kwargs),
        timeout=start.timeout_seconds,
        job_id=start.job_id,
        meta={META_KEY: dict(start.meta)},
        retry=retry,
    )
    queue._prepare_for_queue(job)
    return job
