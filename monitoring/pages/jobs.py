"""The jobs of one queue: their list, what is done to many of them at once, and to a single one for scripts."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import register_converter, reverse
from django.views.decorators.http import require_POST

from audit.trail import NotAllowedNow, NotPermitted, actor_of
from monitoring.actions import STOP, perform_on
from monitoring.models import Queue
from monitoring.pages.acting import act_and_tell, for_actors, look_or_act, refuse, wants_json
from monitoring.pages.bulk import act_on_list
from monitoring.pages.job_list import REPEATABLE, JobList
from monitoring.pages.list_views import show_counts, show_list, show_rows
from monitoring.pages.queue_paths import QueueInPath, of_queue, queue_named
from monitoring.pages.selections import BULK_VERBS, chosen_tasks
from monitoring.pages.views import for_viewers

VERBS = {**BULK_VERBS, "stop": STOP}

register_converter(QueueInPath, "job")  # a job's id may hold whatever a queue's name may


@for_viewers
@of_queue
def show_jobs(request: HttpRequest, queue: Queue) -> HttpResponse:
    """The list; see ``JobList`` for its parameters. Scheduled jobs have a page of their own."""
    if request.GET.get("state", "").strip().lower() == REPEATABLE:
        return redirect(f"{reverse('jobs', args=[queue.name]).removesuffix('jobs')}repeatables")
    return show_list(request, JobList(request.GET, queue.name))


@for_actors
@of_queue
def act_on_jobs(request: HttpRequest, queue: Queue) -> HttpResponse:
    """The list's form; see ``bulk``."""
    return act_on_list(request, partial(JobList, queue=queue.name))


jobs = look_or_act(show_jobs, act_on_jobs)


@for_viewers
@of_queue
def job_counts(request: HttpRequest, queue: Queue) -> HttpResponse:
    """The list's figures: tabs with counts, and the pager."""
    return show_counts(request, JobList(request.GET, queue.name))


@for_viewers
@of_queue
def job_rows(request: HttpRequest, queue: Queue) -> HttpResponse:
    """Rows of the list for live updates."""
    return show_rows(request, JobList(request.GET, queue.name))


@require_POST
def job_action(request: HttpRequest, **named: Any) -> HttpResponseBase:
    """One verb for one job, answered in JSON; whoever is not logged in and wants no page is told so in JSON, too."""
    if not request.user.is_authenticated and wants_json(request):
        answer = refuse(401, "Log in first, or send a bearer token.")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    return _act(request, **named)


@for_actors
def _act(request: HttpRequest, name: str, job_id: str, action: str) -> HttpResponse:
    verb, queue = VERBS.get(action), queue_named(name)
    if verb is None:
        return refuse(400, "Unknown action")
    if queue is None:
        return refuse(404, "Unknown queue")
    task = chosen_tasks([job_id], queue=queue.name)[0]

    def deed() -> None:
        by = actor_of(request, source="jobs.single")
        perform_on(task, verb, by=by, reason=request.POST.get("reason", ""), only_in=queue.name)

    if task.status and task.queue == queue.name:
        return act_and_tell(deed)
    try:
        deed()  # it is refused, and that stands in the trail
    except NotPermitted as refusal:
        return refuse(403, str(refusal))
    except NotAllowedNow:
        pass
    return refuse(404, "Unknown job")
