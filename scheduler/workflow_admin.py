"""Workflows and their steps in Django's admin: read-only, for the engine is their only writer; acted on by verbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit import roles, uuids
from audit.record_lists import ChoiceFilter, RecordAdmin
from audit.trail import NotAllowedNow, actor_of
from monitoring.redaction import mask_value
from monitoring.templatetags.documents import pretty
from scheduler import workflow_actions as verbs
from scheduler.json_text import to_text
from scheduler.workflow_count_models import WorkflowCount
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_states import WorkflowStatus

SOURCE = "admin"
STEPS_SHOWN = 200


class RoleAdmin(RecordAdmin):
    """Read by whoever has a role, acted on by operators."""

    acts_through_verbs = True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(roles.VIEW)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(roles.VIEW)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who sees the actions."""
        return request.user.has_perm(roles.OPERATE)

    def act(self, request: HttpRequest, rows: QuerySet[Any], verb: Callable[..., Any], past: str) -> None:
        """Does it to each; what the state of one does not allow is said, and the others go on."""
        by, done = actor_of(request, source=SOURCE), 0
        for row in rows:
            try:
                verb(row if isinstance(row, WorkflowStep) else row.pk, by=by)
                done += 1
            except NotAllowedNow as reason:
                self.message_user(request, f"{row}: {reason}", messages.WARNING)
        if done:
            self.message_user(request, f"{done:,} {past}.", messages.SUCCESS)


class StatusFilter(ChoiceFilter):
    title = parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in WorkflowStatus]

    def choose(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(status=value)


@admin.register(Workflow)
class WorkflowAdmin(RoleAdmin):
    """Found by id or handler, newest first."""

    list_display = (
        "id", "full_name", "status", "completed_steps", "failed_steps", "total_steps", "created_at", "completed_at",
        "initiator",
    )  # fmt: skip
    list_filter = (StatusFilter,)
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    search_fields = ("id", "namespace", "name")
    search_help_text = "The beginning of an id, or a handler: shop.fulfil_order, shop.fulfil_order@1.0.0."
    large_columns: ClassVar[tuple[str, ...]] = ("context", "tags", "reason", "description")
    readonly_fields = ("masked_context", "steps_laid_out", "masked_webhook_url")
    fieldsets = (
        (None, {"fields": ("id", "namespace", "name", "version", "description", "status")}),
        ("Steps", {"fields": ("steps_laid_out", "total_steps", "completed_steps", "failed_steps", "cancelled_steps")}),
        ("As ordered", {"fields": ("masked_context", "initiator", "source_system", "reason", "tags", "priority")}),
        ("Times", {"fields": ("created_at", "run_at", "started_at", "completed_at", "updated_at", "resumed_at")}),
        (
            "Origin",
            {
                "fields": (
                    "origin_instance", "origin_zone", "origin_tenant_id", "origin_reference", "idempotency_key",
                    "resume_count", "masked_webhook_url", "webhook_due_at", "webhook_sent_at",
                )
            },
        ),
    )  # fmt: skip
    actions = ("pause", "resume", "cancel", "retry")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By what an index serves: ids, and handlers with their namespace."""
        term = search_term.strip()
        return (queryset.filter(_found_by(term)) if term else queryset), False

    @admin.display(description="context")
    def masked_context(self, workflow: Workflow) -> str:
        """With what is called like a secret masked."""
        return pretty(to_text(mask_value(workflow.context)))

    @admin.display(description="steps")
    def steps_laid_out(self, workflow: Workflow) -> SafeString:
        """The first steps with their states, each with its address, and the list of all."""
        rows = workflow.steps.order_by("position").only("name", "status")[:STEPS_SHOWN]
        items = ((reverse("admin:scheduler_workflowstep_change", args=[row.pk]), str(row)) for row in rows)
        every = reverse("admin:scheduler_workflowstep_changelist")
        listed = format_html_join("", '<li><a href="{}">{}</a></li>', items)
        link = format_html('<a href="{}?workflow__id__exact={}">All of them</a>', every, workflow.pk)
        return format_html("<ul>{}</ul>{}", listed, link)

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self.act(request, queryset, verbs.pause_workflow, "paused")

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self.act(request, queryset, verbs.resume_workflow, "resumed")

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self.act(request, queryset, verbs.cancel_workflow, "cancelled")

    @admin.action(description="Retry from the failed steps", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self.act(request, queryset, verbs.retry_workflow, "retried")


@admin.register(WorkflowStep)
class WorkflowStepAdmin(RoleAdmin):
    """The steps of one workflow in their order, or of all."""

    list_display = ("name", "workflow_id", "status", "attempts", "queue", "started_at", "completed_at", "error_type")
    lookups = ("workflow__id__exact",)
    ordering = ("workflow_id", "position")
    search_fields = ("id",)
    search_help_text = "The beginning of the step's or of its workflow's id."
    large_columns: ClassVar[tuple[str, ...]] = ("inputs", "results", "error", "depends_on", "dependents")
    readonly_fields = ("of_workflow", "masked_inputs", "masked_results", "attempt")
    fieldsets = (
        (None, {"fields": ("id", "name", "of_workflow", "position", "status", "depends_on", "dependents", "unmet")}),
        ("What came of it", {"fields": ("masked_results", "error_type", "error", "outcome", "attempt")}),
        (
            "As planned",
            {"fields": ("masked_inputs", "queue", "timeout_seconds", "retryable", "retry_limit", "skippable")},
        ),
        (
            "Attempts",
            {
                "fields": (
                    "attempts", "run_number", "claimed_at", "handed_at", "started_at", "completed_at", "next_retry_at",
                    "cancel_asked",
                )
            },
        ),
    )  # fmt: skip
    actions = ("cancel", "retry")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        ids = uuids.range_of(term)
        return (queryset.filter(Q(pk__range=ids) | Q(workflow__id__range=ids)) if ids else queryset.none()), False

    @admin.display(description="workflow")
    def of_workflow(self, step: WorkflowStep) -> SafeString:
        """Its address."""
        address = reverse("admin:scheduler_workflow_change", args=[step.workflow_id])
        return format_html('<a href="{}">{}</a>', address, step.workflow)

    @admin.display(description="task")
    def attempt(self, step: WorkflowStep) -> SafeString | str:
        """The task of the present or last attempt."""
        if step.task_id is None:
            return "-"
        address = reverse("admin:monitoring_task_change", args=[step.task_id])
        return format_html('<a href="{}">{}</a>', address, step.task_id)

    @admin.display(description="inputs")
    def masked_inputs(self, step: WorkflowStep) -> str:
        """With what is called like a secret masked, as the results are."""
        return pretty(to_text(mask_value(step.inputs)))

    @admin.display(description="results")
    def masked_results(self, step: WorkflowStep) -> str:
        return "" if step.results is None else pretty(to_text(mask_value(step.results)))

    @admin.action(description="Cancel, with what depends on them", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[WorkflowStep]) -> None:
        self.act(request, queryset, verbs.cancel_step, "cancelled")

    @admin.action(description="Retry", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[WorkflowStep]) -> None:
        self.act(request, queryset, verbs.retry_step, "retried")


@admin.register(WorkflowCount)
class WorkflowCountAdmin(RecordAdmin):
    """The rollup's rows, newest first."""

    list_display = ("basis", "span", "start", "namespace", "name", "version", "status", "count", "is_new")
    ordering = ("-id",)


def _found_by(term: str) -> Q:
    ids = uuids.range_of(term)
    found = Q(pk__range=ids) if ids else Q(pk__in=[])
    short_name, _, version = term.partition("@")
    namespace, dot, name = short_name.rpartition(".")
    if not dot:
        return found
    return found | Q(namespace=namespace, name=name, **({"version": version} if version else {}))
