"""Whether Quarterdeck is well, for load balancers and for Prometheus."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import roles
from monitoring.exposition import Collector
from monitoring.probes import Finding, probe_all
from scheduler.health_api import descriptions, serializers

SCRAPER = "metrics"
"""What a request has in place of a token of ours when it came with METRICS_TOKEN."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FIGURES = Collector()
"""One for the process: it keeps what it added up of days that are over."""


class Live(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @descriptions.live
    def get(self, request: Request) -> Response:
        answer = {"alive": True, "timestamp": datetime.now(UTC), "service": serializers.SERVICE}
        return Response(serializers.Alive(answer).data)


class Ready(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @descriptions.ready
    def get(self, request: Request) -> Response:
        found = probe_all()
        failed = [name for name, finding in found.items() if not finding.healthy]
        checks = {name: _told(name, finding) for name, finding in found.items()}
        answer = {"ready": not failed, "checks": checks, "failed_checks": failed}
        return Response(serializers.Readiness(answer).data, status=503 if failed else 200)


class ScrapeToken(BaseAuthentication):
    """The bearer token of METRICS_TOKEN, which is no account's; any other header is left to those after it."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, str] | None:
        scheme, _, token = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
        expected = settings.METRICS_TOKEN
        same = secrets.compare_digest(token.strip().encode(), expected.encode())
        return (AnonymousUser(), SCRAPER) if expected and scheme.lower() == "bearer" and same else None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MayScrape(BasePermission):
    """Anyone if METRICS_PUBLIC says so, who has the token, and any role."""

    message = roles.REFUSALS[roles.VIEW]

    def has_permission(self, request: Request, view: APIView) -> bool:
        return settings.METRICS_PUBLIC or request.auth == SCRAPER or bool(request.user.has_perm(roles.VIEW))


class Metrics(APIView):
    authentication_classes = (ScrapeToken, *APIView.authentication_classes)
    permission_classes = (MayScrape,)

    @descriptions.metrics
    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry()
        registry.register(_FIGURES)
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the client leaves it untyped
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE)


def _told(name: str, finding: Finding) -> dict[str, Any]:
    told = {
        "status": "healthy" if finding.healthy else "unhealthy",
        "message": finding.message,
        "response_time_ms": finding.response_time_ms,
    }
    return {**told, "lag_seconds": finding.figures.get("lag_seconds")} if name == "recorder" else told
