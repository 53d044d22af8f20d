"""Lets a bearer token stand for a login on the pages too, so that a script can press the buttons that people press."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import AuthenticationFailed

from config.authentication import BearerToken
from config.errors import shape_of


class PageTokens:
    """Middleware: a request to a page with an Authorization header is its token's, or is refused with 401.

    The APIs and the hub read the header themselves. Such a request needs no CSRF token: no other site can send the
    header, which is what the token guards against.
    """

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "Authorization" in request.headers and is_page(request):
            try:
                found = BearerToken().authenticate(request)  # type: ignore[arg-type]  # it reads META only
            except AuthenticationFailed as refusal:
                answer = {"ok": False, "error": str(refusal)}
                return JsonResponse(answer, status=401, headers={"WWW-Authenticate": "Bearer"})
            if found:
                request.user = found[0]
                told: Any = request
                told._dont_enforce_csrf_checks = True  # what Django's own test client says to its middleware
        return self.get_response(request)


def is_page(request: HttpRequest) -> bool:
    """Whether the path is a page's: below the base path, and no API's or the hub's."""
    base = f"/{settings.MONITORING_BASE_PATH}"
    path = request.path_info
    return (
        (path == base or path.startswith(f"{base}/")) and not path.startswith(f"{base}/hub") and not shape_of(request)
    )
