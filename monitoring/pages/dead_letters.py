"""Failed jobs, one by one or grouped by error: of a queue at ``queues/{name}/dlq``, of all queues at ``failures``.

``group=error`` groups; any other ``group`` shows the jobs of that one. Forms send ``action`` (retry, canary, remove)
with ``job_id`` repeated, ``all=1`` or a ``group``; see ``bulk`` for what becomes of them.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from monitoring.models import Queue
from monitoring.pages.acting import for_actors, look_or_act, refuse, wants_json
from monitoring.pages.bulk import act_on_list
from monitoring.pages.dead_letter_list import BY_ERROR, DeadLetterList, error_as_json, group_as_json
from monitoring.pages.job_list import as_json
from monitoring.pages.list_links import Link, pages, problems, sizes
from monitoring.pages.list_views import show_rows
from monitoring.pages.queue_paths import of_queue
from monitoring.pages.views import for_viewers


@for_viewers
@of_queue
def show_queue(request: HttpRequest, queue: Queue) -> HttpResponse:
    """A queue's."""
    return _show(request, DeadLetterList(request.GET, queue.name))


@for_actors
@of_queue
def act_on_queue(request: HttpRequest, queue: Queue) -> HttpResponse:
    """Its forms."""
    return _act(request, queue.name)


@for_viewers
def show_all(request: HttpRequest) -> HttpResponse:
    """Those of all queues."""
    return _show(request, DeadLetterList(request.GET))


@for_actors
def act_on_all(request: HttpRequest) -> HttpResponse:
    """Its forms."""
    return _act(request, "")


dead_letters = look_or_act(show_queue, act_on_queue)
failures = look_or_act(show_all, act_on_all)


@for_viewers
@of_queue
def queue_parts(request: HttpRequest, queue: Queue) -> HttpResponse:
    """What of a queue's page changes with time, but for the rows."""
    return render(request, "dead_letters/_parts.html", _context(DeadLetterList(request.GET, queue.name)))


@for_viewers
def failure_parts(request: HttpRequest) -> HttpResponse:
    """As above, of all queues."""
    return render(request, "dead_letters/_parts.html", _context(DeadLetterList(request.GET)))


@for_viewers
@of_queue
def queue_rows(request: HttpRequest, queue: Queue) -> HttpResponse:
    """Rows of a queue's list for live updates."""
    return show_rows(request, DeadLetterList(request.GET, queue.name))


@for_viewers
def failure_rows(request: HttpRequest) -> HttpResponse:
    """As above, of all queues."""
    return show_rows(request, DeadLetterList(request.GET))


def _show(request: HttpRequest, letters: DeadLetterList) -> HttpResponse:
    if wants_json(request):
        answer: HttpResponse = _json(letters)
    else:
        status = 400 if letters.errors else 200
        answer = render(request, "dead_letters/page.html", _context(letters), status=status)
    patch_vary_headers(answer, ["Accept"])
    return answer


def _act(request: HttpRequest, queue: str) -> HttpResponse:
    """A group in the form goes before the one in the address, where it may mean the page that groups."""

    def letters_of(parameters: QueryDict) -> DeadLetterList:
        if named := request.POST.get("group"):
            parameters = parameters.copy()
            parameters["group"] = named
        return DeadLetterList(parameters, queue)

    return act_on_list(request, letters_of)


def _context(letters: DeadLetterList) -> dict[str, Any]:
    return {
        "section": "queues" if letters.queue else "failures",
        "list": letters,
        "tabs": [
            Link(label="By error", href=letters.link(group=BY_ERROR), count=letters.number_of_groups,
                 is_current=letters.is_grouped),
            Link(label="One by one", href=letters.link(group=None), count=letters.everything,
                 is_current=not letters.is_grouped and not letters.parameters.get("group")),
        ],
        "pages": pages(letters),
        "sizes": sizes(letters),
        "problems": problems(letters),
    }  # fmt: skip


def _json(letters: DeadLetterList) -> JsonResponse:
    if letters.errors:
        return refuse(400, " ".join(sentences for _, sentences in problems(letters)))
    if letters.is_grouped:
        return JsonResponse(
            {
                "queue": letters.queue or None,
                "total": letters.total,
                "total_groups": letters.number_of_groups,
                "groups": [group_as_json(group) for group in letters.groups],
            }
        )
    return JsonResponse(
        {
            "queue": letters.queue or None,
            "group": letters.parameters.get("group") or None,
            "page": letters.page,
            "pages": letters.pages,
            "size": letters.size,
            "total": letters.total,
            "jobs": [{**as_json(task), **error_as_json(task)} for task in letters.tasks],
        }
    )
