"""A list's form: one verb for the tasks whose boxes are ticked, or for all that match the list's filters.

``action`` is retry, cancel or remove; ``job_id`` is repeated, or ``all`` is 1. With ``ask`` nothing is done yet: a page
says exactly what would be, and its button sends the form again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html

from audit import roles
from audit.trail import Actor, actor_of, audited
from monitoring.actions import Verb, perform
from monitoring.operations import AT_ONCE, count_matching_verb
from monitoring.pages.acting import SeeOther, act_and_return
from monitoring.pages.selections import chosen_tasks, outcome_in_words
from monitoring.pages.task_list import TaskList, whole_number

OF_THE_DEED = ("csrfmiddlewaretoken", "action", "all", "ask", "expected", "reason")
"""Fields of the form that are no filters."""


def act_on_list(request: HttpRequest, list_of: Callable[[QueryDict], TaskList]) -> HttpResponse:
    """Does what the form asks for and goes back to the list as it was (303), with what became of it."""
    tasks = list_of(_filters(request))
    verb = tasks.bulk_verbs.get(request.POST.get("action", ""))
    everything = tasks.is_about_all(request.POST)
    job_ids = [] if everything else [job_id for job_id in request.POST.getlist("job_id") if job_id]
    by = actor_of(request, source=tasks.source)
    if verb is None or (complaint := _complaint(request, tasks, job_ids, everything=everything)):
        if not by.may(roles.OPERATE):
            with audited("job.bulk", by=by, needs=roles.OPERATE, queue=tasks.queue):
                pass
        messages.warning(request, complaint if verb else "Unknown action")
    elif request.POST.get("ask") and by.may(roles.OPERATE):
        return _ask(request, verb, tasks, job_ids)
    else:
        return act_and_return(request, lambda: _act(request, verb, tasks, job_ids, by), to=tasks.address)
    return SeeOther(tasks.address)


def _complaint(request: HttpRequest, tasks: TaskList, job_ids: list[str], *, everything: bool) -> str:
    """Why nothing can be done with the form, empty if something can."""
    if everything:
        return "Nothing was done, for the filters cannot be used." if tasks.errors else ""
    if not job_ids:
        return f"Select at least one {tasks.noun.removesuffix('s')}."
    return "That can be done to all that match only." if request.POST["action"] in tasks.takes_time else ""


def _filters(request: HttpRequest) -> QueryDict:
    """The list that the form is about: its address's parameters if it has any, else what else stands in the form.

    Of a form, ``job_id`` is a filter only where it does not choose tasks.
    """
    if request.GET:
        return request.GET
    filters = request.POST.copy()
    for name in (*OF_THE_DEED, *([] if request.POST.get("all") == "1" else ["job_id"])):
        filters.pop(name, None)
    return filters


def _act(request: HttpRequest, verb: Verb, tasks: TaskList, job_ids: list[str], by: Actor) -> str:
    word, reason = request.POST["action"], request.POST.get("reason", "")
    expected = whole_number(request.POST.get("expected"), 0) or None
    results: Any
    if job_ids:
        chosen, action = chosen_tasks(job_ids, queue=tasks.queue), tasks.trail_action(word)
        results = perform(verb, chosen, by=by, reason=reason, action=action, only_in=tasks.queue)
    else:
        results = tasks.act_on_all(word, by=by, reason=reason)
    if isinstance(results, list):
        return outcome_in_words(verb, results, expected=expected)
    return format_html(
        'That goes on in the background, for {} {}: <a href="{}">see how far it is</a>.',
        f"{results.total:,}", tasks.noun, reverse("operation", args=[results.pk]),
    )  # fmt: skip


def _ask(request: HttpRequest, verb: Verb, tasks: TaskList, job_ids: list[str]) -> HttpResponse:
    """The dry run: how many it would be done to, exactly, and why not to the others."""
    if job_ids:
        chosen = chosen_tasks(job_ids, queue=tasks.queue)
        others = [task for task in chosen if verb.refusal(task.status) or tasks.queue not in ("", task.queue)]
        total, number = len(chosen), len(chosen) - len(others)
    else:
        total, number = tasks.total, count_matching_verb(verb, tasks.filter.values())
    action = request.POST["action"]
    of_status = next((label.lower() for _, label, group in tasks.tab_groups if tasks.statuses == list(group)), "")
    noun = tasks.noun if number != 1 else tasks.noun.removesuffix("s")
    described = " ".join(word for word in (f"{number:,}", of_status, noun) if word)
    context = {
        "section": "queues" if tasks.queue else "tasks",
        "title": f"{tasks.button(action)} {described}{f' of {tasks.queue}' if tasks.queue else ''}?",
        "button": f"{tasks.button(action)} {number:,} {noun}",
        "meaning": tasks.what_it_means[action],
        "number": number,
        "total": total,
        "left": total - number,
        "noun": tasks.noun,
        "chips": [] if job_ids else _in_use(tasks),
        "in_background": (number > AT_ONCE or action in tasks.takes_time) and not job_ids,
        "address": tasks.address,
        "hidden": [
            ("action", action),
            ("expected", number),
            *([("job_id", job_id) for job_id in job_ids] or [("all", "1")]),
        ],
    }
    return render(request, "tasks/confirm.html", context)


def _in_use(tasks: TaskList) -> list[str]:
    return [
        f"{label}: {', '.join(tasks.told(name, value) for value in values)}"
        for name, label in tasks.labels.items()
        if name != "sort" and (values := [value for value in tasks.parameters.getlist(name) if value])
    ]
