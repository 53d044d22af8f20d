"""The workflows of the monitoring API: reads what is asked, asks the core, answers in that surface's words.

They are rows of this app, so they are served from here; address, words and errors are those of
``monitoring.monitoring_api``, for whoever asks it is one surface.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.api_fields import read
from scheduler.monitored_workflows import descriptions, serializers
from scheduler.monitored_workflows.vocabulary import STATUS_WORDS
from scheduler.registry import registry, templates_of
from scheduler.workflow_lists import Asked, figures, for_monitoring, page_of_workflows
from scheduler.workflow_models import Workflow
from scheduler.workflow_plans import mappings_of


class WorkflowList(APIView):
    @descriptions.workflow_list
    def get(self, request: Request) -> Response:
        asked = read(serializers.WorkflowListQuery, request.query_params)
        place: dict[str, Any] = {name: asked.pop(name) for name in ("sort", "descending", "number", "size")}
        page = page_of_workflows(Asked(**asked), **place, status_words=STATUS_WORDS, rows=for_monitoring())
        return Response(serializers.MonitoringWorkflowListResponse(page).data)


class Stats(APIView):
    @descriptions.stats
    def get(self, request: Request) -> Response:
        found = figures(Asked(**read(serializers.WorkflowStatsQuery, request.query_params)))
        return Response(serializers.WorkflowAggregateStats(found).data)


class WorkflowDetail(APIView):
    @descriptions.workflow_detail
    def get(self, request: Request, workflow_id: str) -> Response:
        try:
            workflow = for_monitoring().defer(None).get(pk=UUID(workflow_id))
        except (ValueError, Workflow.DoesNotExist) as error:
            raise NotFound("Workflow not found") from error
        steps = list(workflow.steps.order_by("position"))
        mappings = _mappings(workflow)
        for step in steps:
            step.input_mappings = mappings.get(step.name, [])  # type: ignore[attr-defined]  # what the code knows of it
        workflow.ordered_steps = steps  # type: ignore[attr-defined]  # so that they are read once
        return Response(serializers.WorkflowDetailResponse(workflow).data)


def _mappings(workflow: Workflow) -> dict[str, list[dict[str, str]]]:
    """The input mappings of each step, as long as the code still has the handler."""
    handler = registry.versions.get(f"{workflow.namespace}.{workflow.name}", {}).get(workflow.version)
    templates = templates_of(handler) if handler else ()
    return {template.name: mappings_of(template.inputs) for template in templates}
