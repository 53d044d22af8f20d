"""Operations over many tasks: which there were, how far one is, and the button that stops it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from audit import roles
from audit.trail import actor_of, audited
from monitoring.actions import VERBS
from monitoring.error_groups import group_named
from monitoring.operations import stop_operation
from monitoring.pages.acting import act_and_return, for_actors, refuse, wants_json
from monitoring.pages.views import for_viewers
from monitoring.stored_operations import Operation

PAGE_SIZE = 50
LARGEST = 2**63 - 1
"""More than a database counts."""


@for_viewers
def operations(request: HttpRequest) -> HttpResponse:
    """All of them, newest first, a page at a time."""
    page = Paginator(Operation.objects.order_by("-pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    if wants_json(request):
        answer: HttpResponse = JsonResponse(
            {"total": page.paginator.count, "operations": [as_json(one) for one in page]}
        )
    else:
        answer = render(request, "operations/list.html", {"section": "operations", "page": page})
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def operation(request: HttpRequest, number: int) -> HttpResponse:
    """One, with what became of its tasks."""
    found = _find(number)
    if found is None:
        return _unknown(request, number)
    answer: HttpResponse = (
        JsonResponse(as_json(found))
        if wants_json(request)
        else render(request, "operations/page.html", _context(found))
    )
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def operation_parts(request: HttpRequest, number: int) -> HttpResponse:
    """What of its page changes with time."""
    found = _find(number)
    return _unknown(request, number) if found is None else render(request, "operations/_parts.html", _context(found))


@for_actors
def stop(request: HttpRequest, number: int) -> HttpResponse:
    """Asks it to stop."""
    found, by = _find(number), actor_of(request, source="operations")
    if found is None:
        if not by.may(roles.OPERATE):
            with audited("operation.stop", by=by, needs=roles.OPERATE, target=str(number)):
                pass
        return _unknown(request, number)

    def deed() -> str:
        stop_operation(found, by=by, reason=request.POST.get("reason", ""))
        return "It stops after the tasks in hand."

    return act_and_return(request, deed, to=reverse("operation", args=[number]))


def as_json(one: Operation) -> dict[str, Any]:
    """An operation as scripts get it."""
    return {
        "id": one.pk,
        "verb": one.verb,
        "move_to": one.move_to or None,
        "asked": one.asked,
        "action": one.action,
        "reason": one.reason or None,
        "actor": one.actor,
        "state": one.state.lower(),
        "ended_because": one.ended_because or None,
        "total": one.total,
        "done": one.done,
        "refused": one.refused,
        "left": one.left,
        "refusals": one.refusals,
        "try_first": one.try_first,
        "tried": one.tried,
        "stop_asked_by": one.stop_asked_by or None,
        "created_at": one.created_at,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
    }


def _find(number: int) -> Operation | None:
    return Operation.objects.filter(pk=number).first() if number <= LARGEST else None


def _unknown(request: HttpRequest, number: int) -> HttpResponse:
    if wants_json(request):
        return refuse(404, "There is no operation of that number.")
    return render(request, "404.html", {"missing_operation": str(number)[:30]}, status=404)


def _context(one: Operation) -> dict[str, Any]:
    past = VERBS[one.verb].past if one.verb in VERBS else "moved"
    group = one.asked.get("error_group")
    return {
        "section": "operations",
        "operation": one,
        "past": past,
        "refusals": sorted(one.refusals.items(), key=lambda told: (-told[1], told[0])),
        "group": group_named(group, one.asked.get("queue")) if group else None,
        "asked": [
            (name.replace("_", " "), ", ".join(value) if isinstance(value, list) else value)
            for name, value in one.asked.items()
            if name != "error_group"
        ],
    }
