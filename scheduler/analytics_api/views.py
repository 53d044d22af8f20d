"""Analytics: reads what is asked, asks the core, and keeps the answer for a minute or two."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from django.core.cache import caches
from django.db import InterfaceError, OperationalError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring import workload
from monitoring.api_fields import read
from monitoring.broker import BrokerError
from scheduler.analytics_api import descriptions, serializers
from scheduler.analytics_api.serializers import BOTTLENECKS_TTL_SECONDS, PERFORMANCE_TTL_SECONDS
from scheduler.bottlenecks import bottlenecks
from scheduler.performance import performance
from scheduler.recommendations import recommendations
from scheduler.slow_work import Scope
from scheduler.workflow_api.refusals import AnalyticsUnavailable

UNAVAILABLE = (BrokerError, OperationalError, InterfaceError)
_one_at_a_time = threading.Lock()
"""When an answer has grown old, one request computes the next, and the others wait for that."""


class PerformanceView(APIView):
    @descriptions.performance
    def get(self, request: Request) -> Response:
        def compute() -> dict[str, Any]:
            return dict(serializers.Performance(performance()).data)

        return _answer("performance", {}, PERFORMANCE_TTL_SECONDS, compute)


class BottlenecksView(APIView):
    @descriptions.bottlenecks
    def get(self, request: Request) -> Response:
        asked = read(serializers.BottlenecksQuery, request.query_params)

        def compute() -> dict[str, Any]:
            names = {name: value for name, value in asked.items() if name != "period"}
            scope = Scope(**names)
            found = bottlenecks(scope, asked["period"])
            told = {
                "found": found,
                "hours": asked["period"],
                "scope": scope.given,
                "recommendations": recommendations(found, workload.look_at_all()),
            }
            return dict(serializers.Bottlenecks(told).data)

        return _answer("bottlenecks", asked, BOTTLENECKS_TTL_SECONDS, compute)


def _answer(name: str, asked: dict[str, Any], ttl_seconds: int, compute: Callable[[], dict[str, Any]]) -> Response:
    """The kept answer to the same question, or a new one; each says which, and how long it is kept."""
    cache = caches["analytics"]
    key = f"{name}:{sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()}"
    body, is_kept = cache.get(key), True
    if body is None:
        with _one_at_a_time:
            body = cache.get(key)
            if body is None:
                body, is_kept = _computed(compute), False
                cache.set(key, body, ttl_seconds)
    return Response({**body, "cache_info": {"cached": is_kept, "ttl_seconds": ttl_seconds}})


def _computed(compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return compute()
    except UNAVAILABLE as error:
        what = "Redis" if isinstance(error, BrokerError) else "The database"
        raise AnalyticsUnavailable(f"{what} cannot be reached, so nothing can be analysed now.") from error
