"""What the OpenAPI document says of each operation: its words, examples and errors."""

from __future__ import annotations

from monitoring.api_descriptions import READING, Surface, in_path
from monitoring.monitoring_api import examples, serializers

_SURFACE = Surface(
    name="monitoring",
    tag="Monitoring API",
    errors=examples.ERRORS,
    shape=serializers.Refusal,
    shapes={422: serializers.HTTPValidationError},
)
_TASK_ID = in_path("task_id", "The task's id, a UUID. Any other text is a 404.")

task_list = _SURFACE.reads(
    "list_tasks",
    "List tasks",
    "The tasks that match every given filter, a page at a time, with an exact total. A page past the end is empty. "
    "Parameters that are not listed here are ignored, and so are empty filters.",
    asks=[serializers.TaskListQuery],
    answer=serializers.TaskListResponse,
    example=examples.TASK_PAGE,
    errors=(422, *READING),
)
task_detail = _SURFACE.reads(
    "get_task",
    "Get a task",
    "Everything that its producer and the running task told of it. What nobody told is null.",
    asks=[_TASK_ID],
    answer=serializers.TaskDetailResponse,
    example=examples.TASK_DETAIL,
    errors=(404, *READING),
)
task_media = _SURFACE.reads(
    "get_task_media",
    "Get a task's files",
    "The files that a task was given and made, with addresses to get them at. Only http(s) addresses and relative "
    "paths are let through; relative ones lie below the setting `MEDIA_URL`.",
    asks=[_TASK_ID],
    answer=serializers.TaskMediaResponse,
    example=examples.TASK_MEDIA,
    errors=(404, *READING),
)
stats = _SURFACE.reads(
    "get_stats",
    "Count tasks",
    "How many tasks there are by status, provider and type, and how many were created lately.",
    asks=[serializers.StatsQuery],
    answer=serializers.AggregateStats,
    example=examples.STATS,
    errors=(422, *READING),
)
ledger = _SURFACE.reads(
    "get_ledger",
    "Account for every task",
    "By hour of creation and queue: how many tasks came, and where they are now. Nothing is missing while `difference` "
    "is 0. Tasks whose process was killed, or whose job is gone from Redis, are `lost`, and told of one by one with "
    "what is known of the reason. The figures are counted while writing; the answer takes as long at ten million tasks "
    "as at ten thousand.",
    asks=[serializers.LedgerQuery],
    answer=serializers.LedgerResponse,
    example=examples.LEDGER,
    errors=(422, *READING),
)
queues = _SURFACE.reads(
    "list_queues",
    "List queues",
    "Every known queue: those that a task was ever seen in, those this installation works for, and those a worker "
    "listens to. What is there now comes from Redis, what was done in the last hour from the records.",
    answer=serializers.QueueStatsResponse,
    example=examples.QUEUES,
)
workers = _SURFACE.reads(
    "list_workers",
    "List workers",
    "Every living worker, by name. A killed one is listed until Redis forgets it, 90 seconds after its last sign of "
    "life for the workers of `manage.py work`.",
    answer=serializers.WorkerStatsResponse,
    example=examples.WORKERS,
)
workers_health = _SURFACE.reads(
    "get_workers_health",
    "Check the workers",
    "Whether waiting work can be done: at least one worker could take a task now, and no queue with waiting tasks "
    "lacks a worker. The answer is 200 either way; without Redis nothing is healthy and no queue is listed.",
    answer=serializers.WorkerHealthResponse,
    example=examples.HEALTH,
)
