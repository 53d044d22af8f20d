"""Negotiation: how a client learns what the hub speaks, and gets the ticket to connect with."""

from __future__ import annotations

from uuid import uuid4

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from monitoring import visitors
from monitoring.visitors import Refused

TRANSPORTS = [{"transport": "WebSockets", "transferFormats": ["Text"]}]


# Exempt because SignalR clients have no CSRF token to send and nothing is changed here; that the page is one of ours
# is seen from its origin (visitors.admit).
@csrf_exempt
@never_cache
def negotiate(request: HttpRequest) -> JsonResponse:
    """The transports, and a connection token for the WebSocket; 401 or 403 for those who may not listen."""
    try:
        if request.method != "POST":
            raise Refused(405, "Negotiate with POST.")
        version = _version_of(request)
        ticket = visitors.issue_ticket(visitors.admit(request))
    except Refused as refusal:
        headers = refusal.headers | ({"Allow": "POST"} if refusal.status == 405 else {})
        return JsonResponse({"message": str(refusal)}, status=refusal.status, headers=headers)
    if version == 0:  # clients older than version 1 connect with the connection's id
        return JsonResponse({"connectionId": ticket, "availableTransports": TRANSPORTS})
    return JsonResponse(
        {
            "negotiateVersion": 1,
            "connectionId": uuid4().hex,
            "connectionToken": ticket,
            "availableTransports": TRANSPORTS,
        }
    )


def _version_of(request: HttpRequest) -> int:
    """The newest version that client and hub know."""
    text = request.GET.get("negotiateVersion", "0")
    if not (text.isascii() and text.isdigit()):
        raise Refused(400, "negotiateVersion must be a whole number, 0 or more.")
    return min(1, int(text[:9]))
