"""The door to RQ: acts on jobs and looks at queues. Looking changes nothing; acting starts allowed functions only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from secrets import token_hex
from typing import Any, cast

import django_rq
import rq
from django.conf import settings
from redis import ConnectionPool, Redis
from redis.exceptions import BusyLoadingError, RedisError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Dependency, Job

from monitoring import callables
from monitoring.statuses import FROM_RQ, WAITING
from monitoring.workers import Worker

BrokerError = RedisError
"""What any call of this module raises when Redis cannot be reached."""
CANNOT_CANCEL = (NoSuchJobError, InvalidJobOperation)
"""What ``cancel`` raises when the job is gone or no longer waits."""


@lru_cache(maxsize=8)
def _pool(url: str) -> ConnectionPool:
    return ConnectionPool.from_url(url, socket_connect_timeout=3)


def connection() -> Redis:
    """A client on the process's shared pool."""
    return Redis(connection_pool=_pool(settings.REDIS_URL))


def ping() -> None:
    """Raises BrokerError unless Redis answers."""
    connection().ping()


def wait_until_ready(seconds: float) -> None:
    """Waits for Redis to answer (a fresh server loads its file first); raises BrokerError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ping()
        except (BusyLoadingError, RedisError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def queue(name: str) -> rq.Queue:
    """RQ's queue of that name, with the project's JSON serializer."""
    return rq.Queue(name, connection=connection(), serializer="json", default_timeout=360)


def worker(queue_names: Sequence[str], *, grace_seconds: float | None = None) -> Worker:
    """A worker of our class (``RQ["WORKER_CLASS"]``) for configured queues, with the project's JSON serializer.

    ``grace_seconds``: how long a task may go on after the worker was asked to stop; None waits for its end.
    """
    made = django_rq.get_worker(
        *queue_names,
        # A new name each time: RQ refuses one that a killed worker of the same machine and pid may still hold.
        name=f"{settings.QUARTERDECK_INSTANCE}-{token_hex(3)}",
        serializer="json",
        # How often it looks after jobs whose worker died and starts RQ's scheduler if there is none (RQ: 7 and 10 min).
        worker_ttl=30,
        maintenance_interval=15,
    )
    ours = cast("Worker", made)
    ours.grace_seconds = grace_seconds
    return ours


def waiting(queue_names: Sequence[str]) -> int:
    """How many jobs wait in the queues together. LLEN and not RQ's registries, whose counting cleans up."""
    with connection().pipeline(transaction=False) as pipeline:
        for name in queue_names:
            pipeline.llen(rq.Queue.redis_queue_namespace_prefix + name)
        return sum(pipeline.execute())


def enqueue(
    function: str,
    *,
    queue_name: str = "default",
    args: Sequence[Any] = (),
    kwargs: dict[str, Any] | None = None,
    delay_seconds: float = 0,
    after: Sequence[str] = (),
    retries: int = 0,
    retry_delay_seconds: int = 0,
    meta: dict[str, Any] | None = None,
) -> str:
    """Starts an allowed function as a job and returns RQ's job id; raises callables.NotAllowed or BrokerError.

    ``after`` names jobs that must succeed first; ``delay_seconds`` schedules it; ``meta`` describes it (see Task).
    """
    callables.resolve(function)
    options: dict[str, Any] = {
        "args": tuple(args),
        "kwargs": kwargs or {},
        "meta": {"quarterdeck": meta} if meta else None,
    }
    if retries:
        options["retry"] = rq.Retry(max=retries, interval=retry_delay_seconds)
    if after:
        options["depends_on"] = Dependency(jobs=list(after))
    if delay_seconds:
        job = queue(queue_name).enqueue_in(timedelta(seconds=delay_seconds), function, **options)
    else:
        job = queue(queue_name).enqueue(function, **options)
    return str(job.id)


def cancel(job_id: str) -> None:
    """Asks RQ to cancel a job that waits; raises one of CANNOT_CANCEL or BrokerError."""
    job = Job.fetch(job_id, connection=connection(), serializer="json")
    # RQ itself would call a job canceled that runs on, or that has ended.
    if FROM_RQ.get(str(job.get_status(refresh=False).value)) not in WAITING:
        raise InvalidJobOperation(f"job {job_id} no longer waits")
    job.cancel()
