"""Analytics: what is told follows from what happened, costs the same at any size, and is kept for a while."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from monitoring import moments
from monitoring.models import InboxPosition
from monitoring.moments import Moment, WorkerNow
from monitoring.rollups import Rollups
from monitoring.statuses import RunStatus, Status
from monitoring.transitions import Run
from scheduler.bottlenecks import bottlenecks
from scheduler.performance import performance
from scheduler.recommendations import Kind, recommendations
from scheduler.slow_work import Scope
from tests.cast import client_of
from tests.factories import make_run, make_task
from tests.test_openapi import check, operations
from tests.test_sampling import make_sample
from tests.test_workflow_api import refused
from tests.workflows import begin, run

pytestmark = pytest.mark.django_db
BASE = "/api/v1/analytics"
AUTHENTICATION = 3
HANDLER = "tests.diamond@1.0.0"


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Each test begins without answers that another one got."""
    caches["analytics"].clear()
    yield
    caches["analytics"].clear()


def ask(api: Client, path: str, **asked: Any) -> dict[str, Any]:
    answer = api.get(f"{BASE}/{path}", asked)
    assert answer.status_code == 200, answer.content
    assert "no-store" in answer["Cache-Control"]
    body: dict[str, Any] = answer.json()
    return body


def make_ended(minutes_ago: float, status: str = RunStatus.COMPLETED, **fields: Any) -> None:
    """A run that ended so long ago."""
    task_type = fields.pop("task_type", "shop.mail.send_receipt")
    queue = fields.pop("queue", "default")
    task = make_task(task_type=task_type, queue=queue)
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    make_run(task.pk, status=status, ended_at=at, **fields)


def make_attempt(hours_ago: float, status: Status = Status.COMPLETED, **fields: Any) -> None:
    """An attempt of a step that ended so long ago, as the recorder leaves it."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    known = {"handler": HANDLER, "kind": "charge", "duration_ms": 100.0, "wait_ms": 10.0, **fields}
    make_task(status=status, created_at=at, completed_at=at, **known)


def worker(name: str, *queues: str, is_busy: bool) -> WorkerNow:
    return WorkerNow(
        name=name, queues=queues, host="h", pid=1, born_at=None, heartbeat_at=None, is_busy=is_busy, is_stopping=False,
        job_id="", completed=0, failed=0, honours=None,
    )  # fmt: skip


# --- Performance --------------------------------------------------------------------------------------------------


def test_it_tells_how_tasks_fared_in_each_span(api: Client) -> None:
    for minutes, status in ((1, "COMPLETED"), (59, "FAILED"), (61, "COMPLETED"), (230, "COMPLETED"), (1_430, "FAILED")):
        make_ended(minutes, status, duration_ms=1_000.0 if status == "COMPLETED" else 4_000.0)
    make_ended(30, RunStatus.RETRIED)
    make_ended(2_000)
    trends = ask(api, "performance")["performance_trends"]
    assert trends["1h"] == {
        "completion_rate": 0.5, "error_rate": 0.5, "avg_duration_ms": 2_500.0, "throughput_per_minute": 0.03,
    }  # fmt: skip
    assert (trends["4h"]["completion_rate"], trends["4h"]["avg_duration_ms"]) == (0.75, 1_750.0)
    assert (trends["24h"]["completion_rate"], trends["24h"]["error_rate"]) == (0.6, 0.4)


def test_it_counts_tasks_and_retries(api: Client) -> None:
    for status in (Status.COMPLETED, Status.COMPLETED, Status.FAILED, Status.QUEUED):
        make_task(status=status)
    InboxPosition.objects.create(stream="x", retries=7)
    assert ask(api, "performance")["task_statistics"] == {
        "total_tasks": 4, "completed": 2, "failed": 1, "retried": 7,
    }  # fmt: skip


def test_its_percentiles_are_within_two_percent(api: Client) -> None:
    dice = random.Random(7)  # noqa: S311  # no secret
    times = sorted(dice.lognormvariate(5, 2) for _ in range(400))
    rollups = Rollups()
    for milliseconds in times:
        ended = datetime.now(UTC) - timedelta(minutes=dice.randrange(1, 1_300))
        values = {"ended_at": ended, "status": "COMPLETED", "queue": "default", "task_type": "a.b"}
        known = {**dict.fromkeys(Run._fields), **values, "duration_ms": milliseconds}
        rollups.count_run(Run(**known))  # type: ignore[arg-type]  # what is not counted is None
    rollups.write()
    told = ask(api, "performance")["processing_times"]
    for percent in (50, 95, 99):
        exact = times[ceil(len(times) * percent / 100) - 1]
        assert told[f"p{percent}"] == pytest.approx(exact, rel=0.02)


def test_the_score_is_what_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    make_ended(5)
    make_ended(5, "FAILED")
    for _ in range(4):
        make_task(status=Status.QUEUED)
    make_sample(now - timedelta(minutes=50), waiting=3)
    looked = moments.look(["default", "mail"])
    two = tuple(queue for queue in looked.queues if queue.name in ("default", "mail"))
    attended = tuple(replace(queue, workers=int(queue.name == "mail")) for queue in two)
    monkeypatch.setattr("monitoring.workload.look", lambda _: replace(looked, queues=attended))
    found = performance(now)
    assert (found.attended, found.backlog_growth) == (0.5, 0.25)
    assert found.score == pytest.approx(100 * (0.5 * 0.5 + 0.3 * 0.5 + 0.2 * 0.75))


def test_nothing_at_all_is_no_trouble(api: Client) -> None:
    body = ask(api, "performance")
    assert body["processing_times"] == {"p50": None, "p95": None, "p99": None}
    assert body["performance_trends"]["24h"]["completion_rate"] == 1
    assert body["system_health_score"] == 70.0  # nobody works
    body = ask(api, "bottlenecks")
    lists = ("slowest_tasks", "slowest_steps", "error_patterns", "queue_waits", "recommendations")
    assert [body[name] for name in lists] == [[]] * 5


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


# --- How it is asked and answered ---------------------------------------------------------------------------------


def test_an_answer_is_kept_by_its_parameters(api: Client) -> None:
    for path, ttl, other in (("performance", 90, {}), ("bottlenecks", 120, {"period": 2})):
        first = ask(api, path)
        assert first["cache_info"] == {"cached": False, "ttl_seconds": ttl}
        make_ended(1)
        again = ask(api, path)
        assert again == {**first, "cache_info": {"cached": True, "ttl_seconds": ttl}}
        if other:
            assert not ask(api, path, **other)["cache_info"]["cached"]
            assert not ask(api, path, name="x", **other)["cache_info"]["cached"]
            assert ask(api, path, name="x", **other)["cache_info"]["cached"]


def test_a_kept_answer_costs_no_query(api: Client) -> None:
    for path in ("performance", "bottlenecks"):
        ask(api, path)
        with CaptureQueriesContext(connection) as queries:
            ask(api, path)
        assert len(queries) == AUTHENTICATION


def test_it_asks_as_many_questions_for_many_as_for_few_and_changes_nothing(api: Client) -> None:
    asked = []
    for number in (2, 30):
        for each in range(number):
            make_attempt(1, Status.FAILED, kind=f"s{each}", error=f"E{each % 5}: x")
            make_ended(90, task_type=f"a.t{each}", queue=f"q{each}", duration_ms=0.01, wait_ms=1.0)
        run(begin())
        caches["analytics"].clear()
        with CaptureQueriesContext(connection) as queries:
            ask(api, "performance")
            ask(api, "bottlenecks")
            ask(api, "bottlenecks", namespace="tests")
        sql = [query["sql"] for query in queries]
        assert all(statement.startswith("SELECT") for statement in sql), sql
        # Of tasks and runs it reads those of broken hours, of one error's last hour, and no others.
        tables = ('FROM "monitoring_task"', 'FROM "audit_taskrun"')
        reading = [statement for statement in sql if any(table in statement for table in tables)]
        assert all('_at" >= ' in statement and '_at" < ' in statement for statement in reading), reading
        asked.append(len(sql))
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("parameter", "value", "accepted"),
    [
        ("period", "0", "1"), ("period", "721", "720"), ("period", "day", "integer"), ("period", "1.5", "integer"),
        ("period", "9" * 5_000, "large"), ("namespace", "a\x00", "Null"), ("name", "x" * 151, "150"),
        ("version", "x" * 51, "50"),
    ],
)  # fmt: skip
def test_it_names_a_parameter_that_cannot_be_used(api: Client, parameter: str, value: str, accepted: str) -> None:
    error = refused(api.get(f"{BASE}/bottlenecks", {parameter: value}), 400, "INVALID_PARAMETER")
    assert list(error["details"]) == [parameter]
    assert accepted in " ".join(error["details"][parameter])


def test_without_redis_it_is_unavailable(api: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for path in ("performance", "bottlenecks"):
        answer = api.get(f"{BASE}/{path}")
        error = refused(answer, 503, "ANALYTICS_UNAVAILABLE")
        assert error["message"].startswith("Redis cannot be reached")
        assert answer["Retry-After"] == "5"


def test_only_roles_read(stranger: User) -> None:
    for path in ("performance", "bottlenecks"):
        refused(client_of(stranger).get(f"{BASE}/{path}"), 403, "AUTHORIZATION_FAILED")
        refused(Client().get(f"{BASE}/{path}"), 401, "AUTHENTICATION_FAILED")


OURS = {path: item for path, method, item in operations() if path.startswith((BASE, "/api/v1/health/status"))}


@pytest.mark.parametrize("path", OURS)
def test_its_examples_are_what_it_describes(path: str) -> None:
    operation = OURS[path]
    assert operation["security"] == [{"bearer": []}, {"session": []}]
    assert set(operation["responses"]) >= {"200", "401", "403", "503"}
    for response in operation["responses"].values():
        for example in response["content"]["application/json"]["examples"].values():
            check(example["value"], response)


def test_it_describes_what_is_answered(api: Client, stranger: User, settings: Any) -> None:
    run(begin(context={"charge": {"failures": 9}}))
    make_ended(23 * 60, wait_ms=100.0)
    make_ended(5, wait_ms=900.0)
    for path in (f"{BASE}/performance", f"{BASE}/bottlenecks"):
        responses = OURS[path]["responses"]
        check(api.get(path).json(), responses["200"])
        check(Client().get(path).json(), responses["401"])
        check(client_of(stranger).get(path).json(), responses["403"])
    check(api.get(f"{BASE}/bottlenecks", {"period": "x"}).json(), OURS[f"{BASE}/bottlenecks"]["responses"]["400"])
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    caches["analytics"].clear()
    check(api.get(f"{BASE}/performance").json(), OURS[f"{BASE}/performance"]["responses"]["503"])
