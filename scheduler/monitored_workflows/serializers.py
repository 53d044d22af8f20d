"""The shapes of workflows in the monitoring API, key by key as its document has them, and with its names."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from monitoring.api_fields import Moment, TextOrNull, Word
from monitoring.redaction import mask_value
from scheduler.monitored_workflows.vocabulary import (
    ORDER_WORDS,
    SORT_WORDS,
    STATUS_CHOICES,
    STATUS_MEANINGS,
    STEP_CHOICES,
    step_word,
)
from scheduler.workflow_lists import WorkflowFigures
from scheduler.workflow_models import Workflow, WorkflowStep

LARGEST_PAGE = 200
TEXT_LIMIT = 255


def _text(about: str) -> serializers.CharField:
    return serializers.CharField(required=False, allow_blank=True, max_length=TEXT_LIMIT, help_text=about)


# --- What is asked ------------------------------------------------------------------------------------------------


class WorkflowStatsQuery(serializers.Serializer[Any]):
    origin_instance = _text("Workflows that were started by this instance.")
    origin_zone = _text("Workflows of this zone.")


class WorkflowListQuery(WorkflowStatsQuery):
    status = Word(STATUS_MEANINGS, source="statuses", required=False, help_text="In any case.")
    origin_tenant_id = _text("Workflows of this tenant.")
    created_after = Moment(source="created_from", required=False, help_text="Created then or later.")
    created_before = Moment(
        source="created_to", required=False, is_end=True, help_text="Created then or earlier; a date means all of it."
    )
    search = _text("A part of the name, or the beginning of the id.")
    page = serializers.IntegerField(source="number", default=1, min_value=1, help_text="One past the end is empty.")
    page_size = serializers.IntegerField(source="size", default=50, min_value=1, max_value=LARGEST_PAGE)
    sort_by = Word(SORT_WORDS, source="sort", default="created", help_text="Ties are in order of the id.")
    sort_order = Word(ORDER_WORDS, source="descending", default=True, help_text="Nulls come last either way.")


# --- Workflows ----------------------------------------------------------------------------------------------------


class WorkflowListItem(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = TextOrNull()
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    total_steps = serializers.IntegerField()
    completed_steps = serializers.IntegerField()
    progress = serializers.FloatField(help_text="0 to 100: the share of its steps that are complete.")
    current_step = TextOrNull(help_text="The running step, else the next that is ready.")
    final_step_id = TextOrNull(source="final_step", help_text="The step that ends it, if a single one does.")
    origin_instance = serializers.SerializerMethodField(help_text="The instance that started it.")
    origin_zone = TextOrNull()
    origin_tenant_id = TextOrNull()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True, help_text="Set once it is over, however.")
    duration_ms = serializers.FloatField(allow_null=True, help_text="From started_at to completed_at.")
    has_error = serializers.BooleanField(help_text="Whether a step has an error.")

    def get_origin_instance(self, workflow: Workflow) -> str:
        return workflow.origin_instance or settings.QUARTERDECK_INSTANCE


class MonitoringWorkflowListResponse(serializers.Serializer[Any]):
    items = WorkflowListItem(many=True, source="workflows")
    total = serializers.IntegerField(help_text="How many match, exactly.")
    page = serializers.IntegerField(source="number")
    page_size = serializers.IntegerField(source="size")
    pages = serializers.IntegerField(help_text="0 when nothing matches.")


class WorkflowStepMonitor(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    step_id = serializers.CharField(source="name", help_text="What the handler calls it.")
    task_type = serializers.CharField(source="name", help_text="As the tasks of its attempts have it.")
    status = serializers.SerializerMethodField(help_text="SKIPPED: its condition said that it need not run.")
    task_id = serializers.SerializerMethodField(help_text="The task of the present or last attempt.")
    dependencies = serializers.ListField(source="depends_on", child=serializers.CharField())
    input_mappings = serializers.ListField(
        child=serializers.DictField(),
        help_text="Each input with where it comes from; empty if the code has it no more.",
    )
    config = serializers.SerializerMethodField(help_text="Its queue, time limit and inputs.")
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True, help_text="Of the last attempt.")
    error_message = TextOrNull(source="error")
    retry_count = serializers.SerializerMethodField(help_text="Attempts after the first, ever.")
    max_retries = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField(help_text="Masked, and cut where it is long.")

    @extend_schema_field(serializers.ChoiceField(choices=STEP_CHOICES))
    def get_status(self, step: WorkflowStep) -> str:
        return step_word(step)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_task_id(self, step: WorkflowStep) -> str | None:
        return str(step.task_id) if step.task_id else None

    @extend_schema_field(serializers.DictField())
    def get_config(self, step: WorkflowStep) -> dict[str, Any]:
        inputs = mask_value(step.inputs)
        return {"queue": step.queue, "timeout_seconds": step.timeout_seconds, "inputs": inputs}

    def get_retry_count(self, step: WorkflowStep) -> int:
        return max(0, step.run_number - 1)

    def get_max_retries(self, step: WorkflowStep) -> int:
        return step.most_attempts - 1

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_result(self, step: WorkflowStep) -> dict[str, Any] | None:
        """The document has an object here; anything else stands in one."""
        if step.results is None:
            return None
        masked = mask_value(step.results)
        return masked if isinstance(masked, dict) else {"value": masked}


class WorkflowDetailResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = TextOrNull()
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    total_steps = serializers.IntegerField()
    completed_steps = serializers.IntegerField()
    progress = serializers.FloatField(help_text="0 to 100: the share of its steps that are complete.")
    current_step = TextOrNull(help_text="The running step, else the next that is ready.")
    final_step_id = TextOrNull(source="final_step", help_text="The step that ends it, if a single one does.")
    canvas_task_id = serializers.SerializerMethodField(help_text="Null: no task stands for the whole.")
    origin_instance = serializers.SerializerMethodField(help_text="The instance that started it.")
    origin_zone = TextOrNull()
    origin_tenant_id = TextOrNull()
    origin_reference = TextOrNull()
    config = serializers.SerializerMethodField(help_text="Its handler and context, masked, and cut where it is long.")
    webhook_url = TextOrNull(source="masked_webhook_url")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True, help_text="Set once it is over, however.")
    duration_ms = serializers.FloatField(allow_null=True, help_text="From started_at to completed_at.")
    error_message = serializers.SerializerMethodField(help_text="The first of its steps' errors.")
    errors = serializers.SerializerMethodField(  # type: ignore[assignment]  # a field here, not this serializer's errors
        help_text="The errors of its steps, each with the step's name, in their order."
    )
    steps = WorkflowStepMonitor(many=True, source="ordered_steps")

    def get_origin_instance(self, workflow: Workflow) -> str:
        return workflow.origin_instance or settings.QUARTERDECK_INSTANCE

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_canvas_task_id(self, workflow: Workflow) -> None:
        return None

    @extend_schema_field(serializers.DictField())
    def get_config(self, workflow: Workflow) -> dict[str, Any]:
        return {
            "handler": workflow.full_name,
            "context": mask_value(workflow.context),
            "tags": workflow.tags,
            "priority": workflow.priority,
            "resume_count": workflow.resume_count,
        }

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_error_message(self, workflow: Workflow) -> str | None:
        return next(iter(self.get_errors(workflow)), None)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_errors(self, workflow: Workflow) -> list[str]:
        steps: list[WorkflowStep] = workflow.ordered_steps  # type: ignore[attr-defined]  # set by the view
        return [f"{step.name}: {step.error}" for step in steps if step.error]


class WorkflowAggregateStats(serializers.Serializer[Any]):
    total_workflows = serializers.IntegerField(source="total")
    by_status = serializers.SerializerMethodField(help_text="Every status, also those that no workflow is in.")
    workflows_last_hour = serializers.IntegerField(source="last_hour", help_text="By creation.")
    workflows_last_24h = serializers.IntegerField(source="last_day", help_text="By creation.")
    avg_steps_per_workflow = serializers.FloatField(source="mean_steps")

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_by_status(self, found: WorkflowFigures) -> dict[str, int]:
        return {str(status): count for status, count in found.by_status.items()}
