"""The paths of workflows, below ``/api/v1/monitoring`` like those of ``monitoring.monitoring_api``."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.cache import never_cache

from scheduler.monitored_workflows import views

app_name = "monitored_workflows"

urlpatterns = [
    path("workflows", never_cache(views.WorkflowList.as_view()), name="workflows"),
    path("workflows/stats", never_cache(views.Stats.as_view()), name="stats"),
    path("workflows/<str:workflow_id>", never_cache(views.WorkflowDetail.as_view()), name="workflow"),
]
