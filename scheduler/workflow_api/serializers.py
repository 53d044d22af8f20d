"""The shapes of this surface, key by key as its contract has them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from monitoring.api_fields import ClampedNumber, Moment, TextOrNull, Word
from monitoring.redaction import without_secrets
from scheduler.registry import registry
from scheduler.steps import RETRY_LIMIT, Template
from scheduler.workflow_api.vocabulary import (
    STEP_CHOICES,
    STEP_WORDS,
    TASK_CHOICES,
    TASK_MEANINGS,
    TASK_WORDS,
)
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_readiness import is_ready

LARGEST_PAGE = 100
_ANY = {"description": "Any JSON value."}


def _names(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), **options)


def _text(limit: int, about: str = "", **options: Any) -> serializers.CharField:
    return serializers.CharField(required=False, allow_blank=True, max_length=limit, help_text=about, **options)


@extend_schema_field(_ANY)
class Anything(serializers.JSONField):
    """Any JSON value, with the values of sensitive keys masked."""

    def to_representation(self, value: Any) -> Any:
        return without_secrets(value)


# --- What is asked ------------------------------------------------------------------------------------------------


class VersionQuery(serializers.Serializer[Any]):
    version = _text(50, "The latest if not given.")


class TaskQuery(serializers.Serializer[Any]):
    namespace = _text(100)
    name = _text(150)
    version = _text(50)
    status = Word(TASK_MEANINGS, source="statuses", required=False, help_text="In any case; `pending` includes paused.")
    tag = _text(100, "Tasks with this tag among theirs.")
    created_after = Moment(source="created_from", required=False, help_text="Created then or later.")
    created_before = Moment(source="created_to", required=False, is_end=True, help_text="Created then or earlier.")
    page = serializers.IntegerField(source="number", default=1, min_value=1, help_text="One past the end is empty.")
    per_page = ClampedNumber(source="size", default=25, most=LARGEST_PAGE, help_text="A larger one counts as 100.")


class DependenciesQuery(serializers.Serializer[Any]):
    include_dependencies = Word({"true": True, "false": False}, default=False)


# --- What is sent -------------------------------------------------------------------------------------------------


class Tags(serializers.ListField):
    """A few short texts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=100), max_length=50, **options)


class TaskOrder(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=150)
    namespace = serializers.CharField(max_length=100, default="default")
    version = _text(50, "The latest if not given. Name it in production.")
    context = serializers.JSONField(help_text="As the handler's schema has it.")  # type: ignore[assignment]  # a field here
    initiator = _text(255, "Who it is for; the account that asks, if not given.")
    source_system = _text(255)
    reason = _text(1_000)
    tags = Tags(required=False)
    priority = serializers.IntegerField(
        required=False,
        min_value=-1_000,
        max_value=1_000,
        help_text="Above 0 its steps go to the front of their queues.",
    )
    run_at = Moment(required=False, help_text="Its first steps wait until then.")
    idempotency_key = _text(255, "The same one within 24 hours is answered with the first task.")
    webhook_url = _text(2_000, "Told, signed, when the task is over. Needs the setting `WEBHOOK_SECRET`.")


class TaskChange(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    tags = Tags(required=False)


class StepChange(serializers.Serializer[Any]):
    retry_limit = serializers.IntegerField(required=False, min_value=0, max_value=RETRY_LIMIT)
    inputs = serializers.DictField(required=False, help_text="What is named here comes before what is mapped.")
    status = Word({"resolved_manually": True}, source="resolve", required=False)
    results = serializers.JSONField(required=False, help_text="What its dependents get; only with that status.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "results" in attrs and "resolve" not in attrs:
            raise serializers.ValidationError({"results": "Can be given only with the status resolved_manually."})
        return attrs


# --- Handlers -----------------------------------------------------------------------------------------------------


class Namespace(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = TextOrNull(help_text="As `describe_namespace` in a `handlers.py` has it; null if nothing has.")
    handler_count = serializers.IntegerField()
    handlers = _names()


class NamespaceList(serializers.Serializer[Any]):
    namespaces = Namespace(many=True)
    total_namespaces = serializers.IntegerField()
    generated_at = serializers.DateTimeField()


class _HandlerBase(serializers.Serializer[Any]):
    id = serializers.CharField(source="handler.full_name")
    namespace = serializers.CharField(source="handler.namespace")
    name = serializers.CharField(source="handler.name")
    version = serializers.CharField(source="handler.version")
    versions = serializers.SerializerMethodField(help_text="Oldest first.")

    @extend_schema_field(_names())
    def get_versions(self, shown: dict[str, Any]) -> list[str]:
        return list(registry.versions.get(shown["handler"].short_name, {}))


class HandlerRow(_HandlerBase):
    description = serializers.CharField(source="handler.description")
    step_count = serializers.SerializerMethodField()
    step_names = serializers.SerializerMethodField()

    def get_step_count(self, shown: dict[str, Any]) -> int:
        return len(shown["templates"])

    @extend_schema_field(_names())
    def get_step_names(self, shown: dict[str, Any]) -> list[str]:
        return [template.name for template in shown["templates"]]


class HandlerList(serializers.Serializer[Any]):
    namespace = serializers.CharField()
    handlers = HandlerRow(many=True)
    total_handlers = serializers.IntegerField()


class StepTemplate(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    handler_class = serializers.CharField(source="function_name", help_text="The function's dotted name.")
    depends_on_step = serializers.SerializerMethodField(help_text="Null unless there is exactly one.")
    depends_on_steps = _names(source="depends_on")
    default_retryable = serializers.BooleanField(source="retryable")
    default_retry_limit = serializers.IntegerField(source="retry_limit", help_text="The most attempts.")
    skippable = serializers.BooleanField()
    custom_events = _names()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_depends_on_step(self, template: Template) -> str | None:
        return template.depends_on[0] if len(template.depends_on) == 1 else None


class Edge(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.CharField(), "to": serializers.CharField()}


class DependencyGraph(serializers.Serializer[Any]):
    nodes = _names()
    edges = Edge(many=True)
    execution_order = _names()


class HandlerDetail(_HandlerBase):
    full_name = serializers.CharField(source="handler.full_name")
    description = serializers.CharField(source="handler.description")
    context_schema = serializers.DictField(source="handler.schema", help_text="A JSON Schema.")
    step_templates = StepTemplate(source="templates", many=True)
    dependency_graph = DependencyGraph()


# --- Tasks --------------------------------------------------------------------------------------------------------


class Task(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField()
    version = serializers.CharField()
    full_name = serializers.CharField()
    status = serializers.SerializerMethodField()
    context = Anything()  # type: ignore[assignment]  # a field here, not the serializer's context
    initiator = TextOrNull()
    source_system = TextOrNull()
    reason = TextOrNull()
    tags = _names()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True, help_text="Set once it is over, however.")

    @extend_schema_field(serializers.ChoiceField(choices=TASK_CHOICES))
    def get_status(self, workflow: Workflow) -> str:
        return TASK_WORDS[workflow.status]  # type: ignore[index]  # a str enum


class Pagination(serializers.Serializer[Any]):
    current_page = serializers.IntegerField(source="number")
    per_page = serializers.IntegerField(source="size")
    total_pages = serializers.IntegerField(source="pages")
    total_count = serializers.IntegerField(source="total")


class TaskList(serializers.Serializer[Any]):
    tasks = Task(many=True, source="workflows")
    pagination = Pagination(source="*")


class _StepBase(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=STEP_CHOICES))
    def get_status(self, step: WorkflowStep) -> str:
        return STEP_WORDS[step.status]  # type: ignore[index]  # a str enum


class StepSummary(_StepBase):
    results = Anything()
    attempts = serializers.IntegerField(help_text="Since it was last retried by hand.")
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)


class BlockedStep(serializers.Serializer[Any]):
    step = serializers.CharField()
    waiting_for = _names()


class Dependencies(serializers.Serializer[Any]):
    analysis = serializers.CharField(help_text="Where it stands, as a sentence.")
    ready_steps = _names()
    blocked_steps = BlockedStep(many=True)
    completed_steps = _names()
    critical_path = _names(help_text="By the times that were measured; a step without one counts as 0.")
    critical_path_ms = serializers.FloatField()
    parallelism = serializers.IntegerField(help_text="The most steps that stand side by side.")


class TaskWithSteps(Task):
    steps = StepSummary(many=True)
    dependencies = Dependencies(required=False, help_text="With `include_dependencies=true`.")


class Cancelled(serializers.Serializer[Any]):
    cancelled = serializers.BooleanField()


# --- Steps --------------------------------------------------------------------------------------------------------


class Step(_StepBase):
    task_id = serializers.UUIDField(source="workflow_id")
    attempts = serializers.IntegerField(help_text="Since it was last retried by hand.")
    retry_limit = serializers.IntegerField(help_text="The most attempts; the first one is always made.")
    retryable = serializers.BooleanField()
    skippable = serializers.BooleanField()
    inputs = Anything()
    results = Anything()
    error = TextOrNull()
    depends_on = _names()
    dependents = _names()
    ready = serializers.SerializerMethodField(help_text="Nothing holds its next attempt back.")
    next_retry_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True, help_text="Of the last attempt.")
    run_task_id = serializers.UUIDField(
        source="task_id", allow_null=True, help_text="The task on RQ that makes the present or last attempt."
    )

    def get_ready(self, step: WorkflowStep) -> bool:
        return is_ready(step)


class StepList(serializers.Serializer[Any]):
    steps = Step(many=True)


class StepAnswer(serializers.Serializer[Any]):
    step = Step()


# --- What is refused ----------------------------------------------------------------------------------------------


class WorkflowRefusalBody(serializers.Serializer[Any]):
    type = serializers.CharField(help_text="The code as one word.")
    message = serializers.CharField(help_text="What happened, for a person.")
    code = serializers.CharField()
    details = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Sentences by parameter, field, or JSON path of the context.",
    )


class WorkflowRefusal(serializers.Serializer[Any]):
    error = WorkflowRefusalBody()
