"""Recorders that are killed between any two steps, and several at once: nothing lost, nothing doubled, order kept."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import rq
from django.db import connections

from audit.models import StatusChange, TaskRun
from monitoring import broker, inbox, recorder
from monitoring.models import InboxPosition, Queue, SetAsideEntry, Task, TaskCount
from monitoring.rebuilding import differences

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = [
    "lock_position",
    "understand",
    "write_queues",
    "write_error_groups",
    "write_tasks",
    "write_changes",
    "write_runs",
    "write_counts",
    "write_set_aside",
    "save_position",
]
LIFE = ["QUEUED", "RUNNING", "COMPLETED"]


def run_jobs(count: int) -> None:
    """Adds 3 entries a job to the outbox: queued, started, finished."""
    queue = rq.Queue("default", connection=broker.connection(), serializer="json")
    for number in range(count):
        queue.enqueue("tests.jobs.echo", number)
    worker = rq.SimpleWorker([queue], connection=broker.connection(), serializer="json")
    worker.work(burst=True, logging_level="CRITICAL")


def in_a_child(deed: Callable[[], Any]) -> int:
    """Forks a child that does the deed and exits; returns its pid. The child has connections of its own."""
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    try:
        deed()
    finally:
        os._exit(0)


def ended_by(pid: int) -> int:
    """Waits for the child; the signal that killed it, 0 if it ended by itself."""
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def record_all(*, limit: int = inbox.BATCH) -> None:
    quiet = recorder.Recorder(announce=lambda _: None)
    quiet.start()
    while quiet.record_next(limit=limit) or inbox.read(quiet.position, limit=1):
        pass


def record_and_die_after(step: str, occurrence: int) -> None:
    """Records in batches of 7 and dies right after the step has run for the given time."""
    module: Any = inbox if step == "trim" else recorder
    original, calls = getattr(module, step), Counter[str]()

    def deadly(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        calls[step] += 1
        if calls[step] == occurrence:
            die()
        return result

    setattr(module, step, deadly)
    record_all(limit=7)


def assert_exactly_once(jobs: int) -> None:
    assert Task.objects.filter(status="COMPLETED").count() == Task.objects.count() == jobs
    for task in Task.objects.all():
        changes = StatusChange.objects.filter(task_id=task.pk).order_by("id")
        assert list(changes.values_list("new_status", flat=True)) == LIFE
        assert list(changes.values_list("old_status", flat=True)) == [None, *LIFE[:-1]]
    assert StatusChange.objects.count() == 3 * jobs
    assert list(TaskRun.objects.values_list("status", "attempt")) == [("COMPLETED", 1)] * jobs
    assert differences() == []
    assert list(Queue.objects.values_list("name", flat=True)) == ["default"]
    position = InboxPosition.objects.get()
    assert (position.recorded, position.set_aside) == (3 * jobs, 0)
    assert not SetAsideEntry.objects.exists()
    assert inbox.length() == 0


@pytest.mark.parametrize("occurrence", [1, 3])
@pytest.mark.parametrize("step", [*STEPS, "trim"])
def test_it_records_exactly_once_when_killed_after(step: str, occurrence: int) -> None:
    run_jobs(10)
    child = in_a_child(lambda: record_and_die_after(step, occurrence))
    assert ended_by(child) == signal.SIGKILL
    record_all()
    assert_exactly_once(10)


def test_it_records_exactly_once_when_killed_before_announcing() -> None:
    run_jobs(10)

    def deed() -> None:
        mortal = recorder.Recorder(announce=lambda _: die())
        mortal.start()
        mortal.record_next(limit=7)

    assert ended_by(in_a_child(deed)) == signal.SIGKILL
    record_all()
    assert_exactly_once(10)


def test_it_records_exactly_once_when_redis_goes_away_after_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    run_jobs(10)

    def away(position: str) -> None:
        raise broker.BrokerError("Redis went away between the commit and the trim")

    monkeypatch.setattr(inbox, "trim", away)
    unlucky = recorder.Recorder(announce=lambda _: None)
    unlucky.start()
    with pytest.raises(broker.BrokerError):
        unlucky.record_next(limit=7)
    monkeypatch.undo()
    while unlucky.record_next(limit=7):
        pass
    assert_exactly_once(10)


def test_it_leaves_nothing_of_a_batch_that_was_not_committed() -> None:
    run_jobs(5)
    child = in_a_child(lambda: record_and_die_after("save_position", 1))
    assert ended_by(child) == signal.SIGKILL
    assert not Task.objects.exists()
    assert not StatusChange.objects.exists()
    assert not TaskCount.objects.exists()
    assert InboxPosition.objects.get().last_id == inbox.START


def test_it_records_exactly_once_with_several_recorders_at_once() -> None:
    run_jobs(60)
    InboxPosition.objects.get_or_create(stream="quarterdeck:outbox")
    children = [in_a_child(lambda: record_all(limit=5)) for _ in range(3)]
    assert [ended_by(child) for child in children] == [0, 0, 0]
    record_all()
    assert_exactly_once(60)


def test_it_records_exactly_once_while_recorders_are_killed_at_random() -> None:
    chance = random.Random(20261122)  # noqa: S311  # a repeatable test, not a secret
    run_jobs(80)
    kills = 0
    for _ in range(12):
        children = [in_a_child(lambda: record_all(limit=3)) for _ in range(2)]
        time.sleep(chance.uniform(0.005, 0.06))
        for child in children:
            os.kill(child, signal.SIGKILL)
            kills += ended_by(child) == signal.SIGKILL
    assert kills > 0
    record_all()
    assert_exactly_once(80)
