"""Daphne, taught what the live hub and the event stream need and it lacks.

* The ASGI extension "WebSocket denial response": without it every refusal is a 403, and who should log in is not told.
* ``send`` waits while the client takes nothing, as ASGI has it. Daphne's own returns at once and lets the unsent pile
  up in memory, so an application could not tell a client that keeps up from one that stopped reading. A client that
  takes nothing of an HTTP answer for STALL_SECONDS is hung up on; the hub has its own rules.
* The headers of an accepted WebSocket reach the client. Daphne drops them.
* When it stops, what applications say last still leaves. Daphne closes the sockets before that is written, and ends
  no application at all when a request of the last second has none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from autobahn.exception import Disconnected
from daphne import server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.defer import Deferred

Message = dict[str, Any]

FAREWELL_SECONDS = 3.0
STALL_SECONDS = 60.0


def _with_headers(accept: Message) -> tuple[str | None, dict[str, str]]:
    """What Daphne hands on to Autobahn, which takes headers beside the subprotocol; Daphne itself leaves them out."""
    headers = {
        bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in accept.get("headers") or ()
    }
    return accept.get("subprotocol"), headers


class Server(server.Server):  # type: ignore[misc]  # Daphne ships no types
    """Serves ASGI applications."""

    def create_application(self, protocol: Any, scope: Message) -> Any:
        """Starts the application of a connection."""
        if isinstance(protocol, WebSocketProtocol):
            scope["extensions"] = {"websocket.http.response": {}}
            protocol.room = Room()
            # The HTTP channel that the connection was upgraded from still holds this place.
            protocol.unregisterProducer()
            protocol.registerProducer(protocol.room, streaming=True)
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: Message) -> None:
        """Does what the application asks for."""
        if message["type"] == "websocket.http.response.start":
            protocol.denial = message
        elif message["type"] == "websocket.http.response.body":
            self._deny(protocol, message.get("body", b""))
        elif message["type"] == "http.response.body":
            await self._answer(protocol, message)
        else:
            if message["type"] == "websocket.accept":
                message = {**message, "subprotocol": _with_headers(message)}
            with contextlib.suppress(Disconnected):  # gone while it was written to: Daphne tells the application
                await super().handle_reply(protocol, message)
        if message["type"] == "websocket.send":
            await protocol.room.wait()

    async def _answer(self, protocol: Any, message: Message) -> None:
        """Sends a part of an HTTP answer. One that has more parts gets a room to wait in."""
        is_open = not self.connections.get(protocol, {"disconnected": True}).get("disconnected")
        room: Room | None = getattr(protocol, "room", None)
        if is_open and room is None and message.get("more_body"):
            room = protocol.room = Room()
            protocol.registerProducer(room, streaming=True)
        elif is_open and room and not message.get("more_body"):
            protocol.unregisterProducer()  # Twisted complains of one that is left at the end
        await super().handle_reply(protocol, message)
        if is_open and room and message.get("more_body"):
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    await room.wait()
            except TimeoutError:
                protocol.transport.abortConnection()

    def kill_all_applications(self) -> Deferred[None]:
        """Ends every application and waits, not for long, until their clients have heard it."""
        applications = [details.get("application_instance") for details in self.connections.values()]
        return Deferred.fromFuture(asyncio.ensure_future(self._part([one for one in applications if one])))

    async def _part(self, applications: Sequence[asyncio.Task[None]]) -> None:
        for application in applications:
            application.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await asyncio.gather(*applications, return_exceptions=True)
                while any(self._is_open(protocol) for protocol in self.connections):
                    await asyncio.sleep(0.01)

    def _is_open(self, protocol: Any) -> bool:
        return isinstance(protocol, WebSocketProtocol) and not self.connections[protocol].get("disconnected")

    def _deny(self, protocol: Any, body: bytes) -> None:
        if protocol not in self.connections or not self._is_open(protocol):
            return
        status = HTTPStatus(protocol.denial["status"])
        lines = [f"HTTP/1.1 {status} {status.phrase}".encode(), b"connection: close"]
        lines += [name + b": " + value for name, value in protocol.denial.get("headers", [])]
        protocol.sendData(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        protocol.dropConnection(abort=False)
        self.protocol_disconnected(protocol)


class Room(asyncio.Event):
    """Set while a connection's send buffer has room. Twisted calls it as the producer of what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.set()

    def pauseProducing(self) -> None:  # noqa: N802  # Twisted's name
        """The buffer is over its 64 KiB."""
        self.clear()

    def resumeProducing(self) -> None:  # noqa: N802  # Twisted's name
        """The buffer is empty."""
        self.set()

    def stopProducing(self) -> None:  # noqa: N802  # Twisted's name
        """The connection is lost: nobody needs to wait."""
        self.set()
