"""Scheduled jobs and their due times in Django's admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit import roles
from audit.record_lists import BoundedAdmin, RecordAdmin
from audit.trail import NotAllowedNow, actor_of
from monitoring.redaction import to_json
from scheduler import actions
from scheduler.definitions import EDITABLE_FIELDS, mistakes_in_schedule
from scheduler.models import ScheduledFire, ScheduledJob
from scheduler.previews import preview
from scheduler.workflow_admin import WorkflowAdmin, WorkflowCountAdmin, WorkflowStepAdmin

__all__ = ["ScheduledFireAdmin", "ScheduledJobAdmin", "WorkflowAdmin", "WorkflowCountAdmin", "WorkflowStepAdmin"]

SOURCE = "admin"
PREVIEWED = 10


class ScheduledJobForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The definition; what is left empty where JSON is expected is the empty list or object."""

    def clean_args(self) -> Any:
        return self.cleaned_data["args"] or []

    def clean_kwargs(self) -> Any:
        return self.cleaned_data["kwargs"] or {}

    def clean_tags(self) -> Any:
        return self.cleaned_data["tags"] or []


@admin.register(ScheduledJob)
class ScheduledJobAdmin(BoundedAdmin):
    """Made and edited by admins, through the same verbs as everywhere; how it goes is kept by who runs it."""

    form = ScheduledJobForm
    acts_through_verbs = True
    list_display = (
        "name", "in_words", "is_enabled", "is_paused", "next_run_at", "last_status", "consecutive_failures",
        "run_count", "max_runs", "end_at",
    )  # fmt: skip
    list_filter = ("is_enabled", "is_paused")
    lookups = ("is_enabled__exact", "is_paused__exact")
    ordering = ("name",)
    sortable_by = ("name", "next_run_at", "run_count")
    search_fields = ("name", "cron")
    large_columns: ClassVar[tuple[str, ...]] = ("args", "kwargs", "description", "tags")
    readonly_fields = (
        "in_words", "next_fires", "is_paused", "next_run_at", "run_count", "last_executed_at", "last_status",
        "consecutive_failures", "created_at", "created_by", "tasks", "masked_arguments",
    )  # fmt: skip
    actions = ("pause", "resume", "run_now")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Whoever may not edit sees arguments as everywhere else: masked."""
        arguments = ("args", "kwargs") if self.has_change_permission(request, obj) else ("masked_arguments",)
        when = ("cron", "timezone", "interval_seconds", "run_at", "start_at", "end_at", "max_runs", "jitter_seconds")
        policies = ("overlap_policy", "misfire_policy", "misfire_grace_seconds")
        retries = ("max_retries", "retry_delay_seconds", "retry_backoff", "timeout_seconds")
        fields = [
            (None, {"fields": ("name", "description", "handler", *arguments, "queue", "tags", "is_enabled")}),
            ("When", {"fields": ("in_words", "next_fires", *when)}),
            ("What if", {"fields": (*policies, *retries)}),
        ]
        if obj is not None:
            kept = ("is_paused", "next_run_at", "run_count", "last_executed_at", "last_status", "consecutive_failures")
            fields.append(("So far", {"fields": (*kept, "created_at", "created_by", "tasks")}))
        return fields

    @admin.display(description="next fires")
    def next_fires(self, job: ScheduledJob) -> SafeString | str:
        """When it is due next, in UTC and on the clock of its zone."""
        if job.pk is None or mistakes_in_schedule(job):
            return "-"
        upcoming = preview(job, count=PREVIEWED).upcoming
        lines = ((f"{each.due_at:%Y-%m-%d %H:%M:%S} UTC", each.local_time) for each in upcoming)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} ({})</li>", lines)) if upcoming else "none"

    @admin.display(description="arguments")
    def masked_arguments(self, job: ScheduledJob) -> str:
        """With what is called like a secret masked."""
        return to_json({"args": job.args, "kwargs": job.kwargs})

    @admin.display(description="tasks")
    def tasks(self, job: ScheduledJob) -> SafeString | str:
        """The tasks that the job has made."""
        if job.pk is None:
            return "-"
        address = reverse("admin:monitoring_task_changelist")
        return format_html('<a href="{}?scheduled_job__id__exact={}">Tasks</a>', address, job.pk)

    # --- Verbs ----------------------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: ScheduledJob, form: Any, change: bool) -> None:
        """Through the verbs, so that it is checked, written down and told to the dispatchers."""
        by = actor_of(request, source=SOURCE)
        if change:
            actions.update_job(obj, _sent(form), by=by)
        else:
            made = actions.create_job(_sent(form), by=by)
            obj.pk, obj.uuid, obj._state.adding = made.pk, made.uuid, False

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """The jobs alone: the record of their due times goes with them, and may be too long to be shown."""
        return [str(job) for job in objs], {"scheduled jobs": len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: ScheduledJob) -> None:
        actions.delete_job(obj, by=actor_of(request, source=SOURCE))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ScheduledJob]) -> None:
        for job in queryset:
            self.delete_model(request, job)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who sees the actions below."""
        return request.user.has_perm(roles.OPERATE)

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet[ScheduledJob]) -> None:
        self._do(request, queryset, actions.pause_job, "paused")

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[ScheduledJob]) -> None:
        self._do(request, queryset, actions.resume_job, "resumed")

    @admin.action(description="Run now", permissions=["operate"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[ScheduledJob]) -> None:
        self._do(request, queryset, actions.trigger_job, "started")

    def _do(self, request: HttpRequest, jobs: QuerySet[ScheduledJob], verb: Callable[..., Any], past: str) -> None:
        by, done = actor_of(request, source=SOURCE), 0
        for job in jobs:
            try:
                verb(job, by=by)
                done += 1
            except NotAllowedNow as reason:
                self.message_user(request, f"{job.name}: {reason}", messages.WARNING)
        if done:
            self.message_user(request, f"{done:,} {past}.", messages.SUCCESS)


@admin.register(ScheduledFire)
class ScheduledFireAdmin(RecordAdmin):
    """The due times and what became of each; written by the dispatcher."""

    list_display = ("due_at", "job", "cause", "state", "count", "enqueued_at", "status", "reason")
    list_select_related = ("job",)
    ordering = ("-id",)
    raw_id_fields = ("task",)
    fields = (
        "job", "due_at", "run_at", "last_due_at", "count", "cause", "state", "reason", "task_id", "enqueued_at",
        "started_at", "over_at", "status", "cancel_requested_at", "triggered_by", "retry_of",
    )  # fmt: skip
    readonly_fields = ("task_id",)


def _sent(form: Any) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in EDITABLE_FIELDS if name in form.cleaned_data}
