"""Samples of how things stand: one every five seconds whatever runs, true to the tasks, kept for a week."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rq
from django.db import connection

from monitoring import broker, metrics, sampling
from monitoring.metrics import Reach
from monitoring.models import InboxPosition, MetricSample
from monitoring.recorder import Recorder
from monitoring.sampling import SLOT_SECONDS, Sampler, prune, slot_of, take_sample
from tests.running import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def record() -> None:
    recorder = Recorder()
    recorder.start()
    recorder.drain()


def work() -> None:
    queue = broker.queue("default")
    rq.SimpleWorker([queue], connection=broker.connection(), serializer="json").work(burst=True, logging_level="ERROR")


def make_sample(at: datetime, **fields: Any) -> MetricSample:
    known = dict.fromkeys((field.name for field in MetricSample._meta.fields), 0)
    return MetricSample.objects.create(**{**known, "slot": slot_of(at), "at": at, **fields})


def test_it_tells_how_things_stand() -> None:
    broker.enqueue("tests.jobs.echo")
    broker.enqueue("tests.jobs.fail")
    work()
    broker.enqueue("tests.jobs.echo", queue_name="other")
    broker.enqueue("tests.jobs.echo", delay_seconds=3_600)
    record()
    take_sample()
    sample = MetricSample.objects.get()
    assert (sample.waiting, sample.active, sample.delayed, sample.completed, sample.failed) == (1, 0, 1, 1, 1)
    assert (sample.total_queues, sample.total_workers) == (2, 0)
    assert (sample.ended, sample.failures, sample.retries, sample.timed) == (2, 1, 0, 2)
    assert sample.slot == slot_of(sample.at)
    assert sample.run_us > 0


def test_it_counts_retries_by_machine_and_by_hand() -> None:
    job_id = broker.enqueue("tests.jobs.fail", retries=2)
    work()
    record()
    position = InboxPosition.objects.get()
    assert (position.ended, position.failures, position.retries) == (1, 1, 2)
    broker.requeue([job_id])
    work()
    record()
    position.refresh_from_db()
    assert (position.ended, position.failures, position.retries) == (2, 2, 3)


def test_recorders_that_meet_count_each_end_once() -> None:
    for _ in range(30):
        broker.enqueue("tests.jobs.echo")
    work()

    def run() -> None:
        recorder = Recorder()
        recorder.start()
        while recorder.record_next(limit=7):
            pass
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record()
    assert InboxPosition.objects.get().ended == 30


def test_a_slot_has_one_sample_whatever_number_of_recorders_runs() -> None:
    time.sleep(max(0.0, 1.5 - sampling.seconds_to_next_slot()))  # not across the end of a slot
    for _ in range(3):
        take_sample()
    assert MetricSample.objects.count() == 1


def test_what_happened_is_the_difference_to_the_sample_before() -> None:
    now = datetime.now(UTC)
    make_sample(now - timedelta(seconds=3_600), ended=10, failures=1, retries=1, timed=10, run_us=1_000)
    make_sample(now - timedelta(seconds=5), ended=70, failures=1, retries=1, timed=70, run_us=601_000)
    make_sample(now, ended=73, failures=2, retries=4, timed=70, run_us=601_000)
    newest, middle, first = metrics.history(10)
    assert (newest.throughput, newest.failures, newest.retries, newest.avg_duration_ms) == (36, 1, 3, None)
    assert (middle.throughput, middle.failures, middle.avg_duration_ms) == (1, 0, 10.0)
    assert (first.throughput, first.failures, first.retries, first.avg_duration_ms) == (0, 0, 0, None)
    assert [metric.throughput for metric in metrics.history(2)] == [36, 1]


@pytest.mark.parametrize("reach", Reach)
def test_buckets_add_up_to_what_happened(reach: Reach, django_assert_num_queries: Any) -> None:
    now = datetime(2026, 3, 10, 9, 41, 8, tzinfo=UTC)
    for number in range(60):
        at = now - (59 - number) * reach.length / 60
        make_sample(at, ended=2 * number, failures=number, waiting=number)
    with django_assert_num_queries(1):
        buckets = metrics.over(reach, now)
    assert len(buckets) == reach.length // reach.bucket
    told = [bucket.metric for bucket in buckets if bucket.metric]
    # All but the first are compared with a sample that was taken before.
    assert sum(metric.failures for metric in told) in (58, 59)
    assert told[-1].sample.waiting == 59
    assert buckets[-1].at <= now < buckets[-1].at + reach.bucket
    assert all(bucket.metric is None or slot_of(bucket.at) <= bucket.metric.sample.slot for bucket in buckets)


def test_it_keeps_a_week_and_deletes_in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    now, week = datetime.now(UTC), timedelta(days=7)
    for number in range(10):
        make_sample(now - week - timedelta(seconds=SLOT_SECONDS * (number + 2)))
    make_sample(now - week + timedelta(minutes=1))
    monkeypatch.setattr(sampling, "PRUNED_AT_ONCE", 4)
    prune()
    assert MetricSample.objects.count() == 7
    for _ in range(3):
        prune()
    assert MetricSample.objects.count() == 1
    monkeypatch.setattr(sampling, "PRUNED_AT_ONCE", 1_000)
    MetricSample.objects.all().delete()
    prune()


def test_it_costs_the_same_however_many_tasks(django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        broker.enqueue("tests.jobs.echo", args=[number])
    record()
    with django_assert_max_num_queries(6):  # four, and the transaction's beginning and end
        take_sample()


def test_a_sampler_skips_what_fails_and_goes_on(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(sampling, "seconds_to_next_slot", lambda: 0.05)
    there = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    sampler = Sampler()
    sampler.start()
    time.sleep(0.5)
    assert sampler.is_alive()
    assert not MetricSample.objects.exists()
    settings.REDIS_URL = there
    assert wait_for(MetricSample.objects.exists, 10)
    sampler.stop()
    assert not sampler.is_alive()
