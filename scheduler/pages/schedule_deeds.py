"""What is done to a schedule from a page: the buttons with what stands in their way, and the verbs behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import roles
from audit.trail import Actor, NotAllowedNow, audited
from audit.trail_filter import removal_of
from monitoring.pages.acting import refuse, wants_json
from scheduler import actions, schedules
from scheduler.models import ScheduledJob

GONE = "There is no such schedule here. Somebody may have removed it meanwhile."


@dataclass(frozen=True, kw_only=True)
class Deed:
    """A button."""

    word: str
    label: str
    off: str
    """Why it cannot be pressed now; empty if it can."""


@dataclass(frozen=True, kw_only=True)
class Verb:
    """What a word in a form stands for."""

    label: str
    needs: str
    do: Callable[[ScheduledJob, Actor, str], str | SafeString]
    """Does it and says what was done."""
    off: Callable[[ScheduledJob], str] = lambda _: ""
    """Why it is not possible now, whoever asks."""


def _pause(job: ScheduledJob, by: Actor, reason: str) -> str:
    actions.pause_job(job, by=by, reason=reason)
    return f"{job.name} is paused: it is not started until somebody resumes it."


def _resume(job: ScheduledJob, by: Actor, reason: str) -> str:
    actions.resume_job(job, by=by, reason=reason)
    return f"{job.name} is resumed."


def _run(job: ScheduledJob, by: Actor, reason: str) -> SafeString:
    fire = actions.trigger_job(job, by=by, reason=reason)
    return format_html(
        '{} is started. <a href="{}">Its task</a> is shown once it is recorded.',
        job.name,
        reverse("task", args=[fire.task_id]),
    )


def _remove(job: ScheduledJob, by: Actor, reason: str) -> str:
    actions.delete_job(job, by=by, reason=reason)
    return f"{job.name} is removed. The tasks that it started stay."


VERBS = {
    "run": Verb(label="Run now", needs=roles.OPERATE, do=_run, off=schedules.problem_of),
    "pause": Verb(
        label="Pause", needs=roles.OPERATE, do=_pause, off=lambda job: "It is paused already." if job.is_paused else ""
    ),
    "resume": Verb(
        label="Resume", needs=roles.OPERATE, do=_resume, off=lambda job: "" if job.is_paused else "It is not paused."
    ),
    "remove": Verb(label="Remove", needs=roles.MANAGE, do=_remove),
}
"""By the word in the form, which is also the last word of the action in the trail."""
MAKING = {"edit": "Edit", "copy": "Copy"}
"""Further buttons, which lead to a form."""


def deeds_for(job: ScheduledJob, user: Any) -> dict[str, Deed]:
    """What the user can do to the schedule now."""
    deeds = {
        word: Deed(word=word, label=verb.label, off=refusal(user, verb.needs) or verb.off(job))
        for word, verb in VERBS.items()
    }
    return deeds | {
        word: Deed(word=word, label=label, off=refusal(user, roles.MANAGE)) for word, label in MAKING.items()
    }


def refusal(user: Any, permission: str) -> str:
    """What the user's role lacks for a permission; empty if it has it."""
    return "" if user.has_perm(permission) else roles.REFUSALS[permission]


def do(word: str, job: ScheduledJob | None, *, by: Actor, target: str, queue: str = "", reason: str = "") -> str:
    """Does the verb of that word; raises as the verbs do.

    None is a schedule that is not there (``target`` is what was asked for): that, too, stands in the trail.
    """
    verb = VERBS[word]
    if job is None:
        refuse_gone(word, verb.needs, by=by, target=target, queue=queue, reason=reason)
    return verb.do(job, by, reason)


def refuse_gone(word: str, needs: str, *, by: Actor, target: str, queue: str = "", reason: str = "") -> NoReturn:
    """Refuses what was asked of a schedule that is not there, and writes that down."""
    with audited(f"repeatable.{word}", by=by, needs=needs, target=target, queue=queue, reason=reason):
        raise NotAllowedNow(GONE)


def schedule_with(text: str | UUID) -> ScheduledJob | None:
    """The schedule of that id."""
    try:
        key = text if isinstance(text, UUID) else UUID(text)
    except ValueError:
        return None
    return ScheduledJob.objects.filter(uuid=key).first()


def ask_to_remove(request: HttpRequest, job: ScheduledJob, *, address: str) -> HttpResponse:
    """The page that asks before a schedule is removed."""
    context = {
        "section": "schedules",
        "title": f"Remove {job.name}?",
        "button": "Remove it",
        "meaning": "It is not started any more, and the record of when it was due is deleted. The tasks that it has "
        "started stay, and so does what people did to it, in the trail. To stop it for a while, pause it.",
        "number": 1,
        "reason": request.POST.get("reason", ""),
        "address": address,
        "hidden": [("action", "remove"), ("id", str(job.uuid))],
    }
    return render(request, "tasks/confirm.html", context)


def is_to_be_asked(request: HttpRequest, word: str, job: ScheduledJob | None) -> bool:
    """Whether the form wants to be asked before it is done, and it would be done."""
    return (
        word == "remove" and "ask" in request.POST and job is not None and request.user.has_perm(VERBS["remove"].needs)
    )


def unknown(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """404, and who removed it."""
    if wants_json(request):
        return refuse(404, "There is no schedule of that id.")
    context = {"missing_schedule": job_id, "removal": removal_of(str(job_id))}
    return render(request, "404.html", context, status=404)
