"""All schedules: the list, and the page of one with what is done from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from audit import roles
from audit.trail import actor_of
from audit.trail_filter import deeds_on
from monitoring.pages.acting import SeeOther, act_and_return, act_and_tell, for_actors, look_or_act, refuse, wants_json
from monitoring.pages.list_links import pages, sizes
from monitoring.pages.views import for_viewers
from scheduler import executions, previews
from scheduler.definitions import mistakes_in_schedule
from scheduler.models import ScheduledJob, ScheduleType
from scheduler.pages.schedule_deeds import (
    VERBS,
    ask_to_remove,
    deeds_for,
    do,
    is_to_be_asked,
    refusal,
    schedule_with,
    unknown,
)
from scheduler.pages.schedule_list import ScheduleList
from scheduler.pages.schedule_rows import ScheduleRow, as_json, definition_as_json
from scheduler.pages.schedule_story import story_of

SOURCE = "schedules"
DEEDS = 10


# --- The list -----------------------------------------------------------------------------------------------------


@for_viewers
def schedules(request: HttpRequest) -> HttpResponse:
    """The list; see ``ScheduleList`` for its parameters. With ``Accept: application/json`` the same as JSON."""
    listed = ScheduleList(request.GET)
    if wants_json(request):
        answer: HttpResponse = _list_as_json(listed)
    else:
        status = 400 if listed.errors else 200
        answer = render(request, "schedules/list.html", _list(request, listed), status=status)
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def schedules_parts(request: HttpRequest) -> HttpResponse:
    """What of the list changes with time."""
    return render(request, "schedules/_list.html", _list(request, ScheduleList(request.GET)))


def _list(request: HttpRequest, listed: ScheduleList) -> dict[str, Any]:
    return {
        "section": "schedules",
        "list": listed,
        "tabs": listed.tabs(),
        "chips": listed.chips(),
        "problems": listed.problems(),
        "kinds": ScheduleType.choices,
        "headings": listed.headings(),
        "pages": pages(listed),
        "sizes": sizes(listed),
        "rows": [(row, None) for row in listed.rows],
        "off": refusal(request.user, roles.MANAGE),
    }


def _list_as_json(listed: ScheduleList) -> JsonResponse:
    if listed.errors:
        return refuse(400, " ".join(f"{name}: {sentence}" for name, sentence in listed.problems()))
    return JsonResponse(
        {
            "page": listed.page,
            "pages": listed.pages,
            "size": listed.size,
            "total": listed.total,
            "schedules": [as_json(row) for row in listed.rows],
        }
    )


# --- One of them --------------------------------------------------------------------------------------------------


@for_viewers
def _show(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Everything known about one schedule; with ``Accept: application/json`` how it stands, and its next fires."""
    job = schedule_with(job_id)
    if job is None:
        return unknown(request, job_id)
    if wants_json(request):
        answer: HttpResponse = JsonResponse(_as_json(job))
    else:
        answer = render(request, "schedules/page.html", _context(request, job))
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def schedule_parts(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """What of its page changes with time."""
    job = schedule_with(job_id)
    return unknown(request, job_id) if job is None else render(request, "schedules/_parts.html", _context(request, job))


@for_actors
def _act(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """``action``: run, pause, resume or remove; back to the page (303), or to the list from what is gone."""
    job, word = schedule_with(job_id), request.POST.get("action", "")
    here = reverse("schedule", args=[job_id]) if job else reverse("schedules")
    if word not in VERBS:
        if wants_json(request):
            return refuse(400, "Unknown action")
        messages.error(request, f"Nothing was done: action must be one of {', '.join(VERBS)}.")
        return SeeOther(here)
    if is_to_be_asked(request, word, job) and job:
        return ask_to_remove(request, job, address=here)

    def deed() -> str:
        reason = request.POST.get("reason", "").strip()
        return do(word, job, by=actor_of(request, source=SOURCE), target=str(job_id), reason=reason)

    if wants_json(request):
        answer = act_and_tell(deed)
        return unknown(request, job_id) if job is None and answer.status_code == 409 else answer
    return act_and_return(request, deed, to=reverse("schedules") if word == "remove" else here)


schedule = look_or_act(_show, _act)


def _context(request: HttpRequest, job: ScheduledJob) -> dict[str, Any]:
    deeds = deeds_for(job, request.user)
    return {
        "section": "schedules",
        "job": job,
        "deeds": deeds,
        "off": [deed for deed in deeds.values() if deed.off],
        "trail": deeds_on(str(job.uuid), DEEDS),
        **story_of(job, request.GET),
    }


def _as_json(job: ScheduledJob) -> dict[str, Any]:
    row = ScheduleRow(job=job, runs=executions.last_runs([job])[job.pk], now=datetime.now(UTC))
    coming = [] if mistakes_in_schedule(job) else previews.preview(job, count=5).upcoming
    upcoming = [{"due_at": each.due_at, "run_at": each.run_at, "local_time": each.local_time} for each in coming]
    return {**as_json(row), **definition_as_json(job), "upcoming": upcoming}
