"""What happened last, over all tasks."""

from __future__ import annotations

from dataclasses import dataclass

from audit.models import StatusChange
from monitoring.facts import UNKNOWN
from monitoring.models import LARGE_COLUMNS, Task
from monitoring.wording import message_for


@dataclass(frozen=True, kw_only=True)
class Activity:
    """A status change and the task that it happened to (None once the task is no longer kept)."""

    change: StatusChange
    task: Task | None

    @property
    def short_type(self) -> str:
        """The task's type after its last dot."""
        return self.task.short_type if self.task else UNKNOWN

    @property
    def message(self) -> str:
        """What happened, in one sentence."""
        due_at = self.task.scheduled_for if self.task else None
        return message_for(self.change.new_status, error=self.change.error, scheduled_for=due_at)


def newest_changes(limit: int) -> list[Activity]:
    """The newest status changes, newest first, with their tasks; two queries."""
    changes = list(StatusChange.objects.order_by("-id")[:limit])
    tasks = Task.objects.defer(*LARGE_COLUMNS).in_bulk({change.task_id for change in changes})
    return [Activity(change=change, task=tasks.get(change.task_id)) for change in changes]
