"""The shapes of this surface, key by key as its document has them, and with its names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from monitoring.api_fields import ClampedNumber, Moment, TextOrNull, TrueOrFalse, Word
from scheduler.models import Backoff, MisfirePolicy, OverlapPolicy, ScheduledJob
from scheduler.registry import NotRunnable, find
from scheduler.scheduler_api.vocabulary import (
    BACKOFF_WORDS,
    CAUSE_WORDS,
    MISFIRE_WORDS,
    OVERLAP_WORDS,
    SCHEDULE_TYPE_WORDS,
    VERDICT_WORDS,
    Length,
    Masked,
    StatusWord,
    TextOrEmpty,
)

LARGEST_PAGE = 100
MOST_UPCOMING = 100
MOST_HOURS = 720
LARGEST_THRESHOLD = 2**31 - 1

# --- What is asked ------------------------------------------------------------------------------------------------


class PageQuery(serializers.Serializer[Any]):
    pageNumber = serializers.IntegerField(
        source="number", default=1, min_value=1, help_text="From 1. One past the end is empty."
    )
    pageSize = ClampedNumber(
        source="size", default=20, most=LARGEST_PAGE, help_text=f"More than {LARGEST_PAGE} counts as {LARGEST_PAGE}."
    )


class ExecutionQuery(PageQuery):
    status = StatusWord(source="statuses", required=False, help_text="In any case.")
    fromDate = Moment(source="started_from", required=False, help_text="Started then or later.")
    toDate = Moment(
        source="started_to", required=False, is_end=True, help_text="Started then or earlier; a date means all of it."
    )


class JobQuery(PageQuery):
    search = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="Part of the name, in any case."
    )
    isEnabled = TrueOrFalse(source="is_enabled", required=False)
    isPaused = TrueOrFalse(source="is_paused", required=False)


class FireQuery(PageQuery):
    verdict = Word(VERDICT_WORDS, required=False, help_text="In any case.")


class ThresholdQuery(serializers.Serializer[Any]):
    threshold = serializers.IntegerField(
        default=3, min_value=1, max_value=LARGEST_THRESHOLD, help_text="So many failures in a row, or more."
    )


class HoursQuery(serializers.Serializer[Any]):
    hours = serializers.IntegerField(
        default=24, min_value=1, max_value=MOST_HOURS, help_text="How many UTC hours; the last is the present one."
    )


class CountQuery(serializers.Serializer[Any]):
    count = ClampedNumber(default=20, most=MOST_UPCOMING, help_text=f"More than {MOST_UPCOMING} counts as that.")


# --- What is sent -------------------------------------------------------------------------------------------------


class ScheduleInput(serializers.Serializer[Any]):
    scheduleType = Word(
        SCHEDULE_TYPE_WORDS, source="schedule_type", required=False, help_text="May be left out: what is given tells."
    )
    cron = TextOrEmpty(
        required=False, default="", max_length=255, help_text="Minute, hour, day of month, month, day of week."
    )
    intervalSeconds = serializers.IntegerField(
        source="interval_seconds", required=False, allow_null=True, default=None, help_text="From 1."
    )
    runAt = Moment(
        source="run_at", required=False, allow_null=True, default=None, help_text="When to run once, in the future."
    )
    timezone = serializers.CharField(
        required=False, default="UTC", max_length=64, help_text="The IANA name of the zone that cron is read in."
    )
    startAt = Moment(
        source="start_at", required=False, allow_null=True, default=None, help_text="Nothing is due before."
    )
    endAt = Moment(source="end_at", required=False, allow_null=True, default=None, help_text="Nothing is due after.")
    maxRuns = serializers.IntegerField(source="max_runs", required=False, allow_null=True, default=None)
    jitterSeconds = serializers.IntegerField(
        source="jitter_seconds", required=False, default=0, help_text="Each start is up to so much later."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What the type, or the one that is given, leaves out is taken away: a job changes its kind in one request."""
        kinds = {"cron": "cron", "interval": "interval_seconds", "once": "run_at"}
        named = kinds.get(attrs.pop("schedule_type", ""))
        given = [name for name in kinds.values() if attrs.get(name)]
        chosen = named or (given[0] if len(given) == 1 else None)
        if chosen is not None:
            attrs |= {name: "" if name == "cron" else None for name in kinds.values() if name != chosen}
        return attrs


class JobInput(ScheduleInput):
    name = serializers.CharField(max_length=255, help_text="Unique.")
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=5_000)
    handler = serializers.CharField(
        max_length=255, help_text="A handler (`demo.echo`, `demo.echo@0.1.0`) or a function that may be started."
    )
    args = Masked(required=False, default=list, help_text="A list.")  # type: ignore[arg-type]  # lists are JSON too
    kwargs = Masked(required=False, default=dict, help_text="An object.")
    queue = serializers.CharField(required=False, default="default", max_length=255)
    overlapPolicy = Word(OVERLAP_WORDS, source="overlap_policy", required=False, default=OverlapPolicy.SKIP)
    misfirePolicy = Word(MISFIRE_WORDS, source="misfire_policy", required=False, default=MisfirePolicy.RUN_ONCE)
    misfireGraceSeconds = serializers.IntegerField(source="misfire_grace_seconds", required=False, default=60)
    maxRetries = serializers.IntegerField(source="max_retries", required=False, default=0)
    retryDelaySeconds = serializers.IntegerField(source="retry_delay_seconds", required=False, default=0)
    retryBackoff = Word(BACKOFF_WORDS, source="retry_backoff", required=False, default=Backoff.FIXED)
    timeoutSeconds = serializers.IntegerField(
        source="timeout_seconds", required=False, allow_null=True, default=None, help_text="Null: 360 s."
    )
    isEnabled = serializers.BooleanField(source="is_enabled", required=False, default=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=50), required=False, default=list)


class PreviewInput(ScheduleInput):
    count = ClampedNumber(default=20, most=MOST_UPCOMING, help_text=f"More than {MOST_UPCOMING} counts as that.")


WIRE_NAMES = {field.source or name: name for name, field in JobInput().fields.items()}
"""The keys by the columns they stand for, for what the core says of a definition."""

# --- Jobs ---------------------------------------------------------------------------------------------------------


class Job(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uuid")
    name = serializers.CharField()
    description = serializers.CharField()
    handler = serializers.CharField()
    args = Masked()
    kwargs = Masked(help_text="Values called like a secret are masked.")
    queue = serializers.CharField()
    scheduleType = Word(SCHEDULE_TYPE_WORDS, source="schedule_type")
    cron = TextOrNull()
    intervalSeconds = serializers.IntegerField(source="interval_seconds", allow_null=True)
    runAt = serializers.DateTimeField(source="run_at", allow_null=True)
    timezone = serializers.CharField()
    startAt = serializers.DateTimeField(source="start_at", allow_null=True)
    endAt = serializers.DateTimeField(source="end_at", allow_null=True)
    maxRuns = serializers.IntegerField(source="max_runs", allow_null=True)
    runCount = serializers.IntegerField(source="run_count", help_text="Starts by the schedule, not those by hand.")
    jitterSeconds = serializers.IntegerField(source="jitter_seconds")
    overlapPolicy = Word(OVERLAP_WORDS, source="overlap_policy")
    misfirePolicy = Word(MISFIRE_WORDS, source="misfire_policy")
    misfireGraceSeconds = serializers.IntegerField(source="misfire_grace_seconds")
    maxRetries = serializers.IntegerField(source="max_retries")
    retryDelaySeconds = serializers.IntegerField(source="retry_delay_seconds")
    retryBackoff = Word(BACKOFF_WORDS, source="retry_backoff")
    timeoutSeconds = serializers.IntegerField(source="timeout_seconds", allow_null=True)
    isEnabled = serializers.BooleanField(source="is_enabled")
    isPaused = serializers.BooleanField(source="is_paused")
    tags = serializers.ListField(child=serializers.CharField())
    nextRunAt = serializers.SerializerMethodField(help_text="Null while it is disabled or paused, or done.")
    lastExecutedAt = serializers.DateTimeField(source="last_executed_at", allow_null=True)
    lastExecutionStatus = StatusWord(source="last_status", allow_null=True, help_text="Of the last that is over.")
    consecutiveFailures = serializers.IntegerField(
        source="consecutive_failures",
        help_text="One more for each failure, 0 after a success; cancelling leaves it.",
    )
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")
    createdBy = serializers.CharField(source="created_by")
    problem = serializers.SerializerMethodField(help_text="Why it cannot be started, e.g. a handler that is gone.")

    def get_nextRunAt(self, job: ScheduledJob) -> datetime | None:
        return job.next_run_at if job.is_enabled and not job.is_paused else None

    def get_problem(self, job: ScheduledJob) -> str | None:
        try:
            find(job.handler)
        except NotRunnable as error:
            return str(error)
        return None


class Page(serializers.Serializer[Any]):
    totalCount = serializers.IntegerField(source="total", help_text="How many match, exactly.")
    pageNumber = serializers.IntegerField(source="number")
    pageSize = serializers.IntegerField(source="size")
    totalPages = serializers.IntegerField(source="pages", help_text="0 when nothing matches.")


class JobPage(Page):
    items = Job(many=True)


class UpcomingFire(serializers.Serializer[Any]):
    dueAt = serializers.DateTimeField(source="due_at", help_text="By the schedule.")
    runAt = serializers.DateTimeField(source="run_at", help_text="With the job's jitter.")
    localTime = serializers.CharField(source="local_time", help_text="dueAt as a clock in the time zone shows it.")


class Preview(serializers.Serializer[Any]):
    words = serializers.CharField(help_text="The schedule as a person says it.")
    timezone = serializers.CharField()
    upcoming = UpcomingFire(many=True)


# --- Executions ---------------------------------------------------------------------------------------------------


class Execution(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    jobId = serializers.UUIDField(source="fire.job.uuid")
    status = StatusWord()
    startedAt = serializers.DateTimeField(source="started_at", allow_null=True, help_text="The last start.")
    completedAt = serializers.DateTimeField(source="completed_at", allow_null=True)
    duration = Length(allow_null=True, help_text="`HH:MM:SS.fff`, with `d.` in front from a day on; null until over.")
    retryCount = serializers.IntegerField(source="retry_count")
    triggeredBy = serializers.SerializerMethodField(help_text="`schedule`, or who started it by hand.")
    retryParentId = serializers.UUIDField(source="fire.retry_of", allow_null=True)
    cancelRequestedAt = serializers.DateTimeField(source="fire.cancel_requested_at", allow_null=True)

    def get_triggeredBy(self, execution: Any) -> str:
        return execution.fire.triggered_by or "schedule"


class ExecutionDetail(Execution):
    output = serializers.CharField(allow_null=True, help_text="What it wrote, else what it returned; cut at 64 KiB.")
    errorMessage = serializers.CharField(source="error", allow_null=True, help_text="Cut at 64 KiB.")


class ExecutionPage(Page):
    items = Execution(many=True)


class Stats(serializers.Serializer[Any]):
    totalJobs = serializers.IntegerField(source="total_jobs")
    enabledJobs = serializers.IntegerField(source="enabled_jobs")
    successRate = serializers.FloatField(source="success_rate", help_text="Of the last 24 h in percent; 100 when none.")
    upcomingExecutions = serializers.IntegerField(source="upcoming", help_text="In the next 24 h, at most 10,000.")
    recentFailures = serializers.IntegerField(source="recent_failures", help_text="Of the last 24 h.")


class TimelinePoint(serializers.Serializer[Any]):
    timestamp = serializers.DateTimeField(source="start")
    succeeded = serializers.IntegerField(source="completed")
    failed = serializers.IntegerField()
    running = serializers.IntegerField(help_text="Started before the end of the hour, and not over by then.")


# --- The truth table ----------------------------------------------------------------------------------------------


class Fire(serializers.Serializer[Any]):
    dueAt = serializers.DateTimeField(source="fire.due_at")
    runAt = serializers.DateTimeField(source="fire.run_at", help_text="With the job's jitter.")
    lastDueAt = serializers.DateTimeField(
        source="fire.last_due_at", allow_null=True, help_text="Where one line stands for several due times."
    )
    count = serializers.IntegerField(source="fire.count")
    cause = Word(CAUSE_WORDS, source="fire.cause")
    verdict = Word(VERDICT_WORDS)
    latenessMs = serializers.SerializerMethodField(help_text="From runAt to being queued; null if it was not.")
    reason = TextOrNull(source="fire.reason")
    execution = Execution(allow_null=True)

    def get_latenessMs(self, line: Any) -> float | None:
        return None if line.lateness is None else round(line.lateness.total_seconds() * 1000, 1)


class FirePage(Page):
    items = Fire(many=True)
    lastDay = serializers.DictField(
        source="last_day", child=serializers.IntegerField(), help_text="Due times of the last 24 hours by verdict."
    )


class Problem(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]  # a field here, not this serializer's errors
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Sentences by the field or parameter that they are about.",
    )
