"""The monitoring API's paths, below ``/api/v1/monitoring``."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.cache import never_cache

from monitoring.monitoring_api import views

app_name = "monitoring_api"

urlpatterns = [
    path("tasks", never_cache(views.TaskList.as_view()), name="tasks"),
    path("tasks/<str:task_id>", never_cache(views.TaskDetail.as_view()), name="task"),
    path("tasks/<str:task_id>/media", never_cache(views.TaskMedia.as_view()), name="task_media"),
    path("stats", never_cache(views.Stats.as_view()), name="stats"),
    path("ledger", never_cache(views.Ledger.as_view()), name="ledger"),
    path("queues", never_cache(views.Queues.as_view()), name="queues"),
    path("workers", never_cache(views.Workers.as_view()), name="workers"),
    path("workers/health", never_cache(views.WorkersHealth.as_view()), name="workers_health"),
]
