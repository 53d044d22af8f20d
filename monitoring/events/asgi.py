"""The event stream as an ASGI application before Django's.

Django would hold a thread and a database connection for each of its clients. Here a client is a coroutine; whoever may
not listen, and whatever else is asked, is answered by Django (``monitoring.events.views``).
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseTrouble

from monitoring import visitors
from monitoring.events.broadcast import Broadcast
from monitoring.visitors import Refused, Visitor

HEARTBEAT_SECONDS = 10.0
"""Longer silences make proxies hang up; the contract allows 15 s."""
RECHECK_SECONDS = 45.0
RETRY_MS = 2_000
"""How long browsers wait before they come back."""
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would gather the events
    (b"x-content-type-options", b"nosniff"),
)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Events:
    """Streams at one path, to those who may listen; everything else is the application's behind it."""

    def __init__(self, path: str, behind: Application) -> None:
        self._path = path
        self._behind = behind
        self._broadcast = Broadcast()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        is_asked = scope["path"] == self._path and scope["method"] == "GET"
        visitor = await database_sync_to_async(_admitted)(scope) if is_asked else None
        if visitor is None:
            await self._behind(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        telling = asyncio.create_task(self._tell(visitor, send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
            leaving.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, visitor: Visitor, send: Send) -> None:
        async for text in self._texts(visitor):
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _texts(self, visitor: Visitor) -> AsyncIterator[str]:
        """What goes onto the wire, until the visitor may stay no longer. Whoever comes back gets all of it anew."""
        told: dict[str, str] = {}
        yield f"retry: {RETRY_MS}\n\n"
        spoke_at, check_at = time.monotonic(), time.monotonic() + _until_check(visitor)
        with self._broadcast.join() as seat:
            while True:
                now = time.monotonic()
                snapshot = await seat.take(max(0.0, min(spoke_at + HEARTBEAT_SECONDS, check_at) - now))
                now = time.monotonic()
                if now >= check_at:
                    if not await database_sync_to_async(_may_stay)(visitor):
                        return
                    check_at = now + _until_check(visitor)
                text = snapshot.since(told) if snapshot else ""
                if snapshot:
                    told = dict(snapshot.events)
                if not text and now >= spoke_at + HEARTBEAT_SECONDS:
                    text = ": nothing new\n\n"
                if text:
                    yield text
                    spoke_at = time.monotonic()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _until_check(visitor: Visitor) -> float:
    return min(RECHECK_SECONDS, visitor.seconds_left)


def _admitted(scope: Scope) -> Visitor | None:
    """Who asks, if they may listen; Django's view tells the others what stands in their way."""
    request = ASGIRequest(scope, io.BytesIO())
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        return None
    try:
        return visitors.admit(request)
    except (Refused, SuspiciousOperation, DatabaseTrouble):
        return None


def _may_stay(visitor: Visitor) -> bool:
    try:
        visitors.check(visitor)
    except (Refused, DatabaseTrouble):  # where it cannot be known, the client comes back and is asked again
        return False
    return True
