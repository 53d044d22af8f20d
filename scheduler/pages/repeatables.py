"""The schedules of one queue, in the words of the documented pages: repeatables, and a short form for a new one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from audit import roles
from audit.trail import NotPermitted, actor_of
from monitoring.models import Queue
from monitoring.pages.acting import SeeOther, act_and_return, act_and_tell, for_actors, look_or_act, refuse, wants_json
from monitoring.pages.list_links import pages, sizes
from monitoring.pages.queue_paths import of_queue
from monitoring.pages.views import for_viewers
from scheduler import actions
from scheduler.models import ScheduledJob
from scheduler.pages.defining import define, is_preview, preview_of
from scheduler.pages.definition_forms import RepeatableForm, choices_for
from scheduler.pages.schedule_deeds import (
    GONE,
    VERBS,
    ask_to_remove,
    deeds_for,
    do,
    is_to_be_asked,
    refusal,
    schedule_with,
)
from scheduler.pages.schedule_list import ScheduleList
from scheduler.pages.schedule_rows import as_json

SOURCE = "repeatables"
EVERY = 300
"""Seconds that the form begins with."""


# --- The list and its buttons -------------------------------------------------------------------------------------


@for_viewers
@of_queue
def _show(request: HttpRequest, queue: Queue) -> HttpResponse:
    """The list; with ``Accept: application/json`` the same as JSON."""
    listed = ScheduleList(request.GET, queue=queue.name)
    if wants_json(request):
        answer: HttpResponse = _json(listed)
    else:
        status = 400 if listed.errors else 200
        answer = render(request, "schedules/repeatables.html", _context(request, queue, listed), status=status)
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
@of_queue
def repeatables_parts(request: HttpRequest, queue: Queue) -> HttpResponse:
    """What of the page changes with time."""
    context = _context(request, queue, ScheduleList(request.GET, queue=queue.name))
    return render(request, "schedules/_list.html", context)


@for_actors
@of_queue
def _act(request: HttpRequest, queue: Queue) -> HttpResponse:
    """``action`` (pause, resume, run or remove) with the ``id`` of a schedule of this queue."""
    here = reverse("queue-repeatables", args=[queue.name])
    word, asked = request.POST.get("action", ""), request.POST.get("id", "").strip()
    if word not in VERBS:
        return _refuse_word(request, here)
    found = schedule_with(asked)
    job = found if found and found.queue == queue.name else None
    if is_to_be_asked(request, word, job) and job:
        return ask_to_remove(request, job, address=here)

    def deed() -> str:
        by, reason = actor_of(request, source=SOURCE), request.POST.get("reason", "").strip()
        return do(word, job, by=by, target=asked[:255], queue=queue.name, reason=reason)

    if not wants_json(request):
        return act_and_return(request, deed, to=here)
    answer = act_and_tell(deed)
    return refuse(404, GONE) if job is None and answer.status_code == 409 else answer


repeatables = look_or_act(_show, _act)


def _refuse_word(request: HttpRequest, here: str) -> HttpResponse:
    if wants_json(request):
        return refuse(400, "Unknown action")
    messages.error(request, f"Nothing was done: action must be one of {', '.join(VERBS)}.")
    return SeeOther(here)


def _context(request: HttpRequest, queue: Queue, listed: ScheduleList) -> dict[str, Any]:
    return {
        "section": "queues",
        "queue": queue,
        "list": listed,
        "tabs": listed.tabs(),
        "chips": listed.chips(),
        "problems": listed.problems(),
        "headings": listed.headings(),
        "pages": pages(listed),
        "sizes": sizes(listed),
        "rows": [(row, deeds_for(row.job, request.user)) for row in listed.rows],
        "off": refusal(request.user, roles.MANAGE),
    }


def _json(listed: ScheduleList) -> JsonResponse:
    if listed.errors:
        return refuse(400, " ".join(listed.errors.values()))
    return JsonResponse(
        {
            "queue": listed.queue,
            "page": listed.page,
            "pages": listed.pages,
            "size": listed.size,
            "total": listed.total,
            "repeatables": [as_json(row) for row in listed.rows],
        }
    )


# --- A new one ----------------------------------------------------------------------------------------------------


@for_viewers
@of_queue
def _show_new(request: HttpRequest, queue: Queue) -> HttpResponse:
    """The short form."""
    return _new_page(request, queue, RepeatableForm(initial={"every": EVERY, "timezone": "UTC", "args": "[]"}))


@for_actors
@of_queue
def _create(request: HttpRequest, queue: Queue) -> HttpResponse:
    """Makes it and goes on to the list; else the form again, with what is wrong (400). For scripts as JSON."""
    form = RepeatableForm(request.POST)
    if is_preview(request):
        return _new_page(request, queue, form)

    def deed(definition: dict[str, Any]) -> ScheduledJob:
        return actions.create_job({**definition, "queue": queue.name}, by=actor_of(request, source=SOURCE))

    try:
        made = define(request, form, deed)
    except NotPermitted as reason:
        if wants_json(request):
            return refuse(403, str(reason))
        raise
    if wants_json(request):
        return _told(form, made)
    if made is None:
        return _new_page(request, queue, form, status=400)
    messages.success(request, f"{made.name} is scheduled.")
    return SeeOther(reverse("queue-repeatables", args=[queue.name]))


new_repeatable = look_or_act(_show_new, _create)


def _told(form: RepeatableForm, made: ScheduledJob | None) -> JsonResponse:
    if made is not None:
        return JsonResponse({"ok": True, "id": str(made.uuid)}, status=201)
    error = " ".join(f"{name}: {' '.join(sentences)}" for name, sentences in form.told.items())
    return JsonResponse({"ok": False, "error": error, "errors": form.told}, status=400)


def _new_page(request: HttpRequest, queue: Queue, form: RepeatableForm, *, status: int = 200) -> HttpResponse:
    context = {
        "section": "queues",
        "queue": queue,
        "off": refusal(request.user, roles.MANAGE),
        **choices_for(form, "task_id"),
        **preview_of(form, ScheduledJob(interval_seconds=None if form.is_bound else EVERY)),
    }
    return render(request, "schedules/new_repeatable.html", context, status=status)
