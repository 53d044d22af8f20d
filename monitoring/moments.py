"""What Redis holds now: queues and workers, as frozen moments.

Looking changes nothing. RQ's own registries and worker lists clean up when they are counted, and may fire callbacks, so
only their keys are read here, in two round trips however many queues and workers there are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, ClassVar

from rq.executions import WORKER_EXECUTIONS_KEY_TEMPLATE
from rq.intermediate_queue import IntermediateQueue
from rq.queue import Queue
from rq.registry import DeferredJobRegistry, ReadyJobRegistry, StartedJobRegistry
from rq.utils import utcparse
from rq.worker import WorkerStatus
from rq.worker.base import BaseWorker
from rq.worker_registration import REDIS_WORKER_KEYS

from monitoring import broker
from monitoring.pausable import HONOURS
from monitoring.worker_commands import ASKED_TO_STOP


@dataclass(frozen=True, kw_only=True)
class QueueNow:
    """A queue, as it is now."""

    name: str
    waiting: int
    """Jobs that a worker could take."""
    running: int
    """Jobs that a worker runs. One whose worker died counts until its next sign of life is overdue."""
    held: int
    """Jobs that wait for others to succeed, and those that are just being moved from the queue to a worker."""
    workers: int
    """Living workers that listen to it."""


@dataclass(frozen=True, kw_only=True)
class WorkerNow:
    """A living worker, as it is now. Redis forgets a dead one soon after its last sign of life (RQ's worker TTL)."""

    name: str
    queues: tuple[str, ...]
    """In the order in which it looks at them."""
    host: str
    pid: int
    """0 if it did not say."""
    born_at: datetime | None
    heartbeat_at: datetime | None
    """Its last sign of life."""
    is_busy: bool
    """Whether it runs a job; a worker runs one at a time."""
    is_stopping: bool
    """Whether it was asked to stop and takes no more jobs."""
    job_id: str
    """RQ's id of the job that it runs, empty if none."""
    completed: int
    """Jobs that succeeded since it started."""
    failed: int
    """Jobs that failed since it started."""
    honours: Mapping[str, int] | None
    """The numbers of the pauses that it has acknowledged, by queue; None if it knows nothing of pauses."""

    concurrency: ClassVar[int] = 1
    """How many jobs it runs at once."""

    @property
    def active(self) -> int:
        """How many jobs it runs now."""
        return int(self.is_busy)

    @property
    def has_capacity(self) -> bool:
        """Whether it would take a job now."""
        return not self.is_busy and not self.is_stopping


@dataclass(frozen=True, kw_only=True)
class Moment:
    """All queues and workers at one time, both by name."""

    at: datetime
    queues: tuple[QueueNow, ...]
    workers: tuple[WorkerNow, ...]


_FIELDS = (
    *("queues", "hostname", "pid", "birth", "last_heartbeat", "state", "shutdown_requested_date"),
    *("successful_job_count", "failed_job_count", "death", HONOURS, ASKED_TO_STOP),
)
_ALIVE = "+inf"


def look(queue_names: Iterable[str] = (), *, others: bool = True) -> Moment:
    """The named queues, every queue that RQ or a living worker knows, and every living worker; raises BrokerError.

    Without ``others``, of the queues that nobody named only those of workers are there, without their counts.
    """
    at = datetime.now(UTC)
    with broker.connection().pipeline(transaction=False) as pipeline:
        pipeline.smembers(Queue.redis_queues_keys)
        pipeline.smembers(REDIS_WORKER_KEYS)
        queue_keys, worker_keys = pipeline.execute()
        known = (_name(key, Queue.redis_queue_namespace_prefix) for key in queue_keys if others)
        names = sorted({*queue_names, *known})
        for key in worker_keys:
            pipeline.hmget(key, _FIELDS)
            pipeline.smembers(
                WORKER_EXECUTIONS_KEY_TEMPLATE.format(_name(key, BaseWorker.redis_worker_namespace_prefix))
            )
        for name in names:
            _ask_for_counts(pipeline, name, at)
        answers = iter(pipeline.execute())
    found = [_worker(key, next(answers), next(answers)) for key in worker_keys]
    workers = tuple(sorted((worker for worker in found if worker is not None), key=attrgetter("name")))
    counts = {name: (next(answers), next(answers), sum(next(answers) for _ in range(3))) for name in names}
    # A queue that nobody but a worker knows has never had a job.
    for name in sorted({name for worker in workers for name in worker.queues} - counts.keys()):
        counts[name] = (0, 0, 0)
    return Moment(at=at, queues=_queues(counts, workers), workers=workers)


def _ask_for_counts(pipeline: Any, name: str, at: datetime) -> None:
    key = Queue.redis_queue_namespace_prefix + name
    pipeline.llen(key)
    # A run's score is when its next sign of life is overdue; RQ's own look would now bury those that are.
    pipeline.zcount(StartedJobRegistry.key_template.format(name), at.timestamp(), _ALIVE)
    pipeline.zcard(DeferredJobRegistry.key_template.format(name))
    pipeline.zcard(ReadyJobRegistry.key_template.format(name))
    pipeline.llen(IntermediateQueue.get_intermediate_queue_key(key))


def _queues(counts: Mapping[str, tuple[int, int, int]], workers: Iterable[WorkerNow]) -> tuple[QueueNow, ...]:
    listening = Counter(name for worker in workers for name in set(worker.queues))
    return tuple(
        QueueNow(name=name, waiting=waiting, running=running, held=held, workers=listening[name])
        for name, (waiting, running, held) in sorted(counts.items())
    )


def _worker(key: bytes, values: list[bytes | None], executions: set[bytes]) -> WorkerNow | None:
    """None if it is dead: Redis has forgotten it, or it said goodbye."""
    told = {field: _text(value) for field, value in zip(_FIELDS, values, strict=True)}
    if not told["birth"] or told["death"]:
        return None
    return WorkerNow(
        name=_name(key, BaseWorker.redis_worker_namespace_prefix),
        queues=tuple(queue for queue in told["queues"].split(",") if queue),
        host=told["hostname"],
        pid=_number(told["pid"]),
        born_at=_moment(told["birth"]),
        heartbeat_at=_moment(told["last_heartbeat"]),
        is_busy=told["state"] == WorkerStatus.BUSY,
        is_stopping=bool(told["shutdown_requested_date"] or told[ASKED_TO_STOP]),
        # RQ keeps "<job id>:<execution id>" of what a worker runs, and may leave one behind.
        job_id=_text(min(executions)).rpartition(":")[0] if executions and told["state"] == WorkerStatus.BUSY else "",
        completed=_number(told["successful_job_count"]),
        failed=_number(told["failed_job_count"]),
        honours=_honours(told[HONOURS]),
    )


def _name(key: bytes, prefix: str) -> str:
    return _text(key).removeprefix(prefix)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _honours(text: str) -> dict[str, int] | None:
    try:
        read = json.loads(text)
    except ValueError:
        return None
    return {str(queue): number for queue, number in read.items()} if isinstance(read, dict) else None


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _moment(text: str) -> datetime | None:
    try:
        return utcparse(text)
    except ValueError:
        return None
