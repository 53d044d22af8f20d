"""Rows of the rollups: what the recorder counts while it writes, so that no total ever counts rows."""

from __future__ import annotations

from django.db import models

from monitoring.statuses import RunStatus, Status


class Span(models.TextChoices):
    """How long a cell of a rollup is. Long ranges read days, short ones hours."""

    HOUR = "h", "Hour"
    DAY = "d", "Day"


class TaskCount(models.Model):
    """How many tasks created in a span are in a status now. The recorder keeps it: a total never counts rows."""

    span = models.CharField(max_length=1, choices=Span)
    start = models.DateTimeField(help_text="When the UTC hour or day of creation begins.")
    queue = models.CharField(max_length=255)
    task_type = models.CharField(max_length=255)
    status = models.CharField(max_length=10, choices=Status)
    count = models.BigIntegerField()
    timed = models.BigIntegerField(help_text="How many of them have a run time.")
    run_us = models.BigIntegerField(help_text="Their run times added up, in microseconds: whole numbers stay exact.")
    # What retention deleted is not among the above any more, and stays here: lists count rows, history counts both.
    pruned = models.BigIntegerField(default=0, help_text="How many more there were, which were deleted for their age.")
    pruned_timed = models.BigIntegerField(default=0)
    pruned_run_us = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["span", "start", "queue", "task_type", "status"], name="one_task_count_per_cell"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.status} of {self.task_type} in {self.queue}"


class LabelCount(models.Model):
    """How many of the tasks that were given a label are in a status now; see monitoring.labels. Most are given none."""

    label = models.CharField(max_length=20, help_text="The column of Task that holds it.")
    value = models.CharField(max_length=255)
    queue = models.CharField(max_length=255)
    task_type = models.CharField(max_length=255)
    status = models.CharField(max_length=10, choices=Status)
    count = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["label", "value", "queue", "task_type", "status"], name="one_label_count_per_cell"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.status} with the {self.label} {self.value}"


class RunCount(models.Model):
    """The runs that ended in a span with an outcome: how many, how long they ran and how long they had waited."""

    span = models.CharField(max_length=1, choices=Span)
    start = models.DateTimeField(help_text="When the UTC hour or day in which they ended begins.")
    queue = models.CharField(max_length=255)
    task_type = models.CharField(max_length=255)
    outcome = models.CharField(max_length=10, choices=RunStatus)
    count = models.BigIntegerField()
    timed = models.BigIntegerField(help_text="How many of them have a run time.")
    run_us = models.BigIntegerField(help_text="Run times added up, in microseconds.")
    shortest_us = models.BigIntegerField(null=True)
    longest_us = models.BigIntegerField(null=True)
    run_histogram = models.JSONField(default=dict, help_text="See monitoring.histograms.")
    waited = models.BigIntegerField(help_text="How many of them have a waiting time.")
    wait_us = models.BigIntegerField(help_text="Waiting times added up, in microseconds.")
    wait_histogram = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["span", "start", "queue", "task_type", "outcome"], name="one_run_count_per_cell"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.outcome} of {self.task_type} in {self.queue}"


class FailureCount(models.Model):
    """How many tasks that are FAILED now failed in a span, by error. The recorder keeps it."""

    span = models.CharField(max_length=1, choices=Span)
    start = models.DateTimeField(help_text="When the UTC hour or day of the failure begins.")
    queue = models.CharField(max_length=255)
    task_type = models.CharField(max_length=255)
    error_group = models.CharField(max_length=16)
    count = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["span", "start", "queue", "task_type", "error_group"], name="one_failure_count_per_cell"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.task_type} in {self.queue} with error {self.error_group}"


class StepCount(models.Model):
    """The tasks with a handler and a kind (attempts of a workflow's steps are) that are over: when they ended, and how.

    The recorder keeps it. Most installations' other tasks have no handler: for those nothing is counted here.
    """

    span = models.CharField(max_length=1, choices=Span)
    start = models.DateTimeField(help_text="When the UTC hour or day of the end begins.")
    queue = models.CharField(max_length=255)
    handler = models.CharField(max_length=255)
    kind = models.CharField(max_length=100, help_text="The step.")
    status = models.CharField(max_length=10, choices=Status)
    error_group = models.CharField(max_length=16, blank=True, default="", help_text="Of failed ones.")
    count = models.BigIntegerField()
    retries = models.BigIntegerField(help_text="How many of them had been tried before.")
    timed = models.BigIntegerField(help_text="How many of them have a run time.")
    run_us = models.BigIntegerField(help_text="Run times added up, in microseconds.")
    run_histogram = models.JSONField(default=dict, help_text="See monitoring.histograms.")
    waited = models.BigIntegerField(help_text="How many of them have a waiting time.")
    wait_us = models.BigIntegerField(help_text="Waiting times added up, in microseconds.")
    wait_histogram = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["span", "start", "queue", "handler", "kind", "status", "error_group"],
                name="one_step_count_per_cell",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.status} of {self.kind} of {self.handler}"
