"""Figures for Prometheus: from the rollups and Redis, exact, bounded, in the official client's text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rq
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from rq.utils import utcformat

import scheduler.exposition
from monitoring import broker, exposition
from monitoring.exposition import Collector
from monitoring.models import InboxPosition
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from scheduler.models import FireState, ScheduledFire
from tests.factories import make_run, make_schedule, make_task
from tests.workflows import begin, run

pytestmark = pytest.mark.django_db


def _le_last(label: tuple[str, str]) -> tuple[bool, str]:
    return label[0] == "le", label[0]


def exposed(collector: Any = None) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by name and label values, as a scraper reads them."""
    registry = CollectorRegistry()
    registry.register(collector or Collector())
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(value for label, value in sorted(sample.labels.items(), key=_le_last))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_tasks_are_counted_by_queue_and_status() -> None:
    make_task()
    make_task(status=Status.FAILED)
    make_task(queue='mail/ünïcode"')
    found = exposed()
    assert found["quarterdeck_tasks", ("default", "completed")] == 1
    assert found["quarterdeck_tasks", ("default", "failed")] == 1
    assert found["quarterdeck_tasks", ("default", "queued")] == 0
    assert found["quarterdeck_tasks", ('mail/ünïcode"', "completed")] == 1


def test_runs_are_in_histograms_of_all_days() -> None:
    now = datetime.now(UTC)
    for days, milliseconds in ((400, 30.0), (3, 30.0), (0, 3_000.0)):
        task = make_task()
        ended = now - timedelta(days=days)
        make_run(task.pk, ended_at=ended, duration_ms=milliseconds, wait_ms=200.0)
    found = exposed()
    labels = ("default", "shop.mail.send_receipt")
    of = {
        bound: found["quarterdeck_run_duration_seconds_bucket", (*labels, bound)]
        for bound in ("0.025", "0.05", "5", "+Inf")
    }
    assert of == {"0.025": 0, "0.05": 2, "5": 3, "+Inf": 3}
    assert found["quarterdeck_run_duration_seconds_count", labels] == 3
    assert found["quarterdeck_run_duration_seconds_sum", labels] == pytest.approx(3.06)
    assert found["quarterdeck_wait_duration_seconds_sum", labels] == pytest.approx(0.6)


def test_the_past_is_added_up_once_a_day(django_assert_num_queries: Any) -> None:
    make_run(make_task().pk)
    collector = Collector()
    exposed(collector)
    with django_assert_num_queries(6):
        exposed(collector)


def test_types_beyond_the_limit_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "MOST_SERIES", 1)
    for task_type, count in (("a.often", 3), ("b.seldom", 1), ("c.seldom", 1)):
        for _ in range(count):
            make_run(make_task(task_type=task_type).pk)
    found = exposed()
    counts = {
        labels: value for (name, labels), value in found.items() if name == "quarterdeck_run_duration_seconds_count"
    }
    assert counts == {("default", "a.often"): 3, ("default", "other"): 2}


def test_status_changes_are_counted_for_ever() -> None:
    broker.enqueue("tests.jobs.echo")
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    assert exposed()["quarterdeck_transitions_total", ()] == 1
    assert InboxPosition.objects.get().changes == 1


def test_the_oldest_waiting_job_of_each_queue_is_told() -> None:
    assert exposed()["quarterdeck_queue_oldest_seconds", ("mail",)] == 0
    now = datetime.now(UTC)
    for minutes, at_front in ((5, False), (3, False), (1, True)):
        job = rq.Queue("mail", connection=broker.connection(), serializer="json").enqueue(
            "tests.jobs.echo", at_front=at_front
        )
        told = utcformat(now - timedelta(minutes=minutes))
        broker.connection().hset(job.key, "enqueued_at", told)
    broker.connection().rpush("rq:queue:mail", "a-job-that-is-gone")
    oldest = exposed()["quarterdeck_queue_oldest_seconds", ("mail",)]
    assert 300 <= oldest < 360
    assert exposed()["quarterdeck_queue_depth", ("mail",)] == 4


def test_workflows_are_counted_by_status() -> None:
    run(begin())
    begin()
    found = exposed(scheduler.exposition.Collector())
    of = {labels[0]: value for (name, labels), value in found.items() if name == "quarterdeck_workflows"}
    assert of == {"pending": 1, "running": 0, "paused": 0, "completed": 1, "failed": 0, "cancelled": 0}


def test_the_schedulers_lag_is_that_of_the_job_that_is_due_for_longest(django_assert_num_queries: Any) -> None:
    now = datetime.now(UTC)
    for seconds, fields in (
        (-60, {}),
        (90, {}),
        (600, {}),
        (3_600, {"is_paused": True}),
        (3_600, {"is_enabled": False}),
    ):
        make_schedule(next_run_at=now - timedelta(seconds=seconds), **fields)
    job = make_schedule(next_run_at=now + timedelta(hours=1))
    ScheduledFire.objects.create(job=job, due_at=now, run_at=now, state=FireState.CLAIMED, leased_at=now)
    with django_assert_num_queries(4):
        found = exposed(scheduler.exposition.Collector())
    assert 600 <= found["quarterdeck_scheduler_lag_seconds", ()] < 660
    assert found["quarterdeck_scheduler_due", ()] == 3


def test_a_scheduler_with_nothing_due_has_no_lag() -> None:
    found = exposed(scheduler.exposition.Collector())
    assert (found["quarterdeck_scheduler_lag_seconds", ()], found["quarterdeck_scheduler_due", ()]) == (0, 0)


def test_without_redis_the_rest_is_told(settings: Any) -> None:
    make_task()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = exposed()
    assert found["quarterdeck_redis_up", ()] == 0
    assert found["quarterdeck_tasks", ("default", "completed")] == 1
    assert not any(name == "quarterdeck_queue_depth" for name, _ in found)
