"""Limits how often the APIs may be called: by each account, and from each address."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from audit.sources import source_of
from monitoring.allowances import seconds_to_wait

if TYPE_CHECKING:  # rest_framework.views itself imports this module, for it is named in the settings
    from rest_framework.views import APIView


class Allowance(BaseThrottle):
    """The throttle of every API view unless it names another; whoever was not let in is refused before."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        per_minute = {f"source:{source_of(request.META)}": settings.API_REQUESTS_PER_MINUTE_PER_SOURCE}
        if request.user and request.user.is_authenticated:
            per_minute[f"account:{request.user.pk}"] = settings.API_REQUESTS_PER_MINUTE_PER_ACCOUNT
        self._seconds = seconds_to_wait(per_minute)
        return not self._seconds

    def wait(self) -> float:
        """Whole seconds, for Retry-After."""
        return ceil(self._seconds)
