"""The jobs of one queue, in the words of the documented pages: the task list with its queue given.

``state`` (waiting unless given), ``page``, ``size`` (20), ``q`` (any part of the arguments), ``task`` (any part of the
type), ``job_id`` (any part of RQ's id) and ``sort`` (newest or oldest).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from monitoring.models import Task
from monitoring.pages.task_list import TaskList
from monitoring.states import STATE_OF, STATES
from monitoring.statuses import Status

DEFAULT_STATE = "waiting"
REPEATABLE = "repeatable"
"""The state whose rows are scheduled jobs: they have a page of their own."""


class JobList(TaskList):
    """One address of the list of a queue's jobs."""

    noun = "jobs"
    default_size = 20
    sorts = {"newest": "-created", "oldest": "created"}
    fields = {"state": "status", "q": "payload", "task": "task_type", "job_id": "job_id"}
    labels = {"state": "State", "q": "Payload", "task": "Task", "job_id": "Job id", "sort": "Order"}
    tab = "state"
    form_fields = "queues/_job_fields.html"

    def __init__(self, parameters: QueryDict, queue: str) -> None:
        self.queue = queue
        self.state = parameters.get("state", "").strip().lower() or DEFAULT_STATE
        super().__init__(parameters)

    @property
    def path(self) -> str:
        """The list's address without its parameters."""
        return reverse("jobs", args=[self.queue])

    @property
    def rows_path(self) -> str:
        """Where live updates fetch its rows."""
        return reverse("job-rows", args=[self.queue])

    @property
    def counts_path(self) -> str:
        """Where live updates fetch its figures."""
        return reverse("job-counts", args=[self.queue])

    @property
    def tab_groups(self) -> Iterable[tuple[str, str, tuple[Status, ...]]]:
        """Its tabs, by state."""
        return [(state, state.capitalize(), statuses) for state, statuses in STATES.items()]

    def read_statuses(self) -> list[str]:
        """The statuses of the state that the address asks for."""
        return list(STATES.get(self.state, ()))

    def check(self) -> dict[str, list[str]]:
        """A state or an order that there is none of."""
        errors = {}
        if self.state not in STATES:
            known = ", ".join([*STATES, REPEATABLE])
            errors["state"] = [f"{self.state[:100]} is not a state. States are {known}."]
        sort = self.parameters.get("sort", "")
        if sort and sort not in self.sorts:
            errors["sort"] = [f"{sort[:100]} is not an order. Orders are {', '.join(self.sorts)}."]
        return errors

    @property
    def cleared(self) -> str:
        """The address with its state alone."""
        return f"{self.path}?state={self.state}" if self.state in STATES else self.path


def as_json(task: Task) -> dict[str, Any]:
    """A job as scripts get it."""
    return {
        "id": task.job_id,
        "task_id": str(task.pk),
        "task": task.task_type,
        "queue": task.queue,
        "state": STATE_OF[Status(task.status)],
        "created_at": task.created_at,
        "enqueued_at": task.enqueued_at,
        "scheduled_for": task.scheduled_for,
        "started_at": task.started_at,
        "completed_at": task.completed_at,
        "wait_ms": task.wait_ms,
        "duration_ms": task.duration_ms,
        "attempts": task.attempts,
        "retries": task.retry_count,
        "max_retries": task.max_retries,
        "progress": task.progress,
        "worker": task.worker or None,
        "error_type": task.error_type or None,
    }
