"""The real thing, as ``make run`` starts it: every process, killed, restarted and stopped."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from monitoring.statuses import Status
from tests.running import Running, free_port, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

PROCESSES = {
    "web": "manage.py serve",
    "recorder": "manage.py record",
    "dispatcher": "manage.py dispatch",
    "operator": "manage.py operate",
    "worker-": "manage.py work",
    "demo": "manage.py demo",
    "valkey": "valkey-server",
}


@pytest.fixture
def empty_redis() -> None:
    """Nothing to empty: what runs here has a Valkey of its own."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Quarterdeck with demo traffic, up and answering. The tests below are its life, in order."""
    one = Running(tmp_path_factory.mktemp("run") / "data")
    one.start()
    try:
        assert wait_for(one.answers, 40), one.log.read_text()
        yield one
    finally:
        one.end()


def ask(running: Running, question: str, *values: str) -> list[tuple[str, ...]]:
    """Rows of its database."""
    with closing(sqlite3.connect(f"file:{running.data_dir}/quarterdeck.sqlite3?mode=ro", uri=True)) as database:
        return database.execute(question, values).fetchall()


def test_it_shows_every_status_within_half_a_minute(running: Running) -> None:
    def seen() -> set[str]:
        return {row[0] for row in ask(running, "SELECT DISTINCT new_status FROM audit_statuschange")}

    assert wait_for(lambda: seen() == set(Status.values), 30), seen()


def test_it_runs_two_workers_and_one_of_each_other_process(running: Running) -> None:
    for name, words in PROCESSES.items():
        assert len(running.supervised(words)) == (2 if name == "worker-" else 1), name


def test_it_tells_where_it_is_and_who_may_log_in(running: Running) -> None:
    assert wait_for(lambda: "log in as admin/admin, operator/operator, viewer/viewer" in running.log.read_text(), 10)
    assert f"Quarterdeck is up: http://127.0.0.1:{running.port}/" in running.log.read_text()


def test_it_names_the_process_in_every_line(running: Running) -> None:
    names = {
        "web",
        "recorder",
        "dispatcher",
        "operator",
        "worker-1",
        "worker-2",
        "demo",
        "quarterdeck.up",
        "INFO",
        "WARN",
    }
    assert [line for line in running.log.read_text().splitlines() if not names & set(line.split()[:3])] == []


@pytest.mark.parametrize("name", PROCESSES)
def test_it_restarts_within_five_seconds_what_was_killed(running: Running, name: str) -> None:
    before = running.supervised(PROCESSES[name])
    victim = min(before)
    os.kill(victim, signal.SIGKILL)

    assert wait_for(lambda: len(running.supervised(PROCESSES[name]) - {victim}) == len(before), 5)
    assert wait_for(lambda: f"exited: {name}" in running.log.read_text(), 2)


def test_it_works_on_after_that(running: Running) -> None:
    assert wait_for(running.answers, 15)
    job_id = running.manage("enqueue", "demo.tasks.echo", "--args", "[1]", "--delay", "1").stdout.strip()

    question = "SELECT status FROM monitoring_task WHERE job_id = ?"
    # A second or two as a rule. If the scheduler died while Redis was away, its locks run out after 61 seconds.
    assert wait_for(lambda: ask(running, question, job_id) == [(Status.COMPLETED,)], 90), running.log.read_text()


def test_it_refuses_a_second_one_over_the_same_data(running: Running) -> None:
    refused = running.manage("up", PORT=str(free_port()))

    assert refused.returncode == 1
    assert f"Quarterdeck is already running with the data in {running.data_dir}" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_it_stops_everything_on_ctrl_c_even_a_long_task(running: Running) -> None:
    for _ in range(2):
        running.manage("enqueue", "demo.tasks.sleep_for", "--args", "[300]")
    question = "SELECT status FROM monitoring_task WHERE task_type = 'demo.tasks.sleep_for'"
    assert wait_for(lambda: ask(running, question) == [(Status.RUNNING,)] * 2, 60), ask(running, question)

    assert running.stop(signal.SIGINT, seconds=10) == 0
    assert running.pids() == set()
    assert "terminated by SIGKILL" not in running.log.read_text().rpartition("received SIGINT")[2]


def test_it_starts_again_within_ten_seconds_and_keeps_the_data(running: Running) -> None:
    tasks = ask(running, "SELECT COUNT(*) FROM monitoring_task")
    busy_neighbours = max(1, os.getloadavg()[0] / (os.cpu_count() or 1))
    running.start()

    assert wait_for(running.answers, 10 * busy_neighbours), running.log.read_text()
    assert ask(running, "SELECT COUNT(*) FROM monitoring_task") >= tasks
    question = "SELECT error FROM monitoring_task WHERE task_type = 'demo.tasks.sleep_for' AND status = 'FAILED'"
    told = "The worker was stopped and the task did not end within 3 s of grace."
    assert wait_for(lambda: ask(running, question) == [(told,), (told,)], 10)


def test_it_leaves_nothing_behind_when_the_supervisor_is_killed(running: Running) -> None:
    assert running.process is not None
    running.process.kill()

    assert wait_for(lambda: running.pids() == set(), 10), running.pids()


def test_it_refuses_a_port_that_is_in_use(tmp_path_factory: pytest.TempPathFactory) -> None:
    one = Running(tmp_path_factory.mktemp("refused") / "data")
    with socket.socket() as other:
        other.bind(("127.0.0.1", one.port))
        other.listen()
        refused = one.manage("up")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"Quarterdeck cannot start: port {one.port} on 127.0.0.1 is in use; stop what listens there, or set PORT.\n"
    )


@pytest.mark.parametrize(
    ("variable", "url", "sentence"),
    [
        ("DATABASE_URL", "postgres://me:secret-word@127.0.0.1:1/deck", "the database 127.0.0.1/deck (DATABASE_URL)"),
        ("REDIS_URL", "redis://:secret-word@127.0.0.1:1/0", "Redis does not answer at redis://:********@127.0.0.1:1/0"),
    ],
)
def test_it_refuses_what_does_not_answer(
    tmp_path_factory: pytest.TempPathFactory, variable: str, url: str, sentence: str
) -> None:
    refused = Running(tmp_path_factory.mktemp("refused") / "data", **{variable: url}).manage("up")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Quarterdeck cannot start: {sentence}")
    assert len(refused.stderr.splitlines()) == 1
    assert "secret-word" not in refused.stderr
