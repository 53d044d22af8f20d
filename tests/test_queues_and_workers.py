"""GET queues, workers and workers/health of the monitoring API: what Redis holds now, beside what was recorded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rq
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from rq.worker import WorkerStatus

from monitoring import broker, memory
from monitoring.moments import look
from monitoring.statuses import RunStatus, Status
from tests.clock import NOW
from tests.factories import make_run, make_task
from tests.monitoring_api import AUTHENTICATION, ask


@pytest.fixture(autouse=True)
def _two_queues(settings: Settings) -> None:
    settings.QUARTERDECK_QUEUES = ["default", "mail"]


def worker(*queues: str, name: str = "deck-1") -> rq.Worker:
    """A worker that has just begun to work."""
    made = rq.Worker([broker.queue(queue) for queue in queues], name=name, connection=broker.connection())
    made.register_birth()
    made.set_state(WorkerStatus.IDLE)
    return made


def queue_named(api: Client, name: str) -> dict[str, Any]:
    (found,) = [queue for queue in ask(api, "queues")["queues"] if queue["name"] == name]
    return dict(found)


# --- Queues -------------------------------------------------------------------------------------------------------


def test_it_lists_every_known_queue(api: Client) -> None:
    make_task(queue="seen")
    broker.queue("pushed").enqueue("tests.jobs.echo")
    worker("listened")
    answer = ask(api, "queues")
    assert [queue["name"] for queue in answer["queues"]] == ["default", "listened", "mail", "pushed", "seen"]
    assert answer["queues"][0] == {
        "name": "default",
        "depth": 0,
        "active_workers": 0,
        "active_tasks": 0,
        "reserved_tasks": 0,
        "avg_wait_time_ms": None,
        "tasks_completed_last_hour": 0,
    }
    moment = datetime.fromisoformat(answer["timestamp"])
    assert abs(datetime.now(UTC) - moment) < timedelta(seconds=30)


def test_it_counts_what_waits_runs_and_is_held(api: Client) -> None:
    default, redis = broker.queue("default"), broker.connection()
    jobs = [default.enqueue("tests.jobs.echo") for _ in range(3)]
    default.enqueue("tests.jobs.echo", depends_on=jobs[0])
    redis.lpush("rq:queue:default:intermediate", "on-its-way")
    now = time.time()
    redis.zadd("rq:wip:default", {"runs:1": now + 60, "runs-on:1": float("inf"), "worker-died:1": now - 5})
    answer = ask(api, "queues")
    found = queue_named(api, "default")
    assert (found["depth"], found["active_tasks"], found["reserved_tasks"]) == (3, 2, 2)
    assert (answer["total_pending"], answer["total_active"]) == (3, 2)
    assert redis.zcard("rq:wip:default") == 3


def test_it_counts_living_workers_that_listen(api: Client) -> None:
    worker("default", "mail", name="one")
    worker("default", name="two")
    worker("default", name="leaves").register_death()
    worker("default", name="killed")
    broker.connection().delete("rq:worker:killed")  # as when its time is over
    assert queue_named(api, "default")["active_workers"] == 2
    assert queue_named(api, "mail")["active_workers"] == 1


def test_it_tells_how_long_tasks_waited_in_the_last_hour(api: Client) -> None:
    now = datetime.now(UTC)
    recent, old = now - timedelta(minutes=59), now - timedelta(minutes=61)
    make_run(make_task(queue="mail").id, ended_at=recent, wait_ms=100.0)
    make_run(make_task(queue="mail").id, ended_at=recent, wait_ms=200.5, status=RunStatus.FAILED)
    make_run(make_task(queue="mail").id, ended_at=recent, wait_ms=None)
    make_run(make_task(queue="mail").id, ended_at=old, wait_ms=5_000.0)
    found = queue_named(api, "mail")
    assert found["avg_wait_time_ms"] == pytest.approx(150.25)
    assert found["tasks_completed_last_hour"] == 2


# --- Workers ------------------------------------------------------------------------------------------------------


def test_it_is_empty_without_workers(api: Client) -> None:
    answer = ask(api, "workers")
    timestamp = answer.pop("timestamp")
    assert timestamp.endswith("Z")
    assert answer == {
        "workers": [],
        "total_workers": 0,
        "total_capacity": 0,
        "total_active": 0,
        "total_utilization_pct": 0.0,
        "workers_at_capacity": 0,
    }


def test_it_tells_what_each_worker_does(api: Client) -> None:
    idle, busy, stopping = worker("mail", name="idle"), worker("default", "mail", name="busy"), worker(name="stopping")
    busy.set_state(WorkerStatus.BUSY)
    broker.connection().sadd(busy.executions_key, "job-1:a1b2c3")
    for _ in range(3):
        idle.increment_successful_job_count()
    idle.increment_failed_job_count()
    stopping._shutdown_requested_date = datetime.now(UTC)
    stopping.set_shutdown_requested_date()
    answer = ask(api, "workers")
    assert [each.job_id for each in look().workers] == ["job-1", "", ""]
    by_name = {each["name"]: each for each in answer["workers"]}
    assert list(by_name) == ["busy", "idle", "stopping"]
    assert by_name["busy"]["queues"] == ["default", "mail"]
    assert [(each["active_tasks"], each["has_capacity"]) for each in by_name.values()] == [
        *((1, False), (0, True), (0, False)),
    ]
    assert by_name["idle"]["tasks_completed_total"] == 3
    assert {each["concurrency"] for each in by_name.values()} == {1}
    totals = ("total_workers", "total_capacity", "total_active", "workers_at_capacity")
    assert [answer[key] for key in totals] == [3, 3, 1, 1]


def run(minutes_ago: float, seconds: float, **fields: Any) -> None:
    """A run of worker deck-1 that began so long before NOW."""
    began = NOW - timedelta(minutes=minutes_ago)
    ended = {"ended_at": began + timedelta(seconds=seconds), "duration_ms": seconds * 1000}
    make_run(make_task().id, **{"worker": "deck-1", "started_at": began, **ended, **fields})


@pytest.mark.usefixtures("standing_clock")
def test_it_measures_the_last_five_minutes(api: Client) -> None:
    busy = worker("default")
    worker("default", name="deck-2")
    run(20, 600)  # long over
    run(6, 90)  # half a minute of it inside
    run(4, 30)
    run(3, 15, status=RunStatus.FAILED)
    run(2, 15, worker="another")
    first, second = ask(api, "workers")["workers"]
    assert first["utilization_pct"] == 100 * 75 / 300
    assert first["tasks_per_minute"] == 0.4
    assert (second["utilization_pct"], second["tasks_per_minute"]) == (0.0, 0.0)
    run(1, 0, ended_at=None, duration_ms=None, status=Status.RUNNING)
    now = ask(api, "workers")["workers"][0]
    assert now == first | {"memory_mb": now["memory_mb"]}
    busy.set_state(WorkerStatus.BUSY)
    answer = ask(api, "workers")
    assert answer["workers"][0]["utilization_pct"] == 100 * 135 / 300
    assert answer["total_utilization_pct"] == answer["workers"][0]["utilization_pct"] / 2


@pytest.mark.usefixtures("standing_clock")
def test_it_never_measures_more_than_all_of_it(api: Client) -> None:
    worker("default").set_state(WorkerStatus.BUSY)
    run(60, 0, ended_at=None, duration_ms=None, status=Status.RUNNING)
    run(4, 250)
    (found,) = ask(api, "workers")["workers"]
    assert found["utilization_pct"] == 100.0


def test_it_tells_the_memory_of_workers_on_this_machine(api: Client) -> None:
    worker("default")
    (found,) = ask(api, "workers")["workers"]
    assert 10 < found["memory_mb"] < 4_000
    redis = broker.connection()
    for field, value in (("pid", "999999999"), ("pid", "-1"), ("pid", "x"), ("hostname", "elsewhere"), ("birth", "x")):
        kept = redis.hget("rq:worker:deck-1", field) or b""
        redis.hset("rq:worker:deck-1", field, value)
        (found,) = ask(api, "workers")["workers"]
        assert found["memory_mb"] is None
        redis.hset("rq:worker:deck-1", field, kept)


def test_it_counts_the_memory_of_work_horses() -> None:
    now = datetime.now(UTC)
    alone = memory.resident_mb(os.getpid(), born_at=now)
    words = "held = b'x' * 50_000_000; print('holds', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as horse:
        assert horse.stdout
        horse.stdout.readline()
        both = memory.resident_mb(os.getpid(), born_at=now)
        of_horse = memory.resident_mb(horse.pid, born_at=now + timedelta(minutes=1))
        horse.communicate(b"\n")
    assert alone
    assert both
    assert of_horse
    assert of_horse > 45
    assert both == pytest.approx(alone + of_horse, abs=5)
    assert memory.resident_mb(os.getpid(), born_at=now - timedelta(days=1)) is None


def test_it_bears_workers_that_tell_little_or_nonsense(api: Client) -> None:
    redis = broker.connection()
    redis.sadd("rq:workers", "rq:worker:odd \N{HOT BEVERAGE}", b"rq:worker:\xff", "rq:worker:bare", "rq:worker:gone")
    for key in ("rq:worker:odd \N{HOT BEVERAGE}", b"rq:worker:\xff"):
        redis.hset(key, mapping={"birth": "yesterday", "pid": "9" * 50, "queues": ",,", "successful_job_count": "many"})
    redis.hset("rq:worker:bare", "state", "idle")
    redis.sadd("rq:queues", b"rq:queue:\xff")
    answer = ask(api, "workers")
    assert [each["queues"] for each in answer["workers"]] == [[], []]
    ask(api, "queues")
    ask(api, "workers/health")


# --- Health -------------------------------------------------------------------------------------------------------


def test_it_is_healthy_while_a_worker_can_take_a_task(api: Client) -> None:
    assert not ask(api, "workers/health")["healthy"]
    only = worker("default")
    answer = ask(api, "workers/health")
    del answer["timestamp"]
    assert answer == {
        "healthy": True,
        "total_workers": 1,
        "workers_with_capacity": 1,
        "queues_with_workers": ["default"],
        "queues_without_workers": ["mail"],
    }
    only.set_state(WorkerStatus.BUSY)
    answer = ask(api, "workers/health")
    assert (answer["healthy"], answer["total_workers"], answer["workers_with_capacity"]) == (False, 1, 0)


def test_it_is_not_healthy_while_tasks_wait_where_nobody_listens(api: Client) -> None:
    worker("default")
    broker.queue("mail").enqueue("tests.jobs.echo")
    assert not ask(api, "workers/health")["healthy"]
    worker("mail", name="deck-2")
    assert ask(api, "workers/health")["healthy"]


# --- Cost ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "queries"), [("queues", 3), ("workers", 1), ("workers/health", 1)])
def test_it_asks_as_much_of_one_queue_as_of_many(
    api: Client, path: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 20):
        for index in range(number):
            make_run(make_task(queue=f"queue{index}").id, worker=f"deck-{number}-{index}", ended_at=datetime.now(UTC))
            worker(f"queue{index}", name=f"deck-{number}-{index}")
        with django_assert_num_queries(AUTHENTICATION + queries):
            ask(api, path)
