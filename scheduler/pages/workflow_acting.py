"""What is done to a workflow and to its steps from its page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from audit import roles
from audit.trail import Actor, NotAllowedNow, actor_of, audited
from monitoring.pages.acting import SeeOther, act_and_return, for_actors
from scheduler import workflow_actions as actions
from scheduler.graphs import all_dependents
from scheduler.json_text import NotJSON
from scheduler.pages.json_values import NotAValue, value_of
from scheduler.pages.workflow import find_workflow, page_of, unknown_workflow
from scheduler.pages.workflow_deeds import STEP_VERBS, WORKFLOW_VERBS, state_of
from scheduler.workflow_models import WorkflowStep
from scheduler.workflow_refusals import of_step, of_workflow

SOURCE = "workflows"
"""What the trail says of these pages' deeds."""
Verb = Callable[..., None]
_ON_WORKFLOWS: dict[str, tuple[Verb, str]] = {
    "pause": (actions.pause_workflow, "Paused: no further attempt is handed to a queue."),
    "resume": (actions.resume_workflow, "It goes on."),
    "retry": (actions.retry_workflow, "The failed steps are tried again."),
    "cancel": (actions.cancel_workflow, "Cancelled: no further step starts, and those that run are asked to stop."),
}
"""The verbs of WORKFLOW_VERBS, and what is said once they were asked for."""
_ON_STEPS: dict[str, tuple[Verb, str]] = {
    "retry": (actions.retry_step, "{} is tried again, with all its attempts."),
    "skip": (actions.skip_step, "{} is skipped: what depends on it goes on."),
    "resolve": (actions.edit_step, "{} is resolved: what depends on it goes on."),
    "cancel": (actions.cancel_step, "{} is cancelled, and all that depends on it. If it runs, it is asked to stop."),
}


# --- The workflow -------------------------------------------------------------------------------------------------


@for_actors
def act_on_workflow(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    """Does what the form says: pause, resume, retry or cancel, which asks first."""
    found, by, action = find_workflow(workflow_id), actor_of(request, source=SOURCE), request.POST.get("action", "")
    if found is None or action not in WORKFLOW_VERBS:
        actions.refuse_unless_operator("workflow.act", by=by, target=str(workflow_id))
        return _nothing(request, found.pk, WORKFLOW_VERBS) if found else unknown_workflow(request, workflow_id)
    here = reverse("workflow", args=[workflow_id])
    if action == "cancel" and _is_to_be_asked(request, by, of_workflow("cancel", found)):
        left = found.total_steps - found.completed_steps - found.failed_steps - found.cancelled_steps
        meaning = f"{_steps(left)} of it will not be completed. That cannot be undone."
        return _ask(request, f"Cancel {found.full_name}?", "Cancel the workflow", meaning, back=here)
    verb, told = _ON_WORKFLOWS[action]

    def deed() -> str:
        verb(found.pk, by=by, reason=request.POST.get("reason", "").strip())
        return told

    return act_and_return(request, deed, to=here)


# --- A step -------------------------------------------------------------------------------------------------------


@for_actors
def act_on_step(request: HttpRequest, workflow_id: UUID, name: str) -> HttpResponse:
    """Does what the form says: retry, skip, resolve with ``results``, or cancel, which asks first.

    ``seen`` is the state that the person saw: if the step has gone on since, nothing is done and they are told.
    """
    step, by, action = _find_step(workflow_id, name), actor_of(request, source=SOURCE), request.POST.get("action", "")
    if step is None or action not in STEP_VERBS:
        actions.refuse_unless_operator("step.act", by=by, target=str(step.pk if step else workflow_id))
        return _nothing(request, workflow_id, STEP_VERBS) if step else unknown_workflow(request, workflow_id)
    here = f"{reverse('workflow', args=[workflow_id])}?step={name}"
    news = _what_changed(request, step)
    if not news and action == "cancel" and _is_to_be_asked(request, by, of_step("cancel", step)):
        return _ask(request, f"Cancel the step {name}?", "Cancel the step", _meaning(step), back=here)
    deed = partial(_refuse, step, action, by, news) if news else partial(_do, request, step, action, by)
    try:
        return act_and_return(request, deed, to=here)
    except NotAValue as error:
        return _wrong_results(request, step, str(error))
    except NotJSON as error:
        return _wrong_results(request, step, f"This cannot be kept: {error}.")


def _find_step(workflow_id: UUID, name: str) -> WorkflowStep | None:
    steps = WorkflowStep.objects.select_related("workflow")
    return None if "\x00" in name else steps.filter(workflow=workflow_id, name=name).first()


def _what_changed(request: HttpRequest, step: WorkflowStep) -> str:
    """What to tell if the step is not as it was when the form was made; empty if it is, or if the form does not say."""
    seen = request.POST.get("seen", "")
    if not seen or seen == state_of(step):
        return ""
    is_now = f"{step.get_status_display().lower()}, at attempt {step.run_number}"
    return f"{step.name} has changed since you looked: now it is {is_now}. Nothing was done."


def _do(request: HttpRequest, step: WorkflowStep, action: str, by: Actor) -> str:
    verb, told = _ON_STEPS[action]
    options: dict[str, Any] = {"by": by, "reason": request.POST.get("reason", "").strip()}
    if action == "resolve":
        options["resolve"] = True
        options["results"] = value_of(request.POST.get("results", "")) if by.may(roles.OPERATE) else None
    verb(step, **options)
    return told.format(step.name)


def _refuse(step: WorkflowStep, action: str, by: Actor, why: str) -> str:
    told = {"workflow": str(step.workflow_id), "step": step.name}
    with audited(f"step.{action}", by=by, needs=roles.OPERATE, target=str(step.pk), queue=step.queue, details=told):
        raise NotAllowedNow(why)


def _meaning(step: WorkflowStep) -> str:
    followers = dict(step.workflow.steps.values_list("name", "dependents"))
    number = len(all_dependents(followers, [step.name]))
    others = f", and neither will {_steps(number).lower()} that depend{'s' * (number == 1)} on it" if number else ""
    return f"It will not be completed{others}. That cannot be undone."


def _wrong_results(request: HttpRequest, step: WorkflowStep, sentence: str) -> HttpResponse:
    """The page with what was typed, and what is wrong with it."""
    parameters = request.GET.copy()
    parameters["step"] = step.name
    return page_of(
        request,
        step.workflow,
        "workflows/page.html",
        status=400,
        parameters=parameters,
        results_error=sentence,
        results_typed=request.POST.get("results", ""),
        reason_typed=request.POST.get("reason", ""),
    )


# --- Both ---------------------------------------------------------------------------------------------------------


def _nothing(request: HttpRequest, workflow_id: UUID, verbs: Iterable[str]) -> HttpResponse:
    messages.error(request, f"Nothing was done: action must be one of {', '.join(verbs)}.")
    return SeeOther(reverse("workflow", args=[workflow_id]))


def _is_to_be_asked(request: HttpRequest, by: Actor, refusal: str) -> bool:
    return "confirm" not in request.POST and by.may(roles.OPERATE) and not refusal


def _ask(request: HttpRequest, title: str, button: str, meaning: str, *, back: str) -> HttpResponse:
    context = {
        "section": "workflows",
        "title": title,
        "button": button,
        "meaning": meaning,
        "number": 1,
        "reason": request.POST.get("reason", ""),
        "address": request.path,
        "back": back,
        "hidden": [("action", "cancel"), ("confirm", "1"), ("seen", request.POST.get("seen", ""))],
    }
    return render(request, "tasks/confirm.html", context)


def _steps(number: int) -> str:
    return "One step" if number == 1 else f"{number:,} steps"
