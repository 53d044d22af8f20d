"""The Content-Security-Policy of every answer: nothing from other hosts, no inline script, no inline style, no frame.

Two parts of the site are written elsewhere and need more; ``RELAXED`` names what, and why.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

STRICT = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
RELAXED = {
    # Swagger UI sets style attributes as it draws and has its icons in data: URLs.
    "/api-docs": {"style-src": "'self' 'unsafe-inline'", "img-src": "'self' data:"},
}


def policy_for(path: str) -> str:
    """The policy of the page at that path."""
    more = next((more for start, more in RELAXED.items() if path == start or path.startswith(f"{start}/")), {})
    return "; ".join(f"{directive} {sources}" for directive, sources in {**STRICT, **more}.items())


class ContentSecurityPolicy(MiddlewareMixin):
    """Adds the policy, unless a view has set one of its own."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Under ASGI this may run in a thread; it looks at nothing but its arguments."""
        response.headers.setdefault("Content-Security-Policy", policy_for(request.path_info))
        return response
