"""How tasks fare: rates, percentiles and the score follow from what happened."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from django.test import Client

from monitoring import moments
from monitoring.models import InboxPosition
from monitoring.rollups import Rollups
from monitoring.statuses import RunStatus, Status
from monitoring.transitions import Run
from scheduler.performance import performance
from tests.analytics import (
    ask,
    make_ended,
    nothing_kept,  # noqa: F401  # a fixture
)
from tests.factories import make_task
from tests.test_sampling import make_sample

pytestmark = pytest.mark.django_db


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
