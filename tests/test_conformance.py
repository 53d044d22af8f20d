"""Every life that RQ 3 gives a job, on a real server with real workers, as the recorder writes it down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rq
from rq.command import send_stop_job_command
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.scheduler import RQScheduler

from audit.models import StatusChange, TaskRun
from monitoring import broker, inbox
from monitoring.models import Task
from monitoring.recorder import Recorder
from monitoring.workers import Worker

pytestmark = pytest.mark.django_db(transaction=True)

JSON = "rq.serializers.JSONSerializer"


def queue(name: str = "default", **options: Any) -> rq.Queue:
    return rq.Queue(name, connection=broker.connection(), serializer=JSON, **options)


def work(worker_class: type[Any] = rq.SimpleWorker) -> None:
    """Works the default queue until it is empty."""
    worker = worker_class([queue()], connection=broker.connection(), serializer=JSON)
    worker.work(burst=True, logging_level="CRITICAL")


def enqueue_what_is_due() -> None:
    """What RQ's scheduler process does once a second."""
    scheduler = RQScheduler([queue()], connection=broker.connection(), serializer=JSON)
    scheduler.acquire_locks()
    scheduler.enqueue_scheduled_jobs()
    scheduler.release_locks()


def make_due(job: Job) -> None:
    """Brings a scheduled job's time forward to now."""
    broker.connection().zadd("rq:scheduled:default", {job.id: 1})
    enqueue_what_is_due()


def record() -> None:
    recorder = Recorder()
    recorder.start()
    recorder.drain()


# --- The lives ----------------------------------------------------------------------------------------------------


def success() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1)
    work()
    return job


def success_in_a_work_horse() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1)
    work(Worker)
    return job


def failure() -> Job:
    job = queue().enqueue("tests.jobs.fail", "no such user")
    work()
    return job


def retry_now() -> Job:
    job = queue().enqueue("tests.jobs.fail_until", 2, retry=rq.Retry(max=1))
    work()
    return job


def retry_later() -> Job:
    job = queue().enqueue("tests.jobs.fail_until", 2, retry=rq.Retry(max=1, interval=60))
    work()
    make_due(job)
    work()
    return job


def retry_asked_for_by_result() -> Job:
    job = queue().enqueue("tests.jobs.ask_for_retry", 1)
    # The result is a Retry object, which only RQ's pickle serializer could store: the worker handles it in memory.
    work()
    return job


def cancelled_while_queued() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1)
    job.cancel()
    work()
    return job


def cancelled_while_scheduled() -> Job:
    job = queue().enqueue_in(timedelta(hours=1), "tests.jobs.echo", 1)
    job.cancel()
    return job


def stopped() -> Job:
    job = queue().enqueue("tests.jobs.sleep", 60)
    worker = start_worker()
    wait_for(lambda: job.get_status() == "started")
    send_stop_job_command(broker.connection(), job.id, serializer=JSON)
    wait_for(lambda: job.get_status() == "stopped")
    end(worker)
    return job


def cancelled_while_running() -> Job:
    """RQ marks it, the horse goes on, and its success is the last word."""
    job = queue().enqueue("tests.jobs.sleep", 0.5)
    worker = start_worker()
    wait_for(lambda: job.get_status() == "started")
    Job.fetch(job.id, connection=broker.connection(), serializer=JSON).cancel()
    end(worker)
    return job


def dependency_met() -> Job:
    first = queue().enqueue("tests.jobs.echo", 1)
    job = queue().enqueue("tests.jobs.echo", 2, depends_on=first)
    work()
    return job


def dependency_failed() -> Job:
    first = queue().enqueue("tests.jobs.fail")
    job = queue().enqueue("tests.jobs.echo", 2, depends_on=first)
    work()
    return job


def horse_killed() -> Job:
    job = queue().enqueue("tests.jobs.kill_horse")
    work(Worker)
    return job


def worker_killed() -> Job:
    job = queue().enqueue("tests.jobs.kill_worker")
    worker = start_worker()
    worker.wait(timeout=20)
    # What another worker's maintenance does once the dead worker's heartbeat has expired.
    StartedJobRegistry(queue=queue()).cleanup(timestamp=time.time() + 10_000)
    return job


def scheduled() -> Job:
    job: Job = queue().enqueue_at(datetime.now(UTC) - timedelta(seconds=1), "tests.jobs.echo", 1)
    enqueue_what_is_due()
    work()
    return job


def repeated() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1, repeat=rq.Repeat(times=1))
    work()
    return job


def repeated_later() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1, repeat=rq.Repeat(times=1, interval=60))
    work()
    make_due(job)
    work()
    return job


def enqueued_with_many() -> Job:
    jobs = queue().enqueue_many([rq.Queue.prepare_data("tests.jobs.echo", (number,)) for number in range(3)])
    work()
    job: Job = jobs[1]
    return job


def requeued_after_failure() -> Job:
    job = queue().enqueue("tests.jobs.fail_until", 2)
    work()
    Job.fetch(job.id, connection=broker.connection(), serializer=JSON).requeue()
    work()
    return job


def unique() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1, job_id="only-one", unique=True)
    with pytest.raises(rq.exceptions.DuplicateJobError):
        queue().enqueue("tests.jobs.echo", 1, job_id="only-one", unique=True)
    work()
    return job


def unique_scheduled() -> Job:
    due = datetime.now(UTC) - timedelta(seconds=1)
    job: Job = queue().enqueue_at(due, "tests.jobs.echo", 1, job_id="only-one-later", unique=True)
    enqueue_what_is_due()
    work()
    return job


def rate_limited() -> Job:
    limit = rq.RateLimit(key="mailer", concurrency=1)
    queue().enqueue("tests.jobs.echo", 1, rate_limit=limit)
    job = queue().enqueue("tests.jobs.echo", 2, rate_limit=limit)
    work()
    return job


def synchronous() -> Job:
    job: Job = queue(is_async=False).enqueue("tests.jobs.echo", 1)
    return job


def synchronous_failure() -> Job:
    job: Job = queue(is_async=False).enqueue("tests.jobs.fail")
    return job


def result_discarded() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1, result_ttl=0)
    work()
    return job


def repeated_with_result_discarded() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1, result_ttl=0, repeat=rq.Repeat(times=1))
    work()
    return job


def deleted_while_queued() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1)
    job.delete()
    return job


def deleted_after_success() -> Job:
    job = queue().enqueue("tests.jobs.echo", 1)
    work()
    job.delete()
    return job


@dataclass(frozen=True)
class Expected:
    path: str
    """The statuses in order: S(cheduled), D(eferred), Q(ueued), R(unning), C(ompleted), F(ailed), X for cancelled."""
    runs: list[str] = field(default_factory=list)
    retries: int = 0


LETTERS = {
    "S": "SCHEDULED",
    "D": "DEFERRED",
    "Q": "QUEUED",
    "R": "RUNNING",
    "C": "COMPLETED",
    "F": "FAILED",
    "X": "CANCELLED",
}
DONE, FAILED, RETRIED, CANCELLED = "COMPLETED", "FAILED", "RETRIED", "CANCELLED"
LIVES: dict[Callable[[], Job], Expected] = {
    success: Expected("QRC", [DONE]),
    success_in_a_work_horse: Expected("QRC", [DONE]),
    failure: Expected("QRF", [FAILED]),
    retry_now: Expected("QRQRC", [RETRIED, DONE], retries=1),
    retry_later: Expected("QRSQRC", [RETRIED, DONE], retries=1),
    retry_asked_for_by_result: Expected("QRQRF", [RETRIED, FAILED], retries=1),
    cancelled_while_queued: Expected("QX"),
    cancelled_while_scheduled: Expected("SX"),
    cancelled_while_running: Expected("QRXC", [DONE]),
    stopped: Expected("QRX", [CANCELLED]),
    dependency_met: Expected("DQRC", [DONE]),
    dependency_failed: Expected("D"),
    horse_killed: Expected("QRF", [FAILED]),
    worker_killed: Expected("QRF", [FAILED]),
    scheduled: Expected("SQRC", [DONE]),
    repeated: Expected("QRCQRC", [DONE, DONE]),
    repeated_later: Expected("QRCSQRC", [DONE, DONE]),
    enqueued_with_many: Expected("QRC", [DONE]),
    requeued_after_failure: Expected("QRFQRC", [FAILED, DONE], retries=1),
    unique: Expected("QRC", [DONE]),
    unique_scheduled: Expected("SQRC", [DONE]),
    rate_limited: Expected("DQRC", [DONE]),
    synchronous: Expected("QC", [DONE]),
    synchronous_failure: Expected("QF", [FAILED]),
    result_discarded: Expected("QRC", [DONE]),
    repeated_with_result_discarded: Expected("QRCQRC", [DONE, DONE]),
    deleted_while_queued: Expected("QX"),
    deleted_after_success: Expected("QRC", [DONE]),
}


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_it_records_the_whole_life(life: Callable[[], Job]) -> None:
    job = life()
    record()
    task = Task.objects.get(pk=inbox.task_id_for(job.id))
    expected = LIVES[life]
    path = [LETTERS[letter] for letter in expected.path]
    changes = list(StatusChange.objects.filter(task_id=task.pk).order_by("id"))
    assert [change.new_status for change in changes] == path
    assert [change.old_status for change in changes] == [None, *path[:-1]]
    assert sorted(change.changed_at for change in changes) == [change.changed_at for change in changes]
    assert task.status == path[-1]
    assert task.retry_count == expected.retries
    assert task.task_type.startswith("tests.jobs.")
    runs = list(TaskRun.objects.filter(task_id=task.pk).order_by("attempt"))
    assert [run.status for run in runs] == expected.runs
    assert [run.attempt for run in runs] == list(range(1, len(expected.runs) + 1))
    for run in runs:
        assert run.started_at is not None
        assert run.ended_at is not None
        assert run.started_at <= run.ended_at
        assert bool(run.error) == (run.status != DONE)
        assert run.duration_ms is not None


# --- Processes of their own ---------------------------------------------------------------------------------------


def start_worker() -> subprocess.Popen[bytes]:
    """A real worker in a process of its own, reporting like any plain RQ process that installed the hooks."""
    program = (
        "import rq, sys; from redis import Redis; import monitoring.hooks; monitoring.hooks.install();"
        "rq.Worker(['default'], connection=Redis.from_url(sys.argv[1]), serializer='json')"
        ".work(burst=True, logging_level='CRITICAL')"
    )
    from django.conf import settings

    return subprocess.Popen([sys.executable, "-c", program, settings.REDIS_URL])


def wait_for(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    process.wait(timeout=15)
