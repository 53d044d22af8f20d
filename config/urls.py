"""Where each surface is mounted."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from config.errors import DASHBOARD_API, MONITORING_API, SCHEDULER_API, WORKFLOW_API, UnknownPath
from config.openapi import Document, Reader

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="overview")),
    path("favicon.ico", RedirectView.as_view(url=static("favicon.svg"))),  # asked for by pages that are not ours
    path("api-docs", Reader.as_view(), name="api_docs"),
    path("api-docs.json", Document.as_view(), name="openapi"),
    path(f"{DASHBOARD_API}/", include("monitoring.dashboard_api.urls")),
    re_path(rf"^{DASHBOARD_API}(?:/[\s\S]*)?$", UnknownPath.as_view()),
    path(f"{MONITORING_API}/", include("monitoring.monitoring_api.urls")),
    path(f"{MONITORING_API}/", include("scheduler.monitored_workflows.urls")),
    re_path(rf"^{MONITORING_API}(?:/[\s\S]*)?$", UnknownPath.as_view()),
    path(f"{SCHEDULER_API}/", include("scheduler.scheduler_api.urls")),
    re_path(rf"^{SCHEDULER_API}(?:/[\s\S]*)?$", UnknownPath.as_view()),
    path(f"{WORKFLOW_API}/", include("scheduler.health_api.urls")),
    path(f"{WORKFLOW_API}/", include("scheduler.analytics_api.urls")),
    path(f"{WORKFLOW_API}/", include("scheduler.workflow_api.urls")),
    re_path(rf"^{WORKFLOW_API}(?:/[\s\S]*)?$", UnknownPath.as_view()),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path(f"{settings.MONITORING_BASE_PATH}/hub/", include("monitoring.hub.urls")),
    path(f"{settings.MONITORING_BASE_PATH}/", include("monitoring.events.urls")),
    path(f"{settings.MONITORING_BASE_PATH}/", include("scheduler.pages.urls")),
    path(f"{settings.MONITORING_BASE_PATH}/", include("scheduler.pages.workflow_urls")),
    # Last: it answers every other path below the base, with a page that says it is not there.
    path(settings.MONITORING_BASE_PATH, RedirectView.as_view(pattern_name="overview", query_string=True)),
    path(f"{settings.MONITORING_BASE_PATH}/", include("monitoring.pages.urls")),
]
