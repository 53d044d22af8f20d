"""Analytics, below ``/api/v1`` like the workflow API, whose document has them."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.cache import never_cache

from scheduler.analytics_api import views

app_name = "analytics_api"

urlpatterns = [
    path("analytics/performance", never_cache(views.PerformanceView.as_view()), name="performance"),
    path("analytics/bottlenecks", never_cache(views.BottlenecksView.as_view()), name="bottlenecks"),
]
