"""What the OpenAPI document says of workflows in the monitoring API."""

from __future__ import annotations

from monitoring.api_descriptions import READING, Surface, in_path
from monitoring.monitoring_api.serializers import HTTPValidationError, Refusal
from scheduler.monitored_workflows import examples, serializers

_SURFACE = Surface(
    name="monitoring",
    tag="Monitoring API",
    errors=examples.ERRORS,
    shape=Refusal,
    shapes={422: HTTPValidationError},
)

workflow_list = _SURFACE.reads(
    "list_workflows",
    "List workflows",
    "The workflows that match every given filter, a page at a time, with an exact total. A page past the end is empty. "
    "Parameters that are not listed here are ignored, and so are empty filters.",
    asks=[serializers.WorkflowListQuery],
    answer=serializers.MonitoringWorkflowListResponse,
    example=examples.PAGE,
    errors=(422, *READING),
)
stats = _SURFACE.reads(
    "get_workflow_stats",
    "Count workflows",
    "How many workflows there are by status, how many were created lately, and how many steps they have on average.",
    asks=[serializers.WorkflowStatsQuery],
    answer=serializers.WorkflowAggregateStats,
    example=examples.STATS,
    errors=(422, *READING),
)
workflow_detail = _SURFACE.reads(
    "get_workflow",
    "Get a workflow",
    "The workflow with its steps in topological order, ties by declaration.",
    asks=[in_path("workflow_id", "The workflow's id, a UUID. Any other text is a 404.")],
    answer=serializers.WorkflowDetailResponse,
    example=examples.DETAIL,
    errors=(404, *READING),
)
