"""The tasks' pages, and who may see any. Each is rendered whole without JavaScript; live updates render its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit.roles import VIEW
from audit.trail_filter import deeds_on, removal_of
from monitoring.filter_fields import parse_moment
from monitoring.inbox import task_id_for
from monitoring.models import Task
from monitoring.pages import list_links
from monitoring.pages.task_list import TaskList
from monitoring.timeline import timeline_of

View = Callable[..., HttpResponseBase]
ROWS_LIMIT = 100
DEEDS = 20
TOLD = (
    ("RQ's job id", "job_id"),
    ("Kind", "kind"),
    ("Handler", "handler"),
    ("Priority", "priority"),
    ("Triggered by", "triggered_by"),
    ("Instance", "origin_instance"),
    ("Zone", "origin_zone"),
    ("Tenant", "origin_tenant_id"),
    ("Reference", "origin_reference"),
    ("Provider", "provider_type"),
    ("Executor", "executor_type"),
    ("Executor instance", "executor_instance"),
    ("Service task", "service_task_id"),
    ("Webhook", "webhook_url"),
)
"""What a producer may have told about its task; shown where it is not empty."""


def for_viewers(view: View) -> View:
    """A page that only reads, for anyone with a role: others are sent to the login, or told what they lack."""
    return require_safe(never_cache(login_required(permission_required(VIEW, raise_exception=True)(view))))


def not_found(request: HttpRequest, **_: Any) -> HttpResponse:
    """Any other address below the pages."""
    return render(request, "404.html", status=404)


# --- Tasks --------------------------------------------------------------------------------------------------------


@for_viewers
def task_list(request: HttpRequest) -> HttpResponse:
    """One list over all queues. Filter values that cannot be understood: 400, with the sentence beside the field."""
    tasks = TaskList(request.GET)
    if target := _jump(request):
        return redirect("task", target)
    context = {
        "section": "tasks",
        **_figures(tasks),
        "chips": list_links.chips(tasks),
        "problems": list_links.problems(tasks),
        "headings": list_links.headings(tasks),
    }
    return render(request, "tasks/list.html", context, status=400 if tasks.errors else 200)


@for_viewers
def task_counts(request: HttpRequest) -> HttpResponse:
    """The list's figures: tabs with counts, and the pager."""
    return render(request, "tasks/_figures.html", _figures(TaskList(request.GET)))


def _figures(tasks: TaskList) -> dict[str, Any]:
    return {
        "list": tasks,
        "tabs": list_links.tabs(tasks),
        "pages": list_links.pages(tasks),
        "sizes": list_links.sizes(tasks),
    }


@for_viewers
def task_rows(request: HttpRequest) -> HttpResponse:
    """Rows for ``ids`` as they are now, and for those of ``new`` (ids, or "any") that belong on the list's first page.

    That is: those that match the list and were not created before ``since``, the creation of its last row.
    """
    try:
        shown = _ids(request.GET.get("ids", ""))
        rows = list(Task.objects.for_list().filter(pk__in=shown))
        rows += _new_rows(TaskList(request.GET), request.GET, shown)
    except ValueError:
        sentence = 'ids and new must be task ids joined by commas (new may be "any"), since must be a time.'
        return HttpResponse(sentence, status=400, content_type="text/plain; charset=utf-8")
    return render(request, "tasks/_rows.html", {"tasks": rows})


def _new_rows(tasks: TaskList, parameters: QueryDict, shown: list[UUID]) -> list[Task]:
    new, since = parameters.get("new", ""), parameters.get("since")
    if not new or tasks.errors:
        return []
    matching = tasks.filter.matching().exclude(pk__in=shown)
    if new != "any":
        matching = matching.filter(pk__in=_ids(new))
    if since:
        matching = matching.filter(created_at__gte=parse_moment(since))
    return list(matching.order_by("-created_at", "-id")[:ROWS_LIMIT])


@for_viewers
def task_page(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Everything known about one task."""
    return _task(request, task_id, "tasks/detail.html")


@for_viewers
def task_parts(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """What of a task's page changes with time."""
    return _task(request, task_id, "tasks/_task.html")


def _task(request: HttpRequest, task_id: UUID, template: str) -> HttpResponse:
    task = Task.objects.select_related("scheduled_job").filter(pk=task_id).first()
    if task is None:
        missing = {"missing_task": task_id, "removal": removal_of(str(task_id))}
        return render(request, "404.html", missing, status=404)
    needed = [task_id_for(job_id) for job_id in task.depends_on or []]
    related = Task.objects.for_list().in_bulk([*needed, *([task.retry_of] if task.retry_of else [])])
    context = {
        "section": "tasks",
        "task": task,
        "timeline": timeline_of(task.pk),
        "deeds": deeds_on(task.job_id, DEEDS),
        "dependencies": [(pk, related.get(pk)) for pk in needed],
        "told": [(label, value) for label, name in TOLD if (value := getattr(task, name)) and value != str(task.pk)],
        "retried": related.get(task.retry_of) if task.retry_of else None,
    }
    return render(request, template, context)


def _jump(request: HttpRequest) -> UUID | None:
    """The task meant by a search for nothing but its whole id, RQ's or ours."""
    wanted = request.GET.get("search", "").strip()
    if not wanted or any(request.GET.get(name) for name in request.GET if name != "search"):
        return None
    task_id = task_id_for(wanted)
    return task_id if Task.objects.filter(pk=task_id).exists() else None


def _ids(text: str) -> list[UUID]:
    """Ids joined by commas, at most ROWS_LIMIT; raises ValueError."""
    return [UUID(word) for word in text.split(",", ROWS_LIMIT)[:ROWS_LIMIT] if word]
