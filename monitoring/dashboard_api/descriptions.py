"""What the OpenAPI document says of each operation: its words, examples, headers and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from monitoring.dashboard_api import examples, serializers
from monitoring.history import LIMIT

View = TypeVar("View", bound=Callable[..., Any])

_READING = (401, 403, 503)


def _header(name: str, text: str, *statuses: int) -> OpenApiParameter:
    """A header of the answers with these statuses, or of the request if there are none."""
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=text, response=list(statuses) or False
    )


_TASK_ID = OpenApiParameter(
    "id", OpenApiTypes.STR, OpenApiParameter.PATH, description="The task's id, a UUID. Any other text is a 404."
)
_QUEUE_NAME = OpenApiParameter(
    "name", OpenApiTypes.STR, OpenApiParameter.PATH, description="The queue's name, URL-encoded; slashes may be."
)
_CONDITIONAL = (
    _header("If-None-Match", "The ETag of an answer that the client has already."),
    _header("ETag", "Changes whenever the answer does.", 200, 304),
)
_WWW_AUTHENTICATE = _header("WWW-Authenticate", "`Bearer`", 401)
_RETRY_AFTER = _header("Retry-After", "Seconds to wait.", 429, 503)


def _error(status: int, told: str, body: dict[str, Any]) -> OpenApiResponse:
    return OpenApiResponse(serializers.ErrorAnswer, told, examples=[OpenApiExample(f"error {status}", value=body)])


def _success(summary: str, answer: Any, example: Any) -> OpenApiResponse:
    return OpenApiResponse(answer, summary, examples=[OpenApiExample("answer", value=example)])


def _read(
    name: str,
    summary: str,
    text: str,
    *,
    answer: Any,
    example: Any,
    errors: tuple[int, ...] = _READING,
    told: Mapping[int, tuple[str, dict[str, Any]]] = MappingProxyType({}),
    asks: Any = (),
    **options: Any,
) -> Callable[[View], View]:
    """A GET, answered with 200 or, to a client that has the answer already, with 304.

    ``told`` says of an error what ``examples.ERRORS`` says otherwise.
    """
    sayings = {**examples.ERRORS, **told}
    return extend_schema(
        operation_id=f"dashboard_{name}",
        summary=summary,
        description=text,
        tags=["Dashboard API"],
        parameters=[*asks, *_CONDITIONAL, *([_WWW_AUTHENTICATE] if 401 in errors else []), _RETRY_AFTER],
        responses={
            200: _success(summary, answer, example),
            304: OpenApiResponse(None, "The client has this answer already."),
            **{status: _error(status, *sayings[status]) for status in errors},
        },
        **options,
    )


login = extend_schema(
    operation_id="dashboard_login",
    summary="Log in",
    description=(
        "Trades a name and a password for a token that opens every API. An unknown name and a wrong password are "
        "answered alike. Failed attempts are limited per account and per source."
    ),
    tags=["Dashboard API"],
    auth=[],
    request=serializers.Credentials,
    parameters=[_WWW_AUTHENTICATE, _RETRY_AFTER],
    examples=[OpenApiExample("credentials", value=examples.CREDENTIALS, request_only=True)],
    responses={
        200: _success("The token", serializers.LoginAnswer, examples.LOGIN),
        401: _error(401, "The name or the password is wrong.", examples.WRONG_CREDENTIALS),
        **{status: _error(status, *examples.ERRORS[status]) for status in (400, 413, 415, 429, 503)},
    },
)
task_list = _read(
    "list_tasks",
    "List tasks",
    "The tasks that match every given filter, a page at a time. A page past the end is empty. Parameters that are "
    "not listed here are ignored.",
    asks=[serializers.TaskListQuery],
    answer=serializers.TaskPage,
    example=examples.TASK_PAGE,
    errors=(400, *_READING),
)
task_counts = _read(
    "count_tasks",
    "Count tasks per status",
    "How many of the tasks that match the filters are in each status, exactly: what the tabs above a list show.",
    asks=[serializers.TaskQuery],
    answer=serializers.CountsAnswer,
    example=examples.COUNTS,
    errors=(400, *_READING),
)
task_detail = _read(
    "get_task",
    "Get a task",
    "Everything known of one task. The keys from `recurringInfo` on are those of the scheduled job that made it, "
    "null if none did.",
    asks=[_TASK_ID],
    answer=serializers.TaskDetail,
    example=examples.TASK_DETAIL,
    errors=(404, *_READING),
)
status_audit = _read(
    "list_status_changes",
    "List a task's status changes",
    f"Every status the task took, oldest first; of more than {LIMIT:,}, the newest {LIMIT:,}.",
    asks=[_TASK_ID],
    answer=serializers.StatusAuditRow(many=True),
    example=examples.STATUS_AUDIT_ROW,
    errors=(404, *_READING),
)
runs_audit = _read(
    "list_runs",
    "List a task's executions",
    "One row for each execution by a worker, oldest first; of a task made by a scheduled job, those of the whole "
    f"series. Of more than {LIMIT:,}, the newest {LIMIT:,}.",
    asks=[_TASK_ID],
    answer=serializers.RunsAuditRow(many=True),
    example=examples.RUNS_AUDIT_ROW,
    errors=(404, *_READING),
)
overview = _read(
    "get_overview",
    "Get the overview",
    "The figures of the tasks created in a range, and how tasks ended in the course of it: hour by hour for Today, "
    "else day by day, or by several days for a long past. Buckets in which nothing ended are there, too.",
    asks=[serializers.RangeQuery],
    answer=serializers.OverviewAnswer,
    example=examples.OVERVIEW,
    errors=(400, *_READING),
    told=examples.UNUSABLE_RANGE,
)
recent_activity = _read(
    "list_recent_activity",
    "List what happened last",
    "The newest status changes of all tasks, newest first.",
    asks=[serializers.ActivityQuery],
    answer=serializers.RecentActivity(many=True),
    example=examples.ACTIVITY,
    errors=(400, *_READING),
    told=examples.UNUSABLE_LIMIT,
)
queues = _read(
    "list_queues",
    "List queues",
    "Every queue that a task was ever seen in, by name, with the figures of all its tasks.",
    answer=serializers.QueueMetrics(many=True),
    example=examples.QUEUE,
)
queue_tasks = _read(
    "list_queue_tasks",
    "List a queue's tasks",
    "As the list of tasks, for one queue.",
    asks=[_QUEUE_NAME, serializers.QueueTaskListQuery],
    answer=serializers.TaskPage,
    example=examples.TASK_PAGE,
    errors=(400, 404, *_READING),
    told=examples.NO_QUEUE,
)
success_rate_trend = _read(
    "get_success_rate_trend",
    "Get the success rate over time",
    "How tasks ended, day by day or, over 90 days, week by week (UTC); the last bucket ends with today. Buckets in "
    "which nothing ended are there, with the rate 0.",
    asks=[serializers.PeriodQuery],
    answer=serializers.TrendAnswer,
    example=examples.TREND,
    errors=(400, *_READING),
    told=examples.UNUSABLE_PERIOD,
)
task_types = _read(
    "count_task_types",
    "Count tasks per type",
    "How many tasks of each type (after its last dot) were created in a range, most first.",
    asks=[serializers.RangeQuery],
    answer={"type": "object", "additionalProperties": {"type": "integer"}},
    example=examples.TASK_TYPES,
    errors=(400, *_READING),
    told=examples.UNUSABLE_RANGE,
)
execution_times = _read(
    "list_execution_times",
    "List execution times per type",
    "How long the runs took that completed in a range, by type (after its last dot), most runs first, in "
    "milliseconds. Types without a measured run are left out.",
    asks=[serializers.RangeQuery],
    answer=serializers.ExecutionTimes(many=True),
    example=examples.EXECUTION_TIMES,
    errors=(400, *_READING),
    told=examples.UNUSABLE_RANGE,
)
config = _read(
    "get_config",
    "Get the configuration",
    "Where the parts of this dashboard are mounted. Needs no token.",
    answer=serializers.ConfigAnswer,
    example=examples.CONFIG,
    errors=(),
    auth=[],
)
