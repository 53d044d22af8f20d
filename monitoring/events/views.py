"""What Django answers at the event stream's address: to those who may not listen, as the pages do, and to HEAD.

Whoever may listen is served by ``monitoring.events.asgi`` before a request gets here.
"""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring import visitors
from monitoring.visitors import Refused

CONTENT_TYPE = "text/event-stream; charset=utf-8"


@require_safe
@never_cache
def events(request: HttpRequest) -> HttpResponse:
    """302 to the login, 401 for a bad token, 403 without a role or from another site's page."""
    try:
        visitors.admit(request)
    except Refused as refusal:
        return _refuse(request, refusal)
    return HttpResponse(content_type=CONTENT_TYPE)


def _refuse(request: HttpRequest, refusal: Refused) -> HttpResponse:
    if refusal.status == 403:
        raise PermissionDenied(str(refusal)) from refusal
    if "access_token" in request.GET or "id" in request.GET:
        return JsonResponse({"ok": False, "error": str(refusal)}, status=refusal.status, headers=refusal.headers)
    return redirect_to_login(request.get_full_path())
