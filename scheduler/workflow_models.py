"""Workflows and their steps: SQL holds the plan and where each step is, RQ runs the steps.

Who writes what: the engine (``advancing``) changes states, with the workflow's row locked. The worker that runs an
attempt writes that it began and its outcome (``steps``), each by a conditional UPDATE of the step's row alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID, uuid4, uuid5

from django.db import models
from django.db.models import Q
from django.utils import timezone

from monitoring.redaction import without_secrets
from scheduler.json_text import JSONTextField
from scheduler.workflow_states import GOING_ON, IN_FLIGHT, OVER, StepOutcome, StepStatus, WorkflowStatus


def step_id_of(workflow_id: UUID, name: str) -> UUID:
    """A step's id follows from its workflow's and its name, so dependents are found without a look."""
    return uuid5(workflow_id, name)


def task_id_of(step_id: UUID, run_number: int) -> UUID:
    """The id of the task, and of RQ's job, that makes an attempt: one for each, whoever hands it over and how often."""
    return uuid5(step_id, f"run {run_number}")


class WorkflowQuerySet(models.QuerySet["Workflow"]):
    """Reads as adjectives: ``Workflow.objects.over()``."""

    def over(self) -> Self:
        """Those that have ended, however."""
        return self.filter(status__in=OVER)

    def locked(self) -> Self:
        """Locked until the transaction ends, in one order for everyone."""
        return self.select_for_update().order_by("pk")


class Workflow(models.Model):
    """One run through the steps of a handler."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    namespace = models.CharField(max_length=100)
    name = models.CharField(max_length=150)
    version = models.CharField(max_length=50)
    description = models.TextField(blank=True, default="")
    status = models.CharField(max_length=9, choices=WorkflowStatus, default=WorkflowStatus.PENDING)
    context = JSONTextField(default=dict)
    initiator = models.CharField(max_length=255, blank=True, default="")
    source_system = models.CharField(max_length=255, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    tags = JSONTextField(default=list, help_text="A JSON list of texts.")
    priority = models.IntegerField(default=0, help_text="Above 0 its steps go to the front of their queues.")
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    run_at = models.DateTimeField(null=True, blank=True, help_text="Its first steps wait until then.")
    origin_instance = models.CharField(max_length=255, blank=True, default="")
    origin_zone = models.CharField(max_length=100, blank=True, default="")
    origin_tenant_id = models.CharField(max_length=100, blank=True, default="")
    origin_reference = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True, help_text="When it was over, however.")

    # Counted as steps change, so that neither the engine nor a list ever reads all the steps.
    total_steps = models.PositiveIntegerField(default=0)
    completed_steps = models.PositiveIntegerField(default=0, help_text="Completed, skipped or resolved manually.")
    failed_steps = models.PositiveIntegerField(default=0)
    cancelled_steps = models.PositiveIntegerField(default=0)
    active_steps = models.PositiveIntegerField(
        default=0, help_text="In flight, or free to start: with none left, it is over."
    )
    final_step = models.CharField(
        max_length=150, blank=True, default="", help_text="The one that ends it, if one does."
    )
    resume_count = models.PositiveIntegerField(default=0, help_text="How often it was resumed or retried.")
    resumed_at = models.DateTimeField(null=True)

    webhook_url = models.CharField(max_length=2000, blank=True, default="")
    webhook_due_at = models.DateTimeField(null=True, help_text="Since when its end is to be told and nobody was asked.")
    webhook_sent_at = models.DateTimeField(null=True)

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["idempotency_key"], name="one_workflow_per_key"),
        ]
        indexes = [
            # The list, newest first; id breaks ties so that pages never repeat a row. Those of the last hour.
            models.Index(fields=["created_at", "id"], name="workflow_created"),
            # The list of one status, newest first; counts per status.
            models.Index(fields=["status", "created_at", "id"], name="workflow_status_created"),
            # The list of one handler, newest first.
            models.Index(fields=["namespace", "name", "created_at", "id"], name="workflow_handler_created"),
            # The lists of what is told of their origin, newest first. Of zones and tenants they hold the workflows that
            # were given one only.
            models.Index(fields=["origin_instance", "created_at", "id"], name="workflow_instance"),
            *(
                models.Index(
                    fields=[label, "created_at", "id"], name=f"workflow_{name}", condition=Q(**{f"{label}__gt": ""})
                )
                for label, name in (("origin_zone", "zone"), ("origin_tenant_id", "tenant"))
            ),
            # Webhooks that nobody was asked to send: reconcile.
            models.Index(fields=["webhook_due_at"], name="workflow_webhook", condition=Q(webhook_due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.full_name} {self.id}"

    @property
    def full_name(self) -> str:
        """The handler it began with: ``shop.fulfil_order@1.0.0``."""
        return f"{self.namespace}.{self.name}@{self.version}"

    @property
    def masked_webhook_url(self) -> str:
        """The address as it may be shown: many carry their secret in a parameter."""
        shown: str = without_secrets(self.webhook_url)
        return shown

    @property
    def is_over(self) -> bool:
        """Whether it has ended, however."""
        return self.status in OVER

    @property
    def progress(self) -> float:
        """The share of its steps that are over well, in percent."""
        return 100 * self.completed_steps / self.total_steps if self.total_steps else 0.0

    @property
    def duration_ms(self) -> float | None:
        """From start to end, None unless both are known."""
        return elapsed_ms(self.started_at, self.completed_at)


class StepQuerySet(models.QuerySet["WorkflowStep"]):
    """Reads as adjectives: ``WorkflowStep.objects.in_flight()``."""

    def in_flight(self) -> Self:
        """Steps of which an attempt is in RQ's hands."""
        return self.filter(status__in=IN_FLIGHT)

    def free(self) -> Self:
        """Steps that nothing holds back but time: each dependency is over well, and no attempt is in flight."""
        return self.filter(status=StepStatus.PENDING, unmet=0)

    def startable(self, now: datetime) -> Self:
        """Free steps whose time has come, of workflows that go on."""
        return self.free().filter(
            Q(next_retry_at__isnull=True) | Q(next_retry_at__lte=now),
            Q(workflow__run_at__isnull=True) | Q(workflow__run_at__lte=now),
            workflow__status__in=GOING_ON,
        )


class WorkflowStep(models.Model):
    """One step of a workflow, as planned and as far as it has come."""

    id = models.UUIDField(primary_key=True, editable=False)
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField(help_text="In topological order, ties by declaration.")
    name = models.CharField(max_length=150)
    status = models.CharField(max_length=9, choices=StepStatus, default=StepStatus.PENDING)
    depends_on = JSONTextField(default=list, help_text="Names.")
    dependents = JSONTextField(default=list, help_text="Names.")
    unmet = models.PositiveIntegerField(default=0, help_text="How many of its dependencies are not over well.")

    queue = models.CharField(max_length=255, default="default")
    timeout_seconds = models.PositiveIntegerField(default=360)
    retryable = models.BooleanField(default=True)
    retry_limit = models.PositiveIntegerField(default=3, help_text="The most attempts, the first one included.")
    skippable = models.BooleanField(default=False)
    inputs = JSONTextField(default=dict, help_text="As mapped at the last start; what an operator wrote comes first.")

    attempts = models.PositiveIntegerField(default=0, help_text="Since it was last retried by hand.")
    run_number = models.PositiveIntegerField(default=0, help_text="Attempts ever; the present one's number.")
    task_id = models.UUIDField(null=True, unique=True, help_text="The task of the present or last attempt.")
    claimed_at = models.DateTimeField(null=True, help_text="When the attempt was decided on.")
    handed_at = models.DateTimeField(null=True, help_text="When RQ was known to have it.")
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    next_retry_at = models.DateTimeField(null=True)
    cancel_asked = models.BooleanField(default=False, help_text="It runs, and its worker was told to stop.")

    outcome = models.CharField(max_length=8, choices=StepOutcome, blank=True, default="")
    retry_after_seconds = models.FloatField(null=True, help_text="As the failed attempt wished.")
    results = JSONTextField(null=True)
    error = models.TextField(blank=True, default="")
    error_type = models.CharField(max_length=255, blank=True, default="")

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            # Also the index of a workflow's steps in order.
            models.UniqueConstraint(fields=["workflow", "position"], name="one_step_per_position"),
        ]
        indexes = [
            # Free steps by when they may be tried again, those without a time first: the dispatcher.
            models.Index(fields=["next_retry_at"], name="step_free", condition=Q(status=StepStatus.PENDING, unmet=0)),
            # Attempts in RQ's hands, by the time they were decided on: reconcile.
            models.Index(fields=["claimed_at"], name="step_in_flight", condition=Q(status__in=["QUEUED", "RUNNING"])),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.status}"

    @property
    def duration_ms(self) -> float | None:
        """The time of the last attempt, None unless it has ended."""
        return elapsed_ms(self.started_at, self.completed_at)

    @property
    def is_skipped(self) -> bool:
        """Whether its condition said that it need not run."""
        return self.status == StepStatus.COMPLETED and self.outcome == StepOutcome.SKIPPED

    @property
    def most_attempts(self) -> int:
        """How often it is tried at most: the first attempt is always made."""
        return max(1, self.retry_limit) if self.retryable else 1


def elapsed_ms(start: datetime | None, end: datetime | None) -> float | None:
    """The milliseconds between two moments, None unless both are known; 0 if a clock was set back between them."""
    return max(0.0, (end - start).total_seconds() * 1000) if start and end else None
