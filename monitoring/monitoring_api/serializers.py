"""The shapes of this surface, key by key as its document has them, and with its names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from monitoring import ledger
from monitoring.api_fields import Moment, TextOrNull, Word
from monitoring.breakdown import Breakdown
from monitoring.filters import TEXT_LIMIT
from monitoring.ledger_models import Evidence
from monitoring.media import KINDS
from monitoring.models import Task
from monitoring.monitoring_api.vocabulary import (
    ORDER_WORDS,
    SORT_WORDS,
    Elapsed,
    ShownType,
    StatusWord,
    in_our_words,
)

LARGEST_PAGE = 200

# --- What is asked ------------------------------------------------------------------------------------------------


def _text(about: str, **options: Any) -> serializers.CharField:
    """A text to look for; an empty one does not narrow the list."""
    return serializers.CharField(required=False, allow_blank=True, max_length=TEXT_LIMIT, help_text=about, **options)


class StatsQuery(serializers.Serializer[Any]):
    origin_instance = _text("Tasks of this instance; a task that names none is of the instance that answers.")
    origin_zone = _text("Tasks of this zone.")


class TaskListQuery(StatsQuery):
    status = StatusWord(required=False, help_text="In any case.")
    task_type = _text("This kind of task, or this name of a function without its module.", source="shown_type")
    provider_type = _text("Tasks of this provider.")
    origin_tenant_id = _text("Tasks of this tenant.")
    created_after = Moment(
        source="created_from", required=False, help_text="Created then or later. UTC unless it names a time zone."
    )
    created_before = Moment(
        source="created_to", required=False, is_end=True, help_text="Created then or earlier; a date means all of it."
    )
    search = _text("The beginning of the id.", source="id_prefix")
    page = serializers.IntegerField(source="number", default=1, min_value=1, help_text="One past the end is empty.")
    page_size = serializers.IntegerField(source="size", default=50, min_value=1, max_value=LARGEST_PAGE)
    sort_by = Word(SORT_WORDS, source="sort", default="created", help_text="Ties are in order of the id.")
    sort_order = Word(ORDER_WORDS, source="descending", default=True, help_text="Nulls come last either way.")


class LedgerQuery(serializers.Serializer[Any]):
    created_after = Moment(
        source="start", required=False, help_text="Hours that begin then or later; a day ago, if left out."
    )
    created_before = Moment(
        source="end",
        required=False,
        is_end=True,
        help_text="Hours that begin before; now, if left out. 31 days at most.",
    )
    queue = _text("Of this queue.")
    page = serializers.IntegerField(source="number", default=1, min_value=1, help_text="One past the end is empty.")
    page_size = serializers.IntegerField(source="size", default=100, min_value=1, max_value=1_000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fills what was left out; a range may be 31 days long."""
        end = attrs.get("end") or datetime.now(UTC)
        start = attrs.get("start") or end - min(ledger.USUAL, end - datetime.min.replace(tzinfo=UTC))
        if start > end:
            raise serializers.ValidationError({"created_after": "It must not lie after created_before."})
        if end - start > ledger.LONGEST:
            raise serializers.ValidationError({"created_after": f"Ask for {ledger.LONGEST.days} days at most."})
        return {**attrs, "start": start, "end": end, "queue": attrs.get("queue") or ""}


class LedgerLine(serializers.Serializer[Any]):
    hour = serializers.DateTimeField(source="start", allow_null=True, help_text="Its beginning in UTC; null in sums.")
    queue = serializers.CharField(help_text="Empty in sums.")
    enqueued = serializers.IntegerField(help_text="Tasks created in that hour, as they were counted when they came.")
    completed = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Without those that were lost.")
    cancelled = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="Scheduled, waiting for others, and queued.")
    running = serializers.IntegerField()
    lost = serializers.IntegerField()
    difference = serializers.IntegerField(help_text="Enqueued less all others: 0, or Quarterdeck has miscounted.")


class LostJob(serializers.Serializer[Any]):
    task_id = serializers.UUIDField()
    job_id = serializers.CharField(help_text="RQ's id.")
    queue = serializers.CharField()
    task_type = serializers.CharField()
    was = serializers.CharField(help_text="The status in which it was lost.")
    evidence = serializers.ChoiceField(Evidence.choices, help_text="What is known of the reason.")
    details = serializers.DictField(help_text="Figures of the server and, where one ran it, the worker.")
    missing_since = serializers.DateTimeField()
    found_at = serializers.DateTimeField(help_text="When it was given up.")


class LedgerResponse(serializers.Serializer[Any]):
    lines = LedgerLine(many=True, help_text="Hours in which tasks were created, newest first.")
    total = serializers.IntegerField(help_text="How many lines there are.")
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    totals = LedgerLine(help_text="Of the whole range.")
    balanced = serializers.BooleanField(help_text="Whether every line's difference is 0.")
    lost = LostJob(many=True, help_text="The newest hundred that did not go on.")
    created_after = serializers.DateTimeField()
    created_before = serializers.DateTimeField()
    timestamp = serializers.DateTimeField()


# --- Tasks --------------------------------------------------------------------------------------------------------


class TaskListItem(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    task_type = ShownType(help_text="Its kind as its producer declared it, else its function without the module.")
    provider_type = TextOrNull()
    status = StatusWord(help_text="PENDING covers scheduled, waiting for other tasks, and queued.")
    progress = serializers.FloatField(help_text="0 to 100.")
    origin_instance = serializers.SerializerMethodField(help_text="The instance that answers, if it names none.")
    origin_zone = TextOrNull()
    origin_tenant_id = TextOrNull()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True, help_text="The last start.")
    completed_at = serializers.DateTimeField(allow_null=True, help_text="Set once it is over, however.")
    duration_ms = Elapsed(help_text="From started_at to completed_at, in milliseconds.")
    has_error = serializers.BooleanField(help_text="Whether an error was recorded.")

    def get_origin_instance(self, task: Task) -> str:
        return task.origin_instance or settings.QUARTERDECK_INSTANCE


class TaskListResponse(serializers.Serializer[Any]):
    items = TaskListItem(many=True, source="tasks")
    total = serializers.IntegerField(help_text="How many match, exactly.")
    page = serializers.IntegerField(source="number")
    page_size = serializers.IntegerField(source="size")
    pages = serializers.IntegerField(help_text="0 when nothing matches.")


class TaskDetailResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    task_type = ShownType(help_text="Its kind as its producer declared it, else its function without the module.")
    provider_type = TextOrNull()
    status = StatusWord(help_text="PENDING covers scheduled, waiting for other tasks, and queued.")
    progress = serializers.FloatField(help_text="0 to 100.")
    origin_instance = serializers.SerializerMethodField(help_text="The instance that answers, if it names none.")
    origin_zone = TextOrNull()
    origin_tenant_id = TextOrNull()
    origin_reference = TextOrNull()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True, help_text="The last start.")
    completed_at = serializers.DateTimeField(allow_null=True, help_text="Set once it is over, however.")
    duration_ms = Elapsed(help_text="From started_at to completed_at, in milliseconds.")
    queue_name = serializers.CharField(source="queue")
    priority = serializers.IntegerField()
    celery_task_id = serializers.CharField(source="job_id", allow_null=True, help_text="RQ's id of the job.")
    service_task_id = TextOrNull(help_text="The id that an outside service gave it.")
    executor_type = TextOrNull()
    executor_instance = TextOrNull()
    config = serializers.DictField(allow_null=True)
    webhook_url = TextOrNull()
    errors = serializers.SerializerMethodField(  # type: ignore[assignment]  # a field here, not this serializer's errors
        help_text="The error of the last failed run; null without one."
    )
    retry_count = serializers.IntegerField(help_text="Automatic and manual retries.")
    is_resumed = serializers.SerializerMethodField(help_text="Whether it is a later attempt of a workflow's step.")
    resume_attempt_count = serializers.SerializerMethodField(help_text="How many attempts of the step came before.")
    last_resume_attempt = serializers.SerializerMethodField(help_text="When it was decided on, if it is one.")
    service_requests = serializers.ListField(child=serializers.DictField(), allow_null=True)
    task_data = serializers.SerializerMethodField(help_text="What its producer told of it; empty if nothing.")

    def get_origin_instance(self, task: Task) -> str:
        return task.origin_instance or settings.QUARTERDECK_INSTANCE

    @extend_schema_field(serializers.ListField(child=serializers.CharField(), allow_null=True))
    def get_errors(self, task: Task) -> list[str] | None:
        return [task.error] if task.error else None

    def get_is_resumed(self, task: Task) -> bool:
        return self.get_resume_attempt_count(task) > 0

    def get_resume_attempt_count(self, task: Task) -> int:
        """As the producer told: RQ itself runs a task anew and resumes none."""
        told = (task.task_data or {}).get("resume_attempts")
        return told if isinstance(told, int) and 0 < told < 2**31 else 0

    def get_last_resume_attempt(self, task: Task) -> datetime | None:
        return task.created_at if self.get_is_resumed(task) else None

    def get_task_data(self, task: Task) -> dict[str, Any]:
        return task.task_data or {}


class MediaItem(serializers.Serializer[Any]):
    name = serializers.CharField()
    path = serializers.CharField(help_text="Where it lies below MEDIA_URL, or on its own server.")
    url = serializers.CharField(help_text="Where to get it: below MEDIA_URL, or the http(s) URL that was reported.")
    media_type = serializers.ChoiceField(choices=KINDS)


class TaskMediaResponse(serializers.Serializer[Any]):
    task_id = serializers.UUIDField()
    inputs = MediaItem(many=True)
    outputs = MediaItem(many=True)


# --- The whole ----------------------------------------------------------------------------------------------------


class AggregateStats(serializers.Serializer[Any]):
    total_tasks = serializers.IntegerField(source="total")
    by_status = serializers.SerializerMethodField(help_text="Every status, also those that no task is in.")
    by_provider = serializers.DictField(child=serializers.IntegerField(), help_text="Of tasks that name a provider.")
    by_task_type = serializers.DictField(child=serializers.IntegerField(), source="by_shown_type")
    tasks_last_hour = serializers.IntegerField(source="last_hour", help_text="By creation.")
    tasks_last_24h = serializers.IntegerField(source="last_day", help_text="By creation.")

    def get_by_status(self, found: Breakdown) -> dict[str, int]:
        return in_our_words(found.by_status)


class QueueStats(serializers.Serializer[Any]):
    name = serializers.CharField(source="now.name")
    depth = serializers.IntegerField(source="now.waiting", help_text="Tasks that a worker could take now.")
    active_workers = serializers.IntegerField(source="now.workers", help_text="Living workers that listen to it.")
    active_tasks = serializers.IntegerField(source="now.running")
    reserved_tasks = serializers.IntegerField(
        source="now.held", help_text="Tasks that wait for other tasks, and those on their way to a worker."
    )
    avg_wait_time_ms = serializers.FloatField(
        source="mean_wait_ms", allow_null=True, help_text="From queued to started, of the runs ended in the last hour."
    )
    tasks_completed_last_hour = serializers.IntegerField(source="completed")


class QueueStatsResponse(serializers.Serializer[Any]):
    queues = QueueStats(many=True)
    total_pending = serializers.IntegerField()
    total_active = serializers.IntegerField()
    timestamp = serializers.DateTimeField()


class WorkerInfo(serializers.Serializer[Any]):
    name = serializers.CharField(source="now.name")
    queues = serializers.ListField(source="now.queues", child=serializers.CharField())
    concurrency = serializers.IntegerField(source="now.concurrency", help_text="1: a pool of n is n workers.")
    active_tasks = serializers.IntegerField(source="now.active")
    utilization_pct = serializers.FloatField(
        source="utilization_percent", help_text="The share of the last five minutes that it spent working."
    )
    has_capacity = serializers.BooleanField(source="now.has_capacity", help_text="Neither busy nor about to stop.")
    tasks_completed_total = serializers.IntegerField(source="now.completed", help_text="Since it started.")
    tasks_per_minute = serializers.FloatField(source="per_minute", help_text="Completed, over the last five minutes.")
    memory_mb = serializers.FloatField(
        allow_null=True, help_text="Resident memory with its work horse; null for a worker on another machine."
    )


class WorkerStatsResponse(serializers.Serializer[Any]):
    workers = WorkerInfo(many=True)
    total_workers = serializers.IntegerField()
    total_capacity = serializers.IntegerField()
    total_active = serializers.IntegerField()
    total_utilization_pct = serializers.FloatField(help_text="The mean of the workers'.")
    workers_at_capacity = serializers.IntegerField(help_text="Workers that are busy now.")
    timestamp = serializers.DateTimeField()


class WorkerHealthResponse(serializers.Serializer[Any]):
    healthy = serializers.BooleanField()
    total_workers = serializers.IntegerField()
    workers_with_capacity = serializers.IntegerField()
    queues_with_workers = serializers.ListField(child=serializers.CharField())
    queues_without_workers = serializers.ListField(child=serializers.CharField())
    timestamp = serializers.DateTimeField()


# --- What is refused ----------------------------------------------------------------------------------------------


class Refusal(serializers.Serializer[Any]):
    detail = serializers.CharField(help_text="What happened, for a person.")


class ValidationError(serializers.Serializer[Any]):
    loc = serializers.ListField(child=serializers.CharField(), help_text="`query` and the parameter.")
    msg = serializers.CharField(help_text="What is wrong with it and what is accepted.")
    type = serializers.CharField(help_text="What kind of mistake it is, in one word.")


class HTTPValidationError(serializers.Serializer[Any]):
    detail = ValidationError(many=True)
