"""The pages' addresses, mounted at ``/{base}/``. Those that end in parts, rows or counts answer live updates."""

from __future__ import annotations

from django.urls import path

from monitoring.pages import audit, metrics, overview, queues, sessions, statistics, views

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("overview/parts", overview.overview_parts, name="overview-parts"),
    path("login", sessions.log_in, name="login"),
    path("logout", sessions.log_out, name="logout"),
    path("queues", queues.queues, name="queues"),
    path("queues-parts", queues.queues_parts, name="queues-parts"),
    path("audit", audit.audit, name="audit"),
    path("audit/parts", audit.audit_parts, name="audit-parts"),
    path("metrics", metrics.metrics, name="metrics"),
    path("metrics/parts", metrics.metrics_parts, name="metrics-parts"),
    path("metrics/history", metrics.metrics_history, name="metrics-history"),
    path("statistics", statistics.statistics, name="statistics"),
    path("statistics/parts", statistics.statistics_parts, name="statistics-parts"),
    path("tasks", views.task_list, name="tasks"),
    path("tasks/rows", views.task_rows, name="task-rows"),
    path("tasks/counts", views.task_counts, name="task-counts"),
    path("tasks/<uuid:task_id>", views.task_page, name="task"),
    path("tasks/<uuid:task_id>/parts", views.task_parts, name="task-parts"),
    path("<path:address>", views.not_found),
]
