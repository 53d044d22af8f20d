"""The scheduler API's paths, below ``/api/v1/scheduler``."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from rest_framework.views import APIView

from scheduler.scheduler_api import views

app_name = "scheduler_api"


def _path(route: str, view: type[APIView], name: str) -> URLPattern:
    return path(route, never_cache(view.as_view()), name=name)


urlpatterns = [
    _path("jobs", views.JobList, "jobs"),
    _path("jobs/failed", views.FailedJobs, "failed_jobs"),
    _path("jobs/preview", views.JobPreview, "preview"),
    _path("jobs/<str:job_id>", views.JobDetail, "job"),
    _path("jobs/<str:job_id>/pause", views.JobPause, "pause"),
    _path("jobs/<str:job_id>/resume", views.JobResume, "resume"),
    _path("jobs/<str:job_id>/trigger", views.JobTrigger, "trigger"),
    _path("jobs/<str:job_id>/upcoming", views.JobUpcoming, "upcoming"),
    _path("jobs/<str:job_id>/fires", views.JobFires, "fires"),
    _path("jobs/<str:job_id>/executions", views.JobExecutions, "job_executions"),
    _path("executions", views.ExecutionList, "executions"),
    _path("executions/timeline", views.Timeline, "timeline"),
    _path("executions/<str:execution_id>", views.ExecutionDetail, "execution"),
    _path("executions/<str:execution_id>/cancel", views.ExecutionCancel, "cancel"),
    _path("executions/<str:execution_id>/retry", views.ExecutionRetry, "retry"),
    _path("dashboard/stats", views.Stats, "stats"),
]
