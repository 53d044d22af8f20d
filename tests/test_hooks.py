"""The hooks' promises: one transaction with RQ's own write, no round trip added, nothing but rq imported."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import redis
import rq
from django.conf import settings
from rq.job import Job, JobStatus

from monitoring import broker, hooks, inbox


def queue(connection: Any = None) -> rq.Queue:
    return rq.Queue("default", connection=connection or broker.connection(), serializer="json")


def statuses() -> list[str]:
    return [inbox.parse(entry).word for entry in inbox.read(inbox.START)]


def test_it_installs_once() -> None:
    before = Job.set_status
    hooks.install()
    assert Job.set_status is before


def test_it_reports_only_if_the_pipeline_commits() -> None:
    job = queue().create_job("tests.jobs.echo")
    with broker.connection().pipeline() as pipeline:
        job.set_status(JobStatus.QUEUED, pipeline=pipeline)
    assert inbox.length() == 0  # never executed: neither status nor report
    with broker.connection().pipeline() as pipeline:
        job.set_status(JobStatus.QUEUED, pipeline=pipeline)
        pipeline.execute()
    assert statuses() == ["queued"]


def test_it_reports_in_the_same_transaction_as_the_status() -> None:
    """MONITOR shows what one MULTI/EXEC holds: the status and the report, with nothing of another client between."""
    with broker.connection().monitor() as monitor:
        queue().enqueue("tests.jobs.echo", 1)
        commands = []
        for seen in monitor.listen():
            commands.append(seen["command"].split()[0].upper())
            if commands[-1] == "EXEC" and "RPUSH" in commands:
                break
    transaction = commands[len(commands) - 1 - commands[::-1].index("MULTI") :]
    assert transaction.count("XADD") == 1
    assert "HSET" in transaction
    assert "RPUSH" in transaction


class CountingConnection(redis.UnixDomainSocketConnection):
    """Counts what is sent in one go: a pipeline is one sending, hence one round trip."""

    sent = 0

    def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        CountingConnection.sent += 1
        super().send_packed_command(*args, **kwargs)  # type: ignore[no-untyped-call]  # redis types it in part


class CountingTcpConnection(redis.Connection):
    """The same over TCP."""

    def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        CountingConnection.sent += 1
        super().send_packed_command(*args, **kwargs)  # type: ignore[no-untyped-call]  # redis types it in part


def test_it_adds_no_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    is_socket = settings.REDIS_URL.startswith("unix")
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_URL, connection_class=CountingConnection if is_socket else CountingTcpConnection
    )
    connection = redis.Redis(connection_pool=pool)
    connection.ping()

    def round_trips() -> int:
        before = CountingConnection.sent
        queue(connection).enqueue("tests.jobs.echo", 1)
        worker = rq.SimpleWorker([queue(connection)], connection=connection, serializer="json")
        job_id = connection.lpop("rq:queue:default")
        job = Job.fetch(job_id.decode(), connection=connection, serializer="json")  # type: ignore[union-attr]
        worker.execute_job(job, queue(connection))
        return CountingConnection.sent - before

    round_trips()  # the first time asks the server for its version
    with_reports = round_trips()
    monkeypatch.setattr(hooks, "report", lambda *_: None)
    assert with_reports == round_trips()
    assert "finished" in statuses()


def test_it_never_breaks_a_job_that_it_cannot_describe(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(job: Job) -> dict[str, Any]:
        raise RuntimeError("a value that nobody thought of")

    monkeypatch.setattr(hooks, "_description", broken)
    job = queue().enqueue("tests.jobs.echo", 1)
    assert job.get_status() == JobStatus.QUEUED
    assert statuses() == ["queued"]


def test_it_bounds_the_outbox_when_nobody_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "OUTBOX_LIMIT", 100)
    for _ in range(500):
        hooks.report(queue().create_job("tests.jobs.echo"), JobStatus.QUEUED, broker.connection())
    assert inbox.length() < 300  # Redis trims whole nodes of a hundred entries


def test_it_needs_rq_and_the_standard_library_only() -> None:
    program = "import sys, monitoring.hooks; print([name for name in sys.modules if name.split('.')[0] == 'django'])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_it_sees_jobs_of_subclasses() -> None:
    class OwnJob(Job):
        pass

    own = rq.Queue("default", connection=broker.connection(), serializer="json", job_class=OwnJob)
    own.enqueue("tests.jobs.echo")
    assert statuses() == ["queued"]
