"""The workflow API's paths, below ``/api/v1``."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from rest_framework.views import APIView

from scheduler.workflow_api import views

app_name = "workflow_api"


def _path(route: str, view: type[APIView], name: str) -> URLPattern:
    return path(route, never_cache(view.as_view()), name=name)


urlpatterns = [
    _path("handlers", views.NamespaceList, "namespaces"),
    _path("handlers/<str:namespace>", views.HandlerList, "handlers"),
    _path("handlers/<str:namespace>/<str:name>", views.HandlerDetail, "handler"),
    _path("tasks", views.TaskList, "tasks"),
    _path("tasks/<str:task_id>", views.TaskDetail, "task"),
    _path("tasks/<str:task_id>/pause", views.TaskPause, "pause"),
    _path("tasks/<str:task_id>/resume", views.TaskResume, "resume"),
    _path("tasks/<str:task_id>/retry", views.TaskRetry, "retry"),
    _path("tasks/<str:task_id>/workflow_steps", views.StepList, "steps"),
    _path("tasks/<str:task_id>/workflow_steps/<str:step_id>", views.StepDetail, "step"),
]
