"""The page of one workflow: as a page, as its parts, as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from audit.trail_filter import deeds_on
from monitoring.pages import list_links
from monitoring.pages.acting import refuse, wants_json
from monitoring.pages.views import for_viewers
from scheduler.pages.workflow_deeds import state_of, step_deeds, workflow_deeds
from scheduler.pages.workflow_story import WorkflowStory
from scheduler.pages.workflows import as_json
from scheduler.workflow_models import Workflow

DEEDS = 10


@for_viewers
def workflow_page(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    """Everything known about one workflow; ``step`` chooses one of its steps. Also as JSON."""
    found = find_workflow(workflow_id)
    if found is None:
        return unknown_workflow(request, workflow_id)
    answer: HttpResponse = (
        JsonResponse(_with_steps(found)) if wants_json(request) else page_of(request, found, "workflows/page.html")
    )
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def workflow_parts(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    """What of the page changes with time."""
    found = find_workflow(workflow_id)
    return (
        unknown_workflow(request, workflow_id) if found is None else page_of(request, found, "workflows/_workflow.html")
    )


def find_workflow(workflow_id: UUID) -> Workflow | None:
    """None if there is none of that id."""
    return Workflow.objects.filter(pk=workflow_id).first()


def unknown_workflow(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    """404, as a page or as JSON."""
    if wants_json(request):
        return refuse(404, "There is no workflow of that id.")
    return render(request, "404.html", {"missing_workflow": workflow_id}, status=404)


def page_of(request: HttpRequest, workflow: Workflow, template: str, *, status: int = 200, **more: Any) -> HttpResponse:
    """The workflow, with ``more`` for the template; ``parameters`` stand in for the address's."""
    story = WorkflowStory(workflow, more.pop("parameters", request.GET))
    step = story.chosen
    buttons = step_deeds(step, request.user) if step else []
    context = {
        "section": "workflows",
        "workflow": workflow,
        "story": story,
        "list_pages": list_links.pages(story),
        "counts": [(word, count, story.link(only=word.lower())) for word, count in story.counts],
        "all_steps": story.link(only=None),
        "deeds": workflow_deeds(workflow, request.user),
        "step": step,
        "step_deeds": buttons,
        "possible": [deed.word for deed in buttons if not deed.off],
        "step_state": state_of(step) if step else "",
        "step_trail": deeds_on(str(step.pk), DEEDS) if step else [],
        "trail": deeds_on(str(workflow.pk), DEEDS),
        "query": request.GET.urlencode(),
        **more,
    }
    return render(request, template, context, status=status)


def _with_steps(workflow: Workflow) -> dict[str, Any]:
    steps = workflow.steps.order_by("position").defer("inputs", "results", "error", "dependents")
    return {
        **as_json(workflow),
        "steps": [
            {
                "name": step.name,
                "status": step.status.lower(),
                "skipped": step.is_skipped,
                "depends_on": step.depends_on,
                "attempts": step.attempts,
                "started_at": step.started_at,
                "completed_at": step.completed_at,
                "duration_ms": step.duration_ms,
                "task_id": step.task_id,
            }
            for step in steps
        ],
    }
