"""What operators do to workflows whose steps are under way: counters stay true, and what was asked happens."""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import OperatorAction
from audit.trail import NotAllowedNow, process
from monitoring import broker
from scheduler import attempts
from scheduler import workflow_actions as actions
from scheduler.advancing import Ending, settle
from scheduler.workflow_models import Workflow, WorkflowStep
from tests.workflows import begin, committed, counted, dispatch, let_time_pass, record, run, states, step, work

pytestmark = pytest.mark.django_db
BY = process("tests")


def take(workflow: Workflow, name: str) -> WorkflowStep:
    """A worker has begun the step, and is still at it."""
    taken = step(workflow, name)
    assert attempts._begin(str(taken.pk), taken.run_number)
    return step(workflow, name)


def end(taken: WorkflowStep, status: str) -> None:
    """RQ says that its task is over."""
    assert taken.task_id is not None
    with committed():
        settle({taken.task_id: Ending(status, "it was stopped", datetime.now(UTC))})


def do(verb: Any, target: Any, **options: Any) -> None:
    with committed():
        verb(target, by=BY, **options)


def test_a_running_step_that_is_cancelled_is_cancelled_once_its_task_is_over() -> None:
    workflow = begin()
    reserve = take(workflow, "reserve")
    do(actions.cancel_step, reserve)
    assert states(workflow) == dict.fromkeys(("charge", "pack", "ship"), "CANCELLED") | {"reserve": "RUNNING"}
    counted(workflow)
    end(reserve, "CANCELLED")
    assert step(workflow, "reserve").status == "CANCELLED"
    counted(workflow)
    assert workflow.status == "CANCELLED"


def test_a_step_that_was_faster_than_its_cancellation_is_complete() -> None:
    workflow = begin()
    reserve = take(workflow, "reserve")
    do(actions.cancel_step, reserve)
    WorkflowStep.objects.filter(pk=reserve.pk).update(outcome="done", completed_at=datetime.now(UTC))
    end(reserve, "COMPLETED")
    assert step(workflow, "reserve").status == "COMPLETED"
    counted(workflow)


def test_cancelling_a_workflow_withdraws_what_waits_and_lets_what_runs_end() -> None:
    workflow = begin()
    work()
    record()
    charge = take(workflow, "charge")
    do(actions.cancel_workflow, workflow.pk)
    assert (
        broker.connection().llen("rq:queue:default") == 1
    )  # the job of "charge", which this test only pretends to run
    assert states(workflow) == {"reserve": "COMPLETED", "charge": "RUNNING", "pack": "CANCELLED", "ship": "CANCELLED"}
    counted(workflow)
    end(charge, "FAILED")
    counted(workflow)
    assert (step(workflow, "charge").status, workflow.status) == ("CANCELLED", "CANCELLED")
    work()
    record()
    assert step(workflow, "pack").status == "CANCELLED"


def test_a_task_that_is_cancelled_as_a_task_cancels_its_step() -> None:
    workflow = begin()
    broker.cancel([str(step(workflow, "reserve").task_id)])
    record()
    counted(workflow)
    assert (workflow.status, set(states(workflow).values())) == ("CANCELLED", {"CANCELLED"})


def test_a_paused_workflow_starts_nothing_and_ends_what_it_had_started() -> None:
    workflow = begin()
    do(actions.pause_workflow, workflow.pk)
    for _ in range(3):
        work()
        record()
        dispatch()
    assert states(workflow) == {"reserve": "COMPLETED", "charge": "PENDING", "pack": "PENDING", "ship": "PENDING"}
    counted(workflow)
    do(actions.resume_workflow, workflow.pk)
    assert run(workflow).status == "COMPLETED"
    assert (workflow.resume_count, workflow.resumed_at is None) == (1, False)


def test_a_paused_workflow_does_not_try_again_either() -> None:
    workflow = begin(context={"reserve": {"failures": 1}})
    do(actions.pause_workflow, workflow.pk)
    work()
    record()
    let_time_pass()
    dispatch()
    assert step(workflow, "reserve").status == "PENDING"
    do(actions.resume_workflow, workflow.pk)
    assert run(workflow).status == "COMPLETED"


def test_one_failed_step_is_retried_alone() -> None:
    workflow = run(begin(context={"charge": {"failures": 3}, "pack": {"hopeless": True}}))
    do(actions.retry_step, step(workflow, "charge"))
    assert run(workflow).status == "FAILED"
    assert (step(workflow, "charge").status, step(workflow, "pack").attempts) == ("COMPLETED", 1)
    counted(workflow)
    with pytest.raises(NotAllowedNow, match="Cannot retry a step that is complete"):
        do(actions.retry_step, step(workflow, "charge"))


def test_only_a_skippable_step_is_skipped() -> None:
    workflow = begin()
    with pytest.raises(NotAllowedNow, match="not declared to be skippable"):
        do(actions.skip_step, step(workflow, "pack"))
    do(actions.skip_step, step(workflow, "charge"))
    assert run(workflow).status == "COMPLETED"
    assert (step(workflow, "charge").status, step(workflow, "charge").results) == ("RESOLVED", None)
    assert OperatorAction.objects.filter(action="step.skip", outcome="refused").count() == 1


def test_a_queued_step_that_is_resolved_does_not_run() -> None:
    workflow = begin()
    do(actions.edit_step, step(workflow, "reserve"), resolve=True, results={"by": "hand"})
    assert states(workflow)["charge"] == "QUEUED"
    assert run(workflow).status == "COMPLETED"
    assert step(workflow, "reserve").attempts == 1
    assert step(workflow, "charge").inputs == {"by": "hand"}


def test_an_end_of_an_attempt_that_is_not_the_present_one_changes_nothing() -> None:
    workflow = begin(context={"reserve": {"failures": 1}})
    first = step(workflow, "reserve")
    work()
    record()
    let_time_pass()
    dispatch()
    assert step(workflow, "reserve").run_number == 2
    end(first, "FAILED")
    assert (step(workflow, "reserve").status, step(workflow, "reserve").run_number) == ("QUEUED", 2)
    counted(workflow)


VERBS = ["pause", "resume", "retry", "cancel_step", "resolve", "retry_step", "fail", "work", "time"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(VERBS), st.sampled_from("abcd")), max_size=14), st.integers())
def test_whatever_is_done_in_whatever_order_the_counters_stay_true_and_it_ends(
    deeds: list[tuple[str, str]], seed: int
) -> None:
    broker.connection().flushdb()
    chance = random.Random(seed)  # noqa: S311  # repeatable
    workflow = begin("tests.quick", {name: {"failures": chance.choice([0, 0, 1, 30])} for name in "abcd"})
    for verb, name in deeds:
        with contextlib.suppress(NotAllowedNow):
            _act(workflow, verb, name)
        counted(workflow)
    workflow.refresh_from_db()
    if workflow.status == "PAUSED":
        do(actions.resume_workflow, workflow.pk)
    run(workflow)
    counted(workflow)


def _act(workflow: Workflow, verb: str, name: str) -> None:
    if verb == "work":
        work(burst=1)
        record()
    elif verb == "time":
        let_time_pass()
        dispatch()
    elif verb == "fail":
        chosen = step(workflow, name)
        if chosen.status == "QUEUED":
            end(take(workflow, name), "FAILED")
    elif verb in ("pause", "resume", "retry"):
        do(getattr(actions, f"{verb}_workflow"), workflow.pk)
    elif verb == "resolve":
        do(actions.edit_step, step(workflow, name), resolve=True)
    else:
        do(getattr(actions, verb), step(workflow, name))
