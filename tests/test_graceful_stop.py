"""Every process, alone and in the middle of its work, stops within five seconds of SIGTERM and loses nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import rq
from django.conf import settings

from config import valkey
from config.environment import embedded_redis_socket
from monitoring import broker
from monitoring.workers import Worker
from tests.running import ROOT, Running, wait_for

LIMIT_SECONDS = 5.0
JOBS = 3_000


class Alone:
    """A prepared data directory, on the tests' Redis, in which processes are started one by one."""

    def __init__(self, data_dir: Path) -> None:
        self.one = Running(data_dir, REDIS_URL=settings.REDIS_URL, DEMO="0", QUARTERDECK_CALLABLES="tests.jobs")
        for words in (["migrate", "-v0"], ["createcachetable"]):
            assert self.one.manage(*words).returncode == 0
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str, says: str) -> subprocess.Popen[bytes]:
        """Starts ``manage.py <words>`` and waits until it has said something."""
        log = self.one.data_dir / f"{words[0]}-{len(self.processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *words], cwd=ROOT, env=self.one.environment, stdout=output, stderr=output
            )
        self.processes.append(process)
        assert wait_for(lambda: says in log.read_text(), 30), log.read_text()
        return process

    def ask(self, question: str) -> Any:
        """The one figure."""
        with closing(sqlite3.connect(f"file:{self.one.data_dir}/quarterdeck.sqlite3?mode=ro", uri=True)) as database:
            return database.execute(question).fetchone()[0]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    one = Alone(tmp_path / "data")
    yield one
    for process in one.processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> None:
    """Within the limit, and by itself."""
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(LIMIT_SECONDS) == 0, process.args
    assert time.monotonic() - began < LIMIT_SECONDS


PROCESSES = [
    (["record"], "recording from"),
    (["dispatch"], "dispatching"),
    (["operate"], "waiting for operations"),
    (["work"], "works for"),
    (["serve"], "Quarterdeck is up"),
]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("words", "says"), PROCESSES)
def test_it_stops_while_it_waits(alone: Alone, words: list[str], says: str, number: signal.Signals) -> None:
    process = alone.start(*words, says=says)
    if words == ["work"]:  # it says so before RQ listens to signals, which is before it waits for jobs
        assert wait_for(lambda: "idle" in states_of_workers(), 20)
    stop(process, number)


def states_of_workers() -> set[str]:
    keys: Any = broker.connection().smembers("rq:workers")
    states: list[Any] = [broker.connection().hget(key.decode(), "state") for key in keys]
    return {state.decode() for state in states if state}


def test_a_recorder_stops_in_the_middle_of_a_backlog_and_the_next_one_goes_on(alone: Alone) -> None:
    queue = rq.Queue("default", connection=broker.connection(), serializer="json")
    queue.enqueue_many([rq.Queue.prepare_data("tests.jobs.echo", [number]) for number in range(JOBS)])
    recorder = alone.start("record", says="recording from")
    assert wait_for(lambda: alone.ask("SELECT count(*) FROM monitoring_task") > 0, 10)
    stop(recorder)
    second = alone.start("record", says="recording from")
    assert wait_for(lambda: alone.ask("SELECT count(*) FROM monitoring_task") == JOBS, 20)
    stop(second)
    assert alone.ask("SELECT count(DISTINCT task_id) FROM audit_statuschange") == JOBS
    assert "equal the rows" in alone.one.manage("rebuild_rollups", "--verify").stdout


def test_workers_stop_in_the_middle_of_many_jobs_and_none_is_lost(alone: Alone) -> None:
    queue = rq.Queue("default", connection=broker.connection(), serializer="json")
    queue.enqueue_many([rq.Queue.prepare_data("tests.jobs.echo", [number]) for number in range(40)])
    worker = alone.start("work", says="works for")
    assert wait_for(lambda: len(queue) < 35, 20)
    stop(worker)
    recorder = alone.start("record", says="recording from")
    told = "SELECT count(*) FROM monitoring_task WHERE status = 'COMPLETED'"
    assert wait_for(lambda: alone.ask(told) == 40 - len(queue), 10), (alone.ask(told), len(queue))
    second = alone.start("work", says="works for")
    assert wait_for(lambda: alone.ask(told) == 40, 30)
    stop(second)
    stop(recorder)


class StoppedAtOnce(Worker):
    """Is asked to stop as soon as Redis knows of it."""

    def register_birth(self) -> None:
        super().register_birth()  # type: ignore[no-untyped-call]  # RQ has no types here
        os.kill(os.getpid(), signal.SIGTERM)


def nobody_listens(number: int, frame: Any) -> None:
    raise AssertionError(f"the worker does not listen to {signal.Signals(number).name} yet")


def test_a_worker_that_is_stopped_while_it_starts_leaves_nothing_behind() -> None:
    queue = broker.queue("default")
    queue.enqueue("tests.jobs.echo", 1)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, nobody_listens)
    try:
        worker = StoppedAtOnce([queue], connection=broker.connection(), serializer="json")
        assert worker.work(with_scheduler=True) is False
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert worker.scheduler is None
    assert len(queue) == 1
    assert not broker.connection().smembers("rq:workers")


def test_a_web_process_stops_though_connections_are_open(alone: Alone) -> None:
    web = alone.start("serve", says="Quarterdeck is up")
    with contextlib.ExitStack() as stack:
        idle, half = (
            stack.enter_context(socket.create_connection(("127.0.0.1", alone.one.port), timeout=5)) for _ in range(2)
        )
        idle.sendall(b"GET /api/v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200" in idle.recv(100)
        half.sendall(b"POST /monitoring/api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{")
        stop(web)


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Callable[[Alone], Callable[[], None]]]:
    """Gives processes a Redis of their own, and what has it take commands and answer none."""
    servers: list[subprocess.Popen[bytes]] = []

    def prepare(alone: Alone) -> Callable[[], None]:
        socket_ = embedded_redis_socket(tmp_path / "deaf")
        servers.append(subprocess.Popen(valkey.command(tmp_path / "deaf", socket_), stdout=subprocess.DEVNULL))
        alone.one.environment["REDIS_URL"] = f"unix://{socket_}?db=0"
        return lambda: servers[0].send_signal(signal.SIGSTOP)

    yield prepare
    for server in servers:
        server.kill()
        server.wait()


@pytest.mark.parametrize(("words", "says"), PROCESSES)
def test_it_stops_though_redis_does_not_answer(
    alone: Alone, stuck: Callable[[Alone], Callable[[], None]], words: list[str], says: str
) -> None:
    stop_answering = stuck(alone)
    process = alone.start(*words, says=says)
    stop_answering()
    time.sleep(2.5)
    with contextlib.ExitStack() as stack:
        if words == ["serve"]:  # a request hangs, too
            asking = stack.enter_context(socket.create_connection(("127.0.0.1", alone.one.port), timeout=5))
            asking.sendall(b"GET /api/v1/health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        stop(process)
