"""What is done to one task from its page: retry, cancel, stop, remove, move, and run again with other arguments."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html

from audit import roles
from audit.trail import NotAllowedNow, actor_of, audited
from monitoring import callables
from monitoring.actions import NoSuchQueue, Verb, move_to, perform_on, retry_task_with
from monitoring.models import Task
from monitoring.pages import views
from monitoring.pages.acting import SeeOther, act_and_return, for_actors, look_or_act, way_back
from monitoring.pages.forms import ArgumentsForm
from monitoring.pages.selections import WHAT_IT_MEANS, chosen_tasks
from monitoring.pages.task_deeds import BUTTONS, again_off
from monitoring.templatetags.documents import pretty

SOURCE = "jobs.single"
DONE = {
    "retry": "Back on its queue.",
    "cancel": "Cancelled: it will not start.",
    "stop": "Its worker was told to stop it.",
    "remove": "Removed.",
}
"""What is said of each: asked for, not yet recorded."""


@for_actors
def _act(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Does what the form asks for and goes back (303): to the page, or to the list from what is gone."""
    task = chosen_tasks([str(task_id)])[0]
    action = request.POST.get("action", "")
    page = reverse("task", args=[task_id]) if task.status else reverse("tasks")
    if action == "move":
        return act_and_return(request, lambda: _move(request, task), to=page)
    if action not in BUTTONS:
        messages.warning(request, "Unknown action")
        return SeeOther(page)
    _, verb = BUTTONS[action]
    if action == "remove" and "confirm" not in request.POST and task.status and not _refusal(request, verb, task):
        return _ask_to_remove(request, task)

    def deed() -> str:
        perform_on(task, verb, by=actor_of(request, source=SOURCE), reason=request.POST.get("reason", ""))
        return DONE[action]

    gone = reverse("jobs", args=[task.queue]) if action == "remove" and task.queue else page
    return act_and_return(request, deed, to=way_back(request, gone))


task_page = look_or_act(views.task_page, _act)


def _refusal(request: HttpRequest, verb: Verb, task: Task) -> str:
    return "" if request.user.has_perm(roles.OPERATE) and not verb.refusal(task.status) else "refused"


def _ask_to_remove(request: HttpRequest, task: Task) -> HttpResponse:
    context = {
        "section": "tasks",
        "title": f"Remove {task.short_type}?",
        "button": "Remove it",
        "meaning": WHAT_IT_MEANS["remove"]
        .replace("Their jobs are", "Its job is")
        .replace("they vanish", "it vanishes"),
        "number": 1,
        "reason": request.POST.get("reason", ""),
        "address": reverse("task", args=[task.pk]),
        "hidden": [("action", "remove"), ("confirm", "1")],
    }
    return render(request, "tasks/confirm.html", context)


def _move(request: HttpRequest, task: Task) -> str:
    by, queue = actor_of(request, source=SOURCE), request.POST.get("to", "")
    reason = request.POST.get("reason", "")
    try:
        verb = move_to(queue)
    except NoSuchQueue as error:
        with audited("job.move", by=by, needs=roles.OPERATE, queue=task.queue, target=task.job_id, reason=reason):
            raise NotAllowedNow(str(error)) from None
    perform_on(task, verb, by=by, reason=reason)
    return f"Moved to the end of {queue}."


# --- Again, with other arguments ----------------------------------------------------------------------------------


@views.for_viewers
def _show_again(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """The form, with the arguments that were recorded."""
    task = Task.objects.filter(pk=task_id).first()
    if task is None:
        return views.no_such_task(request, task_id)
    return _again_page(request, task)


@for_actors
def _run_again(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Starts the function with the form's arguments, or shows the form again with what is wrong (400)."""
    task = Task.objects.filter(pk=task_id).first()
    if task is None:
        return views.no_such_task(request, task_id)
    off, form = again_off(task), None
    if not off and request.user.has_perm(roles.OPERATE):
        form = ArgumentsForm(request.POST, function=callables.resolve(task.task_type))
        if not form.is_valid():
            return _again_page(request, task, form, status=400)
    given = form.cleaned_data if form else {"args": [], "kwargs": {}, "reason": request.POST.get("reason", "")}

    def deed() -> str:
        try:
            job_id = retry_task_with(task, by=actor_of(request, source=SOURCE), **given)
        except callables.NotAllowed:
            raise NotAllowedNow(off) from None
        return format_html('Started as <a href="{}">a new task</a>.', reverse("task", args=[job_id]))

    return act_and_return(request, deed, to=reverse("task", args=[task.pk]))


again = look_or_act(_show_again, _run_again)


def _again_page(request: HttpRequest, task: Task, form: ArgumentsForm | None = None, status: int = 200) -> HttpResponse:
    recorded = _recorded(task)
    forbidden = "" if request.user.has_perm(roles.OPERATE) else roles.REFUSALS[roles.OPERATE]
    context = {
        "section": "tasks",
        "task": task,
        "form": form,
        "args": form.data.get("args", "") if form else pretty(recorded.get("args", [])),
        "kwargs": form.data.get("kwargs", "") if form else pretty(recorded.get("kwargs", {})),
        "is_whole": bool(recorded) and "…" not in task.arguments,
        "off": forbidden or again_off(task),
    }
    return render(request, "tasks/again.html", context, status=status)


def _recorded(task: Task) -> dict[str, Any]:
    """The recorded arguments as far as they can be read."""
    try:
        document = json.loads(task.arguments)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
