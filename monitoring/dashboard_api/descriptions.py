"""What the OpenAPI document says of each operation: its words, examples and errors."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

from monitoring.api_descriptions import READING, Surface, in_path, success
from monitoring.dashboard_api import examples, serializers
from monitoring.history import LIMIT

_SURFACE = Surface(
    name="dashboard",
    tag="Dashboard API",
    errors=examples.ERRORS,
    shape=serializers.ErrorAnswer,
    is_conditional=True,
)
_TASK_ID = in_path("id", "The task's id, a UUID. Any other text is a 404.")
_QUEUE_NAME = in_path("name", "The queue's name, URL-encoded; slashes may be.")

login = _SURFACE.describes(
    "login",
    "Log in",
    "Trades a name and a password for a token that opens every API. An unknown name and a wrong password are "
    "answered alike. Failed attempts are limited per account and per source.",
    answers={200: success("The token", serializers.LoginAnswer, examples.LOGIN)},
    errors=(400, 401, 413, 415, 429, 503),
    told={401: ("The name or the password is wrong.", examples.WRONG_CREDENTIALS), **examples.TOO_MANY_LOGINS},
    auth=[],
    request=serializers.Credentials,
    examples=[OpenApiExample("credentials", value=examples.CREDENTIALS, request_only=True)],
)
task_list = _SURFACE.reads(
    "list_tasks",
    "List tasks",
    "The tasks that match every given filter, a page at a time. A page past the end is empty. Parameters that are "
    "not listed here are ignored.",
    asks=[serializers.TaskListQuery],
    answer=serializers.TaskPage,
    example=examples.TASK_PAGE,
    errors=(400, *READING),
)
task_counts = _SURFACE.reads(
    "count_tasks",
    "Count tasks per status",
    "How many of the tasks that match the filters are in each status, exactly: what the tabs above a list show.",
    asks=[serializers.TaskQuery],
    answer=serializers.CountsAnswer,
    example=examples.COUNTS,
    errors=(400, *READING),
)
task_detail = _SURFACE.reads(
    "get_task",
    "Get a task",
    "Everything known of one task. The keys from `recurringInfo` on are those of the scheduled job that made it, "
    "null if none did.",
    asks=[_TASK_ID],
    answer=serializers.TaskDetail,
    example=examples.TASK_DETAIL,
    errors=(404, *READING),
)
status_audit = _SURFACE.reads(
    "list_status_changes",
    "List a task's status changes",
    f"Every status the task took, oldest first; of more than {LIMIT:,}, the newest {LIMIT:,}.",
    asks=[_TASK_ID],
    answer=serializers.StatusAuditRow(many=True),
    example=examples.STATUS_AUDIT_ROW,
    errors=(404, *READING),
)
runs_audit = _SURFACE.reads(
    "list_runs",
    "List a task's executions",
    "One row for each execution by a worker, oldest first; of a task made by a scheduled job, those of the whole "
    f"series. Of more than {LIMIT:,}, the newest {LIMIT:,}.",
    asks=[_TASK_ID],
    answer=serializers.RunsAuditRow(many=True),
    example=examples.RUNS_AUDIT_ROW,
    errors=(404, *READING),
)
overview = _SURFACE.reads(
    "get_overview",
    "Get the overview",
    "The figures of the tasks created in a range, and how tasks ended in the course of it: hour by hour for Today, "
    "else day by day, or by several days for a long past. Buckets in which nothing ended are there, too.",
    asks=[serializers.RangeQuery],
    answer=serializers.OverviewAnswer,
    example=examples.OVERVIEW,
    errors=(400, *READING),
    told=examples.UNUSABLE_RANGE,
)
recent_activity = _SURFACE.reads(
    "list_recent_activity",
    "List what happened last",
    "The newest status changes of all tasks, newest first.",
    asks=[serializers.ActivityQuery],
    answer=serializers.RecentActivity(many=True),
    example=examples.ACTIVITY,
    errors=(400, *READING),
    told=examples.UNUSABLE_LIMIT,
)
queues = _SURFACE.reads(
    "list_queues",
    "List queues",
    "Every queue that a task was ever seen in, by name, with the figures of all its tasks.",
    answer=serializers.QueueMetrics(many=True),
    example=examples.QUEUE,
)
queue_tasks = _SURFACE.reads(
    "list_queue_tasks",
    "List a queue's tasks",
    "As the list of tasks, for one queue.",
    asks=[_QUEUE_NAME, serializers.QueueTaskListQuery],
    answer=serializers.TaskPage,
    example=examples.TASK_PAGE,
    errors=(400, 404, *READING),
    told=examples.NO_QUEUE,
)
success_rate_trend = _SURFACE.reads(
    "get_success_rate_trend",
    "Get the success rate over time",
    "How tasks ended, day by day or, over 90 days, week by week (UTC); the last bucket ends with today. Buckets in "
    "which nothing ended are there, with the rate 0.",
    asks=[serializers.PeriodQuery],
    answer=serializers.TrendAnswer,
    example=examples.TREND,
    errors=(400, *READING),
    told=examples.UNUSABLE_PERIOD,
)
task_types = _SURFACE.reads(
    "count_task_types",
    "Count tasks per type",
    "How many tasks of each type (after its last dot) were created in a range, most first.",
    asks=[serializers.RangeQuery],
    answer={"type": "object", "additionalProperties": {"type": "integer"}},
    example=examples.TASK_TYPES,
    errors=(400, *READING),
    told=examples.UNUSABLE_RANGE,
)
execution_times = _SURFACE.reads(
    "list_execution_times",
    "List execution times per type",
    "How long the runs took that completed in a range, by type (after its last dot), most runs first, in "
    "milliseconds. Types without a measured run are left out.",
    asks=[serializers.RangeQuery],
    answer=serializers.ExecutionTimes(many=True),
    example=examples.EXECUTION_TIMES,
    errors=(400, *READING),
    told=examples.UNUSABLE_RANGE,
)
config = _SURFACE.reads(
    "get_config",
    "Get the configuration",
    "Where the parts of this dashboard are mounted. Needs no token.",
    answer=serializers.ConfigAnswer,
    example=examples.CONFIG,
    errors=(429,),
    auth=[],
)
