"""The shapes of this surface, key by key as its document has them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.api_fields import ClampedNumber, IsThere, Milliseconds, Moment, TextOrNull, TrueOrFalse, Word
from monitoring.dashboard_api.vocabulary import PERIOD_WORDS, RANGE_WORDS, SORT_WORDS, RunWord, StatusWord, StatusWords
from monitoring.filters import TEXT_LIMIT
from monitoring.models import Task
from monitoring.trends import Period, Range

LARGEST_PAGE = 100
MOST_ACTIVITIES = 100

# --- What is asked ------------------------------------------------------------------------------------------------


class Credentials(serializers.Serializer[Any]):
    username = serializers.CharField(trim_whitespace=False)
    password = serializers.CharField(trim_whitespace=False)


class TaskQuery(serializers.Serializer[Any]):
    queueName = serializers.CharField(
        source="queue", required=False, allow_blank=True, max_length=TEXT_LIMIT, help_text="This queue."
    )
    taskType = serializers.CharField(
        source="task_type",
        required=False,
        allow_blank=True,
        max_length=TEXT_LIMIT,
        help_text="Part of the full type, in any case.",
    )
    isRecurring = TrueOrFalse(
        source="is_recurring", required=False, help_text="Whether a scheduled job made it, or not."
    )
    createdFrom = Moment(
        source="created_from", required=False, help_text="Created then or later. UTC unless it names a time zone."
    )
    createdTo = Moment(
        source="created_to", required=False, is_end=True, help_text="Created then or earlier; a date means all of it."
    )
    search = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=TEXT_LIMIT,
        help_text="Eight or more hexadecimal digits: the beginning of the id. Anything else: part of the full type.",
    )


class TaskListQuery(TaskQuery):
    status = StatusWords(required=False, help_text="Any of these statuses; repeat it, or put commas between.")
    sortBy = Word(SORT_WORDS, source="sort", default="created", help_text="Ties are in order of the id.")
    sortDescending = TrueOrFalse(source="descending", default=True, help_text="Empty values come last either way.")
    page = serializers.IntegerField(source="number", default=1, min_value=1, help_text="One past the end is empty.")
    pageSize = ClampedNumber(
        source="size", default=20, most=LARGEST_PAGE, help_text=f"More than {LARGEST_PAGE} counts as {LARGEST_PAGE}."
    )


class QueueTaskListQuery(TaskListQuery):
    queueName = None  # type: ignore[assignment]  # takes the field away: the path names the queue


class RangeQuery(serializers.Serializer[Any]):
    range = Word(
        RANGE_WORDS,
        source="span",
        default=Range.TODAY,
        help_text="Since UTC midnight, the last 7 × 24 hours, the last 30 × 24 hours, or everything.",
    )


class PeriodQuery(serializers.Serializer[Any]):
    period = Word(
        PERIOD_WORDS, default=Period.LAST_7_DAYS, help_text="7 or 30 points of a day each, or 13 of a week each."
    )


class ActivityQuery(serializers.Serializer[Any]):
    limit = ClampedNumber(
        default=50, most=MOST_ACTIVITIES, help_text=f"More than {MOST_ACTIVITIES} counts as {MOST_ACTIVITIES}."
    )


# --- What is answered ---------------------------------------------------------------------------------------------


class LoginAnswer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expiresAt = serializers.DateTimeField(source="expires_at")
    username = serializers.CharField()


class TaskInList(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    taskType = serializers.CharField(source="short_type", help_text="The type after its last dot.")
    handlerType = serializers.CharField(source="short_handler", help_text="The handler after its last dot.")
    status = StatusWord()
    queueName = serializers.CharField(source="queue")
    createdAtUtc = serializers.DateTimeField(source="created_at")
    lastExecutionUtc = serializers.DateTimeField(source="last_run_at", allow_null=True)
    isRecurring = IsThere(source="scheduled_job_id", help_text="Whether a scheduled job made it.")
    nextRunUtc = serializers.DateTimeField(source="scheduled_job.next_run_at", allow_null=True)


class TaskPage(serializers.Serializer[Any]):
    tasks = TaskInList(many=True)
    totalCount = serializers.IntegerField(source="total", help_text="How many match, exactly.")
    page = serializers.IntegerField(source="number")
    pageSize = serializers.IntegerField(source="size")
    totalPages = serializers.IntegerField(source="pages", help_text="0 when nothing matches.")


class TaskDetail(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    taskType = serializers.CharField(source="task_type", help_text="The full type.")
    handlerType = serializers.SerializerMethodField(help_text="The full handler.")
    status = StatusWord()
    queueName = serializers.CharField(source="queue")
    parameters = TextOrNull(
        source="arguments",
        help_text='JSON in a string, `{"args": […], "kwargs": {…}}`, sensitive values masked; null if nobody told.',
    )
    errorDetails = TextOrNull(source="error", help_text="The traceback of the last failed run.")
    createdAtUtc = serializers.DateTimeField(source="created_at")
    scheduledAtUtc = serializers.DateTimeField(source="scheduled_for", allow_null=True)
    lastExecutionUtc = serializers.DateTimeField(source="last_run_at", allow_null=True)
    completedAtUtc = serializers.DateTimeField(source="completed_at", allow_null=True)
    isRecurring = IsThere(source="scheduled_job_id", help_text="Whether a scheduled job made it.")
    recurringInfo = TextOrNull(source="scheduled_job.in_words", help_text="The schedule in words.")
    maxRuns = serializers.IntegerField(source="scheduled_job.max_runs", allow_null=True)
    currentRunCount = serializers.IntegerField(source="scheduled_job.run_count", allow_null=True)
    nextRunUtc = serializers.DateTimeField(source="scheduled_job.next_run_at", allow_null=True)
    runUntil = serializers.DateTimeField(source="scheduled_job.end_at", allow_null=True)

    def get_handlerType(self, task: Task) -> str:
        return task.handler or task.task_type


class StatusAuditRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    taskId = serializers.UUIDField(source="task_id")
    oldStatus = StatusWord(source="old_status", allow_null=True, help_text="Null on the first row.")
    newStatus = StatusWord(source="new_status")
    changedAtUtc = serializers.DateTimeField(source="changed_at")
    errorDetails = TextOrNull(source="error")


class RunsAuditRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    taskId = serializers.UUIDField(source="task_id", help_text="In a series, the one of its tasks that ran.")
    executionStartedUtc = serializers.DateTimeField(source="started_at", allow_null=True)
    executionCompletedUtc = serializers.DateTimeField(source="ended_at", allow_null=True)
    status = RunWord(help_text="A failed run is Failed whether or not its task was tried again.")
    errorDetails = TextOrNull(source="error")


class CountsByStatus(serializers.Serializer[Any]):
    WaitingQueue = serializers.IntegerField(source="SCHEDULED")
    Pending = serializers.IntegerField(source="DEFERRED")
    Queued = serializers.IntegerField(source="QUEUED")
    InProgress = serializers.IntegerField(source="RUNNING")
    Completed = serializers.IntegerField(source="COMPLETED")
    Failed = serializers.IntegerField(source="FAILED")
    Cancelled = serializers.IntegerField(source="CANCELLED")


class CountsAnswer(serializers.Serializer[Any]):
    counts = CountsByStatus()
    total = serializers.IntegerField()


class PointOverTime(serializers.Serializer[Any]):
    timestamp = serializers.DateTimeField(source="at", help_text="When the bucket begins.")
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()


class QueueSummary(serializers.Serializer[Any]):
    queueName = serializers.CharField(source="name")
    totalTasks = serializers.IntegerField(source="total")
    activeTasks = serializers.IntegerField(source="active")
    completedTasks = serializers.IntegerField(source="by_status.COMPLETED")
    failedTasks = serializers.IntegerField(source="by_status.FAILED")


class OverviewAnswer(serializers.Serializer[Any]):
    totalTasks = serializers.IntegerField(source="total", help_text="Created in the range.")
    completedTasks = serializers.IntegerField(source="by_status.COMPLETED")
    failedTasks = serializers.IntegerField(source="by_status.FAILED")
    activeTasks = serializers.IntegerField(source="active", help_text="Those that are not over.")
    successRate = serializers.FloatField(
        source="success_rate", help_text="Completed of completed and failed, in percent, one decimal; 0 without any."
    )
    averageExecutionTime = Milliseconds(source="mean_run_ms", help_text="Of completed and failed ones, milliseconds.")
    activeQueues = serializers.IntegerField(source="active_queues", help_text="Queues with an unfinished task now.")
    recurringTasks = serializers.IntegerField(source="recurring_jobs", help_text="Scheduled jobs that are enabled.")
    tasksOverTime = PointOverTime(source="over_time", many=True)
    queueSummaries = QueueSummary(source="queues", many=True, help_text="Most tasks first.")


class RecentActivity(serializers.Serializer[Any]):
    taskId = serializers.UUIDField(source="change.task_id")
    taskType = serializers.CharField(source="short_type", help_text="The type after its last dot.")
    status = StatusWord(source="change.new_status", help_text="The status that the task took then.")
    timestamp = serializers.DateTimeField(source="change.changed_at")
    message = serializers.CharField(help_text="What happened, in one sentence.")


class QueueMetrics(serializers.Serializer[Any]):
    queueName = serializers.CharField(source="name")
    totalTasks = serializers.IntegerField(source="total")
    queuedTasks = serializers.IntegerField(source="waiting", help_text="Those in WaitingQueue, Pending and Queued.")
    inProgressTasks = serializers.IntegerField(source="by_status.RUNNING")
    completedTasks = serializers.IntegerField(source="by_status.COMPLETED")
    failedTasks = serializers.IntegerField(source="by_status.FAILED")
    cancelledTasks = serializers.IntegerField(source="by_status.CANCELLED")
    successRate = serializers.FloatField(source="success_rate", help_text="In percent, one decimal; 0 without any.")


class TrendPoint(serializers.Serializer[Any]):
    timestamp = serializers.DateTimeField(source="at", help_text="When the day or week begins, UTC.")
    successRate = serializers.FloatField(source="success_rate", help_text="In percent, one decimal; 0 without any.")
    totalTasks = serializers.IntegerField(source="total", help_text="Those that completed or failed.")
    successfulTasks = serializers.IntegerField(source="completed")
    failedTasks = serializers.IntegerField(source="failed")


class TrendAnswer(serializers.Serializer[Any]):
    period = Word(PERIOD_WORDS)
    dataPoints = TrendPoint(source="points", many=True)


class ExecutionTimes(serializers.Serializer[Any]):
    taskType = serializers.CharField(source="name", help_text="The type after its last dot.")
    averageExecutionTime = Milliseconds(source="mean_ms", help_text="Milliseconds.")
    minExecutionTime = Milliseconds(source="shortest_ms")
    maxExecutionTime = Milliseconds(source="longest_ms")
    taskCount = serializers.IntegerField(source="total.count", help_text="Runs that completed in the range.")


class ConfigAnswer(serializers.Serializer[Any]):
    apiBasePath = serializers.CharField()
    uiBasePath = serializers.CharField()
    signalRHubPath = serializers.CharField()
    requireAuthentication = serializers.BooleanField()
    uiEnabled = serializers.BooleanField()


class ErrorAnswer(serializers.Serializer[Any]):
    message = serializers.CharField(help_text="What happened and what to do, for a person.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field here, not the errors of this serializer
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Sentences by the parameter or field that they are about.",
    )
