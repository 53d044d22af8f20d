"""Tasks in Django's admin: read-only, for the recorder is their only writer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Max, Min, Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.models import StatusChange, TaskRun
from audit.record_lists import BoundedPaginator, RecordAdmin
from monitoring import statistics
from monitoring.admin_filters import FILTERS, asked
from monitoring.filters import BadFilter, id_starts_with, looks_like_id
from monitoring.inbox import task_id_for
from monitoring.models import LARGE_COLUMNS, Span, Task, TaskCount
from monitoring.statuses import Status
from monitoring.templatetags.documents import pretty

TYPES_FOUND = 100
ROWS_SHOWN = 50


@admin.register(Task)
class TaskAdmin(RecordAdmin):
    """Found by id, RQ's job id or type; totals come from the rollup where it knows them."""

    list_display = (
        "id",
        "task_type",
        "queue",
        "status",
        "created_at",
        "last_run_at",
        "duration_ms",
        "attempts",
        "worker",
        "scheduled_job",
    )
    list_filter = FILTERS
    list_select_related = ("scheduled_job",)
    lookups = ("scheduled_job__id__exact",)
    large_columns = LARGE_COLUMNS
    ordering = ("-created_at",)
    sortable_by = ("created_at", "last_run_at")
    search_fields = ("id", "job_id", "task_type")
    search_help_text = "The beginning of an id, a whole job id of RQ, or part of a type."
    readonly_fields = ("changes", "runs", "arguments_laid_out", "result_laid_out")
    fieldsets = (
        (None, {"fields": ("id", "job_id", "task_type", "kind", "handler", "queue", "status", "priority", "worker")}),
        ("What happened", {"fields": ("changes", "runs", "error_type", "error")}),
        ("Documents", {"fields": ("arguments_laid_out", "result_laid_out", "output", "media", "service_requests")}),
        ("Progress", {"fields": ("progress", "progress_message", "attempts", "retry_count", "max_retries")}),
        (
            "Times",
            {
                "fields": (
                    "created_at",
                    "enqueued_at",
                    "scheduled_for",
                    "started_at",
                    "completed_at",
                    "last_run_at",
                    "updated_at",
                    "duration_ms",
                    "wait_ms",
                )
            },
        ),
        (
            "Origin",
            {
                "fields": (
                    "scheduled_job",
                    "retry_of",
                    "depends_on",
                    "triggered_by",
                    "origin_instance",
                    "origin_zone",
                    "origin_tenant_id",
                    "origin_reference",
                    "provider_type",
                    "executor_type",
                    "executor_instance",
                    "service_task_id",
                    "webhook_url",
                    "config",
                    "task_data",
                )
            },
        ),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Tasks by type, else by the beginning of their id or their whole job id: for both, a database reads all rows.

        No index serves part of a type, but the rollup knows which types there are and on which days to look.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q() if looks_like_id(term) else _typed(term)
        return queryset.filter(found or id_starts_with(term) | Q(pk=task_id_for(term))), False

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Any], per_page: int, *args: Any, **kwargs: Any
    ) -> Paginator[Any]:
        """With the exact total, from the rollup, if nothing is asked that the rollup does not know."""
        paginator: BoundedPaginator = super().get_paginator(request, queryset, per_page, *args, **kwargs)  # type: ignore[assignment]  # ours, see RecordAdmin
        if not any(name in request.GET for name in self.lookups):
            paginator.known_total = _total(request)
        return paginator

    def view_on_site(self, task: Task) -> str:
        """The task's page in the dashboard."""
        return reverse("task", args=[task.pk])

    @admin.display(description="status changes")
    def changes(self, task: Task) -> SafeString:
        """The newest changes of status, each with its address."""
        rows = StatusChange.objects.filter(task_id=task.pk).order_by("-id").defer("error")[:ROWS_SHOWN]
        return _links(task, rows, [(row, f"{row.changed_at:%Y-%m-%d %H:%M:%S} {row}") for row in rows])

    @admin.display(description="runs")
    def runs(self, task: Task) -> SafeString:
        """The newest runs, each with its address."""
        rows = TaskRun.objects.filter(task_id=task.pk).order_by("-attempt").defer("error")[:ROWS_SHOWN]
        return _links(task, rows, [(row, f"{row}, {row.worker}" if row.worker else str(row)) for row in rows])

    @admin.display(description="arguments")
    def arguments_laid_out(self, task: Task) -> str:
        return pretty(task.arguments)

    @admin.display(description="result")
    def result_laid_out(self, task: Task) -> str:
        return pretty(task.result or "")


def _links(task: Task, rows: QuerySet[Any], texts: list[tuple[Model, str]]) -> SafeString:
    """Links to rows of the trail, and to the list of all of this task's."""
    name = f"admin:audit_{rows.model._meta.model_name}"
    items = format_html_join(
        "", '<li><a href="{}">{}</a></li>', ((reverse(f"{name}_change", args=[row.pk]), text) for row, text in texts)
    )
    return format_html('<ul>{}</ul><a href="{}?q={}">All of them</a>', items, reverse(f"{name}_changelist"), task.pk)


def _typed(term: str) -> Q:
    """Tasks whose type contains the text; empty if there are none."""
    cells = TaskCount.objects.filter(span=Span.DAY, task_type__icontains=term, count__gt=0)
    types = cells.values("task_type").annotate(first=Min("start"), last=Max("start"))[:TYPES_FOUND]
    if not types:
        return Q()
    first, last = min(found["first"] for found in types), max(found["last"] for found in types)
    names = [found["task_type"] for found in types]
    return Q(task_type__in=names, created_at__gte=first, created_at__lt=last + timedelta(days=1))


def _total(request: HttpRequest) -> int | None:
    """How many tasks match, if the rollup knows it: it knows no ids."""
    known = asked(request.GET, *(each.parameter_name for each in FILTERS))
    term = request.GET.get("q", "").strip()
    if looks_like_id(term):
        return None
    try:
        counts = statistics.counts_matching(known | {"task_type": term})
    except BadFilter:
        return None  # a text that the search form refuses too
    total = sum(counts[status] for status in known["status"] or Status)
    return total if total or not term else None
