"""The words for statuses of the documented pages and of the event stream."""

from __future__ import annotations

from monitoring.statuses import Status

STATES: dict[str, tuple[Status, ...]] = {
    "waiting": (Status.QUEUED,),
    "active": (Status.RUNNING,),
    "delayed": (Status.SCHEDULED, Status.DEFERRED),
    "completed": (Status.COMPLETED,),
    "failed": (Status.FAILED,),
    "cancelled": (Status.CANCELLED,),
}
STATE_OF = {status: state for state, statuses in STATES.items() for status in statuses}
