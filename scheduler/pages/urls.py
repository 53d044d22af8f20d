"""The addresses of this app's pages, mounted at ``/{base}/`` before those of ``monitoring``, which answer any other."""

from __future__ import annotations

from django.urls import path

from scheduler.pages import defining, repeatables, schedules

urlpatterns = [
    path("schedules", schedules.schedules, name="schedules"),
    path("schedules/parts", schedules.schedules_parts, name="schedules-parts"),
    path("schedules/new", defining.new, name="schedule-new"),
    path("schedules/preview", defining.preview, name="schedule-preview"),
    path("schedules/<uuid:job_id>", schedules.schedule, name="schedule"),
    path("schedules/<uuid:job_id>/parts", schedules.schedule_parts, name="schedule-parts"),
    path("schedules/<uuid:job_id>/edit", defining.edit, name="schedule-edit"),
    path("queues/<queue:name>/repeatables/new", repeatables.new_repeatable, name="queue-repeatable-new"),
    path("queues/<queue:name>/repeatables/parts", repeatables.repeatables_parts, name="queue-repeatables-parts"),
    path("queues/<queue:name>/repeatables", repeatables.repeatables, name="queue-repeatables"),
]
