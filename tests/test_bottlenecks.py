"""What is slow, what fails and what waits, and what is recommended for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from monitoring import moments
from monitoring.moments import Moment, WorkerNow
from monitoring.statuses import Status
from scheduler.bottlenecks import bottlenecks
from scheduler.recommendations import Kind, recommendations
from scheduler.slow_work import Scope
from tests.analytics import (
    HANDLER,
    ask,
    make_attempt,
    make_ended,
    nothing_kept,  # noqa: F401  # a fixture
)
from tests.factories import make_task
from tests.workflows import begin, run

pytestmark = pytest.mark.django_db


def worker(name: str, *queues: str, is_busy: bool) -> WorkerNow:
    return WorkerNow(
        name=name, queues=queues, host="h", pid=1, born_at=None, heartbeat_at=None, is_busy=is_busy, is_stopping=False,
        job_id="", completed=0, failed=0, honours=None,
    )  # fmt: skip


# --- Bottlenecks --------------------------------------------------------------------------------------------------


def test_it_tells_of_workflows_their_steps_and_their_errors(api: Client) -> None:
    run(begin(context={"charge": {"failures": 9}}))
    run(begin())
    run(begin("tests.greet", {"person": "Ada"}))
    body = ask(api, "bottlenecks", namespace="tests", name="diamond", version="1.0.0")
    assert (body["analysis_period"], body["scope"]) == (
        "24 hours", {"namespace": "tests", "name": "diamond", "version": "1.0.0"},
    )  # fmt: skip
    (task,) = body["slowest_tasks"]
    assert (task["task_name"], task["execution_count"], task["failure_rate"]) == (HANDLER, 2, 0.5)
    assert task["p95_duration_ms"] >= task["avg_duration_ms"] * 0.98 > 0
    steps = {step["step_name"]: step for step in body["slowest_steps"]}
    assert set(steps) == {"reserve", "charge", "pack", "ship"}
    assert (steps["charge"]["retry_rate"], steps["pack"]["retry_rate"]) == (0.5, 0)
    assert steps["charge"]["avg_wait_ms"] > 0
    (error,) = body["error_patterns"]
    assert (error["error_type"], error["frequency"], error["affected_steps"]) == ("ValueError", 3, ["charge"])
    assert error["message"] == "ValueError: charge fails on attempt <n>"
    assert error["first_seen"] <= error["last_seen"] <= body["generated_at"]
    (wait,) = body["queue_waits"]
    assert (wait["queue"], wait["trend"]) == ("default", "steady")
    assert wait["p95_ms"] >= wait["p50_ms"] > 0


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 2), ({"namespace": "tests"}, 2), ({"name": "greet"}, 1), ({"version": "1.0.0"}, 1),
        ({"namespace": "test"}, 0), ({"name": "diamond", "version": "1.1.0"}, 0), ({"name": "nothing%"}, 0),
    ],
)  # fmt: skip
def test_it_is_narrowed_to_handlers(api: Client, asked: dict[str, str], count: int) -> None:
    run(begin())
    run(begin("tests.greet", {"person": "Ada"}))
    body = ask(api, "bottlenecks", **asked)
    assert len(body["slowest_tasks"]) == count
    assert len({step["task_name"] for step in body["slowest_steps"]}) == count
    assert bool(body["queue_waits"]) == bool(count)


def test_with_no_handler_asked_for_other_tasks_are_told_too(api: Client) -> None:
    make_ended(10, duration_ms=60_000.0, wait_ms=5.0)
    failed_at = datetime.now(UTC) - timedelta(minutes=3)
    make_task(status=Status.FAILED, error="KeyError: 'a'", created_at=failed_at)
    run(begin(context={"charge": {"hopeless": True}}))
    body = ask(api, "bottlenecks")
    first, second = body["slowest_tasks"]
    assert (first["task_name"], first["p95_duration_ms"]) == (
        "shop.mail.send_receipt", pytest.approx(60_000, rel=0.02),
    )  # fmt: skip
    assert second["task_name"] == HANDLER
    affected = {error["error_type"]: error["affected_steps"] for error in body["error_patterns"]}
    assert affected == {"KeyError": ["shop.mail.send_receipt"], "scheduler.steps.PermanentError": ["charge"]}
    last = {error["error_type"]: error["last_seen"] for error in body["error_patterns"]}
    assert datetime.fromisoformat(last["KeyError"]) == failed_at
    assert [error["error_type"] for error in ask(api, "bottlenecks", name="diamond")["error_patterns"]] == [
        "scheduler.steps.PermanentError"
    ]


def test_what_lies_before_the_period_is_not_told(api: Client) -> None:
    for hours in (30, 800):
        make_attempt(hours, Status.FAILED, error="KeyError: 'a'")
    assert ask(api, "bottlenecks")["slowest_steps"] == []
    assert ask(api, "bottlenecks")["error_patterns"] == []
    assert ask(api, "bottlenecks", period=48)["error_patterns"][0]["frequency"] == 1
    assert len(ask(api, "bottlenecks", period=720)["slowest_steps"]) == 1


def test_there_are_ten_of_each_at_most(api: Client) -> None:
    for number in range(12):
        make_attempt(1, Status.FAILED, kind=f"s{number}", duration_ms=1_000.0 + number, error=f"E{chr(97 + number)}: x")
        make_ended(5, task_type=f"a.t{number}", queue=f"q{number}", wait_ms=100.0 + number)
    body = ask(api, "bottlenecks")
    assert [step["step_name"] for step in body["slowest_steps"]] == [f"s{number}" for number in range(11, 1, -1)]
    assert [wait["queue"] for wait in body["queue_waits"]] == [f"q{number}" for number in range(11, 1, -1)]
    assert (len(body["slowest_tasks"]), len(body["error_patterns"])) == (10, 10)


@pytest.mark.parametrize(
    ("early", "late", "trend"), [(100.0, 900.0, "rising"), (900.0, 100.0, "falling"), (100.0, 150.0, "steady")]
)
def test_it_says_whether_waits_grow(api: Client, early: float, late: float, trend: str) -> None:
    make_ended(23 * 60, wait_ms=early)
    make_ended(5, wait_ms=late)
    (wait,) = ask(api, "bottlenecks")["queue_waits"]
    assert (wait["queue"], wait["trend"]) == ("default", trend)


# --- Recommendations ----------------------------------------------------------------------------------------------


def advice(*workers: WorkerNow) -> dict[Kind, Any]:
    moment = Moment(at=datetime.now(UTC), queues=moments.look(["default"]).queues, workers=workers)
    return {each.kind: each for each in recommendations(bottlenecks(Scope(), 24), moment)}


def test_a_step_near_its_time_limit_is_told_with_its_numbers() -> None:
    for _ in range(5):
        make_attempt(1, duration_ms=300_000.0)
    told = advice()[Kind.RAISE_TIMEOUT]
    assert (told.step, told.current, told.suggested) == ("charge", 360, pytest.approx(450, rel=0.02))
    assert told.rationale.startswith(f"One in twenty of 5 runs of charge ({HANDLER}) took ")
    assert "% of its time limit of 360 s." in told.rationale


@pytest.mark.parametrize(("milliseconds", "runs"), [(250_000.0, 5), (300_000.0, 4)])
def test_a_step_with_room_or_few_runs_is_not(milliseconds: float, runs: int) -> None:
    for _ in range(runs):
        make_attempt(1, duration_ms=milliseconds)
    assert advice() == {}


@pytest.mark.parametrize(
    ("succeeded", "kind", "words"),
    [
        (4, Kind.RETRIES_HELP, "4 of 5 retries of charge"),
        (0, Kind.RETRIES_ARE_VAIN, "None of 5 retries"),
        (2, None, ""),
    ],
)
def test_retries_that_succeed_or_never_do_are_told(succeeded: int, kind: Kind | None, words: str) -> None:
    for number in range(5):
        make_attempt(1, Status.COMPLETED if number < succeeded else Status.FAILED, retry_count=1, error="x")
    told = advice()
    assert set(told) == ({kind} if kind else set())
    assert all(each.rationale.startswith(words) for each in told.values())


def test_a_queue_whose_wait_grows_and_nobody_is_idle_is_told() -> None:
    make_ended(23 * 60, wait_ms=100.0)
    make_ended(5, wait_ms=900.0)
    busy, idle = worker("w1", "default", is_busy=True), worker("w2", "default", is_busy=False)
    assert advice(busy, idle) == {}
    told = advice(busy, worker("w3", "mail", is_busy=False))[Kind.ADD_WORKERS]
    assert (told.queue, told.current, told.suggested) == ("default", 1, 2)
    assert "grew from 100 ms in the first half of the period to 900 ms in the second" in told.rationale
    assert told.rationale.endswith("its one worker is busy.")
    assert advice()[Kind.ADD_WORKERS].rationale.endswith("no worker listens to it.")


def test_recommendations_are_told_without_what_they_do_not_speak_of(api: Client) -> None:
    make_ended(23 * 60, wait_ms=100.0)
    make_ended(5, wait_ms=900.0)
    for _ in range(5):
        make_attempt(1, Status.FAILED, retry_count=1, error="x")
    queue, step = ask(api, "bottlenecks")["recommendations"]
    assert set(queue) == {"type", "queue", "rationale", "current", "suggested"}
    assert (queue["current"], queue["suggested"]) == (0, 1)
    assert set(step) == {"type", "step", "rationale"}
