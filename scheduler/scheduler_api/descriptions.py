"""What the OpenAPI document says of each operation: its words, examples, headers and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from scheduler.scheduler_api import examples, serializers

View = TypeVar("View", bound=Callable[..., Any])

_READING = (401, 403, 429, 503)
_BODY = (413, 415)
_PROBLEM = "application/problem+json"


def _id(name: str, what: str) -> OpenApiParameter:
    told = f"The {what}'s id, a UUID. Any other text is a 404."
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.PATH, description=told)


_JOB_ID = _id("job_id", "job")
_EXECUTION_ID = _id("execution_id", "execution")


def _header(name: str, text: str, *statuses: int) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=text, response=list(statuses))


_HEADERS = (_header("WWW-Authenticate", "`Bearer`", 401), _header("Retry-After", "Seconds to wait.", 429, 503))


def _error(status: int) -> OpenApiResponse:
    told, body = examples.ERRORS[status]
    return OpenApiResponse(serializers.Problem, told, examples=[OpenApiExample(f"error {status}", value=body)])


def _operation(
    name: str,
    summary: str,
    text: str,
    *,
    answer: Any,
    example: Any,
    status: int = 200,
    errors: Iterable[int] = (),
    asks: Any = (),
    sends: Any = None,
    sent: Any = None,
    location: str = "",
) -> Callable[[View], View]:
    headers = [*_HEADERS, *([_header("Location", location, status)] if location else [])]
    told = [OpenApiExample("answer", value=example)] if example is not None else []
    return extend_schema(
        operation_id=f"scheduler_{name}",
        summary=summary,
        description=text,
        tags=["Scheduler API"],
        parameters=[*asks, *headers],
        request=sends,
        examples=[OpenApiExample("request", value=sent, request_only=True)] if sent is not None else [],
        responses={
            status: OpenApiResponse(answer, summary, examples=told),
            **{(each, _PROBLEM): _error(each) for each in sorted({*errors, *_READING})},
        },
    )


_NEEDS_ADMIN = " Only for admins."
_NEEDS_OPERATOR = " For operators and admins."
_NEW_ID: dict[str, Any] = {"answer": OpenApiTypes.UUID, "example": examples.EXECUTION_ID, "status": 202}

# --- Jobs ---------------------------------------------------------------------------------------------------------

job_list = _operation(
    "list_jobs",
    "List jobs",
    "The jobs that match every given filter, by name, a page at a time.",
    asks=[serializers.JobQuery],
    answer=serializers.JobPage,
    example=examples.JOB_PAGE,
    errors=[400],
)
create_job = _operation(
    "create_job",
    "Create a job",
    "One of `cron`, `intervalSeconds` and `runAt` says when it is due. What cannot be used is refused, with the field "
    "named: an expression, zone or handler that does not exist, arguments that its schema refuses, a time in the past, "
    "and a definition that would never be due. A name that another job has is a 409." + _NEEDS_ADMIN,
    sends=serializers.JobInput,
    sent=examples.JOB_INPUT,
    answer=serializers.Job,
    example=examples.JOB,
    status=201,
    errors=[400, 409, *_BODY],
    location="The new job's address.",
)
get_job = _operation(
    "get_job", "Get a job", "One job.", asks=[_JOB_ID], answer=serializers.Job, example=examples.JOB, errors=[404]
)
replace_job = _operation(
    "replace_job",
    "Replace a job's definition",
    "What is left out goes back to its default. Arguments that come back as they are shown, masked, stay as they are."
    + _NEEDS_ADMIN,
    asks=[_JOB_ID],
    sends=serializers.JobInput,
    sent=examples.JOB_INPUT,
    answer=serializers.Job,
    example=examples.JOB,
    errors=[400, 404, 409, *_BODY],
)
change_job = _operation(
    "change_job",
    "Change a job",
    "What is left out stays as it is. One of `cron`, `intervalSeconds` and `runAt` takes the place of the others."
    + _NEEDS_ADMIN,
    asks=[_JOB_ID],
    sends=serializers.JobInput,
    sent=examples.JOB_CHANGE,
    answer=serializers.Job,
    example=examples.JOB,
    errors=[400, 404, 409, *_BODY],
)
delete_job = _operation(
    "delete_job",
    "Delete a job",
    "With the record of its due times. What it has started stays in the list of tasks, and goes on if it runs."
    + _NEEDS_ADMIN,
    asks=[_JOB_ID],
    answer=None,
    example=None,
    status=204,
    errors=[404],
)
pause_job = _operation(
    "pause_job",
    "Pause a job",
    "Nothing is started by its schedule until it is resumed. One that is paused already is a 409." + _NEEDS_OPERATOR,
    asks=[_JOB_ID],
    answer=serializers.Job,
    example={**examples.JOB, "isPaused": True, "nextRunAt": None},
    errors=[404, 409],
)
resume_job = _operation(
    "resume_job",
    "Resume a job",
    "From its next due time on: what was due meanwhile is not caught up with." + _NEEDS_OPERATOR,
    asks=[_JOB_ID],
    answer=serializers.Job,
    example=examples.JOB,
    errors=[404, 409],
)
trigger_job = _operation(
    "trigger_job",
    "Run a job now",
    "Whatever its schedule, its overlap policy and its state; answers with the new execution's id." + _NEEDS_OPERATOR,
    asks=[_JOB_ID],
    errors=[404, 409],
    location="The new execution's address.",
    **_NEW_ID,
)
upcoming = _operation(
    "get_upcoming",
    "Look ahead",
    "The next fires of a job. A local time that does not exist is due at the first moment after the gap, one that "
    "comes twice the first time; docs/schedules.md has the whole rule.",
    asks=[_JOB_ID, serializers.CountQuery],
    answer=serializers.Preview,
    example=examples.PREVIEW,
    errors=[400, 404],
)
preview = _operation(
    "preview",
    "Try a schedule out",
    "Checks a schedule and tells its next fires, without saving anything. For every role.",
    sends=serializers.PreviewInput,
    sent=examples.SCHEDULE_INPUT,
    answer=serializers.Preview,
    example=examples.PREVIEW,
    errors=[400, *_BODY],
)
failed_jobs = _operation(
    "list_failed_jobs",
    "List jobs that fail again and again",
    "The jobs whose last executions failed, so many in a row at least; most failures first.",
    asks=[serializers.ThresholdQuery],
    answer=serializers.Job(many=True),
    example=[{**examples.JOB, "consecutiveFailures": 5, "lastExecutionStatus": "Failed"}],
    errors=[400],
)
fires = _operation(
    "list_fires",
    "Compare plan and deed",
    "Every time at which the job was due or asked for, newest first, and what became of it. `OnTime` and `Late` (by "
    "more than a second) were started; `Starting` is on its way; `Overdue`: no dispatcher has come by yet (shown above "
    "the first page, beside its lines); `Overlapped`: the last run was not over; `Skipped` by the misfire policy; "
    "`Missed`: it could not be started; `Cancelled` before it was.",
    asks=[_JOB_ID, serializers.FireQuery],
    answer=serializers.FirePage,
    example=examples.FIRE_PAGE,
    errors=[400, 404],
)

# --- Executions ---------------------------------------------------------------------------------------------------

job_executions = _operation(
    "list_job_executions",
    "List executions of a job",
    "Newest first.",
    asks=[_JOB_ID, serializers.ExecutionQuery],
    answer=serializers.ExecutionPage,
    example=examples.EXECUTION_PAGE,
    errors=[400, 404],
)
execution_list = _operation(
    "list_executions",
    "List executions of all jobs",
    "Newest first.",
    asks=[serializers.ExecutionQuery],
    answer=serializers.ExecutionPage,
    example=examples.EXECUTION_PAGE,
    errors=[400],
)
get_execution = _operation(
    "get_execution",
    "Get an execution",
    "With its output and its error. It is there as soon as it was asked for, then as Pending.",
    asks=[_EXECUTION_ID],
    answer=serializers.ExecutionDetail,
    example=examples.EXECUTION_DETAIL,
    errors=[404],
)
cancel_execution = _operation(
    "cancel_execution",
    "Cancel an execution",
    "A pending one never starts. A running one is told to end: the answer has `cancelRequestedAt` and the status "
    "`Running`, which becomes `Cancelled` when its worker says so. One that is over is a 409." + _NEEDS_OPERATOR,
    asks=[_EXECUTION_ID],
    answer=serializers.ExecutionDetail,
    example={
        **examples.EXECUTION_DETAIL,
        "status": "Running",
        "completedAt": None,
        "duration": None,
        "errorMessage": None,
        "cancelRequestedAt": "2026-11-25T01:30:03Z",
    },
    errors=[404, 409],
)
retry_execution = _operation(
    "retry_execution",
    "Retry a failed execution",
    "Starts the job once more with the same arguments, as a new execution whose `retryParentId` is this one. One that "
    "does not exist or has not failed is a 400." + _NEEDS_OPERATOR,
    asks=[_EXECUTION_ID],
    errors=[400],
    location="The new execution's address.",
    **_NEW_ID,
)
stats = _operation(
    "get_stats",
    "Count jobs and executions",
    "How many jobs there are, and how they did and will do within 24 hours.",
    answer=serializers.Stats,
    example=examples.STATS,
)
timeline = _operation(
    "get_timeline",
    "Show executions over time",
    "By UTC hour, oldest first, empty hours too; the last one is the present hour.",
    asks=[serializers.HoursQuery],
    answer=serializers.TimelinePoint(many=True),
    example=examples.TIMELINE,
    errors=[400],
)
