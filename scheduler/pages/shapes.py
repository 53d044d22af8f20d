"""How the states of workflows and steps look: the shape and colour of a task's status, and a word beside it."""

from __future__ import annotations

from monitoring.statuses import Status
from scheduler.workflow_models import WorkflowStep
from scheduler.workflow_states import StepStatus, WorkflowStatus

WORKFLOW_SHAPES = {
    WorkflowStatus.PENDING: Status.QUEUED,
    WorkflowStatus.RUNNING: Status.RUNNING,
    WorkflowStatus.PAUSED: Status.DEFERRED,
    WorkflowStatus.COMPLETED: Status.COMPLETED,
    WorkflowStatus.FAILED: Status.FAILED,
    WorkflowStatus.CANCELLED: Status.CANCELLED,
}
_STEP_SHAPES = {
    StepStatus.QUEUED: Status.QUEUED,
    StepStatus.RUNNING: Status.RUNNING,
    StepStatus.COMPLETED: Status.COMPLETED,
    StepStatus.FAILED: Status.FAILED,
    StepStatus.CANCELLED: Status.CANCELLED,
    StepStatus.RESOLVED: Status.COMPLETED,
}


def shape_of(step: WorkflowStep) -> Status:
    """A pending step waits for others, for its time, or for its workflow to go on."""
    if step.status != StepStatus.PENDING:
        return _STEP_SHAPES[StepStatus(step.status)]
    if step.unmet:
        return Status.DEFERRED
    return Status.SCHEDULED if step.next_retry_at else Status.QUEUED


def word_of(step: WorkflowStep) -> str:
    """Where the step is, in a word or two."""
    if step.is_skipped:
        return "Skipped"
    if step.status == StepStatus.RUNNING and step.cancel_asked:
        return "Stopping"
    if step.status == StepStatus.PENDING and step.next_retry_at and not step.unmet:
        return "Waits to retry"
    return str(StepStatus(step.status).label)
