"""Rows of the ledger: what came in, what was lost, and what the last comparison with Redis saw."""

from __future__ import annotations

from django.db import models

JOB_LOST = "JobLost"
"""The class in the error of a task whose job is gone."""


class ArrivalCount(models.Model):
    """How many tasks of a queue were created in an hour: the other side of the ledger from the counts by status."""

    start = models.DateTimeField(help_text="The beginning of the UTC hour.")
    queue = models.CharField(max_length=255)
    count = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["start", "queue"], name="one_arrival_count")]

    def __str__(self) -> str:
        return f"{self.count} in {self.queue} from {self.start:%Y-%m-%d %H:%M}"


class Evidence(models.TextChoices):
    """What is known of why a task was lost: its process died, or its job is gone from Redis."""

    KILLED = "killed", "Its process died"

    EMPTIED = "emptied", "Redis restarted without it"
    EVICTED = "evicted", "Redis evicted keys"
    EXPIRED = "expired", "Expired, or deleted from outside"
    DELETED = "deleted", "Deleted from outside"
    STRANDED = "stranded", "Taken off its queue from outside"


class LostTask(models.Model):
    """A task that was not brought to its end: its process died, or its job is gone.

    Its row has failed; this says what is known of the reason.
    """

    task_id = models.UUIDField(unique=True)
    job_id = models.CharField(max_length=255)
    queue = models.CharField(max_length=255)
    task_type = models.CharField(max_length=255)
    created_hour = models.DateTimeField(help_text="The hour in which the ledger has the task.")
    was = models.CharField(max_length=10, help_text="The status in which it was lost.")
    evidence = models.CharField(max_length=8, choices=Evidence)
    details = models.JSONField(default=dict, help_text="Figures of the server and of the worker, by name.")
    missing_since = models.DateTimeField(help_text="The last sign of it, or when it was missed first.")
    found_at = models.DateTimeField(help_text="When it was given up.")
    recovered_at = models.DateTimeField(null=True, help_text="When it was seen to go on after all.")

    class Meta:
        indexes = [
            models.Index(fields=["created_hour", "queue"], name="lost_by_hour"),
            models.Index(fields=["-found_at"], name="lost_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.get_evidence_display()}"

    @property
    def told(self) -> list[tuple[str, str]]:
        """The details for people, by what they are; memory with its unit."""
        return [_in_words(name, value) for name, value in self.details.items()]


def _in_words(name: str, value: object) -> tuple[str, str]:
    unit = " MB" if name.endswith("_mb") else ""
    return name.removesuffix("_mb").replace("_", " ").capitalize(), f"{value}{unit}"


class Reconciliation(models.Model):
    """The last comparison with Redis. One row, and the lock by which one recorder at a time compares."""

    at = models.DateTimeField(null=True)
    evicted_keys = models.BigIntegerField(default=0)
    expired_keys = models.BigIntegerField(default=0)
    compared = models.BigIntegerField(default=0, help_text="Unfinished tasks that were looked at.")
    observed = models.BigIntegerField(default=0, help_text="Jobs so far that no hook had reported.")

    def __str__(self) -> str:
        return f"{self.at}"
