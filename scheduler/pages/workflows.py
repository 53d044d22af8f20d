"""The list of workflows: as a page, as its parts, as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from audit import uuids
from monitoring.pages import list_links
from monitoring.pages.acting import refuse, wants_json
from monitoring.pages.views import for_viewers
from scheduler.pages.workflow_list import WorkflowList
from scheduler.workflow_models import Workflow


@for_viewers
def workflows(request: HttpRequest) -> HttpResponse:
    """All workflows that match, newest first. Filters that cannot be used: 400, with the sentence."""
    if target := _jump(request):
        return redirect("workflow", target)
    rows = WorkflowList(request.GET)
    answer: HttpResponse = _as_json(rows) if wants_json(request) else _as_page(request, rows, "workflows/list.html")
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def workflows_parts(request: HttpRequest) -> HttpResponse:
    """What of the page changes with time."""
    return _as_page(request, WorkflowList(request.GET), "workflows/_parts.html")


def _as_page(request: HttpRequest, rows: WorkflowList, template: str) -> HttpResponse:
    context: dict[str, Any] = {
        "section": "workflows",
        "list": rows,
        "tabs": rows.tabs,
        "pages": list_links.pages(rows),
        "sizes": list_links.sizes(rows),
        "query": request.GET.urlencode(),
    }
    return render(request, template, context, status=400 if rows.errors else 200)


def _as_json(rows: WorkflowList) -> JsonResponse:
    if rows.errors:
        return refuse(400, " ".join(f"{name}: {sentence}" for name, sentence in rows.problems))
    return JsonResponse(
        {
            "page": rows.page,
            "pages": rows.pages,
            "size": rows.size,
            "total": rows.total,
            "counts": {status.lower(): count for status, count in rows.counts.items()},
            "workflows": [as_json(workflow) for workflow in rows.workflows],
        }
    )


def as_json(workflow: Workflow) -> dict[str, Any]:
    """A workflow as scripts get it."""
    return {
        "id": str(workflow.pk),
        "handler": f"{workflow.namespace}.{workflow.name}",
        "version": workflow.version,
        "status": workflow.status.lower(),
        "total_steps": workflow.total_steps,
        "completed_steps": workflow.completed_steps,
        "failed_steps": workflow.failed_steps,
        "progress": round(workflow.progress, 1),
        "initiator": workflow.initiator or None,
        "created_at": workflow.created_at,
        "started_at": workflow.started_at,
        "completed_at": workflow.completed_at,
        "duration_ms": workflow.duration_ms,
    }


def _jump(request: HttpRequest) -> UUID | None:
    """The workflow meant by a search for nothing but its whole id."""
    wanted = request.GET.get("search", "").strip()
    if not uuids.is_whole(wanted) or any(request.GET.get(name) for name in request.GET if name != "search"):
        return None
    return Workflow.objects.filter(pk=UUID(wanted)).values_list("pk", flat=True).first()
