"""What runs and ran: tasks, the queues they went through, and the recorder's own bookkeeping."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from django.db import models

from monitoring.count_models import FailureCount, LabelCount, RunCount, Span, StepCount, TaskCount
from monitoring.descending import EmptyLastIndex
from monitoring.expressions import Elapsed
from monitoring.ledger_models import ArrivalCount, LostTask, Reconciliation
from monitoring.retention_models import Pruned
from monitoring.statuses import OVER, UNFINISHED, Status
from monitoring.stored_operations import Operation, OperationTask

# Django looks for models here; those of one subject have a module of their own.
__all__ = [
    "ArrivalCount",
    "ErrorGroup",
    "FailureCount",
    "InboxPosition",
    "LabelCount",
    "LostTask",
    "MetricSample",
    "Operation",
    "OperationTask",
    "Pruned",
    "Queue",
    "Reconciliation",
    "RunCount",
    "SetAsideEntry",
    "Span",
    "StepCount",
    "Task",
    "TaskCount",
]


class TaskQuerySet(models.QuerySet["Task"]):
    """Reads as adjectives: ``Task.objects.unfinished().for_list()``."""

    def over(self) -> Self:
        """Tasks that have ended, however."""
        return self.filter(status__in=OVER)

    def unfinished(self) -> Self:
        """Tasks that wait or run."""
        return self.filter(status__in=UNFINISHED)

    def for_list(self) -> Self:
        """With what a list row shows, in one query, leaving the large columns where they are."""
        return self.select_related("scheduled_job").defer(*LARGE_COLUMNS)


LARGE_COLUMNS = (
    "arguments",
    "result",
    "output",
    "error",
    "config",
    "task_data",
    "service_requests",
    "media",
    "depends_on",
)


class Task(models.Model):
    """One RQ job, remembered. The recorder is the only writer of its status."""

    id = models.UUIDField(primary_key=True, editable=False)
    job_id = models.CharField(max_length=255, help_text="RQ's own id of the job.")
    task_type = models.CharField(max_length=255, help_text="The function's full dotted name.")
    kind = models.CharField(
        max_length=100, blank=True, default="", help_text="As its producer calls it, e.g. GENERATION."
    )
    handler = models.CharField(max_length=255, blank=True, default="", help_text="Registered handler, if one made it.")
    queue = models.CharField(max_length=255)
    status = models.CharField(max_length=10, choices=Status)
    arguments = models.TextField(blank=True, default="", help_text='JSON: {"args": [...], "kwargs": {...}}, masked.')
    result = models.TextField(null=True, blank=True, help_text="JSON, masked.")
    output = models.TextField(blank=True, default="")
    error = models.TextField(blank=True, default="", help_text="The traceback of the last failed run.")
    error_type = models.CharField(max_length=255, blank=True, default="")
    error_group = models.CharField(
        max_length=16, null=True, blank=True, help_text="The ErrorGroup of a task that is FAILED; of no other."
    )
    depends_on = models.JSONField(null=True, blank=True, help_text="RQ ids of the jobs that must succeed first.")
    priority = models.IntegerField(default=0)
    progress = models.FloatField(default=0)
    progress_message = models.CharField(max_length=500, blank=True, default="")
    attempts = models.PositiveIntegerField(default=0, help_text="Runs so far.")
    retry_count = models.PositiveIntegerField(default=0, help_text="Automatic and manual retries.")
    max_retries = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    enqueued_at = models.DateTimeField(null=True)
    scheduled_for = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    last_run_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    duration_ms = models.FloatField(null=True, help_text="Run time of the last ended run, in milliseconds.")
    wait_ms = models.FloatField(null=True, help_text="From enqueued to started, last run, in milliseconds.")
    worker = models.CharField(max_length=255, blank=True, default="")
    # No constraint in the database: the id comes from whoever enqueued, and a stale one must not stop the recorder.
    scheduled_job = models.ForeignKey(
        "scheduler.ScheduledJob", models.SET_NULL, null=True, blank=True, db_constraint=False, related_name="tasks",
        db_index=False,  # task_series is its index, without the many tasks that have none
    )  # fmt: skip
    retry_of = models.UUIDField(null=True, blank=True)
    triggered_by = models.CharField(max_length=100, blank=True, default="")
    origin_instance = models.CharField(max_length=255, blank=True, default="")
    origin_zone = models.CharField(max_length=100, blank=True, default="")
    origin_tenant_id = models.CharField(max_length=100, blank=True, default="")
    origin_reference = models.CharField(max_length=255, blank=True, default="")
    provider_type = models.CharField(max_length=100, blank=True, default="")
    executor_type = models.CharField(max_length=100, blank=True, default="")
    executor_instance = models.CharField(max_length=255, blank=True, default="")
    service_task_id = models.CharField(max_length=255, blank=True, default="")
    webhook_url = models.CharField(max_length=2000, blank=True, default="")
    config = models.JSONField(null=True, blank=True)
    task_data = models.JSONField(null=True, blank=True)
    service_requests = models.JSONField(null=True, blank=True)
    media = models.JSONField(null=True, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        permissions = [("operate_task", "Can cancel, retry, pause and run tasks")]
        indexes = [
            # The list's default order, and createdFrom/createdTo; id breaks ties so that pages never repeat a row.
            models.Index(fields=["created_at", "id"], name="task_created"),
            # The list filtered by status, newest first; unfinished tasks (reconcile).
            models.Index(fields=["status", "created_at", "id"], name="task_status_created"),
            # A queue's list, newest first.
            models.Index(fields=["queue", "created_at", "id"], name="task_queue_created"),
            # The tasks of one scheduled job, newest first (runs-audit); the list and the counts of recurring tasks.
            models.Index(
                fields=["scheduled_job", "created_at", "id"],
                name="task_series",
                condition=models.Q(scheduled_job__isnull=False),
            ),
            # The list sorted by last execution, newest first.
            EmptyLastIndex(fields=["-last_run_at", "-id"], name="task_last_run"),
            # The monitoring API's list sorted by completion, newest first.
            EmptyLastIndex(fields=["-completed_at", "-id"], name="task_completed"),
            # Its list sorted by duration, longest first.
            EmptyLastIndex(
                Elapsed("completed_at", "started_at").desc(nulls_last=True),
                models.F("id").desc(),
                name="task_elapsed",
            ),
            # The list of one type, newest first: the monitoring API's task_type.
            models.Index(fields=["task_type", "created_at", "id"], name="task_type_created"),
            # Dead letters of one queue, newest failure first; those of one group, over all queues and of one: its list,
            # its first and its last. They hold the failed tasks only.
            *(
                models.Index(
                    fields=[*fields, "completed_at", "id"], name=name, condition=models.Q(error_group__isnull=False)
                )
                for fields, name in (
                    (["queue"], "task_failed"),
                    (["error_group"], "task_failed_group"),
                    (["queue", "error_group"], "task_failed_queue_group"),
                )
            ),
            # The lists and counts of what producers label (monitoring/labels.py), newest first. They hold the tasks
            # that were given the label only, so they cost nothing where nobody uses it.
            *(
                models.Index(
                    fields=[label, "created_at", "id"], name=f"task_{name}", condition=models.Q(**{f"{label}__gt": ""})
                )
                for label, name in (
                    ("kind", "kind"),
                    ("provider_type", "provider"),
                    ("origin_instance", "instance"),
                    ("origin_zone", "zone"),
                    ("origin_tenant_id", "tenant"),
                    # Tasks by the error that they ended with or were last tried again after.
                    ("error_type", "error"),
                )
            ),
            # Which tasks a worker ran last. PostgreSQL keeps each worker's name once, for nothing else is in the index;
            # with the time of creation it would be ten times as large.
            models.Index(fields=["worker"], name="task_worker", condition=models.Q(worker__gt="")),
        ]

    def __str__(self) -> str:
        return f"{self.short_type} {self.id}"

    @property
    def short_type(self) -> str:
        """The function's name after the last dot."""
        return self.task_type.rpartition(".")[2]

    @property
    def short_handler(self) -> str:
        """The handler's (or function's) name after the last dot."""
        return (self.handler or self.task_type).rpartition(".")[2]

    @property
    def is_over(self) -> bool:
        """Whether it has ended, however."""
        return self.status in OVER


class QueueQuerySet(models.QuerySet["Queue"]):
    """Queues, and which of them are paused."""

    def paused(self, now: datetime) -> Self:
        """Those whose pause is not over; few, so no index is kept for them."""
        return self.filter(paused_at__isnull=False).exclude(paused_until__lte=now)

    def unpaused(self, now: datetime) -> Self:
        """The others, also those whose pause has run out and is still to be tidied up."""
        return self.filter(models.Q(paused_at=None) | models.Q(paused_until__lte=now))

    def run_out(self, now: datetime) -> Self:
        """Those whose pause is over by itself and still to be tidied up."""
        return self.filter(paused_at__isnull=False, paused_until__lte=now)


class Queue(models.Model):
    """A queue that a task was ever seen in, or that somebody paused."""

    name = models.CharField(max_length=255, unique=True)
    first_seen_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=255, blank=True, default="")
    pause_reason = models.CharField(max_length=1000, blank=True, default="")
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="When it resumes by itself; empty: when somebody resumes it."
    )
    pause_number = models.PositiveIntegerField(default=0, help_text="Counts its pauses: workers acknowledge by it.")

    objects = QueueQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paused(self) -> bool:
        """Whether workers leave it alone now."""
        return self.paused_at is not None and (self.paused_until is None or self.paused_until > datetime.now(UTC))


class ErrorGroup(models.Model):
    """Errors that differ in numbers, ids, names and the like only; see monitoring.error_patterns."""

    fingerprint = models.CharField(max_length=16, primary_key=True)
    error_type = models.CharField(max_length=255, blank=True, default="")
    pattern = models.CharField(max_length=300, help_text="What they have in common, as a person reads it.")
    first_seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.pattern


class InboxPosition(models.Model):
    """How far the outbox stream has been recorded; saved in the transaction that records, and the recorders' lock."""

    stream = models.CharField(max_length=100, primary_key=True)
    last_id = models.CharField(max_length=40, default="0-0")
    recorded = models.BigIntegerField(default=0, help_text="Entries recorded since ever.")
    set_aside = models.BigIntegerField(default=0, help_text="Entries that could not be understood, since ever.")
    changes = models.BigIntegerField(default=0, help_text="Status changes recorded since ever.")
    updated_at = models.DateTimeField(null=True)
    # Counted in the transaction that records, so what happened in an interval is the difference of two looks.
    ended = models.BigIntegerField(default=0, help_text="Tasks that were completed or failed, since ever.")
    failures = models.BigIntegerField(default=0, help_text="How many of them failed.")
    retries = models.BigIntegerField(default=0, help_text="Automatic and manual retries, since ever.")
    timed = models.BigIntegerField(default=0, help_text="How many of the ended have a run time.")
    run_us = models.BigIntegerField(default=0, help_text="Their run times added up, in microseconds.")

    def __str__(self) -> str:
        return f"{self.stream} at {self.last_id}"


class SetAsideEntry(models.Model):
    """An outbox entry that could not be understood: kept for a person to look at, never in the way of the next."""

    stream_id = models.CharField(max_length=40)
    payload = models.TextField()
    reason = models.TextField()
    set_aside_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "set-aside entries"

    def __str__(self) -> str:
        return f"{self.stream_id}: {self.reason}"


class MetricSample(models.Model):
    """How things stood at one time, for as long as retention says. What happened between two is their difference."""

    slot = models.BigIntegerField(primary_key=True, help_text="Which five seconds since 1970: one sample for each.")
    at = models.DateTimeField()
    waiting = models.BigIntegerField(help_text="Tasks that a worker could take.")
    active = models.BigIntegerField()
    delayed = models.BigIntegerField(help_text="Tasks that wait for their time, or for others.")
    completed = models.BigIntegerField()
    failed = models.BigIntegerField()
    total_queues = models.PositiveIntegerField()
    total_workers = models.PositiveIntegerField()
    # The recorder's counts since ever, as InboxPosition has them.
    ended = models.BigIntegerField()
    failures = models.BigIntegerField()
    retries = models.BigIntegerField()
    timed = models.BigIntegerField()
    run_us = models.BigIntegerField()
    recorded = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"
