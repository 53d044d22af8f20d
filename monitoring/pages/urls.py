"""The pages' addresses, mounted at ``/{base}/``. Those that end in parts, rows or counts answer live updates."""

from __future__ import annotations

from django.urls import path

from monitoring.pages import jobs, metrics, overview, queue, queues, sessions, statistics, task_actions, views, workers

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("overview/parts", overview.overview_parts, name="overview-parts"),
    path("login", sessions.log_in, name="login"),
    path("logout", sessions.log_out, name="logout"),
    path("queues", queues.queues, name="queues"),
    path("queues-parts", queues.queues_parts, name="queues-parts"),
    path("metrics", metrics.metrics, name="metrics"),
    path("metrics/parts", metrics.metrics_parts, name="metrics-parts"),
    path("metrics/history", metrics.metrics_history, name="metrics-history"),
    path("queues/<queue:name>/jobs/<job:job_id>/<str:action>", jobs.job_action, name="job-action"),
    path("queues/<queue:name>/jobs/rows", jobs.job_rows, name="job-rows"),
    path("queues/<queue:name>/jobs/counts", jobs.job_counts, name="job-counts"),
    path("queues/<queue:name>/jobs", jobs.jobs, name="jobs"),
    path("queues/<queue:name>/parts", queue.queue_parts, name="queue-parts"),
    path("queues/<queue:name>", queue.queue_page, name="queue"),
    path("statistics", statistics.statistics, name="statistics"),
    path("statistics/parts", statistics.statistics_parts, name="statistics-parts"),
    path("tasks", views.task_list, name="tasks"),
    path("tasks/rows", views.task_rows, name="task-rows"),
    path("tasks/counts", views.task_counts, name="task-counts"),
    path("tasks/<uuid:task_id>", task_actions.task_page, name="task"),
    path("tasks/<uuid:task_id>/again", task_actions.again, name="task-again"),
    path("tasks/<uuid:task_id>/parts", views.task_parts, name="task-parts"),
    path("workers", workers.workers_page, name="workers"),
    path("workers/parts", workers.workers_parts, name="workers-parts"),
    path("<path:address>", views.not_found),
]
