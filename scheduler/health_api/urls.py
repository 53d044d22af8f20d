"""Health and metrics, below ``/api/v1`` like the workflow API, whose document has them."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.cache import never_cache

from scheduler.health_api import views

app_name = "health_api"

urlpatterns = [
    path("health/live", never_cache(views.Live.as_view()), name="live"),
    path("health/ready", never_cache(views.Ready.as_view()), name="ready"),
    path("health/status", never_cache(views.Status.as_view()), name="status"),
    path("metrics", never_cache(views.Metrics.as_view()), name="metrics"),
]
