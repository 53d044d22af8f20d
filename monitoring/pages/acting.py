"""What pages that act have in common: who presses, what is answered, where it goes on.

The verbs themselves check the role, so that a refusal stands in the trail: a view asks for a login only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from audit.trail import NotAllowedNow, NotPermitted
from monitoring.broker import BrokerError

View = Callable[..., HttpResponseBase]


class SeeOther(HttpResponseRedirect):
    """303: go on with a GET, whatever was sent here."""

    status_code = 303


def for_actors(view: View) -> View:
    """An address that acts: POST only (405 for anything else, nothing done), for whoever is logged in."""
    return require_POST(never_cache(login_required(view)))


def look_or_act(look: View, act: View) -> View:
    """An address that shows a page, and whose forms are sent to it."""

    def answer(request: HttpRequest, **named: Any) -> HttpResponseBase:
        return (act if request.method == "POST" else look)(request, **named)

    return answer


def wants_json(request: HttpRequest) -> bool:
    """Whether who asks would rather read JSON than a page."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def act_and_return(request: HttpRequest, deed: Callable[[], str], *, to: str) -> HttpResponse:
    """Does the deed and goes on to ``to`` with a message: what the deed says was done, or why it could not be.

    NotPermitted goes on to the error page: 403.
    """
    try:
        messages.success(request, deed())
    except NotAllowedNow as reason:
        messages.warning(request, str(reason))
    except BrokerError as error:
        messages.error(request, f"Redis cannot be reached, so nothing was done: {error}")
    return SeeOther(to)


def act_and_tell(deed: Callable[[], Any]) -> JsonResponse:
    """Does the deed and answers in JSON: ``{"ok": true}``, or ``ok`` false with the ``error``: 403, 409, 502."""
    try:
        deed()
    except NotPermitted as refusal:
        return refuse(403, str(refusal))
    except NotAllowedNow as reason:
        return refuse(409, str(reason))
    except BrokerError as error:
        return refuse(502, f"Redis cannot be reached, so nothing was done: {error}")
    return JsonResponse({"ok": True})


def refuse(status: int, error: str) -> JsonResponse:
    """The JSON of a refusal."""
    return JsonResponse({"ok": False, "error": error}, status=status)


def way_back(request: HttpRequest, default: str) -> str:
    """The address of this site that the form names in ``next``, else the default: never another site's."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if wanted and safe else default


def in_words(counts: Iterable[tuple[int, str]]) -> str:
    """Outcomes as a sentence: "48 retried, 2 refused: already running"; empty ones are left out."""
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)
