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
            # A task's timeline: pages and status-audit. Without the id, by which its few changes are sorted: PostgreSQL
            # then keeps the id of a task once for all of its changes, and the index is half the size.
            models.Index(fields=["task_id"], name="change_of_task"),
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


class Outcome(models.TextChoices):
    """How a deed went."""

    SUCCESS = "success", "Success"
    REFUSED = "refused", "Refused"  # by role or by state: nothing was done
    FAILED = "failed", "Failed"  # it was tried, and something broke


class OperatorAction(models.Model):
    """Something that a person did or tried to do. Written by ``audit.trail`` only, never changed."""

    number = models.BigIntegerField(primary_key=True, help_text="From 1, without gaps: a missing one was taken away.")
    at = models.DateTimeField()
    action = models.CharField(max_length=255, help_text="What was done, e.g. job.retry.")
    actor = models.CharField(max_length=255)
    source = models.CharField(max_length=255, help_text="The way it came, e.g. jobs.single or scheduler.api.")
    outcome = models.CharField(max_length=8, choices=Outcome)
    queue = models.CharField(max_length=255, blank=True, default="")
    target = models.CharField(max_length=255, blank=True, default="", help_text="A job's id, a schedule's, a name.")
    reason = models.TextField(blank=True, default="", help_text="Why, in the actor's words.")
    error = models.TextField(blank=True, default="", help_text="Why it was refused or failed.")
    details = models.TextField(blank=True, default="{}", help_text="JSON, masked.")
    address = models.CharField(max_length=255, blank=True, default="", help_text="Where the request came from.")
    hash = models.CharField(max_length=64, help_text="SHA-256 over this row and the hash of the one before.")

    class Meta:
        indexes = [
            # The trail of one action, newest first.
            models.Index(fields=["action", "number"], name="deed_action"),
            # The trail of one queue, newest first.
            models.Index(fields=["queue", "number"], name="deed_queue"),
            # What was done to one task, newest first: its page.
            models.Index(fields=["target", "number"], name="deed_target"),
            # What one person did, newest first.
            models.Index(fields=["actor", "number"], name="deed_actor"),
            # What was refused or failed, newest first.
            models.Index(fields=["outcome", "number"], name="deed_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.action} by {self.actor}, {self.outcome}"


class TrailHead(models.Model):
    """The end of the trail: who writes the next row locks it, and a trail cut at its end no longer fits it."""

    chain = models.CharField(max_length=20, primary_key=True)
    number = models.BigIntegerField(default=0, help_text="Of the last row.")
    hash = models.CharField(max_length=64, help_text="Of the last row.")

    def __str__(self) -> str:
        return f"{self.chain} at {self.number}"
