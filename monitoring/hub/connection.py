"""The life of one WebSocket after it was let in: the handshake, then reading, writing, pinging, checking, the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from channels.db import database_sync_to_async
from django.db import Error as DatabaseTrouble

from monitoring import visitors
from monitoring.hub import protocol
from monitoring.hub.backlog import Backlog, Hangup
from monitoring.hub.feed import Feed
from monitoring.hub.protocol import ProtocolError
from monitoring.visitors import Refused, Visitor

HANDSHAKE_SECONDS = 15.0
PING_SECONDS = 15.0
IDLE_SECONDS = 30.0
RECHECK_SECONDS = 45.0
GOODBYE_SECONDS = 1.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Gone(Hangup):
    """The client closed the connection: there is nobody to say goodbye to."""


class Connection:
    """One client of the hub."""

    def __init__(self, receive: Receive, send: Send, *, visitor: Visitor, feed: Feed) -> None:
        self._receive = receive
        self._send = send
        self._visitor = visitor
        self._feed = feed
        self._backlog = Backlog()
        self._records = self._incoming()

    async def run(self) -> None:
        """Returns when the connection has ended, whoever ended it."""
        try:
            await self._live()
        except Gone:
            pass
        except Hangup as hangup:
            await self._say_goodbye(hangup)
        except asyncio.CancelledError:  # the server stops: clients come back to the next process
            await self._say_goodbye(Hangup(allow_reconnect=True))
            raise

    async def _live(self) -> None:
        # Joined before the handshake is answered: the client catches up after that answer, so nothing falls between.
        self._feed.join(self._backlog)
        try:
            await self._shake_hands()
            await _together(self._read(), self._write(), self._ping(), self._recheck(), self._backlog.over())
        finally:
            self._feed.leave(self._backlog)

    async def _shake_hands(self) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                protocol.read_handshake(await anext(self._records))
        except (ProtocolError, TimeoutError) as error:
            problem = str(error) or f"No handshake came within {HANDSHAKE_SECONDS:g} seconds."
            await self._send_text(protocol.write({"error": problem}))
            await self._close()
            raise Gone from error
        await self._send_text(protocol.write({}))

    async def _read(self) -> None:
        try:
            async for record in self._records:
                self._obey(protocol.read(record))
        except ProtocolError as error:
            raise Hangup(str(error)) from error
        except TimeoutError as error:
            raise Hangup(f"Nothing was heard from the client for {IDLE_SECONDS:g} seconds.") from error

    def _obey(self, message: protocol.Record) -> None:
        """Pings need no answer, they were heard; types that are not for a server are ignored, as the protocol asks."""
        kind, invocation_id = message["type"], message.get("invocationId")
        error = None
        if kind == protocol.CLOSE:
            raise Hangup
        if kind == protocol.INVOCATION and message["target"] == "WatchProgress":
            self._backlog.wants_progress = True
        elif kind == protocol.INVOCATION:
            error = f"This hub has no method {message['target'][:100]!r}."
        elif kind == protocol.STREAM_INVOCATION:
            error = "This hub has no streams."
        else:
            return
        if invocation_id:
            self._backlog.put(protocol.write_completion(invocation_id, error=error))

    async def _write(self) -> None:
        while True:
            await self._send_text(await self._backlog.take())

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            self._backlog.put(protocol.PING)

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(min(RECHECK_SECONDS, self._visitor.seconds_left))
            try:
                await database_sync_to_async(visitors.check)(self._visitor)
            except Refused as refusal:
                # With a fresh token one may come back; without a role that would be refused again.
                raise Hangup(str(refusal), allow_reconnect=refusal.status == 401) from refusal
            except DatabaseTrouble as error:
                reason = "Whether you may still listen cannot be checked now; reconnect."
                raise Hangup(reason, allow_reconnect=True) from error

    async def _incoming(self) -> AsyncIterator[str]:
        """The client's records; raises TimeoutError after a silence, ProtocolError, Gone."""
        splitter = protocol.Splitter()
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise Gone
            for record in splitter.split(_text_of(message)):
                yield record

    async def _say_goodbye(self, hangup: Hangup) -> None:
        with contextlib.suppress(TimeoutError):  # whoever reads too slowly need not be waited for
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._send_text(protocol.write_close(str(hangup) or None, allow_reconnect=hangup.allow_reconnect))
        await self._close()

    async def _send_text(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def _close(self) -> None:
        await self._send({"type": "websocket.close", "code": 1000})


async def _together(*deeds: Coroutine[Any, Any, None]) -> None:
    """Does all of it until the first fails: raises what that one raised, with the others ended."""
    tasks = [asyncio.create_task(deed) for deed in deeds]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _text_of(message: dict[str, Any]) -> str:
    text: str | None = message.get("text")
    if text is not None:
        return text
    try:
        return (message.get("bytes") or b"").decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("A message must be text in UTF-8.") from error
