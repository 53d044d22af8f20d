"""The engine on real workers: order, results, retries, skips, pauses, cancellations, and what each of them costs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitoring import broker
from monitoring.models import Task
from scheduler.workflow_models import WorkflowStep
from tests import workflows
from tests.workflows import begin, counted, dispatch, record, run, states, step, work

pytestmark = pytest.mark.django_db


def test_it_runs_a_diamond_and_hands_results_on_by_name(tmp_path: Path) -> None:
    workflow = run(begin(context={"amount": 7, "effects": str(tmp_path / "effects")}))
    assert workflow.status == "COMPLETED"
    assert workflow.progress == 100
    assert workflow.started_at < workflow.completed_at  # type: ignore[operator]  # both are set
    assert set(states(workflow).values()) == {"COMPLETED"}
    ship = step(workflow, "ship")
    assert {name: result["by"] for name, result in ship.results["from"].items()} == {"charge": "charge", "pack": "pack"}
    assert step(workflow, "charge").results["inputs"] == {"by": "reserve"}
    order = [line.split()[1] for line in (tmp_path / "effects").read_text().splitlines()]
    assert (order[0], order[-1], sorted(order)) == ("reserve", "ship", ["charge", "pack", "reserve", "ship"])
    counted(workflow)


def test_each_attempt_is_a_task_that_says_what_it_belongs_to() -> None:
    workflow = run(begin(initiator="vera"))
    task = Task.objects.get(kind="pack")
    assert (task.kind, task.handler, task.triggered_by) == ("pack", "tests.diamond@1.0.0", "vera")
    assert (task.status, task.origin_reference) == ("COMPLETED", str(workflow.pk))
    assert Task.objects.count() == 4


def test_it_tries_again_after_the_backoff() -> None:
    workflow = begin(context={"charge": {"failures": 2}})
    work()
    record()
    work()
    record()
    charge = step(workflow, "charge")
    assert (charge.status, charge.attempts, charge.error) == ("PENDING", 1, "ValueError: charge fails on attempt 1")
    assert charge.next_retry_at is not None
    assert timedelta(seconds=1) < charge.next_retry_at - timezone.now() <= timedelta(seconds=2)
    dispatch()
    assert step(workflow, "charge").status == "PENDING"
    counted(workflow)
    assert run(workflow).status == "COMPLETED"
    charge = step(workflow, "charge")
    assert (charge.attempts, charge.results["attempt"], charge.error) == (3, 3, "")
    counted(workflow)


def test_a_failed_branch_lets_the_others_finish_and_fails_the_workflow() -> None:
    workflow = run(begin(context={"charge": {"failures": 9}}))
    assert workflow.status == "FAILED"
    assert states(workflow) == {"reserve": "COMPLETED", "charge": "FAILED", "pack": "COMPLETED", "ship": "PENDING"}
    assert step(workflow, "charge").attempts == 3
    counted(workflow)


def test_it_does_not_try_again_what_is_hopeless() -> None:
    workflow = run(begin(context={"charge": {"hopeless": True}}))
    charge = step(workflow, "charge")
    assert (charge.status, charge.attempts, charge.error) == ("FAILED", 1, "PermanentError: it will never work")


@pytest.mark.parametrize(("wish", "seconds"), [(120, 120), (4_000, 300)])
def test_it_waits_as_long_as_a_step_asks_for_but_five_minutes_at_most(wish: int, seconds: int) -> None:
    workflow = begin(context={"reserve": {"retry_after": wish}})
    work()
    record()
    reserve = step(workflow, "reserve")
    assert reserve.next_retry_at is not None
    assert abs((reserve.next_retry_at - timezone.now()).total_seconds() - seconds) < 5


def test_it_tries_again_at_once_where_the_backoff_is_none() -> None:
    workflow = begin(context={"pack": {"failures": 2}})
    for _ in range(5):
        work()
        record()
    workflow.refresh_from_db()
    assert workflow.status == "COMPLETED"


def test_it_skips_a_step_whose_condition_says_so() -> None:
    workflow = run(begin(context={"charge": {"skip": True}}))
    charge = step(workflow, "charge")
    assert (workflow.status, charge.status, charge.is_skipped, charge.results) == ("COMPLETED", "COMPLETED", True, None)
    assert step(workflow, "ship").results["from"]["charge"] is None


@pytest.mark.parametrize(
    ("returns", "sentence"),
    [
        ("odd", "Its result is not JSON: Object of type object is not JSON serializable."),
        ("set", "Its result is not JSON: Object of type set is not JSON serializable."),
        ("nan", "Its result is not JSON: Out of range float values are not JSON compliant"),
        ("keys", "Its result is not JSON: a key is not a text, and would come back as one."),
    ],
)
def test_a_result_that_is_not_json_fails_the_step_clearly(returns: str, sentence: str) -> None:
    workflow = run(begin(context={"reserve": {"returns": returns}}))
    reserve = step(workflow, "reserve")
    assert (workflow.status, reserve.attempts, reserve.results) == ("FAILED", 1, None)
    assert sentence in reserve.error


def test_results_are_kept_whole_and_unmasked() -> None:
    workflow = run(begin(context={"reserve": {}, "token": "s3cret\x00\ud800", "text": "x" * 100_000}))
    workflow.refresh_from_db()
    assert workflow.context["token"] == "s3cret\x00\ud800"
    assert len(workflow.context["text"]) == 100_000


def test_a_function_is_a_workflow_of_one_step() -> None:
    workflow = run(begin("tests.greet", {"person": "Ada", "times": 2}))
    assert states(workflow) == {"greet": "COMPLETED"}
    assert step(workflow, "greet").results == "hello Ada, hello Ada"


def test_it_begins_when_its_time_has_come() -> None:
    workflow = begin(run_at=timezone.now() + timedelta(hours=1))
    dispatch()
    assert set(states(workflow).values()) == {"PENDING"}
    workflow.run_at = timezone.now()
    workflow.save(update_fields=["run_at"])
    dispatch()
    assert states(workflow)["reserve"] == "QUEUED"
    assert run(workflow).status == "COMPLETED"


@pytest.mark.parametrize("reference", ["tests.chain", "tests.fan"])
def test_it_runs_chains_and_fans(reference: str) -> None:
    workflow = run(begin(reference))
    assert (workflow.status, workflow.completed_steps) == ("COMPLETED", workflow.total_steps)
    counted(workflow)


def test_a_job_that_runs_twice_has_its_effect_once(tmp_path: Path) -> None:
    workflow = begin(context={"effects": str(tmp_path / "effects")})
    work(burst=1)
    from scheduler.attempts import NOT_RUN, run_attempt

    assert run_attempt(str(step(workflow, "reserve").pk), 1) == NOT_RUN
    assert run(workflow).status == "COMPLETED"
    assert run_attempt(str(step(workflow, "reserve").pk), 1) == NOT_RUN
    assert len((tmp_path / "effects").read_text().splitlines()) == 4


def queries_of_advancing(reference: str, ended: str) -> int:
    """How many statements it takes to settle one step, with its workflow run up to it."""
    broker.connection().flushdb()
    workflow = begin(reference)
    for _ in range(250):
        if step(workflow, ended).status == "QUEUED":
            break
        work()
        record()
    work(burst=1)
    with CaptureQueriesContext(connection) as queries:
        record()
    assert step(workflow, ended).status == "COMPLETED"
    return len([query for query in queries if "scheduler_" in query["sql"]])


def test_advancing_costs_as_many_statements_in_a_long_workflow_as_in_a_short_one() -> None:
    short = queries_of_advancing("tests.diamond@1.0.0", "reserve")
    assert queries_of_advancing("tests.chain", "s0") == short
    assert queries_of_advancing("tests.chain", "s50") == short
    assert queries_of_advancing("tests.fan", "begin") == short
    assert short <= 10


def test_a_batch_of_ends_costs_no_more_statements_than_one() -> None:
    for _ in range(5):
        begin()
    work(burst=5)
    with CaptureQueriesContext(connection) as queries:
        record()
    assert (
        len([query for query in queries if "scheduler_" in query["sql"]]) <= 10 + 2 * 5
    )  # a prepared statement per row


def test_a_removed_handler_fails_its_steps_and_says_so() -> None:
    from scheduler.registry import registry

    workflow = begin()
    versions = registry.versions["tests.diamond"]
    registry.versions["tests.diamond"] = {"1.1.0": versions["1.1.0"]}
    try:
        assert run(workflow).status == "FAILED"
    finally:
        registry.versions["tests.diamond"] = versions
    reserve = step(workflow, "reserve")
    assert (reserve.attempts, reserve.error) == (
        1, "PermanentError: The handler tests.diamond@1.0.0 is not registered any more."
    )  # fmt: skip


def test_workflows_that_began_with_an_old_version_go_on_with_it() -> None:
    old, new = begin("tests.diamond@1.0.0"), begin("tests.diamond")
    assert new.version == "1.1.0"
    assert set(states(run(old))) == {"reserve", "charge", "pack", "ship"}
    assert set(states(run(new))) == {"reserve", "thank"}


def test_it_plans_the_same_ids_for_the_same_names() -> None:
    workflow = begin()
    reserve = step(workflow, "reserve")
    assert WorkflowStep.objects.get(name="charge").depends_on == ["reserve"]
    assert reserve.dependents == ["charge", "pack"]
    assert workflows.step(workflow, "ship").unmet == 2
