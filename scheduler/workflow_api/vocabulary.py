"""This surface's words."""

from __future__ import annotations

from scheduler.workflow_states import StepStatus, WorkflowStatus

TASK_WORDS = {
    WorkflowStatus.PENDING: "pending",
    WorkflowStatus.PAUSED: "pending",
    WorkflowStatus.RUNNING: "in_progress",
    WorkflowStatus.COMPLETED: "complete",
    WorkflowStatus.FAILED: "error",
    WorkflowStatus.CANCELLED: "cancelled",
}
STEP_WORDS = {
    StepStatus.PENDING: "pending",
    StepStatus.QUEUED: "pending",
    StepStatus.RUNNING: "in_progress",
    StepStatus.COMPLETED: "complete",
    StepStatus.FAILED: "error",
    StepStatus.CANCELLED: "cancelled",
    StepStatus.RESOLVED: "resolved_manually",
}
TASK_CHOICES = list(dict.fromkeys(TASK_WORDS.values()))
STEP_CHOICES = list(dict.fromkeys(STEP_WORDS.values()))
TASK_MEANINGS = {word: tuple(status for status, said in TASK_WORDS.items() if said == word) for word in TASK_CHOICES}
