"""What should run, when; and every time at which something was to run, with what became of it."""

from __future__ import annotations

import json
from typing import Any, Self
from uuid import uuid4

from cron_descriptor import get_description
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import IsNull
from django.utils.timezone import now

from monitoring.models import LARGE_COLUMNS
from scheduler.recurrence import Schedule
from scheduler.workflow_count_models import WorkflowCount  # noqa: F401  # Django looks for models here
from scheduler.workflow_models import Workflow, WorkflowStep  # noqa: F401  # as above


class ScheduleType(models.TextChoices):
    """What says when a job is due."""

    CRON = "cron", "Cron"
    INTERVAL = "interval", "Interval"
    ONE_TIME = "once", "One time"


class OverlapPolicy(models.TextChoices):
    """What to do when a job is due while its last run is not over."""

    SKIP = "skip", "Skip"
    ALLOW = "allow", "Allow"
    CANCEL_RUNNING = "cancel", "Cancel the running one"


class MisfirePolicy(models.TextChoices):
    """What to do about due times at which no dispatcher was there, once they are older than the grace."""

    SKIP = "skip", "Skip"
    RUN_ONCE = "once", "Run once"
    RUN_ALL = "all", "Run all"


class Backoff(models.TextChoices):
    """How the delay before an automatic retry grows."""

    FIXED = "fixed", "Fixed"
    LINEAR = "linear", "Linear"
    EXPONENTIAL = "exponential", "Exponential"


class ScheduledJobQuerySet(models.QuerySet["ScheduledJob"]):
    """Reads as adjectives: ``ScheduledJob.objects.active()``."""

    def active(self) -> Self:
        """Jobs that will be started: enabled, not paused, and due some time."""
        return self.filter(is_enabled=True, is_paused=False, next_run_at__isnull=False)


class ScheduledJob(models.Model):
    """A job that makes tasks: again and again by cron expression or interval, or once."""

    uuid = models.UUIDField(unique=True, default=uuid4, editable=False)
    name = models.CharField(max_length=255, unique=True)
    description = models.TextField(blank=True, default="")
    handler = models.CharField(
        max_length=255,
        default="",
        help_text="A handler (demo.echo, demo.echo@0.1.0) or a function that may be started.",
    )
    args = models.JSONField(blank=True, default=list, help_text="A JSON list.")
    kwargs = models.JSONField(blank=True, default=dict, help_text="A JSON object.")
    queue = models.CharField(max_length=255, default="default")

    cron = models.CharField(max_length=255, blank=True, default="", help_text="Five fields; empty for an interval.")
    interval_seconds = models.PositiveIntegerField(null=True, blank=True)
    run_at = models.DateTimeField(null=True, blank=True, help_text="Of a job that runs once.")
    timezone = models.CharField(max_length=64, default="UTC", help_text="The IANA name of the zone that cron is in.")
    start_at = models.DateTimeField(null=True, blank=True, help_text="Nothing is due before.")
    end_at = models.DateTimeField(null=True, blank=True, help_text="Nothing is due after.")
    max_runs = models.PositiveIntegerField(null=True, blank=True)
    jitter_seconds = models.PositiveIntegerField(default=0, help_text="Started up to so much later.")

    overlap_policy = models.CharField(max_length=8, choices=OverlapPolicy, default=OverlapPolicy.SKIP)
    misfire_policy = models.CharField(max_length=8, choices=MisfirePolicy, default=MisfirePolicy.RUN_ONCE)
    misfire_grace_seconds = models.PositiveIntegerField(default=60)
    max_retries = models.PositiveIntegerField(default=0)
    retry_delay_seconds = models.PositiveIntegerField(default=0)
    retry_backoff = models.CharField(max_length=12, choices=Backoff, default=Backoff.FIXED)
    timeout_seconds = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: as the queue has it, 360 s.")

    is_enabled = models.BooleanField(default=True)
    is_paused = models.BooleanField(default=False)
    tags = models.JSONField(blank=True, default=list, help_text="A JSON list of words.")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False, help_text="When it was last edited.")
    created_by = models.CharField(max_length=255, blank=True, default="", editable=False)

    # What the dispatcher and the recorder keep; an edit must not touch it.
    next_due_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="By the schedule.")
    next_run_at = models.DateTimeField(null=True, blank=True, help_text="By the schedule, and the jitter.")
    last_due_at = models.DateTimeField(null=True, editable=False, help_text="Whatever is due comes after this.")
    run_count = models.PositiveIntegerField(default=0, help_text="Starts by the schedule, not those by hand.")
    last_executed_at = models.DateTimeField(null=True, editable=False)
    last_status = models.CharField(max_length=10, blank=True, default="", editable=False)
    consecutive_failures = models.PositiveIntegerField(default=0, editable=False)

    objects = ScheduledJobQuerySet.as_manager()

    class Meta:
        indexes = [
            # What is due, soonest first: the dispatcher's look, and the fires of the next 24 hours.
            models.Index(
                fields=["next_run_at"],
                name="job_due",
                condition=Q(is_enabled=True, is_paused=False, next_run_at__isnull=False),
            ),
            # The jobs that fail again and again.
            models.Index(
                fields=["-consecutive_failures", "name"], name="job_failing", condition=Q(consecutive_failures__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What a form cannot see field by field; Django's own forms call it."""
        from scheduler.definitions import by_field, mistakes_in

        stored = ScheduledJob.objects.filter(pk=self.pk).first() if self.pk else None
        if mistakes := mistakes_in(self, stored=stored):
            raise ValidationError(by_field(mistakes))

    @property
    def schedule_type(self) -> ScheduleType:
        """By which of the three it is due."""
        if self.cron:
            return ScheduleType.CRON
        return ScheduleType.ONE_TIME if self.run_at else ScheduleType.INTERVAL

    @property
    def schedule(self) -> Schedule:
        """When it is due, as arithmetic."""
        return Schedule(
            cron=self.cron,
            timezone=self.timezone,
            interval_seconds=self.interval_seconds,
            run_at=self.run_at,
            start_at=self.start_at,
            end_at=self.end_at,
            anchor=self.created_at,
        )

    def in_words(self) -> str:
        """The schedule as a person says it: "Every 5 minutes", "At 09:00 AM, Monday through Friday"."""
        if self.cron:
            try:
                words = str(get_description(self.cron))
            except Exception:  # whatever is stored is shown: an expression nobody can read must not take a page down
                return self.cron
            return words if self.timezone == "UTC" else f"{words} ({self.timezone})"
        if self.run_at:
            return f"Once, at {self.run_at:%Y-%m-%d %H:%M:%S} UTC"
        seconds = self.interval_seconds or 0
        for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
            if seconds and seconds % size == 0:
                count = seconds // size
                return f"Every {unit}" if count == 1 else f"Every {count} {unit}s"
        return ""

    def arguments(self) -> str:
        """Its arguments as a JSON document, for display."""
        return json.dumps({"args": self.args, "kwargs": self.kwargs}, ensure_ascii=False)


class Cause(models.TextChoices):
    """Why something was to run."""

    SCHEDULE = "schedule", "Schedule"
    TRIGGER = "trigger", "By hand"
    RETRY = "retry", "Retry"


class FireState(models.TextChoices):
    """What was done about a time at which a job was due."""

    CLAIMED = "claimed", "Being started"  # decided, and on its way to RQ; whoever comes next takes it there
    STARTED = "started", "Started"  # RQ has the job
    CANCELLED = "cancelled", "Cancelled before it was started"
    OVERLAPPED = "overlapped", "Skipped: the last run was not over"
    SKIPPED = "skipped", "Skipped by the misfire policy"
    MISSED = "missed", "Missed"


class ScheduledFireQuerySet(models.QuerySet["ScheduledFire"]):
    """Reads as adjectives: ``ScheduledFire.objects.executions().for_list()``."""

    def executions(self) -> Self:
        """Those that made an execution."""
        # Not task__isnull: from that Django concludes that the task's row exists and joins it inside, and an execution
        # that the recorder has not seen is gone.
        return self.filter(IsNull(F("task_id"), False))

    def open(self) -> Self:
        """Those whose execution is not known to be over."""
        return self.executions().filter(over_at__isnull=True)

    def claimed(self) -> Self:
        """Those on their way to RQ."""
        return self.filter(state=FireState.CLAIMED)

    def for_list(self) -> Self:
        """With their jobs' ids and what a list shows of their tasks, in one query."""
        large = [f"task__{name}" for name in LARGE_COLUMNS]
        return self.select_related("job", "task").defer(*large, "job__args", "job__kwargs", "job__description")


class ScheduledFire(models.Model):
    """A job was due (or asked for) at a time: the claim, the intent and what became of it, in one row."""

    job = models.ForeignKey(ScheduledJob, models.CASCADE, related_name="fires")
    due_at = models.DateTimeField(help_text="By the schedule; for runs by hand, when they were asked for.")
    run_at = models.DateTimeField(help_text="By the schedule, and the jitter.")
    last_due_at = models.DateTimeField(null=True, help_text="The last one, where a row stands for several due times.")
    count = models.PositiveIntegerField(default=1, help_text="How many due times the row stands for.")
    cause = models.CharField(max_length=8, choices=Cause, default=Cause.SCHEDULE)
    state = models.CharField(max_length=10, choices=FireState)
    reason = models.TextField(blank=True, default="", help_text="Why it was not started, or what was odd.")
    # No constraint in the database: the recorder writes the task later, and retention may delete it earlier.
    task = models.OneToOneField(
        "monitoring.Task", models.DO_NOTHING, null=True, db_constraint=False, related_name="fire"
    )
    leased_at = models.DateTimeField(null=True, help_text="Who claimed it began to take it to RQ.")
    started_at = models.DateTimeField(null=True, help_text="Known once it is over.")
    over_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, blank=True, default="", help_text="How it ended.")
    enqueued_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    triggered_by = models.CharField(max_length=100, blank=True, default="")
    retry_of = models.UUIDField(null=True)
    arguments = models.JSONField(null=True, help_text="[args, kwargs] where they are not the job's present ones.")

    objects = ScheduledFireQuerySet.as_manager()

    class Meta:
        constraints = [
            # What makes a fire one: whoever claims second fails. Also the index of a job's fires and executions.
            models.UniqueConstraint(fields=["job", "due_at"], name="one_fire_per_due_time"),
        ]
        indexes = [
            # The executions of all jobs, newest first.
            models.Index(fields=["due_at", "id"], name="fire_executions", condition=Q(task__isnull=False)),
            # Whether a job's last run is over.
            models.Index(fields=["job"], name="fire_open", condition=Q(task__isnull=False, over_at__isnull=True)),
            # What was claimed and not enqueued.
            models.Index(fields=["leased_at"], name="fire_claimed", condition=Q(state="claimed")),
            # What ended in a range of time, and how: the figures and the timeline.
            models.Index(
                fields=["over_at", "status", "started_at"], name="fire_over", condition=Q(over_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} at {self.due_at:%Y-%m-%d %H:%M:%S}"


def newest_first() -> tuple[Any, ...]:
    """The order of executions and fires."""
    return (F("due_at").desc(), F("id").desc())
