"""What the OpenAPI document says of each operation: its words, examples and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from monitoring.monitoring_api import examples, serializers

View = TypeVar("View", bound=Callable[..., Any])

_READING = (401, 403, 503)
_TASK_ID = OpenApiParameter(
    "task_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="The task's id, a UUID. Any other text is a 404."
)


def _header(name: str, text: str, status: int) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=text, response=[status])


_HEADERS = (_header("WWW-Authenticate", "`Bearer`", 401), _header("Retry-After", "Seconds to wait.", 503))


def _error(status: int) -> OpenApiResponse:
    told, body = examples.ERRORS[status]
    shape = serializers.HTTPValidationError if status == 422 else serializers.Refusal
    return OpenApiResponse(shape, told, examples=[OpenApiExample(f"error {status}", value=body)])


def _read(
    name: str,
    summary: str,
    text: str,
    *,
    answer: Any,
    example: Any,
    errors: tuple[int, ...] = _READING,
    asks: Any = (),
) -> Callable[[View], View]:
    return extend_schema(
        operation_id=f"monitoring_{name}",
        summary=summary,
        description=text,
        tags=["Monitoring API"],
        parameters=[*asks, *_HEADERS],
        responses={
            200: OpenApiResponse(answer, summary, examples=[OpenApiExample("answer", value=example)]),
            **{status: _error(status) for status in errors},
        },
    )


task_list = _read(
    "list_tasks",
    "List tasks",
    "The tasks that match every given filter, a page at a time, with an exact total. A page past the end is empty. "
    "Parameters that are not listed here are ignored, and so are empty filters.",
    asks=[serializers.TaskListQuery],
    answer=serializers.TaskListResponse,
    example=examples.TASK_PAGE,
    errors=(422, *_READING),
)
task_detail = _read(
    "get_task",
    "Get a task",
    "Everything that its producer and the running task told of it. What nobody told is null.",
    asks=[_TASK_ID],
    answer=serializers.TaskDetailResponse,
    example=examples.TASK_DETAIL,
    errors=(404, *_READING),
)
task_media = _read(
    "get_task_media",
    "Get a task's files",
    "The files that a task was given and made, with addresses to get them at. Only http(s) addresses and relative "
    "paths are let through; relative ones lie below the setting `MEDIA_URL`.",
    asks=[_TASK_ID],
    answer=serializers.TaskMediaResponse,
    example=examples.TASK_MEDIA,
    errors=(404, *_READING),
)
stats = _read(
    "get_stats",
    "Count tasks",
    "How many tasks there are by status, provider and type, and how many were created lately.",
    asks=[serializers.StatsQuery],
    answer=serializers.AggregateStats,
    example=examples.STATS,
    errors=(422, *_READING),
)
queues = _read(
    "list_queues",
    "List queues",
    "Every known queue: those that a task was ever seen in, those this installation works for, and those a worker "
    "listens to. What is there now comes from Redis, what was done in the last hour from the records.",
    answer=serializers.QueueStatsResponse,
    example=examples.QUEUES,
)
workers = _read(
    "list_workers",
    "List workers",
    "Every living worker, by name. A killed one is listed until Redis forgets it, 90 seconds after its last sign of "
    "life for the workers of `manage.py work`.",
    answer=serializers.WorkerStatsResponse,
    example=examples.WORKERS,
)
workers_health = _read(
    "get_workers_health",
    "Check the workers",
    "Whether waiting work can be done: at least one worker could take a task now, and no queue with waiting tasks "
    "lacks a worker. The answer is 200 either way; without Redis nothing is healthy and no queue is listed.",
    answer=serializers.WorkerHealthResponse,
    example=examples.HEALTH,
)
