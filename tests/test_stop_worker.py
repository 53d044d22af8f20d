"""Workers that are asked to stop, or killed, at the worst moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rq.job import Job

from monitoring import broker
from tests.running import ROOT, children_of, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture
def signals() -> Iterator[None]:
    """Gives the handlers back that a worker in this process replaces."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def working() -> Iterator[subprocess.Popen[bytes]]:
    """A worker process on the Redis of the tests, with half a second of grace."""
    process = subprocess.Popen([sys.executable, "manage.py", "work", "--grace", "0.5"], cwd=ROOT)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


def status_of(job_id: str) -> str:
    return str(Job.fetch(job_id, connection=broker.connection(), serializer="json").get_status().value)


def start_long_task() -> str:
    job_id = broker.enqueue("demo.tasks.sleep_for", args=[120])
    assert wait_for(lambda: status_of(job_id) == "started", 20)
    return job_id


def test_it_runs_the_job_it_was_taking_when_asked_to_stop(signals: None) -> None:
    """RQ itself loses that job: it is off its queue and not yet started."""
    job_ids = [broker.enqueue("demo.tasks.echo", args=[number]) for number in (1, 2)]
    worker = broker.worker(["default"])

    class Interrupted(worker.queue_class):  # type: ignore[misc, name-defined]  # the class that the worker was made with
        @classmethod
        def dequeue_any(cls, *args: Any, **options: Any) -> Any:
            taken = super().dequeue_any(*args, **options)
            os.kill(os.getpid(), signal.SIGTERM)
            return taken

    worker.queue_class = Interrupted
    worker.work()

    assert [status_of(job_id) for job_id in job_ids] == ["finished", "queued"]


def test_it_stops_while_it_waits_for_a_job(working: subprocess.Popen[bytes]) -> None:
    def waits() -> bool:
        redis = broker.connection()
        return [redis.hget(key, "state") for key in redis.smembers("rq:workers")] == [b"idle"]

    assert wait_for(waits, 20)
    working.send_signal(signal.SIGTERM)

    assert working.wait(timeout=5) == 0
    assert broker.connection().scard("rq:workers") == 0


def test_it_fails_a_task_that_outlasts_the_grace(working: subprocess.Popen[bytes]) -> None:
    job_id = start_long_task()
    working.send_signal(signal.SIGTERM)

    assert working.wait(timeout=8) == 0
    assert status_of(job_id) == "failed"
    result = Job.fetch(job_id, connection=broker.connection(), serializer="json").latest_result()
    assert result is not None
    assert result.exc_string == "The worker was stopped and the task did not end within 0.5 s of grace."


def test_it_leaves_no_fork_behind_when_it_is_killed(working: subprocess.Popen[bytes]) -> None:
    start_long_task()
    forks = children_of(working.pid)
    assert len(forks) == 2  # the work horse and RQ's scheduler
    working.kill()

    assert wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in forks), 5)
