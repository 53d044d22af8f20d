"""The dashboard API's paths, below ``/{base}/api``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import path
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import conditional_page
from rest_framework.views import APIView

from monitoring.dashboard_api import views

app_name = "dashboard_api"


def revalidated(view: type[APIView]) -> Callable[..., Any]:
    """The view with an ETag of its answer: who has it already is told 304. Nothing is answered without asking here."""
    return conditional_page(cache_control(private=True, no_cache=True)(view.as_view()))


urlpatterns = [
    path("auth/login", never_cache(views.Login.as_view()), name="login"),
    path("tasks", revalidated(views.TaskList), name="tasks"),
    path("tasks/counts", revalidated(views.TaskCounts), name="task_counts"),
    path("tasks/<str:id>", revalidated(views.TaskDetail), name="task"),
    path("tasks/<str:id>/status-audit", revalidated(views.StatusAudit), name="status_audit"),
    path("tasks/<str:id>/runs-audit", revalidated(views.RunsAudit), name="runs_audit"),
    path("dashboard/overview", revalidated(views.Overview), name="overview"),
    path("dashboard/recent-activity", revalidated(views.RecentActivity), name="recent_activity"),
    path("queues", revalidated(views.Queues), name="queues"),
    # A path, for a server hands on a %2F in the name as the slash that it stands for.
    path("queues/<path:name>/tasks", revalidated(views.QueueTasks), name="queue_tasks"),
    path("statistics/success-rate-trend", revalidated(views.SuccessRateTrend), name="success_rate_trend"),
    path("statistics/task-types", revalidated(views.TaskTypes), name="task_types"),
    path("statistics/execution-times", revalidated(views.ExecutionTimes), name="execution_times"),
    path("config", revalidated(views.Config), name="config"),
]
