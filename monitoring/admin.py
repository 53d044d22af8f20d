"""What runs and ran, in Django's admin. The recorder is the only writer, so all of it is read-only."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from audit.record_lists import RecordAdmin, newest
from audit.roles import MANAGE
from monitoring.models import InboxPosition, Queue, RunCount, SetAsideEntry, StepCount, TaskCount
from monitoring.retention_models import Pruned
from monitoring.task_admin import TaskAdmin

__all__ = ["InboxPositionAdmin", "QueueAdmin", "SetAsideEntryAdmin", "TaskAdmin", "TaskCountAdmin"]


@admin.register(Queue)
class QueueAdmin(RecordAdmin):
    list_display = ("name", "first_seen_at", "tasks")
    sortable_by = ("name", "first_seen_at")
    search_fields = ("name",)
    readonly_fields = ("tasks",)

    @admin.display(description="tasks")
    def tasks(self, queue: Queue) -> SafeString:
        """The queue's tasks in the admin."""
        return format_html(
            '<a href="{}?{}">Tasks</a>', reverse("admin:monitoring_task_changelist"), urlencode({"queue": queue.name})
        )


@admin.register(TaskCount)
class TaskCountAdmin(RecordAdmin):
    """The rollup's cells, in the order of their one index."""

    list_display = ("span", "start", "queue", "task_type", "status", "count")
    ordering = ("-span", "-start", "-queue", "-task_type", "-status")
    search_fields = ("queue", "task_type")


@admin.register(RunCount)
class RunCountAdmin(RecordAdmin):
    """The rollup's cells of runs, in the order of their one index."""

    list_display = ("span", "start", "queue", "task_type", "outcome", "count", "run_us", "wait_us")
    ordering = ("-span", "-start", "-queue", "-task_type", "-outcome")
    search_fields = ("queue", "task_type")


@admin.register(StepCount)
class StepCountAdmin(RecordAdmin):
    """The rollup's cells of attempts, in the order of their one index."""

    list_display = ("span", "start", "queue", "handler", "kind", "status", "error_group", "count", "retries", "run_us")
    ordering = ("-span", "-start", "-queue", "-handler", "-kind", "-status", "-error_group")
    search_fields = ("queue", "handler", "kind")
    large_columns = ("run_histogram", "wait_histogram")


@admin.register(InboxPosition)
class InboxPositionAdmin(RecordAdmin):
    list_display = ("stream", "last_id", "recorded", "set_aside", "updated_at")


@admin.register(Pruned)
class PrunedAdmin(RecordAdmin):
    list_display = ("kind", "before", "deleted", "told", "finished_at")


@admin.register(SetAsideEntry)
class SetAsideEntryAdmin(RecordAdmin):
    """What could not be understood, to be read, and then deleted by who may manage."""

    list_display = ("set_aside_at", "stream_id", "reason", "beginning")
    ordering = ("-id",)
    search_fields = ("stream_id", "reason", "payload")
    search_help_text = "Part of the stream id, the reason or the payload."

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(MANAGE)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Among the newest: a flood of them may have been set aside, and no index serves the inside of a text."""
        return super().get_search_results(request, newest(queryset) if search_term else queryset, search_term)

    @admin.display(description="payload")
    def beginning(self, entry: SetAsideEntry) -> str:
        """As much of it as a list has room for."""
        return Truncator(entry.payload).chars(80)
