"""What takes memory in Redis, by queue and registry: measured on a few keys, never on all.

MEMORY USAGE with SAMPLES looks at a few members of a key, and a few jobs stand for all of a registry. Three pipelines,
however many jobs there are; no KEYS, no SCAN, and RQ's own counting, which cleans up, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError
from rq.job import Job
from rq.queue import Queue
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)

from monitoring import broker
from monitoring.hooks import OUTBOX

SAMPLED = 5
"""Members of a key, and jobs of a registry, that stand for the others."""
MOST_QUEUES = 100
WAITING = "waiting"
_REGISTRIES: dict[str, type[BaseRegistry]] = {
    "scheduled": ScheduledJobRegistry,
    "deferred": DeferredJobRegistry,
    "started": StartedJobRegistry,
    "failed": FailedJobRegistry,
    "finished": FinishedJobRegistry,
    "canceled": CanceledJobRegistry,
}


@dataclass(frozen=True, kw_only=True)
class Share:
    """The jobs of one registry of a queue."""

    queue: str
    registry: str
    """One of "waiting", "scheduled", "deferred", "started", "failed", "finished", "canceled"."""
    jobs: int
    bytes: int
    """About so much: the key itself, and its jobs."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Redis as a whole."""

    used: int
    most: int
    """maxmemory; 0 if there is no limit."""
    outbox_entries: int
    outbox_bytes: int
    shares: list[Share]
    """Those that hold anything, largest first."""
    queues_left_out: int
    """Queues that were not looked at, because there are too many."""


@dataclass(frozen=True)
class _Key:
    queue: str
    registry: str
    name: str

    def ask(self, pipeline: Any) -> None:
        """For its members, the first of them, and its size."""
        if self.registry == WAITING:
            pipeline.llen(self.name)
            pipeline.lrange(self.name, 0, SAMPLED - 1)
        else:
            pipeline.zcard(self.name)
            pipeline.zrange(self.name, 0, SAMPLED - 1)
        pipeline.memory_usage(self.name, samples=SAMPLED)


def look_at_memory(queue_names: Iterable[str]) -> Memory:
    """Of the named queues and those that RQ knows; raises BrokerError."""
    with broker.connection().pipeline(transaction=False) as pipeline:
        pipeline.info("memory")
        pipeline.smembers(Queue.redis_queues_keys)
        pipeline.xlen(OUTBOX)
        pipeline.memory_usage(OUTBOX, samples=SAMPLED)
        info, keys, entries, outbox = _answers(pipeline)
        prefix = Queue.redis_queue_namespace_prefix
        known = (key.decode("utf-8", "replace").removeprefix(prefix) for key in keys or ())
        names = sorted({*queue_names, *known})
        shares = _shares(pipeline, [key for name in names[:MOST_QUEUES] for key in _keys_of(name)])
    return Memory(
        used=int((info or {}).get("used_memory", 0)),
        most=int((info or {}).get("maxmemory", 0)),
        outbox_entries=entries or 0,
        outbox_bytes=outbox or 0,
        shares=sorted(shares, key=lambda share: (-share.bytes, share.queue, share.registry)),
        queues_left_out=max(0, len(names) - MOST_QUEUES),
    )


def _keys_of(name: str) -> list[_Key]:
    waiting = _Key(name, WAITING, Queue.redis_queue_namespace_prefix + name)
    return [waiting, *(_Key(name, word, each.key_template.format(name)) for word, each in _REGISTRIES.items())]


def _shares(pipeline: Any, keys: Sequence[_Key]) -> list[Share]:
    for key in keys:
        key.ask(pipeline)
    answers = iter(_answers(pipeline))
    found = [(key, next(answers) or 0, next(answers) or [], next(answers) or 0) for key in keys]
    for _, _, members, _ in found:
        for member in members:
            # A started registry has "<job id>:<execution id>".
            pipeline.memory_usage(Job.redis_job_namespace_prefix.encode() + member.partition(b":")[0], samples=SAMPLED)
    sizes = iter(_answers(pipeline))
    shares = []
    for key, jobs, members, size in found:
        measured = [bytes_ for bytes_ in (next(sizes) for _ in members) if bytes_]
        each = sum(measured) / len(measured) if measured else 0
        if jobs:
            shares.append(Share(queue=key.queue, registry=key.registry, jobs=jobs, bytes=round(size + jobs * each)))
    return shares


def _answers(pipeline: Any) -> list[Any]:
    """None where a key is of another kind than expected, or a server does not know the question."""
    return [None if isinstance(answer, ResponseError) else answer for answer in pipeline.execute(raise_on_error=False)]
