"""Why a verb cannot be done to a workflow or a step as it is: what the verbs refuse with, and what buttons say."""

from __future__ import annotations

from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_states import GOING_ON, STEP_OVER, UNFINISHED, StepStatus, WorkflowStatus

NOT_SKIPPABLE = "This step is not declared to be skippable; resolve it with results instead."
_WORKFLOW_ALLOWS = {
    "pause": GOING_ON,
    "resume": frozenset({WorkflowStatus.PAUSED}),
    "retry": frozenset({WorkflowStatus.FAILED}),
    "cancel": UNFINISHED,
}
_ONLY = {"resume": "; only a paused one", "retry": "; only a failed one"}
_STEP_FORBIDS = {
    "retry": frozenset(StepStatus) - {StepStatus.FAILED},
    "edit": frozenset({StepStatus.RUNNING, StepStatus.COMPLETED, StepStatus.RESOLVED}),
    "resolve": frozenset({StepStatus.RUNNING, StepStatus.COMPLETED, StepStatus.RESOLVED, StepStatus.CANCELLED}),
    "cancel": STEP_OVER,
}
_WORDS = {"edit": "change", "resolve": "change"}
_IS = {
    StepStatus.PENDING: "is pending",
    StepStatus.QUEUED: "is queued",
    StepStatus.RUNNING: "is running",
    StepStatus.COMPLETED: "is complete",
    StepStatus.FAILED: "has failed",
    StepStatus.CANCELLED: "is cancelled",
    StepStatus.RESOLVED: "was resolved manually",
}


def of_workflow(verb: str, workflow: Workflow) -> str:
    """Why the workflow cannot be paused, resumed, retried or cancelled now; empty if it can."""
    if workflow.status in _WORKFLOW_ALLOWS[verb]:
        return ""
    return f"Cannot {verb} a workflow that is {workflow.status.lower()}{_ONLY.get(verb, '')}."


def of_step(verb: str, step: WorkflowStep) -> str:
    """Why the step cannot be retried, edited, resolved, skipped or cancelled now; empty if it can."""
    if verb == "skip":
        return of_step("resolve", step) if step.skippable else NOT_SKIPPABLE
    if step.status in _STEP_FORBIDS[verb]:
        return f"Cannot {_WORDS.get(verb, verb)} a step that {_IS[StepStatus(step.status)]}."
    if verb in ("retry", "resolve") and step.workflow.status == WorkflowStatus.CANCELLED:
        return f"Cannot {verb} a step of a workflow that is cancelled."
    return ""
