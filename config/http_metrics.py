"""Counts the HTTP requests that the web processes answer, for Prometheus.

These only a process itself can count. The official client keeps them in small files, one set for each process
(PROMETHEUS_MULTIPROC_DIR), so that whichever process is asked tells the sum of all on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "quarterdeck_http_requests", "Requests answered, by route and status.", ["method", "route", "status"], registry=None
)
SECONDS = Histogram(
    "quarterdeck_http_request_seconds", "How long answers took, by route.", ["route"], registry=None,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"


class HttpMetrics:
    """Middleware: counts each request under the pattern of its address, never under the address itself."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else NO_ROUTE
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        SECONDS.labels(route).observe(time.perf_counter() - began)
        return response
