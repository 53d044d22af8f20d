"""Processes that die between any two steps, and at random: every workflow ends, and no attempt has its effect twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rq
from django.core.management import call_command
from django.utils import timezone
from rq.registry import StartedJobRegistry
from rq.worker import SimpleWorker

from monitoring import broker, starts
from scheduler import advancing, attempts, handing_over
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_reconcile import Reconciler
from tests.running import wait_for
from tests.test_crash_safety import die, ended_by, in_a_child
from tests.workflows import begin, counted, dispatch, let_time_pass, record, states, work

pytestmark = pytest.mark.django_db(transaction=True)


def deadly(module: Any, name: str, occurrence: int, *, before: bool = False) -> None:
    """Lets the function kill its process, right after (or before) it has run for the given time."""
    original, calls = getattr(module, name), Counter[str]()

    def killing(*args: Any, **kwargs: Any) -> Any:
        calls[name] += 1
        if before and calls[name] == occurrence:
            die()
        result = original(*args, **kwargs)
        if calls[name] == occurrence:
            die()
        return result

    setattr(module, name, killing)


def bury(queue_name: str = "default") -> None:
    """What RQ's maintenance does a minute and a half after all workers died, now."""
    queue = broker.queue(queue_name)
    for job_id in queue.intermediate_queue.get_job_ids():
        seen = timezone.now() - timedelta(minutes=5)
        broker.connection().set(queue.intermediate_queue.get_first_seen_key(job_id), seen.timestamp())
    worker = SimpleWorker([queue], connection=broker.connection(), serializer="json")
    queue.intermediate_queue.cleanup(worker, queue)
    StartedJobRegistry(queue=queue, serializer="json").cleanup(timestamp=int(time.time()) + 3_600)


def age() -> None:
    """What was claimed or written lies there for a while."""
    let_time_pass()
    past = timezone.now() - timedelta(minutes=1)
    in_flight = WorkflowStep.objects.in_flight()
    in_flight.update(claimed_at=past)
    in_flight.filter(completed_at__isnull=False).update(completed_at=past)


def recover(workflow: Workflow) -> None:
    """Everything that still lives goes on, until the workflow is over."""
    for _ in range(60):
        work()
        bury()
        record()
        workflow.refresh_from_db()
        if workflow.is_over:
            return
        age()
        dispatch()
    raise AssertionError(f"{workflow} is {workflow.status}: {states(workflow)}")


def assert_ran_once(effects: Path) -> None:
    """No attempt had its effect twice."""
    assert max(Counter(effects.read_text().splitlines()).values()) == 1


RECORDER_DIES = [
    (advancing.Turn, "take", 1),
    (advancing.Turn, "carry_out", 1),
    (advancing.Turn, "claim", 2),
    (starts, "start_once", 1),
    (handing_over, "hand_over", 1),
]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(("module", "name", "occurrence"), RECORDER_DIES)
def test_it_goes_on_when_the_recorder_dies_at(
    module: Any, name: str, occurrence: int, before: bool, tmp_path: Path
) -> None:
    workflow = begin("tests.quick", {"effects": str(tmp_path / "effects")})
    work()

    def deed() -> None:
        deadly(module, name, occurrence, before=before)
        record()
        work()
        record()

    assert ended_by(in_a_child(deed)) == signal.SIGKILL
    recover(workflow)
    assert workflow.status == "COMPLETED"
    counted(workflow)
    assert_ran_once(tmp_path / "effects")


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("name", ["_begin", "_given_to", "_checked", "_write"])
def test_it_goes_on_when_a_worker_dies_at(name: str, before: bool, tmp_path: Path) -> None:
    workflow = begin("tests.quick", {"effects": str(tmp_path / "effects")})

    def deed() -> None:
        deadly(attempts, name, 1, before=before)
        work()

    assert ended_by(in_a_child(deed)) == signal.SIGKILL
    recover(workflow)
    assert workflow.status == "COMPLETED"
    counted(workflow)
    assert_ran_once(tmp_path / "effects")


def test_an_outcome_that_was_written_is_not_lost_with_its_worker(tmp_path: Path) -> None:
    workflow = begin("tests.quick", {"effects": str(tmp_path / "effects")})

    def deed() -> None:
        deadly(attempts, "_write", 1)
        work()

    assert ended_by(in_a_child(deed)) == signal.SIGKILL
    age()
    dispatch()
    assert states(workflow) == {"a": "COMPLETED", "b": "QUEUED", "c": "QUEUED", "d": "PENDING"}
    recover(workflow)
    assert len((tmp_path / "effects").read_text().splitlines()) == 4


@pytest.mark.parametrize("before", [False, True])
def test_it_begins_when_whoever_started_it_dies(before: bool, tmp_path: Path) -> None:
    def deed() -> None:
        deadly(starts, "start_once", 1, before=before)
        begin("tests.quick", {"effects": str(tmp_path / "effects")})

    assert ended_by(in_a_child(deed)) == signal.SIGKILL
    workflow = Workflow.objects.get()
    recover(workflow)
    assert workflow.status == "COMPLETED"
    assert len((tmp_path / "effects").read_text().splitlines()) == 4


def test_it_goes_on_when_redis_has_lost_everything(tmp_path: Path) -> None:
    workflow = begin("tests.quick", {"effects": str(tmp_path / "effects")})
    work()
    record()
    broker.connection().flushdb()
    WorkflowStep.objects.in_flight().update(handed_at=timezone.now() - timedelta(minutes=5))
    age()
    dispatch()
    recover(workflow)
    assert workflow.status == "COMPLETED"
    assert_ran_once(tmp_path / "effects")


def test_two_who_settle_and_two_who_hand_over_do_it_once(tmp_path: Path) -> None:
    for _ in range(10):
        begin("tests.quick", {"effects": str(tmp_path / "effects")})
    for _ in range(6):
        work()
        children = [in_a_child(deed) for deed in (record, record, lambda: Reconciler().turn(), age)]
        assert [ended_by(child) for child in children] == [0, 0, 0, 0]
        dispatch()
    for workflow in Workflow.objects.all():
        recover(workflow)
        counted(workflow)
    assert set(Workflow.objects.values_list("status", flat=True)) == {"COMPLETED"}
    assert len((tmp_path / "effects").read_text().splitlines()) == 40


# --- At random ----------------------------------------------------------------------------------------------------


def a_worker() -> None:
    """A real one, which forks for each job."""
    rq.Worker(["default"], connection=broker.connection(), serializer="json").work(logging_level="CRITICAL")


def start(deed: Callable[[], Any]) -> int:
    """The process of one that runs until it is killed."""
    return in_a_child(deed)


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        ended_by(pid)


def test_every_workflow_ends_while_processes_are_killed_at_random(tmp_path: Path) -> None:
    chance = random.Random(20261125)  # noqa: S311  # a repeatable test, not a secret
    effects = tmp_path / "effects"
    for _ in range(20):
        begin("tests.quick", {"effects": str(effects), **{name: {"sleep": 0.02} for name in "abcd"}})
    others: dict[Any, int] = {deed: start(deed) for deed in (_record, _dispatch)}
    workers = [start(a_worker) for _ in range(2)]
    kills = 0
    try:
        while Workflow.objects.over().count() < 20 and kills < 60:
            time.sleep(chance.uniform(0.2, 0.8))
            if chance.random() < 0.4:
                kill(*workers)  # both, for RQ's maintenance has to know that nobody works
                bury()
                workers = [start(a_worker) for _ in range(2)]
                kills += 2
            else:
                deed = chance.choice([_record, _dispatch])
                kill(others[deed])
                others[deed] = start(deed)
                kills += 1
        assert wait_for(lambda: Workflow.objects.over().count() == 20, 60), [
            states(workflow) for workflow in Workflow.objects.all() if not workflow.is_over
        ]
    finally:
        kill(*workers, *others.values())
    assert kills >= 5
    for workflow in Workflow.objects.all():
        assert workflow.status == "COMPLETED"
        counted(workflow)
    assert_ran_once(effects)


def _record() -> None:
    call_command("record")


def _dispatch() -> None:
    call_command("dispatch")
