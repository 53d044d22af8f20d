"""The hub's WebSocket as an ASGI application: lets in who may listen, refuses others before the upgrade."""

from __future__ import annotations

import io
import json
from typing import Any

from channels.db import database_sync_to_async
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseTrouble

from monitoring.hub.connection import Connection, Receive, Send
from monitoring.hub.feed import Deaf, Feed
from monitoring.visitors import Refused, Visitor, admit

Scope = dict[str, Any]


class Hub:
    """Serves WebSockets at one path and knows no other; one instance lives in each web process."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._feed = Feed()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its request to its end."""
        await receive()  # websocket.connect
        try:
            visitor = await self._admit(scope)
        except Refused as refusal:
            await refuse(scope, send, refusal)
            return
        await send({"type": "websocket.accept"})
        await Connection(receive, send, visitor=visitor, feed=self._feed).run()

    async def _admit(self, scope: Scope) -> Visitor:
        if scope["path"] != self._path:
            raise Refused(404, f"The only WebSocket here is {self._path}.")
        try:
            visitor: Visitor = await database_sync_to_async(_admit)(scope)
            await self._feed.listen()
        except (Deaf, DatabaseTrouble) as error:
            problem = str(error) if isinstance(error, Deaf) else "The database cannot be reached. Try again soon."
            raise Refused(503, problem) from error
        return visitor


def _admit(scope: Scope) -> Visitor:
    try:
        return admit(ASGIRequest({**scope, "method": "GET"}, io.BytesIO()))
    except SuspiciousOperation as error:
        raise Refused(400, "The request's host or parameters are not acceptable.") from error


async def refuse(scope: Scope, send: Send, refusal: Refused) -> None:
    """Answers the upgrade with the refusal's status, or with the server's own 403 if it knows no other."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = json.dumps({"message": str(refusal)}).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **refusal.headers}
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": pairs})
    await send({"type": "websocket.http.response.body", "body": body})
