"""Real worker processes and paused queues: once all have acknowledged, not one job of the queue starts."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rq.job import Job, JobStatus
from rq.queue import Queue as RQQueue

from monitoring import broker, pause_mirror, pauses
from monitoring.hooks import OUTBOX
from monitoring.models import Queue
from tests.pausable_workers import Simple, Spawning
from tests.pausing import OPERATOR, all_acknowledge, living, register, start_worker, told, workers
from tests.running import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="workers look beside a running job through Linux' pidfd"),
]

TRIES = 10_000


def work(*queues: str) -> None:
    """Works the queues until there is nothing that may be taken."""
    Simple(list(queues), connection=broker.connection(), serializer="rq.serializers.JSONSerializer").work(
        burst=True, logging_level="CRITICAL"
    )


@pytest.fixture
def mail() -> Queue:
    return Queue.objects.create(name="mail", first_seen_at=datetime.now(UTC))


def newest_report() -> str:
    newest: Any = broker.connection().xrevrange(OUTBOX, count=1)
    return str(newest[0][0].decode()) if newest else "0-0"


def started(queue: str, *, after: str = "0-0") -> int:
    """How many jobs of the queue have been started since that report."""
    entries: Any = broker.connection().xrange(OUTBOX, min=f"({after}")
    reports = [json.loads(fields[b"e"]) for _, fields in entries]
    return sum(report["s"] == "started" and report["q"] == queue for report in reports)


def enqueue_many(queue: str, number: int) -> None:
    rq_queue = broker.queue(queue)
    for _ in range(number // 1000):
        rq_queue.enqueue_many([RQQueue.prepare_data("tests.jobs.echo", description="a try")] * 1000)


def status_of(job_id: str) -> str:
    return str(Job.fetch(job_id, connection=broker.connection(), serializer="json").get_status().value)


def test_not_one_job_starts_once_all_have_acknowledged(mail: Queue) -> None:
    orders = [("mail", "media", "reports"), ("media", "mail", "reports"), ("reports", "media", "mail")]
    for number in range(30):
        broker.enqueue("tests.jobs.sleep", args=[0.01], queue_name=orders[number % 3][0])
    with workers(*orders):
        assert wait_for(lambda: started("mail") > 2, 15)
        began = time.monotonic()
        pauses.pause_queue(mail, by=OPERATOR, reason="the mail server is down")
        assert all_acknowledge(mail, 3)
        taken = time.monotonic() - began
        last = newest_report()
        enqueue_many("mail", TRIES)
        others = [broker.enqueue("tests.jobs.echo", queue_name=name) for name in ("media", "reports") * 15]
        assert wait_for(lambda: all(status_of(job_id) == "finished" for job_id in others), 30)
        assert started("mail", after=last) == 0
        assert broker.waiting(["mail"]) >= TRIES
        assert taken < 3, "two seconds, and some for a machine that does other work"
        for name in ("mail", "media", "reports"):
            assert broker.connection().llen(f"rq:queue:{name}:intermediate") == 0, "RQ would fail those jobs later"

        pauses.resume_queue(mail, by=OPERATOR)
        assert wait_for(lambda: started("mail", after=last) > 0, 5)


def test_a_worker_whose_queues_are_all_paused_lives_on_and_resumes_by_itself(mail: Queue) -> None:
    with workers(("mail",), ("mail", "mail2")) as processes:
        pauses.pause_queue(mail, by=OPERATOR, seconds=4)
        assert all_acknowledge(mail, 2)
        processor = [seconds_of(process.pid) for process in processes]
        last = newest_report()
        job_id = broker.enqueue("tests.jobs.echo", queue_name="mail")
        time.sleep(1.5)
        assert status_of(job_id) == "queued"
        assert seconds_of(processes[0].pid) - processor[0] < 0.5, "it waits, it does not spin"
        assert all((datetime.now(UTC) - worker.heartbeat_at).total_seconds() < 3 for worker in living())  # type: ignore[operator]  # each has one
        # Nobody resumes it, and no recorder runs.
        assert wait_for(lambda: status_of(job_id) == "finished", 8)
        assert started("mail", after=last) == 1
        processes[0].terminate()
        assert processes[0].wait(timeout=5) == 0


def seconds_of(pid: int) -> float:
    """The processor time that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_a_worker_acknowledges_while_it_runs_a_long_job(mail: Queue) -> None:
    with workers(("mail", "media"), ("mail", "media")):
        job_ids = [broker.enqueue("tests.jobs.sleep", args=[4], queue_name=name) for name in ("mail", "media")]
        assert wait_for(lambda: all(status_of(job_id) == "started" for job_id in job_ids), 10)
        waiting = broker.enqueue("tests.jobs.echo", queue_name="mail")
        pauses.pause_queue(mail, by=OPERATOR)
        assert all_acknowledge(mail, 2)
        assert [status_of(job_id) for job_id in job_ids] == ["started"] * 2, "running jobs go on"
        assert wait_for(lambda: all(status_of(job_id) == "finished" for job_id in job_ids), 10)
        time.sleep(1.2)
        assert status_of(waiting) == "queued"


def test_it_keeps_its_promise_when_the_mirror_is_lost(mail: Queue) -> None:
    with workers(("mail", "media"), ("media", "mail")):
        pauses.pause_queue(mail, by=OPERATOR)
        assert all_acknowledge(mail, 2)
        broker.connection().flushdb()
        job_id = broker.enqueue("tests.jobs.echo", queue_name="mail")
        time.sleep(1.5)
        assert status_of(job_id) == "queued"
        assert len(told(mail).acknowledged) == 2, "they have registered again"
        pauses.keep()
        assert pause_mirror.understand(broker.connection().hgetall(pause_mirror.KEY)) == {  # type: ignore[arg-type]  # not a future
            "mail": pause_mirror.Mirrored(number=1, until=None)
        }
        pauses.resume_queue(mail, by=OPERATOR)
        assert wait_for(lambda: status_of(job_id) == "finished", 5)


def test_it_does_not_acknowledge_while_a_job_that_it_took_has_not_begun(mail: Queue) -> None:
    """That job may be one of the paused queue: it would start after the acknowledgement."""
    worker: Any = register("deck-1", "mail")
    job = broker.queue("mail").enqueue("tests.jobs.echo")
    worker.prepare_execution(job)
    pauses.pause_queue(mail, by=OPERATOR)
    worker._look_beside_job()
    assert [one.name for one in told(mail).pending] == ["deck-1"]
    job.set_status(JobStatus.STARTED)
    worker._look_beside_job()
    assert told(mail).holds


def test_a_worker_that_spawns_its_horses_honours_pauses(mail: Queue) -> None:
    held, other = (broker.enqueue("tests.jobs.echo", queue_name=name) for name in ("mail", "media"))
    pauses.pause_queue(mail, by=OPERATOR)
    Spawning(["mail", "media"], connection=broker.connection(), serializer="rq.serializers.JSONSerializer").work(
        burst=True, logging_level="CRITICAL"
    )
    assert [status_of(job_id) for job_id in (held, other)] == ["queued", "finished"]


def test_a_worker_that_is_killed_and_started_again_acknowledges(mail: Queue) -> None:
    with workers(("mail", "media")) as processes:
        pauses.pause_queue(mail, by=OPERATOR)
        assert all_acknowledge(mail, 1)
        processes[0].kill()
        processes[0].wait()
        (dead,) = living()
        processes[0] = start_worker("mail", "media")
        job_id = broker.enqueue("tests.jobs.echo", queue_name="mail")
        assert wait_for(lambda: any(worker.name != dead.name for worker in living()), 20)
        assert all_acknowledge(mail, 2), "the dead one's word stands until Redis forgets it"
        assert status_of(job_id) == "queued"


def test_workers_of_a_pool_honour_pauses(mail: Queue) -> None:
    pool = start_worker("mail", "media", pool_of=2)
    try:
        assert wait_for(lambda: len(living()) == 2, 30)
        pauses.pause_queue(mail, by=OPERATOR)
        assert all_acknowledge(mail, 2)
        held, other = (broker.enqueue("tests.jobs.echo", queue_name=name) for name in ("mail", "media"))
        assert wait_for(lambda: status_of(other) == "finished", 10)
        assert status_of(held) == "queued"
    finally:
        pool.terminate()
        pool.wait(timeout=20)


def test_a_burst_of_work_leaves_a_paused_queue_alone(mail: Queue) -> None:
    pauses.pause_queue(mail, by=OPERATOR)
    held, other = (broker.enqueue("tests.jobs.echo", queue_name=name) for name in ("mail", "default"))
    work("mail", "default")
    work("mail")
    assert [status_of(job_id) for job_id in (held, other)] == ["queued", "finished"]


def test_it_names_workers_that_know_nothing_of_pauses(mail: Queue) -> None:
    register("plain", "mail", plain=True)
    pauses.pause_queue(mail, by=OPERATOR)
    found = told(mail)
    assert [worker.name for worker in found.unable] == ["plain"]
    assert not found.holds


def test_it_works_on_while_the_mirror_is_something_else(mail: Queue) -> None:
    redis = broker.connection()
    redis.set(pause_mirror.KEY, "not a hash")
    job_id = broker.enqueue("tests.jobs.echo", queue_name="mail")
    work("mail")
    assert status_of(job_id) == "finished"
