"""Runs workflows in tests: a real worker in this process, a real recorder, and the dispatcher's turns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import rq
from django.test import TestCase
from django.utils import timezone

import tests.workflow_handlers  # noqa: F401  # registers them
from monitoring import broker
from monitoring.recorder import Recorder
from scheduler.workflow_counts import write_new
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_reconcile import Reconciler
from scheduler.workflow_starts import start_workflow
from scheduler.workflow_states import StepStatus


def committed() -> Any:
    """What follows a commit happens at the end of the block: the transaction around a test never ends."""
    return TestCase.captureOnCommitCallbacks(execute=True)


def begin(reference: str = "tests.diamond@1.0.0", context: dict[str, Any] | None = None, **options: Any) -> Workflow:
    """A workflow that has been started."""
    with committed():
        return start_workflow(reference, context, **options)


def counted_row(**fields: Any) -> Workflow:
    """A workflow of which there is only the row, counted as the engine counts."""
    workflow = Workflow.objects.create(**{"namespace": "a", "name": "b", "version": "1.0.0", **fields})
    write_new(workflow)
    return workflow


def work(*queues: str, burst: int | None = None) -> None:
    """A worker does what waits, ``burst`` jobs at most."""
    worker = rq.SimpleWorker(list(queues or ["default"]), connection=broker.connection(), serializer="json")
    worker.work(burst=True, logging_level="CRITICAL", max_jobs=burst)


def record() -> None:
    """The recorder writes down all that was reported."""
    recorder = Recorder(announce=lambda _: None)
    with committed():
        recorder.start()
        recorder.drain()


def dispatch() -> None:
    """The dispatcher makes all its looks."""
    with committed():
        Reconciler().turn()


def let_time_pass(seconds: float = 400) -> None:
    """What waits for its time waits no longer."""
    past = timedelta(seconds=seconds)
    WorkflowStep.objects.exclude(next_retry_at=None).update(next_retry_at=timezone.now() - past)


def run(workflow: Workflow, rounds: int = 250) -> Workflow:
    """Runs it to its end, without waiting for backoffs, and returns it as it is then."""
    for _ in range(rounds):
        work()
        record()
        workflow.refresh_from_db()
        if workflow.is_over:
            return workflow
        if WorkflowStep.objects.startable(timezone.now() + timedelta(days=1)).filter(workflow=workflow).exists():
            let_time_pass()
            dispatch()
    raise AssertionError(f"{workflow} is {workflow.status} after {rounds} rounds: {states(workflow)}")


def states(workflow: Workflow) -> dict[str, str]:
    """The state of each step, by name."""
    return dict(workflow.steps.values_list("name", "status"))


def step(workflow: Workflow, name: str) -> WorkflowStep:
    """One of its steps, as it is now."""
    return workflow.steps.get(name=name)


def counted(workflow: Workflow) -> None:
    """Fails unless the workflow's counters are what its steps say."""
    workflow.refresh_from_db()
    found = list(workflow.steps.values_list("status", "unmet"))
    names = [status for status, _ in found]
    assert workflow.total_steps == len(found)
    assert workflow.completed_steps == sum(name in (StepStatus.COMPLETED, StepStatus.RESOLVED) for name in names)
    assert workflow.failed_steps == names.count(StepStatus.FAILED)
    assert workflow.cancelled_steps == names.count(StepStatus.CANCELLED)
    free = sum(status == StepStatus.PENDING and not unmet for status, unmet in found)
    in_flight = sum(status in (StepStatus.QUEUED, StepStatus.RUNNING) for status in names)
    assert workflow.active_steps == free + in_flight
