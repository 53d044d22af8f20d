"""Gives each request an id, which stands in the answer and in every log line that is written meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

from monitoring import log_context

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,127}")
"""Nothing that could end a line or a header, nor be taken for markup; long enough to tell requests apart."""


class RequestIds:
    """Middleware, the outermost. A proxy's id is taken if it is sane, so that one id follows a request through both."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request_id = given if _SANE.fullmatch(given) else uuid4().hex
        with log_context.about(log_context.request_id, request_id):
            response = self.get_response(request)
        response.headers[HEADER] = request_id
        return response
