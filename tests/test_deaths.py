"""Tasks whose process was killed: RQ fails them, and the ledger names each with what is known of the death."""

from __future__ import annotations

import json
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rq
from django.test import Client
from rq.registry import StartedJobRegistry

from monitoring import broker, deaths, ledger, reconciling
from monitoring.ledger_models import Evidence, LostTask
from monitoring.models import Task
from monitoring.reconciling import Reconciler
from monitoring.statuses import Status
from monitoring.workers import Worker
from tests.comparing import plain
from tests.pausing import workers
from tests.running import wait_for
from tests.test_operations import record

pytestmark = pytest.mark.django_db


def work_with_horses() -> None:
    """Works the default queue until it is empty, a process for each job."""
    worker = Worker([broker.queue("default")], connection=broker.connection(), serializer="json")
    worker.work(burst=True, logging_level="CRITICAL")
    record()


def give_up() -> None:
    """What the maintenance of another worker does once the dead one's heartbeat has expired."""
    StartedJobRegistry(queue=broker.queue("default")).cleanup(timestamp=time.time() + 10_000)
    record()


def the_line() -> ledger.Line:
    end = datetime.now(UTC) + timedelta(hours=1)
    return ledger.sum_of(ledger.lines(end - timedelta(hours=24), end))


def test_a_killed_work_horse_is_named_with_signal_memory_and_worker() -> None:
    job_id = broker.enqueue("tests.jobs.kill_horse")
    work_with_horses()
    lost = LostTask.objects.get()
    assert (lost.job_id, lost.evidence, lost.was) == (job_id, Evidence.KILLED, Status.RUNNING)
    task = Task.objects.get()
    assert task.status == Status.FAILED
    assert lost.details["process"] == "work horse"
    assert lost.details["worker"] == task.worker
    assert lost.details["signal"] == "SIGKILL"
    assert 5 < lost.details["peak_memory_mb"] < 5_000
    assert task.started_at is not None
    heard_at = datetime.fromisoformat(lost.details["last_heartbeat"])
    assert abs(heard_at - task.started_at) < timedelta(seconds=5)
    line = the_line()
    assert (line.enqueued, line.lost, line.failed, line.difference) == (1, 1, 0, 0)


def test_a_work_horse_that_left_is_named_with_its_exit_code() -> None:
    broker.queue("default").enqueue("os._exit", 3)
    work_with_horses()
    details = LostTask.objects.get().details
    assert details["exit_code"] == 3
    assert "signal" not in details


def test_a_killed_worker_is_named_with_its_last_sign_of_life() -> None:
    with workers(("default",)) as (process,):
        job_id = broker.enqueue("tests.jobs.sleep", args=[60])
        worker_name = rq.Worker.all(connection=broker.connection())[0].name
        key = deaths.SIGN_KEY.format(worker_name)
        assert wait_for(lambda: bool(broker.connection().exists(key)), 20)
        assert 0 < broker.connection().ttl(key) <= deaths.SIGN_SECONDS
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        killed_at = datetime.now(UTC)
    give_up()
    lost = LostTask.objects.get()
    assert (lost.job_id, lost.evidence) == (job_id, Evidence.KILLED)
    assert lost.details["process"] == "worker"
    assert (lost.details["worker"], lost.details["worker_pid"]) == (worker_name, process.pid)
    assert lost.details["memory_mb"] > 5
    assert lost.details["worker_host"]
    assert timedelta(0) <= killed_at - lost.missing_since < timedelta(seconds=5)
    assert lost.details["last_heartbeat"] == lost.missing_since.isoformat(timespec="milliseconds")
    assert (the_line().lost, the_line().difference) == (1, 0)


@pytest.mark.parametrize(
    "sign",
    [
        b"",
        b"[]",
        b"no JSON",
        b"\xff",
        b"[" * 100_000,
        b'{"job": "another", "at": 1.5, "worker_pid": 7}',
        b'{"job": "1", "worker_pid": 7}',
        b'{"job": "1", "at": "yesterday"}',
        b'{"job": "1", "at": 1e300}',
        b'{"job": "1", "at": NaN}',
    ],
)
def test_a_sign_that_says_nothing_of_the_job_is_left_out(sign: bytes) -> None:
    broker.connection().set(deaths.SIGN_KEY.format("w-1"), sign)
    heard_at = datetime(2026, 11, 25, 12, tzinfo=UTC)
    told = deaths.evidence(
        "Moved to FailedJobRegistry, due to AbandonedJobError, at 2026-11-25 12:01:30+00:00",
        job_id="1",
        worker="w-1",
        connection=broker.connection(),
        heartbeat=heard_at,
    )
    assert told is not None
    assert told["details"] == {"worker": "w-1", "process": "worker", "last_heartbeat": "2026-11-25T12:00:00.000+00:00"}
    assert told["since"] == heard_at.timestamp()


@pytest.mark.parametrize(
    "error",
    [
        "",
        "Work-horse terminated unexpectedly; waitpid returned 999999999999999999999; ",
        "Job stopped by user, work-horse terminated.",
        "The worker was stopped and the task did not end within 3 s of grace.",
        "Traceback (most recent call last):\nRuntimeError: Work-horse terminated unexpectedly; waitpid returned 9",
    ],
)
def test_other_failures_are_no_deaths(error: str) -> None:
    assert deaths.evidence(error, job_id="1", worker="w-1", connection=broker.connection()) is None


@pytest.mark.parametrize(
    ("waited", "known"),
    [
        ("9 (signal 9)", {"signal": "SIGKILL"}),
        ("139 (signal 11)", {"signal": "SIGSEGV"}),
        ("256", {"exit_code": 1}),
        ("None", {"signal": "SIGKILL, by its worker: it went on a minute after its time limit"}),
        ("127", {}),
    ],
)
def test_the_way_it_ended_is_read_from_what_rq_says(waited: str, known: dict[str, Any]) -> None:
    told = deaths.evidence(
        f"Work-horse terminated unexpectedly; waitpid returned {waited}; ",
        job_id="1",
        worker="w-1",
        connection=broker.connection(),
    )
    assert told == {"evidence": "killed", "details": {"process": "work horse", "worker": "w-1", **known}}


def test_a_retried_run_was_not_the_end_and_nothing_is_lost() -> None:
    broker.enqueue("tests.jobs.kill_horse", retries=1)
    work_with_horses()
    lost = LostTask.objects.get()  # of the second run, with which the task ended
    assert lost.recovered_at is None
    assert Task.objects.get().attempts == 2


def test_a_task_that_is_tried_again_is_not_lost_any_more() -> None:
    job_id = broker.enqueue("tests.jobs.kill_horse")
    work_with_horses()
    broker.requeue([job_id])
    record()
    assert LostTask.objects.get().recovered_at is not None
    assert (the_line().lost, the_line().waiting, the_line().difference) == (0, 1, 0)


def test_the_death_of_a_plain_work_horse_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "SETTLED_SECONDS", 0)
    job_id = plain(
        "print(q.enqueue('os._exit', 7).id, flush=True)",
        "rq.Worker([q], connection=c).work(burst=True, logging_level='CRITICAL')",
    )
    Reconciler().turn()
    record()
    lost = LostTask.objects.get()
    assert (lost.job_id, lost.evidence) == (job_id, Evidence.KILLED)
    assert lost.details["exit_code"] == 7


def test_page_and_api_tell_of_it(browser: Client, api: Client) -> None:
    broker.enqueue("tests.jobs.kill_horse")
    work_with_horses()
    page = browser.get("/monitoring/ledger").content.decode()
    assert "Its process died" in page
    assert "Signal: SIGKILL" in page
    assert re.search(r"Peak memory: [\d.]+ MB\.", page)
    lost: list[dict[str, Any]] = json.loads(api.get("/api/v1/monitoring/ledger").content)["lost"]
    assert [one["evidence"] for one in lost] == ["killed"]
    task_page = browser.get(f"/monitoring/tasks/{Task.objects.get().pk}").content.decode()
    assert "Its process died" in task_page
