"""The seven states of a task, the groups that other code names, and RQ's own words for them."""

from __future__ import annotations

from django.db.models import TextChoices


class Status(TextChoices):
    """Where a task is in its life. Each surface translates these words at its own edge."""

    SCHEDULED = "SCHEDULED", "Scheduled"
    DEFERRED = "DEFERRED", "Deferred"
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


class RunStatus(TextChoices):
    """What became of one run. A failed run that is tried again is not the end of its task: it has its own word."""

    RUNNING = "RUNNING", "Running"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    RETRIED = "RETRIED", "Failed, retried"
    CANCELLED = "CANCELLED", "Cancelled"


WAITING = frozenset({Status.SCHEDULED, Status.DEFERRED, Status.QUEUED})
UNFINISHED = WAITING | {Status.RUNNING}
OVER = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

# RQ's word (rq.job.JobStatus, RQ 3.0) → ours. "deleted" is the hooks' own word for a job taken out of Redis.
FROM_RQ = {
    "scheduled": Status.SCHEDULED,
    "deferred": Status.DEFERRED,
    "ready_to_enqueue": Status.DEFERRED,
    "rate_limited": Status.DEFERRED,
    "queued": Status.QUEUED,
    "started": Status.RUNNING,
    "finished": Status.COMPLETED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
    "stopped": Status.CANCELLED,
    "deleted": Status.CANCELLED,
}
