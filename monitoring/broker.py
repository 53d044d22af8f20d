"""The door to RQ: acts on jobs and looks at queues. Looking changes nothing; acting starts allowed functions only."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from secrets import token_hex
from typing import Any, cast

import django_rq
import rq
from django.conf import settings
from redis import ConnectionPool, Redis
from redis.exceptions import BusyLoadingError, RedisError
from rq.command import send_stop_job_command
from rq.exceptions import DuplicateJobError, InvalidJobOperation, NoSuchJobError
from rq.job import Dependency, Job
from rq.utils import utcformat

from monitoring import callables, job_scripts
from monitoring.workers import Worker

BrokerError = RedisError
"""What any call of this module raises when Redis cannot be reached."""


class AlreadyEnqueued(ValueError):
    """Redis holds a job with the wanted id."""


@lru_cache(maxsize=8)
def _pool(url: str, answers_within: float | None) -> ConnectionPool:
    return ConnectionPool.from_url(url, socket_connect_timeout=answers_within or 3, socket_timeout=answers_within)


@lru_cache(maxsize=8)
def _client(url: str, answers_within: float | None) -> Redis:
    """Made once: that costs as much as a command does. Threads may share it, and forks, as they do the pool."""
    return Redis(connection_pool=_pool(url, answers_within))


def connection(*, answers_within: float | None = None) -> Redis:
    """A client on the process's shared pool; with ``answers_within`` it raises BrokerError after so many seconds."""
    return _client(settings.REDIS_URL, answers_within)


def ping() -> None:
    """Raises BrokerError unless Redis answers."""
    connection().ping()


def now() -> datetime:
    """By Redis' clock, which gives every report its time: no other tells how old one is. May raise BrokerError."""
    told: Any = connection().time()
    seconds, microseconds = told
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


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
    job_id: str | None = None,
) -> str:
    """Starts an allowed function as a job and returns RQ's job id; raises callables.NotAllowed or BrokerError.

    ``after`` names jobs that must succeed first; ``delay_seconds`` schedules it; ``meta`` describes it (see Task).
    With a ``job_id`` of the caller's (not together with ``after``) it raises AlreadyEnqueued if Redis holds that job.
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
    if job_id:
        options |= {"job_id": job_id, "unique": True}
    try:
        if delay_seconds:
            job = queue(queue_name).enqueue_in(timedelta(seconds=delay_seconds), function, **options)
        else:
            job = queue(queue_name).enqueue(function, **options)
    except DuplicateJobError as error:
        raise AlreadyEnqueued(f"There is a job {job_id} already.") from error
    return str(job.id)


# --- What the buttons ask for -------------------------------------------------------------------------------------
# Each answers with a word per job: job_scripts.DONE, another word of that module, or RQ's word for the status that
# stands in the way. Any may raise BrokerError; then some of the jobs may have changed, each of them whole. Whoever
# repeats a call with the same ``receipt`` (a key of Redis) gets the answers of the first one for what that one did.
# ``only`` names the statuses that are meant, in RQ's words: jobs in others are left alone.


def requeue(job_ids: Sequence[str], *, receipt: str = "", only: Collection[str] = ()) -> list[str]:
    """Puts failed, stopped and cancelled jobs back onto their queues."""
    return _each(job_scripts.REQUEUE, job_ids, Job.requeue, receipt=receipt, only=only)


def cancel(job_ids: Sequence[str], *, receipt: str = "", only: Collection[str] = ()) -> list[str]:
    """Cancels jobs that wait: they stay in Redis and never start."""
    return _each(job_scripts.CANCEL, job_ids, Job.cancel, receipt=receipt, only=only)


def remove(job_ids: Sequence[str], *, receipt: str = "", only: Collection[str] = ()) -> list[str]:
    """Deletes jobs that do not run, and has the recorder forget their tasks."""
    return _each(job_scripts.REMOVE, job_ids, Job.delete, then=job_scripts.REMOVE, receipt=receipt, only=only)


def move(job_ids: Sequence[str], *, to: str, receipt: str = "") -> list[str]:
    """Moves queued jobs to the end of another queue."""
    return _run(job_scripts.MOVE, job_ids, to, receipt=receipt)


def stop(job_ids: Sequence[str], *, receipt: str = "") -> list[str]:
    """Tells the workers of running jobs to end them; the status changes when a worker says so."""
    known = answers(receipt)
    return [known.get(job_id) or note(receipt, job_id, _stop(job_id)) for job_id in job_ids]


def answers(receipt: str) -> dict[str, str]:
    """What was answered under a receipt, by job id; nothing without one."""
    if not receipt:
        return {}
    noted: Any = connection().hgetall(receipt)
    return {job_id.decode(): word.decode() for job_id, word in noted.items()}


def note(receipt: str, job_id: str, word: str) -> str:
    """Notes an answer that no script gave, and returns it."""
    if receipt:
        connection().hset(receipt, job_id, word)
    return word


def throw_away(receipt: str) -> None:
    """Forgets a receipt whose answers have been written down."""
    connection().delete(receipt)


def cancel_or_stop(job_ids: Sequence[str], *, receipt: str = "", only: Collection[str] = ()) -> list[str]:
    """Cancels jobs that wait, and tells the workers of those that run to end them."""
    words = cancel(job_ids, receipt=receipt, only=only)
    return [
        note(receipt, job_id, _stop(job_id)) if word == "started" and (not only or word in only) else word
        for job_id, word in zip(job_ids, words, strict=True)
    ]


def _stop(job_id: str) -> str:
    try:
        job = Job.fetch(job_id, connection=connection(), serializer="json")
        status = str(job.get_status(refresh=False).value)
        if status != "started":
            return status
        send_stop_job_command(connection(), job_id, serializer="json")
    except NoSuchJobError:
        return job_scripts.MISSING
    except InvalidJobOperation:  # it is between two workers
        return job_scripts.TAKEN
    return job_scripts.DONE


def _run(script: str, job_ids: Sequence[str], *more: str, receipt: str = "", only: Collection[str] = ()) -> list[str]:
    if not job_ids:
        return []
    words = [utcformat(datetime.now(UTC)), *job_ids, *more]
    meant = f",{','.join(only)}," if only else ""
    told: Any = connection().register_script(script)(keys=[receipt, meant], args=words)
    return [word.decode() for word in told]


def _each(
    script: str,
    job_ids: Sequence[str],
    by_rq: Callable[[Job], Any],
    *,
    receipt: str,
    only: Collection[str],
    then: str = "",
) -> list[str]:
    """Runs the script; what it leaves to RQ is done by RQ, one by one, and by the script ``then`` after it."""
    words = _run(script, job_ids, receipt=receipt, only=only)
    for index, job_id in enumerate(job_ids):
        if words[index] == job_scripts.LIMITED:
            words[index] = note(receipt, job_id, _by_rq(job_id, by_rq))
            if then and words[index] == job_scripts.DONE:
                _run(then, [job_id])
    return words


def _by_rq(job_id: str, deed: Callable[[Job], Any]) -> str:
    try:
        deed(Job.fetch(job_id, connection=connection(), serializer="json"))
    except NoSuchJobError:
        return job_scripts.MISSING
    except InvalidJobOperation:
        return job_scripts.TAKEN
    return job_scripts.DONE
