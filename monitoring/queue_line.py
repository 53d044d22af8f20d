"""A queue's line of jobs in Redis: who is first, which place a job has, and what holds a job back. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rq.defaults import RQ_KEY_PREFIX
from rq.job import Job
from rq.queue import Queue
from rq.utils import utcparse

from monitoring import broker

LOOKED_AT = 10


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a job stands, as Redis has it."""

    ahead: int | None
    """How many jobs of its queue come before it; None if it is not in the line."""
    status: str
    """RQ's word; empty if Redis holds no such job."""
    limit_key: str
    """The rate limit that it is under, empty if none."""
    limit: int
    """How many jobs under that limit may be queued or run at once."""
    limit_ahead: int | None
    """How many come before it among those that the limit holds back; None if it does not hold it back."""


def first_since(queue_name: str) -> datetime | None:
    """Since when the first job of the line waits; None for an empty line. Two round trips; raises BrokerError."""
    redis: Any = broker.connection()
    first = redis.lindex(Queue.redis_queue_namespace_prefix + queue_name, 0)
    return _moment(redis.hget(Job.key_for(first.decode("utf-8", "replace")), "enqueued_at") if first else None)


def oldest_of(queue_names: Iterable[str]) -> dict[str, datetime]:
    """Since when the oldest of the first LOOKED_AT jobs of each line waits; two round trips. Raises BrokerError.

    Jobs that were put to the front stand before older ones, but seldom so many of them.
    """
    names = list(queue_names)
    with broker.connection().pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.lrange(Queue.redis_queue_namespace_prefix + name, 0, LOOKED_AT - 1)
        lines = pipeline.execute()
        for job_id in (job_id for line in lines for job_id in line):
            pipeline.hget(Job.key_for(job_id.decode("utf-8", "replace")), "enqueued_at")
        told = iter(pipeline.execute())
    since = {name: [at for _ in line if (at := _moment(next(told)))] for name, line in zip(names, lines, strict=True)}
    return {name: min(moments) for name, moments in since.items() if moments}


def place_of(job_id: str, queue_name: str) -> Place:
    """A job's place; two round trips. Raises BrokerError."""
    with broker.connection().pipeline(transaction=False) as pipeline:
        pipeline.lpos(Queue.redis_queue_namespace_prefix + queue_name, job_id)
        pipeline.hmget(Job.key_for(job_id), ["status", "rate_limit_key", "rate_limit_concurrency"])
        ahead, (status, key, limit) = pipeline.execute()
    limit_key = (key or b"").decode("utf-8", "replace")
    limit_ahead: Any = None
    if limit_key:
        limit_ahead = broker.connection().zrank(f"{RQ_KEY_PREFIX}:rl:{limit_key}:rate_limited", job_id)
    return Place(
        ahead=ahead,
        status=(status or b"").decode("utf-8", "replace"),
        limit_key=limit_key,
        limit=int(limit) if limit and limit.isdigit() else 0,
        limit_ahead=limit_ahead,
    )


def _moment(told: bytes | None) -> datetime | None:
    try:
        return utcparse(told.decode()) if told else None
    except ValueError:
        return None
