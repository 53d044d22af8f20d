"""The words of the monitoring API for workflows and their steps."""

from __future__ import annotations

from scheduler.workflow_models import WorkflowStep
from scheduler.workflow_states import StepStatus, WorkflowStatus

STATUS_WORDS = {status: status.value for status in WorkflowStatus}
STATUS_CHOICES = list(STATUS_WORDS.values())
STATUS_MEANINGS = {word: (status,) for status, word in STATUS_WORDS.items()}
STEP_WORDS = {
    StepStatus.PENDING: "PENDING",
    StepStatus.QUEUED: "PENDING",
    StepStatus.RUNNING: "RUNNING",
    StepStatus.COMPLETED: "COMPLETED",
    StepStatus.RESOLVED: "COMPLETED",
    StepStatus.FAILED: "FAILED",
    StepStatus.CANCELLED: "CANCELLED",
}
SKIPPED = "SKIPPED"
STEP_CHOICES = [*dict.fromkeys(STEP_WORDS.values()), SKIPPED]
SORT_WORDS = {
    "created_at": "created",
    "started_at": "started",
    "completed_at": "completed",
    "status": "status",
    "name": "name",
}
ORDER_WORDS = {"asc": False, "desc": True}


def step_word(step: WorkflowStep) -> str:
    """What the state of a step is called; a step whose condition was not met has a word of its own."""
    return SKIPPED if step.is_skipped else STEP_WORDS[StepStatus(step.status)]
