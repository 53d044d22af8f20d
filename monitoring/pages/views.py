"""The tasks' pages, and who may see any. Each is rendered whole without JavaScript; live updates render its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit.roles import VIEW
from audit.trail_filter import deeds_on, removal_of
from monitoring import ledger
from monitoring.inbox import task_id_for
from monitoring.models import Task
from monitoring.pages import acting
from monitoring.pages.bulk import act_on_list
from monitoring.pages.list_views import show_counts, show_list, show_rows
from monitoring.pages.task_deeds import deeds_for
from monitoring.pages.task_list import TaskList
from monitoring.timeline import timeline_of
from monitoring.waiting import wait_of

View = Callable[..., HttpResponseBase]
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
def show_tasks(request: HttpRequest) -> HttpResponse:
    """One list over all queues."""
    if target := _jump(request):
        return redirect("task", target)
    return show_list(request, TaskList(request.GET))


@acting.for_actors
def act_on_tasks(request: HttpRequest) -> HttpResponse:
    """The list's form: see ``bulk``."""
    return act_on_list(request, TaskList)


task_list = acting.look_or_act(show_tasks, act_on_tasks)


@for_viewers
def task_counts(request: HttpRequest) -> HttpResponse:
    """The list's figures: tabs with counts, and the pager."""
    return show_counts(request, TaskList(request.GET))


@for_viewers
def task_rows(request: HttpRequest) -> HttpResponse:
    """Rows of the list for live updates."""
    return show_rows(request, TaskList(request.GET))


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
        return no_such_task(request, task_id)
    needed = [task_id_for(job_id) for job_id in task.depends_on or []]
    related = Task.objects.for_list().in_bulk([*needed, *([task.retry_of] if task.retry_of else [])])
    dependencies = [(pk, related.get(pk)) for pk in needed]
    context = {
        "section": "tasks",
        "task": task,
        "timeline": timeline_of(task.pk),
        "dependencies": dependencies,
        "wait": wait_of(task, dependencies),
        "trail": deeds_on(task.job_id, DEEDS),
        "told": [(label, value) for label, name in TOLD if (value := getattr(task, name)) and value != str(task.pk)],
        "retried": related.get(task.retry_of) if task.retry_of else None,
        "deeds": deeds_for(task, request.user),
        "lost": ledger.loss_of(task),
    }
    return render(request, template, context)


def no_such_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """404, and what may have become of it."""
    return render(request, "404.html", {"missing_task": task_id, "removal": removal_of(str(task_id))}, status=404)


def _jump(request: HttpRequest) -> UUID | None:
    """The task meant by a search for nothing but its whole id, RQ's or ours."""
    wanted = request.GET.get("search", "").strip()
    if not wanted or any(request.GET.get(name) for name in request.GET if name != "search"):
        return None
    task_id = task_id_for(wanted)
    return task_id if Task.objects.filter(pk=task_id).exists() else None
