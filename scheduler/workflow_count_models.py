"""The rollup of workflows; see ``workflow_counts``."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from monitoring.models import Span
from scheduler.workflow_states import WorkflowStatus


class Basis(models.TextChoices):
    """What the time of a cell is the time of."""

    CREATED = "c", "Creation"
    ENDED = "e", "End"


class WorkflowCount(models.Model):
    """How many workflows that were created, or ended, in a span are in a state now. A cell is the sum of its rows."""

    basis = models.CharField(max_length=1, choices=Basis)
    span = models.CharField(max_length=1, choices=Span)
    start = models.DateTimeField(help_text="When the UTC hour or day begins.")
    namespace = models.CharField(max_length=100)
    name = models.CharField(max_length=150)
    version = models.CharField(max_length=50)
    origin_instance = models.CharField(max_length=255, blank=True, default="")
    origin_zone = models.CharField(max_length=100, blank=True, default="")
    status = models.CharField(max_length=9, choices=WorkflowStatus)
    count = models.BigIntegerField()
    steps = models.BigIntegerField(help_text="Their steps, and how many of them are in which state.")
    completed_steps = models.BigIntegerField()
    failed_steps = models.BigIntegerField()
    cancelled_steps = models.BigIntegerField()
    timed = models.BigIntegerField(help_text="How many have a duration; of cells by end only, like what follows.")
    run_us = models.BigIntegerField(help_text="Their durations added up, in microseconds.")
    run_histogram = models.JSONField(default=dict, help_text="See monitoring.histograms.")
    is_new = models.BooleanField(default=True, help_text="It was not folded into its cell's one row yet.")

    class Meta:
        indexes = [
            # The cells of a span of time; all rows of some cells, to fold them.
            models.Index(fields=["basis", "span", "start", "namespace", "name"], name="workflow_count_cell"),
            # Rows to be folded, oldest first. It holds those only.
            models.Index(fields=["id"], name="workflow_count_new", condition=Q(is_new=True)),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.status} of {self.namespace}.{self.name}@{self.version}"
