"""The trail in Django's admin: read-only, found by task."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import accounts, uuids
from audit.models import OperatorAction, Outcome, StatusChange, TaskRun
from audit.record_lists import WINDOW, ChoiceFilter, RecordAdmin, newest

__all__ = ["OperatorActionAdmin", "StatusChangeAdmin", "TaskRunAdmin", "accounts"]

# As monitoring.statuses has them, which the trail must not import; a test keeps the two equal.
STATUSES = ("SCHEDULED", "DEFERRED", "QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED")


class NewestFilter(ChoiceFilter):
    """Filters the newest rows by a column that has no index: a filter over the whole trail might read all of it.

    Within one task, which has an index, it looks at every row.
    """

    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status, status.capitalize()) for status in STATUSES]

    def choose(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        chosen = queryset.filter(**{self.column: value})
        return chosen if request.GET.get("q") else newest(chosen)


class NewStatusFilter(NewestFilter):
    title = f"new status (of the newest {WINDOW:,})"
    parameter_name = column = "new_status"


class RunStatusFilter(NewestFilter):
    title = f"status (of the newest {WINDOW:,})"
    parameter_name = column = "status"


class TrailAdmin(RecordAdmin):
    """Rows that belong to a task, newest first."""

    ordering = ("-id",)
    large_columns = ("error",)
    search_fields = ("task_id",)
    search_help_text = "The task's id, or its beginning."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows of the tasks whose id begins so; an index range."""
        if not search_term.strip():
            return queryset, False
        span = uuids.range_of(search_term)
        return (queryset.filter(task_id__range=span) if span else queryset.none()), False

    @admin.display(description="task")
    def task(self, row: StatusChange | TaskRun) -> SafeString:
        """The task's page in the admin."""
        address = reverse("admin:monitoring_task_change", args=[row.task_id])
        return format_html('<a href="{}">{}</a>', address, row.task_id)


@admin.register(StatusChange)
class StatusChangeAdmin(TrailAdmin):
    list_display = ("changed_at", "task", "old_status", "new_status", "source", "stream_id")
    list_filter = (NewStatusFilter,)
    fields = ("task", "old_status", "new_status", "changed_at", "source", "stream_id", "error")
    readonly_fields = ("task",)


@admin.register(TaskRun)
class TaskRunAdmin(TrailAdmin):
    list_display = ("started_at", "task", "attempt", "status", "worker", "ended_at", "duration_ms")
    list_filter = (RunStatusFilter,)
    fields = ("task", "attempt", "status", "worker", "started_at", "ended_at", "duration_ms", "error")
    readonly_fields = ("task",)


class OutcomeFilter(ChoiceFilter):
    """By outcome, which has an index."""

    title = parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Outcome.choices]

    def choose(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(outcome=value)


@admin.register(OperatorAction)
class OperatorActionAdmin(RecordAdmin):
    """What people did, newest first; never changed here or elsewhere."""

    list_display = ("number", "at", "actor", "action", "outcome", "queue", "target", "error")
    list_filter = (OutcomeFilter,)
    ordering = ("-number",)
    large_columns = ("details",)
    search_fields = ("target",)
    search_help_text = "The target's whole id or name. The pages' audit finds more."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """What was done to a target; an index answers."""
        target = search_term.strip()
        return (queryset.filter(target=target) if target else queryset), False
