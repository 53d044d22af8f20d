"""What is due is started once: by the plan and its policies, by many dispatchers, and whoever dies of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from audit.models import OperatorAction
from monitoring import broker, starts
from monitoring.models import Task
from scheduler import dispatcher
from scheduler.models import FireState, MisfirePolicy, OverlapPolicy, ScheduledFire, ScheduledJob
from scheduler.planning import execution_id
from tests.scheduling import MINUTE, NOON, dispatch, fires_of, make_job, queued, record, told, work

pytestmark = pytest.mark.django_db(transaction=True)


# --- The plan -----------------------------------------------------------------------------------------------------


def test_it_starts_what_is_due_and_nothing_else() -> None:
    job, later = make_job(), make_job(interval_seconds=600)
    dispatch(NOON + MINUTE)
    assert (told(job), told(later)) == ([("12:01:00", "started")], [])
    assert queued() == [str(execution_id(job, NOON + MINUTE))]
    job.refresh_from_db()
    assert (job.next_run_at, job.run_count) == (NOON + 2 * MINUTE, 1)
    dispatch(NOON + MINUTE)
    assert len(queued()) == 1


def test_what_it_starts_runs_and_comes_back_to_the_job() -> None:
    job = make_job(queue="mail", timeout_seconds=7, max_retries=2, retry_delay_seconds=5, retry_backoff="exponential")
    dispatch(NOON + MINUTE)
    task_id = UUID(queued("mail")[0])
    work("mail")
    record()
    task = Task.objects.get(pk=task_id)
    assert (task.status, task.handler, task.scheduled_job_id) == ("COMPLETED", "demo.echo@0.1.0", job.pk)
    assert (task.max_retries, task.triggered_by) == (2, "schedule")
    (fire,) = fires_of(job)
    assert (fire.status, fire.started_at, fire.over_at) == ("COMPLETED", task.started_at, task.completed_at)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (MisfirePolicy.SKIP, [("12:01:00", "skipped"), ("12:10:00", "started")]),
        (MisfirePolicy.RUN_ONCE, [("12:01:00", "skipped"), ("12:09:00", "started"), ("12:10:00", "started")]),
        (MisfirePolicy.RUN_ALL, [(f"12:{minute:02}:00", "started") for minute in range(1, 11)]),
    ],
)
def test_it_catches_up_by_the_misfire_policy(policy: str, expected: list[tuple[str, str]]) -> None:
    job = make_job(misfire_policy=policy, misfire_grace_seconds=30, overlap_policy=OverlapPolicy.ALLOW)
    dispatch(NOON + 10 * MINUTE)
    assert told(job) == expected
    job.refresh_from_db()
    assert job.next_run_at == NOON + 11 * MINUTE
    if skipped := job.fires.filter(state=FireState.SKIPPED).first():
        last = 9 if policy == MisfirePolicy.SKIP else 8
        assert (skipped.count, skipped.last_due_at) == (last, NOON + last * MINUTE)
        assert skipped.reason.startswith(f"No dispatcher was there in time for {last} due times;")


def test_what_was_missed_a_million_times_is_caught_up_with_in_one_turn() -> None:
    job = make_job(interval_seconds=1, misfire_policy=MisfirePolicy.SKIP)
    now = NOON + timedelta(days=12)
    started = time.monotonic()
    dispatch(now)
    assert time.monotonic() - started < 5
    job.refresh_from_db()
    assert job.next_run_at == now + timedelta(seconds=1)
    assert job.fires.get(state=FireState.SKIPPED).reason.startswith("No dispatcher was there in time for at least")


def test_within_the_grace_nothing_is_missed() -> None:
    job = make_job(interval_seconds=1, overlap_policy=OverlapPolicy.ALLOW, misfire_grace_seconds=300)
    dispatch(NOON + 4 * MINUTE)
    assert job.fires.filter(state=FireState.STARTED).count() == 240


def test_it_skips_while_the_last_run_is_not_over() -> None:
    job = make_job()
    dispatch(NOON + MINUTE)
    dispatch(NOON + 2 * MINUTE)
    assert told(job) == [("12:01:00", "started"), ("12:02:00", "overlapped")]
    assert "the run of 2025-01-15 12:01:00 UTC was not over" in fires_of(job)[1].reason
    work()  # no recorder tells: Redis is asked
    dispatch(NOON + 3 * MINUTE)
    assert told(job)[2] == ("12:03:00", "started")


def test_a_run_that_redis_lost_does_not_stop_a_job_for_good() -> None:
    job = make_job()
    dispatch(NOON + MINUTE)
    broker.connection().flushdb()
    dispatch(NOON + 2 * MINUTE)
    assert told(job) == [("12:01:00", "started"), ("12:02:00", "started")]


def test_it_starts_beside_the_last_run_if_that_is_allowed() -> None:
    job = make_job(overlap_policy=OverlapPolicy.ALLOW)
    for minute in (1, 2, 3):
        dispatch(NOON + minute * MINUTE)
    assert [state for _, state in told(job)] == ["started"] * 3


def test_it_cancels_the_last_run_if_it_shall() -> None:
    job = make_job(overlap_policy=OverlapPolicy.CANCEL_RUNNING)
    dispatch(NOON + MINUTE)
    record()
    dispatch(NOON + 2 * MINUTE)
    record()
    first, second = (Task.objects.get(pk=execution_id(job, NOON + minute * MINUTE)) for minute in (1, 2))
    assert (first.status, second.status) == ("CANCELLED", "QUEUED")
    row = OperatorAction.objects.get(action="execution.cancel")
    assert (row.actor, row.target, row.outcome) == ("dispatcher", str(first.pk), "success")


def test_it_ends_with_the_last_of_its_runs_or_its_end() -> None:
    few = make_job(max_runs=2, overlap_policy=OverlapPolicy.ALLOW)
    short = make_job(end_at=NOON + 2 * MINUTE, overlap_policy=OverlapPolicy.ALLOW)
    once = make_job(run_at=NOON + MINUTE)
    for minute in range(1, 5):
        dispatch(NOON + minute * MINUTE)
    for job, count in ((few, 2), (short, 2), (once, 1)):
        job.refresh_from_db()
        assert (job.next_run_at, job.run_count, len(told(job))) == (None, count, count)


def test_it_leaves_paused_and_disabled_jobs_alone() -> None:
    paused, disabled = make_job(is_paused=True), make_job(is_enabled=False)
    dispatch(NOON + MINUTE)
    assert told(paused) == told(disabled) == []


def test_a_job_whose_handler_is_gone_does_not_fire_and_says_why() -> None:
    job = make_job(handler="demo.gone")
    dispatch(NOON + MINUTE)
    (fire,) = fires_of(job)
    assert (fire.state, fire.task_id) == (FireState.MISSED, None)
    assert "There is no handler 'demo.gone'" in fire.reason
    job.refresh_from_db()
    assert (job.next_run_at, job.run_count) == (NOON + 2 * MINUTE, 0)


def test_a_job_that_cannot_be_read_does_not_stop_the_others() -> None:
    broken, sound = make_job(), make_job()
    ScheduledJob.objects.filter(pk=broken.pk).update(cron="what?", interval_seconds=None)
    dispatch(NOON + MINUTE)
    broken.refresh_from_db()
    assert (broken.next_run_at, told(sound)) == (None, [("12:01:00", "started")])


def test_jitter_delays_each_fire_by_the_job_and_the_time_alone() -> None:
    job = make_job(interval_seconds=3600, jitter_seconds=600)
    due = NOON + timedelta(hours=1)
    assert job.next_due_at == due
    assert job.next_run_at is not None
    assert due <= job.next_run_at <= due + timedelta(seconds=600)
    dispatch(job.next_run_at)
    (fire,) = fires_of(job)
    assert (fire.due_at, fire.run_at, fire.task_id) == (due, job.next_run_at, execution_id(job, due))


def test_a_clock_that_goes_back_fires_nothing_twice() -> None:
    job = make_job(overlap_policy=OverlapPolicy.ALLOW)
    for minute in (1, 2, 3, 1, 2, 3, 4):
        dispatch(NOON + minute * MINUTE)
    assert told(job) == [(f"12:0{minute}:00", "started") for minute in (1, 2, 3, 4)]
    assert len(queued()) == 4


# --- Many of them, and death --------------------------------------------------------------------------------------


def in_a_child(deed: Callable[[], Any]) -> int:
    """Forks a child that does the deed and exits; returns its pid."""
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    try:
        deed()
    finally:
        os._exit(0)


def ended_by(pid: int) -> int:
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize(
    ("module", "step"),
    [
        (dispatcher, "lock_due"),
        (dispatcher, "make_plans"),
        (dispatcher, "write_fires"),
        (dispatcher, "move_on"),
        (dispatcher, "claim"),
        (starts, "start_once"),
    ],
)
def test_whoever_comes_next_does_what_the_dead_one_left(
    module: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [make_job(overlap_policy=OverlapPolicy.ALLOW) for _ in range(5)]
    now = NOON + MINUTE
    original = getattr(module, step)

    def deadly(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(module, step, deadly)
    assert ended_by(in_a_child(lambda: dispatch(now))) == signal.SIGKILL
    monkeypatch.undo()
    dispatch(now + dispatcher.LEASE)
    for job in jobs:
        assert told(job) == [("12:01:00", "started")]
    assert sorted(queued()) == sorted(str(execution_id(job, now)) for job in jobs)


def test_what_has_run_already_is_not_started_again_when_redis_has_forgotten_it() -> None:
    job = make_job()
    dispatch(NOON + MINUTE)
    work()
    record()
    job.fires.update(state=FireState.CLAIMED)  # as if who enqueued it had died before it could say so
    broker.connection().flushdb()
    dispatch(NOON + MINUTE + dispatcher.LEASE)
    assert (told(job), queued()) == ([("12:01:00", "started")], [])


def test_it_claims_nothing_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job()

    def away() -> None:
        raise broker.BrokerError("away")

    monkeypatch.setattr(broker, "ping", away)
    with pytest.raises(broker.BrokerError):
        dispatch(NOON + MINUTE)
    assert told(job) == []
    monkeypatch.undo()
    dispatch(NOON + MINUTE)
    assert told(job) == [("12:01:00", "started")]


def test_five_at_once_that_are_killed_at_random_fire_each_time_once() -> None:
    start = datetime.now(UTC)
    for _ in range(40):
        make_job(start, interval_seconds=1, overlap_policy=OverlapPolicy.ALLOW, misfire_grace_seconds=600)

    def until_killed() -> None:
        one = dispatcher.Dispatcher()
        while True:
            time.sleep(max(0.0, min(0.05, one.turn())))

    children = [in_a_child(until_killed) for _ in range(5)]
    for _ in range(6):
        time.sleep(0.5)
        victim = children.pop(0)
        os.kill(victim, signal.SIGKILL)
        assert ended_by(victim) == signal.SIGKILL
        children.append(in_a_child(until_killed))
    for child in children:
        os.kill(child, signal.SIGKILL)
        ended_by(child)
    end = datetime.now(UTC)
    dispatch(end)
    dispatch(end + dispatcher.LEASE)
    for job in ScheduledJob.objects.all():
        fires = fires_of(job)
        passed = (end - start) // timedelta(seconds=1)
        assert [fire.due_at for fire in fires][:passed] == [
            start + timedelta(seconds=number) for number in range(1, passed + 1)
        ]
        assert {fire.state for fire in fires} == {FireState.STARTED}
    enqueued = queued()
    assert len(enqueued) == len(set(enqueued)) == ScheduledFire.objects.count()


# --- What it costs ------------------------------------------------------------------------------------------------


def test_a_turn_with_nothing_due_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(20):
        make_job()
    one = dispatcher.Dispatcher(clock=lambda: NOON)
    with django_assert_num_queries(1):
        assert one.turn() == dispatcher.LONGEST_SLEEP_SECONDS


def test_a_turn_costs_the_same_for_one_job_and_for_fifty(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in (1, 50):
        for _ in range(number):
            make_job()
        dispatch(NOON + MINUTE - timedelta(seconds=1))
        one = dispatcher.Dispatcher(clock=lambda: NOON + MINUTE)
        # The look, the due ones, their open runs twice, begin, lock, fires, jobs, commit, and the mark.
        with django_assert_num_queries(10):
            one.turn()
        ScheduledJob.objects.all().delete()
