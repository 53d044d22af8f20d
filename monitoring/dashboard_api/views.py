"""The dashboard API: parses what is asked, asks the core, answers in this surface's words."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.urls import get_script_prefix
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.logins import log_in
from audit.sources import source_of
from audit.tokens import AccessToken
from monitoring import activity, history, overview, statistics, trends
from monitoring.api_fields import read
from monitoring.dashboard_api import descriptions, serializers
from monitoring.dashboard_api.vocabulary import STATUS_WORDS
from monitoring.models import Queue, Task
from monitoring.paging import Page, page_of_tasks

LISTED = (
    "task_type", "handler", "status", "queue", "created_at", "last_run_at", "scheduled_job",
    "scheduled_job__next_run_at",
)  # fmt: skip
"""What TaskInList shows: to make objects of every column takes longer than to find the rows."""


class Login(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @descriptions.login
    def post(self, request: Request) -> Response:
        user = log_in(**read(serializers.Credentials, request.data), source=source_of(request.META))
        token = AccessToken.for_user(user)
        answer = {"token": str(token), "expires_at": token.expires_at, "username": user.username}
        return Response(serializers.LoginAnswer(answer).data)


class TaskList(APIView):
    @descriptions.task_list
    def get(self, request: Request) -> Response:
        asked = read(serializers.TaskListQuery, request.query_params)
        return Response(serializers.TaskPage(_page(asked)).data)


class TaskCounts(APIView):
    @descriptions.task_counts
    def get(self, request: Request) -> Response:
        counts = statistics.counts_matching(read(serializers.TaskQuery, request.query_params))
        return Response(serializers.CountsAnswer({"counts": counts, "total": sum(counts.values())}).data)


class TaskDetail(APIView):
    @descriptions.task_detail
    def get(self, request: Request, id: str) -> Response:  # noqa: A002  # the document's name
        task = _task_or_404(Task.objects.select_related("scheduled_job"), id)
        return Response(serializers.TaskDetail(task).data)


class StatusAudit(APIView):
    @descriptions.status_audit
    def get(self, request: Request, id: str) -> Response:  # noqa: A002  # as above
        task = _task_or_404(Task.objects.only("id"), id)
        return Response(serializers.StatusAuditRow(history.changes_of(task.id), many=True).data)


class RunsAudit(APIView):
    @descriptions.runs_audit
    def get(self, request: Request, id: str) -> Response:  # noqa: A002  # as above
        task = _task_or_404(Task.objects.only("id", "scheduled_job_id"), id)
        return Response(serializers.RunsAuditRow(history.runs_of(task), many=True).data)


class Overview(APIView):
    @descriptions.overview
    def get(self, request: Request) -> Response:
        told = overview.overview(**read(serializers.RangeQuery, request.query_params))
        return Response(serializers.OverviewAnswer(told).data)


class RecentActivity(APIView):
    @descriptions.recent_activity
    def get(self, request: Request) -> Response:
        changes = activity.newest_changes(**read(serializers.ActivityQuery, request.query_params))
        return Response(serializers.RecentActivity(changes, many=True).data)


class Queues(APIView):
    @descriptions.queues
    def get(self, request: Request) -> Response:
        return Response(serializers.QueueMetrics(overview.queue_totals(), many=True).data)


class QueueTasks(APIView):
    @descriptions.queue_tasks
    def get(self, request: Request, name: str) -> Response:
        asked = read(serializers.QueueTaskListQuery, request.query_params)
        return Response(serializers.TaskPage(_page({**asked, "queue": _known_queue_or_404(name)})).data)


class SuccessRateTrend(APIView):
    @descriptions.success_rate_trend
    def get(self, request: Request) -> Response:
        asked = read(serializers.PeriodQuery, request.query_params)
        return Response(serializers.TrendAnswer({**asked, "points": trends.success_rate_trend(**asked)}).data)


class TaskTypes(APIView):
    @descriptions.task_types
    def get(self, request: Request) -> Response:
        return Response(overview.task_types(**read(serializers.RangeQuery, request.query_params)))


class ExecutionTimes(APIView):
    @descriptions.execution_times
    def get(self, request: Request) -> Response:
        times = overview.execution_times(**read(serializers.RangeQuery, request.query_params))
        return Response(serializers.ExecutionTimes(times, many=True).data)


class Config(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @descriptions.config
    def get(self, request: Request) -> Response:
        base = f"{get_script_prefix()}{settings.MONITORING_BASE_PATH}"
        answer = {
            "apiBasePath": f"{base}/api",
            "uiBasePath": base,
            "signalRHubPath": f"{base}/hub",
            "requireAuthentication": True,
            "uiEnabled": True,
        }
        return Response(serializers.ConfigAnswer(answer).data)


def _page(asked: dict[str, Any]) -> Page:
    order_and_place = {name: asked.pop(name) for name in ("sort", "descending", "number", "size")}
    rows = Task.objects.select_related("scheduled_job").only(*LISTED)
    return page_of_tasks(asked, **order_and_place, status_words=STATUS_WORDS, rows=rows)


def _known_queue_or_404(name: str) -> str:
    # No name holds a NUL, and PostgreSQL refuses to look for one.
    if "\0" in name or not Queue.objects.filter(name=name).exists():
        raise NotFound(f"No queue has the name {name[:100]!r}. The queues that exist are listed at queues.")
    return name


def _task_or_404(tasks: QuerySet[Task], task_id: str) -> Task:
    try:
        return tasks.get(pk=UUID(task_id))
    except (ValueError, Task.DoesNotExist) as error:
        raise NotFound(f"No task has the id {task_id[:100]!r}.") from error
