"""Whether Quarterdeck is well, for load balancers and for Prometheus."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import roles
from monitoring.exposition import Collector
from monitoring.probes import LIMIT_SECONDS, PROBES, Finding, TooSlow, probe_all, within
from scheduler import exposition, health_figures
from scheduler.health_api import descriptions, serializers
from scheduler.workflow_api.vocabulary import TASK_CHOICES, TASK_WORDS

SCRAPER = "metrics"
"""What a request has in place of a token of ours when it came with METRICS_TOKEN."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FIGURES = Collector()
"""One for the process: it keeps what it added up of days that are over."""
_SCHEDULER = exposition.Collector()


class Unthrottled(APIView):
    """Health is told however often it is asked for, and whatever Redis does."""

    throttle_classes = ()


class Live(Unthrottled):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @descriptions.live
    def get(self, request: Request) -> Response:
        answer = {"alive": True, "timestamp": datetime.now(UTC), "service": serializers.SERVICE}
        return Response(serializers.Alive(answer).data)


class Ready(Unthrottled):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @descriptions.ready
    def get(self, request: Request) -> Response:
        found = probe_all()
        failed = [name for name, finding in found.items() if not finding.healthy]
        checks = {name: _told(name, finding) for name, finding in found.items()}
        answer = {"ready": not failed, "checks": checks, "failed_checks": failed}
        return Response(serializers.Readiness(answer).data, status=503 if failed else 200)


class Status(Unthrottled):
    """Who asks is looked up in the database, which may hang like anything else: that, too, is bounded."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raises NotReady where the database does not say in time who asks."""
        begin = super().initial
        try:
            within(LIMIT_SECONDS, lambda: begin(request, *args, **kwargs))
        except TooSlow as error:
            raise NotReady from error

    @descriptions.status
    def get(self, request: Request) -> Response:
        found = health_figures.look()
        healthy = all(found[name].healthy for name in PROBES)
        traffic = found["traffic"].figures
        troubled = not all(finding.healthy for finding in found.values()) or traffic["queues"]["unattended"] > 0
        answer = {
            "healthy": healthy,
            "status": "unhealthy" if not healthy else "degraded" if troubled else "healthy",
            "metrics": {**_work(found), "queues": traffic.get("queues"), "workers": traffic.get("workers")},
            "database": {**_told("database", found["database"]), "engine": connection.vendor},
            "recorder": {
                "lag_seconds": found["recorder"].figures.get("lag_seconds"),
                "events_per_second": found["pace"].figures.get("events_per_second"),
                "stream_length": traffic.get("stream_length"),
            },
            "timestamp": datetime.now(UTC),
        }
        return Response(serializers.HealthStatus(answer).data, status=200 if healthy else 503)


class NotReady(APIException):
    """It cannot even be told who asks."""

    status_code, code = 503, "SYSTEM_NOT_READY"
    default_detail = f"The database did not answer within {LIMIT_SECONDS:g} s. See health/ready, which needs no login."


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
        registry.register(_SCHEDULER)
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the client leaves it untyped
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE)


def _work(found: Mapping[str, Finding]) -> dict[str, Any]:
    """Tasks, steps and retries in this surface's words; null is what could not be told in time."""
    workflows, retries = found["workflows"].figures, found["retries"].figures
    if not workflows:
        return {"tasks": None, "steps": None, "retries": None}
    tasks = dict.fromkeys(TASK_CHOICES, 0)
    for status, count in workflows["by_status"].items():
        tasks[TASK_WORDS[status]] += count
    steps = {STEP_NAMES.get(name, name): count for name, count in workflows["steps"].items()}
    told = {
        "retryable_errors": retries.get("retryable"),
        "exhausted_retries": steps["error"],
        "in_backoff": retries.get("in_backoff"),
    }
    return {"tasks": {"total": sum(tasks.values()), **tasks}, "steps": steps, "retries": told if retries else None}


STEP_NAMES = {"running": "in_progress", "completed": "complete", "failed": "error"}


def _told(name: str, finding: Finding) -> dict[str, Any]:
    told = {
        "status": "healthy" if finding.healthy else "unhealthy",
        "message": finding.message,
        "response_time_ms": finding.response_time_ms,
    }
    return {**told, "lag_seconds": finding.figures.get("lag_seconds")} if name == "recorder" else told
