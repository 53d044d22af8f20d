"""The trail: append-only, without foreign keys into other apps, so that it outlives what it speaks of."""

from __future__ import annotations

from django.db import models


class StatusChange(models.Model):
    """A task went from one status to another. Written by the recorder only."""

    task_id = models.UUIDField()
    old_status = models.CharField(max_length=10, null=True, help_text="Empty on a task's first row.")
    new_status = models.CharField(max_length=10)
    changed_at = models.DateTimeField()
    error = models.TextField(blank=True, default="")
    source = models.CharField(max_length=16, default="hooks", help_text="Who saw it: hooks or reconcile.")
    stream_id = models.CharField(max_length=40, blank=True, default="", help_text="The outbox entry that reported it.")

    class Meta:
        indexes = [
            # A task's timeline, oldest first: pages and status-audit.
            models.Index(fields=["task_id", "id"], name="change_of_task"),
        ]

    def __str__(self) -> str:
        return f"{self.old_status or 'new'} → {self.new_status}"


class TaskRun(models.Model):
    """One execution of a task by a worker."""

    task_id = models.UUIDField()
    attempt = models.PositiveIntegerField(help_text="1 for the first execution.")
    queue = models.CharField(max_length=255)
    task_type = models.CharField(max_length=255)
    worker = models.CharField(max_length=255, blank=True, default="")
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, help_text="RETRIED: it failed and its task was tried again.")
    error = models.TextField(blank=True, default="")
    wait_ms = models.FloatField(null=True, help_text="From enqueued to started, in milliseconds.")
    duration_ms = models.FloatField(null=True, help_text="Run time in milliseconds, as the worker measured it.")

    class Meta:
        indexes = [
            # The runs that ended in part of an hour, where a range of statistics begins within one.
            models.Index(fields=["ended_at"], name="run_ended"),
        ]
        constraints = [
            # Also the index of a task's runs in order (runs-audit), and what makes writing a run idempotent.
            models.UniqueConstraint(fields=["task_id", "attempt"], name="one_run_per_attempt"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.attempt}: {self.status}"
