"""The states of workflows and of their steps, and the groups that other code names."""

from __future__ import annotations

from django.db.models import TextChoices


class WorkflowStatus(TextChoices):
    """Where a workflow is in its life."""

    PENDING = "PENDING", "Pending"
    RUNNING = "RUNNING", "Running"
    PAUSED = "PAUSED", "Paused"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


class StepStatus(TextChoices):
    """Where a step is in its life. QUEUED: its next attempt was handed to RQ and has not begun."""

    PENDING = "PENDING", "Pending"
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"
    RESOLVED = "RESOLVED", "Resolved manually"


class StepOutcome(TextChoices):
    """What the worker wrote down of an attempt before RQ heard of its end."""

    NONE = "", "Not written"
    DONE = "done", "Done"
    SKIPPED = "skipped", "Skipped"
    FAILED = "failed", "Failed"
    HOPELESS = "hopeless", "Failed for good"


GOING_ON = frozenset({WorkflowStatus.PENDING, WorkflowStatus.RUNNING})
"""Steps are started."""
UNFINISHED = GOING_ON | {WorkflowStatus.PAUSED}
OVER = frozenset(WorkflowStatus) - UNFINISHED

IN_FLIGHT = frozenset({StepStatus.QUEUED, StepStatus.RUNNING})
"""An attempt is in RQ's hands."""
STEP_OVER = frozenset({StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.RESOLVED})
OVER_WELL = frozenset({StepStatus.COMPLETED, StepStatus.RESOLVED})
"""What depends on the step may run."""
