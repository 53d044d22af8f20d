"""Making and editing schedules: the form, its preview, and what is wrong with it beside the field.

``action=preview`` in the form shows it again with the next fires and saves nothing; scripts of the page ask
``schedules/preview`` for that part alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from audit import roles
from audit.trail import NotAllowedNow, actor_of
from monitoring.pages.acting import SeeOther, for_actors, look_or_act
from monitoring.pages.views import for_viewers
from scheduler import actions, previews
from scheduler.models import ScheduledJob
from scheduler.pages.definition_forms import (
    DefinitionForm,
    RepeatableForm,
    ScheduleForm,
    choices_for,
    initial_of,
    schedule_of,
)
from scheduler.pages.schedule_deeds import refusal, refuse_gone, schedule_with, unknown

SOURCE = "schedules"
PREVIEWED = 5


# --- A new one ----------------------------------------------------------------------------------------------------


@for_viewers
def _show_new(request: HttpRequest) -> HttpResponse:
    """The form; with ``copy`` filled in like another schedule, with ``queue`` for that queue."""
    copied = schedule_with(request.GET.get("copy", ""))
    model = copied or ScheduledJob(queue=request.GET.get("queue", "")[:255] or "default", interval_seconds=300)
    initial = initial_of(model) | ({"name": f"{model.name} (copy)"[:255]} if copied else {})
    return _page(request, DefinitionForm(initial=initial), model)


@for_actors
def _create(request: HttpRequest) -> HttpResponse:
    """Makes it and goes on to its page; else the form again, with what is wrong (400)."""
    form = DefinitionForm(request.POST)
    if is_preview(request):
        return _page(request, form, ScheduledJob())

    def deed(definition: dict[str, Any]) -> ScheduledJob:
        return actions.create_job(definition, by=actor_of(request, source=SOURCE))

    made = define(request, form, deed)
    if made is None:
        return _page(request, form, ScheduledJob(), status=400)
    messages.success(request, f"{made.name} is scheduled.")
    return SeeOther(reverse("schedule", args=[made.uuid]))


new = look_or_act(_show_new, _create)


# --- One that is there --------------------------------------------------------------------------------------------


@for_viewers
def _show_edit(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The form with what it is now; arguments are masked, and stay as they are if they are left alone."""
    job = schedule_with(job_id)
    if job is None:
        return unknown(request, job_id)
    return _page(request, DefinitionForm(initial=initial_of(job), stored=job), job)


@for_actors
def _update(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Changes it and goes back to its page; else the form again, with what is wrong (400)."""
    job = schedule_with(job_id)
    if job is None:
        return _update_nothing(request, job_id)
    form = DefinitionForm(request.POST, stored=job)
    if is_preview(request):
        return _page(request, form, job)

    def deed(definition: dict[str, Any]) -> ScheduledJob:
        return actions.update_job(job, definition, by=actor_of(request, source=SOURCE))

    changed = define(request, form, deed)
    if changed is None:
        return _page(request, form, job, status=400)
    messages.success(request, f"{changed.name} is saved.")
    return SeeOther(reverse("schedule", args=[changed.uuid]))


edit = look_or_act(_show_edit, _update)


def _update_nothing(request: HttpRequest, job_id: UUID) -> HttpResponse:
    with suppress(NotAllowedNow):
        refuse_gone("update", roles.MANAGE, by=actor_of(request, source=SOURCE), target=str(job_id))
    return unknown(request, job_id)


# --- What both have in common -------------------------------------------------------------------------------------


def is_preview(request: HttpRequest) -> bool:
    """Whether the form is to be shown again with its next fires; raises PermissionDenied for who may not even look."""
    if request.POST.get("action") != "preview":
        return False
    if not request.user.has_perm(roles.VIEW):
        raise PermissionDenied(roles.REFUSALS[roles.VIEW])
    return True


def define(
    request: HttpRequest, form: ScheduleForm, deed: Callable[[dict[str, Any]], ScheduledJob]
) -> ScheduledJob | None:
    """Does the deed with what the form says; None if something is wrong, which the form tells.

    Whoever may not do it is refused before anything is read, by the verb, which writes it down.
    """
    if not request.user.has_perm(roles.MANAGE):
        return deed({})
    if not form.is_valid():
        return None
    try:
        return deed(form.definition())
    except actions.BadDefinition as bad:
        form.tell(bad.mistakes)
    except actions.NameTaken as taken:
        form.add_error("name", str(taken))
    except NotAllowedNow as reason:
        form.add_error(None, str(reason))
    return None


def _page(request: HttpRequest, form: DefinitionForm, model: ScheduledJob, *, status: int = 200) -> HttpResponse:
    context = {
        "section": "schedules",
        "form": form,
        "job": form.stored,
        "off": refusal(request.user, roles.MANAGE),
        **choices_for(form, "handler"),
        **preview_of(form, model),
    }
    return render(request, "schedules/form.html", context, status=status)


# --- The preview --------------------------------------------------------------------------------------------------


@for_viewers
def preview(request: HttpRequest) -> HttpResponse:
    """The next fires of what the parameters say, with ``id`` for a change of the schedule of that id."""
    form = RepeatableForm(request.GET) if "every" in request.GET else DefinitionForm(request.GET)
    context = preview_of(form, schedule_with(request.GET.get("id", "")) or ScheduledJob())
    return render(request, "schedules/_preview.html", context)


def preview_of(form: ScheduleForm, model: ScheduledJob) -> dict[str, Any]:
    """The next fires of the model as the form changes it, or what is wrong with them, which the form then tells."""
    if form.is_bound:
        form.is_valid()
        model = schedule_of(form, model)
    if not form.wrong_when:
        try:
            return {"preview": previews.checked_preview(model, count=PREVIEWED), "form": form}
        except actions.BadDefinition as bad:
            if form.is_bound:
                form.tell(bad.mistakes)
    return {"preview": None, "form": form}
