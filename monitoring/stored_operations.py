"""Rows of operations: verbs over so many tasks that they are carried out in the background, chunk by chunk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import models


class State(models.TextChoices):
    """Where an operation is."""

    WAITING = "WAITING", "Waiting"  # to be taken up by `manage.py operate`
    TRYING = "TRYING", "Trying a few"  # the first few were retried; the rest waits for how they end
    RUNNING = "RUNNING", "Under way"
    FINISHED = "FINISHED", "Finished"
    STOPPED = "STOPPED", "Stopped"  # before its end; ended_because says why


GOING = (State.WAITING, State.TRYING, State.RUNNING)
"""States of operations that are not over."""


class Operation(models.Model):
    """One verb over the tasks that matched a filter when somebody asked for it."""

    verb = models.CharField(max_length=20, help_text="The name of one of monitoring.actions.")
    move_to = models.CharField(max_length=255, blank=True, default="", help_text="The queue, of the verb that moves.")
    asked = models.JSONField(help_text="The TaskFilter's input.")
    action = models.CharField(max_length=255, help_text="The trail's word for what is done to each task.")
    reason = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=255)
    source = models.CharField(max_length=255)
    address = models.CharField(max_length=255, blank=True, default="")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    ended_because = models.TextField(blank=True, default="", help_text="Why it was stopped.")
    total = models.BigIntegerField(default=0, help_text="The tasks that it is about, fixed when it was asked for.")
    position = models.BigIntegerField(default=0, help_text="How many of them have their outcome.")
    done = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    refusals = models.JSONField(default=dict, help_text="The sentences of refusals, and how many had each.")
    try_first = models.PositiveIntegerField(default=0, help_text="How many to try before the rest; 0: none.")
    tried = models.JSONField(default=list, help_text="What is watched of them; see monitoring.canaries.")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(help_text="When it is to be looked at next; the longest due goes first.")
    stop_asked_by = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        indexes = [
            # What `operate` takes up next.
            models.Index(fields=["state", "due_at"], name="operation_due"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.total} tasks, by {self.actor}: {self.get_state_display().lower()}"

    def end(self, state: State, because: str = "") -> None:
        """Has nothing more be done."""
        self.state, self.ended_because, self.ended_at = state, because, datetime.now(UTC)

    def look_again_in(self, seconds: float) -> None:
        """Leaves it to itself for a while."""
        self.due_at = datetime.now(UTC) + timedelta(seconds=seconds)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be done."""
        return self.state not in GOING

    @property
    def left(self) -> int:
        """How many tasks have no outcome."""
        return self.total - self.position

    @property
    def percent(self) -> int:
        """How far it is, in whole per cent."""
        return 100 * self.position // self.total if self.total else 100

    @property
    def per_second(self) -> float | None:
        """How many tasks a second had their outcome, once that can be told; waiting for those tried first counts in."""
        until = self.ended_at or self.due_at
        seconds = (until - self.started_at).total_seconds() if self.started_at else 0.0
        return self.position / seconds if seconds >= 0.1 and self.position else None


class OperationTask(models.Model):
    """A task of an operation that goes on. Written when it is asked for: what fails again is not picked up twice.

    All that the trail needs stands here, for the task's row may be gone by then.
    """

    operation = models.ForeignKey(Operation, models.CASCADE, related_name="tasks", db_index=False)
    position = models.BigIntegerField(help_text="From 1, oldest task first.")
    task_id = models.UUIDField()
    job_id = models.CharField(max_length=255)
    queue = models.CharField(max_length=255)

    class Meta:
        constraints = [
            # Also the index by which chunks are read.
            models.UniqueConstraint(fields=["operation", "position"], name="one_task_per_position"),
        ]

    def __str__(self) -> str:
        return f"{self.position} of {self.operation_id}: {self.job_id}"
