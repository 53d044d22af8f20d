"""What operators do to workflows and their steps. Every API, page and admin action calls these verbs.

Each checks whether the actor may and whether the state allows it, changes the rows in one turn of the engine, then asks
RQ, and ends in the operators' trail, refused or not. A step that runs is asked to stop: its state changes when its task
is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID

from audit import roles
from audit.trail import Actor, Deed, NotAllowedNow, audited
from monitoring.redaction import mask_value
from scheduler import handing_over
from scheduler import workflow_refusals as refusals
from scheduler.advancing import Turn
from scheduler.json_text import to_text
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_starts import Order, start
from scheduler.workflow_states import IN_FLIGHT, StepStatus, WorkflowStatus


class NotCancellable(NotAllowedNow):
    """It is over already."""


def refuse_unless_operator(action: str, *, by: Actor, target: str = "") -> None:
    """Writes down and raises NotPermitted for an actor who may not act, before what was sent is even looked at."""
    if not by.may(roles.OPERATE):
        with _audited(action, by=by, target=target):
            pass


def start_workflow(order: Order, *, by: Actor) -> tuple[Workflow, bool]:
    """Starts a workflow; False beside one that was there before. Raises as ``workflow_starts.start``."""
    told = {name: value for name, value in asdict(order).items() if value not in ("", (), None, 0)}
    with _audited("workflow.start", by=by, reason=order.reason, details=mask_value(told)) as deed:
        workflow, is_new = start(order)
        deed.target = str(workflow.pk)
        deed.details["was_there"] = not is_new
        return workflow, is_new


def edit_workflow(
    workflow_id: UUID, *, by: Actor, reason: str | None = None, tags: Sequence[str] | None = None
) -> None:
    """Changes what is said about a workflow."""
    changes: dict[str, Any] = {} if reason is None else {"reason": reason}
    if tags is not None:
        changes["tags"] = list(tags)
    with _audited("workflow.edit", by=by, target=workflow_id, details=dict(changes)), Turn.on([workflow_id]):
        if changes:
            Workflow.objects.filter(pk=workflow_id).update(**changes)


def cancel_workflow(workflow_id: UUID, *, by: Actor, reason: str = "") -> None:
    """Ends a workflow: no further step starts, those that run are asked to stop. Raises NotCancellable."""
    with _audited("workflow.cancel", by=by, target=workflow_id, reason=reason), Turn.on([workflow_id]) as turn:
        workflow = turn.workflows[workflow_id]
        _unless(refusals.of_workflow("cancel", workflow), NotCancellable)
        steps = WorkflowStep.objects.filter(workflow=workflow)
        in_flight = turn.take(steps.in_flight())
        running = [step for step in in_flight if step.status == StepStatus.RUNNING]
        waiting = steps.filter(status__in=(StepStatus.PENDING, StepStatus.QUEUED))
        workflow.cancelled_steps += waiting.update(
            status=StepStatus.CANCELLED, completed_at=turn.now, next_retry_at=None
        )
        steps.filter(pk__in=[step.pk for step in running]).update(cancel_asked=True)
        workflow.active_steps = len(running)
        turn.close(workflow, WorkflowStatus.CANCELLED)
        _withdraw(turn, in_flight)


def pause_workflow(workflow_id: UUID, *, by: Actor, reason: str = "") -> None:
    """No further attempt is handed to RQ until it is resumed; those that were go on. Raises NotAllowedNow."""
    with _audited("workflow.pause", by=by, target=workflow_id, reason=reason), Turn.on([workflow_id]) as turn:
        workflow = turn.workflows[workflow_id]
        _unless(refusals.of_workflow("pause", workflow))
        workflow.status = WorkflowStatus.PAUSED


def resume_workflow(workflow_id: UUID, *, by: Actor, reason: str = "") -> None:
    """Goes on with a paused workflow. Raises NotAllowedNow."""
    with _audited("workflow.resume", by=by, target=workflow_id, reason=reason), Turn.on([workflow_id]) as turn:
        workflow = turn.workflows[workflow_id]
        _unless(refusals.of_workflow("resume", workflow))
        workflow.status = WorkflowStatus.RUNNING if workflow.started_at else WorkflowStatus.PENDING
        _count_resumption(turn, workflow)
        turn.wanted += turn.take(WorkflowStep.objects.free().filter(workflow=workflow, next_retry_at__isnull=True))


def retry_workflow(workflow_id: UUID, *, by: Actor, reason: str = "") -> None:
    """Gives the failed steps all their attempts again; what waited for them follows. Raises NotAllowedNow."""
    with _audited("workflow.retry", by=by, target=workflow_id, reason=reason), Turn.on([workflow_id]) as turn:
        workflow = turn.workflows[workflow_id]
        _unless(refusals.of_workflow("retry", workflow))
        _go_on(workflow)
        _count_resumption(turn, workflow)
        for step in turn.take(WorkflowStep.objects.filter(workflow=workflow, status=StepStatus.FAILED)):
            turn.retry(step)


def retry_step(step: WorkflowStep, *, by: Actor, reason: str = "") -> None:
    """Gives one failed step all its attempts again. Raises NotAllowedNow."""
    with _on_step("step.retry", step, by=by, reason=reason) as (turn, taken):
        _unless(refusals.of_step("retry", taken))
        if taken.workflow.is_over:
            _go_on(taken.workflow)
            _count_resumption(turn, taken.workflow)
        turn.retry(taken)


def edit_step(
    step: WorkflowStep,
    *,
    by: Actor,
    retry_limit: int | None = None,
    inputs: dict[str, Any] | None = None,
    resolve: bool = False,
    results: Any = None,
    reason: str = "",
) -> None:
    """Changes a step that does not run and is not complete; with ``resolve`` it is over well, with these results.

    Raises NotAllowedNow, or NotJSON for inputs or results that cannot be kept.
    """
    changes: dict[str, Any] = {} if retry_limit is None else {"retry_limit": retry_limit}
    changes |= {} if inputs is None else {"inputs": inputs}
    changes |= {"results": results} if resolve else {}
    action = "step.resolve" if resolve else "step.edit"
    with _on_step(action, step, by=by, reason=reason, details=mask_value(changes)) as (turn, taken):
        _unless(refusals.of_step("resolve" if resolve else "edit", taken))
        for value in changes.values():
            to_text(value)
        if changes:
            WorkflowStep.objects.filter(pk=taken.pk).update(**changes)
        if resolve:
            _resolve(turn, taken)


def skip_step(step: WorkflowStep, *, by: Actor, reason: str = "") -> None:
    """Resolves a skippable step without results. Raises NotAllowedNow."""
    if not step.skippable:
        with _audited("step.skip", by=by, target=step.pk, reason=reason):
            raise NotAllowedNow(refusals.NOT_SKIPPABLE)
    edit_step(step, by=by, resolve=True, reason=reason or "skipped")


def cancel_step(step: WorkflowStep, *, by: Actor, reason: str = "") -> None:
    """The step and everything that depends on it never run; if it runs, it is asked to stop. Raises NotCancellable."""
    with _on_step("step.cancel", step, by=by, reason=reason) as (turn, taken):
        _unless(refusals.of_step("cancel", taken), NotCancellable)
        _withdraw(turn, [taken] if taken.status in IN_FLIGHT else [])
        if taken.status == StepStatus.RUNNING:
            WorkflowStep.objects.filter(pk=taken.pk).update(cancel_asked=True)
            turn.give_up_dependents(taken)
        else:
            turn.cancel(taken)


# --- What they have in common -------------------------------------------------------------------------------------


def _unless(refusal: str, kind: type[NotAllowedNow] = NotAllowedNow) -> None:
    if refusal:
        raise kind(refusal)


def _audited(action: str, *, by: Actor, target: object = "", **options: Any) -> Any:
    return audited(action, by=by, needs=roles.OPERATE, target=str(target), **options)


@contextmanager
def _on_step(action: str, step: WorkflowStep, *, by: Actor, **options: Any) -> Iterator[tuple[Turn, WorkflowStep]]:
    deed: Deed
    with _audited(action, by=by, target=step.pk, queue=step.queue, **options) as deed:
        deed.details |= {"workflow": str(step.workflow_id), "step": step.name}
        with Turn.on([step.workflow_id]) as turn:
            yield turn, turn.take(WorkflowStep.objects.filter(pk=step.pk))[0]


def _resolve(turn: Turn, step: WorkflowStep) -> None:
    workflow = step.workflow
    if step.status == StepStatus.QUEUED:
        _withdraw(turn, [step])
    was_over = workflow.is_over
    turn.complete(step, status=StepStatus.RESOLVED)
    if was_over:
        _go_on(workflow)


def _go_on(workflow: Workflow) -> None:
    """As if it had not ended; the end of the turn says whether it has."""
    workflow.status = WorkflowStatus.RUNNING
    workflow.completed_at = workflow.webhook_due_at = None


def _count_resumption(turn: Turn, workflow: Workflow) -> None:
    workflow.resume_count += 1
    workflow.resumed_at = turn.now


def _withdraw(turn: Turn, steps: Sequence[WorkflowStep]) -> None:
    waiting = [step.task_id for step in steps if step.status == StepStatus.QUEUED and step.task_id]
    running = [step.task_id for step in steps if step.status == StepStatus.RUNNING and step.task_id]
    if waiting or running:
        turn.after_commit(lambda: handing_over.withdraw(waiting, running))
