"""Scheduled jobs in Django's admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.record_lists import BoundedAdmin
from scheduler.models import ScheduledJob


@admin.register(ScheduledJob)
class ScheduledJobAdmin(BoundedAdmin):
    """Made and edited by admins; how often a job has run is counted by who runs it."""

    list_display = ("name", "in_words", "is_enabled", "next_run_at", "run_count", "max_runs", "end_at")
    list_filter = ("is_enabled",)
    lookups = ("is_enabled__exact",)
    ordering = ("name",)
    sortable_by = ("name", "next_run_at", "run_count")
    search_fields = ("name", "cron")
    fields = (
        "name",
        "cron",
        "interval_seconds",
        "in_words",
        "is_enabled",
        "next_run_at",
        "end_at",
        "max_runs",
        "run_count",
        "tasks",
    )
    readonly_fields = ("in_words", "run_count", "tasks")

    @admin.display(description="tasks")
    def tasks(self, job: ScheduledJob) -> SafeString | str:
        """The tasks that the job has made."""
        if job.pk is None:
            return "-"
        address = reverse("admin:monitoring_task_changelist")
        return format_html('<a href="{}?scheduled_job__id__exact={}">Tasks</a>', address, job.pk)
