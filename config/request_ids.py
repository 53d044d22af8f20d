"""Gives each request an id, which stands in the answer and in every log line that is written meanwhile."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

from monitoring import log_context

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,127}")
"""Nothing that could end a line or a header, nor be taken for markup; long enough to tell requests apart."""
_NAME = HEADER.lower().encode()
_ANSWERS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
Messages = Callable[[dict[str, Any]], Awaitable[None]]


def sane_id(given: str) -> str:
    """The id itself, or one that is made up."""
    return given if _SANE.fullmatch(given) else uuid4().hex


class RequestIds:
    """Middleware, the outermost. A proxy's id is taken if it is sane, so that one id follows a request through both."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = sane_id(request.headers.get(HEADER, ""))
        with log_context.about(log_context.request_id, request_id):
            response = self.get_response(request)
        response.headers[HEADER] = request_id
        return response


class ConnectionIds:
    """The same around the whole ASGI application: the hub's connections and event streams pass no middleware.

    Those that do find the id in their header.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Messages) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.application(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == _NAME]
        request_id = sane_id(given[0].decode("latin-1") if given else "")
        header = (_NAME, request_id.encode())

        async def answer(message: dict[str, Any]) -> None:
            if message["type"] in _ANSWERS:
                others = [each for each in message.get("headers") or () if bytes(each[0]).lower() != _NAME]
                message = {**message, "headers": [*others, header]}
            await send(message)

        headers = [*(each for each in scope["headers"] if each[0] != _NAME), header]
        with log_context.about(log_context.request_id, request_id):
            await self.application({**scope, "headers": headers}, receive, answer)
