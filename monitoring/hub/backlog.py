"""What waits to be sent to one connection."""

from __future__ import annotations

import asyncio
from collections import deque

from monitoring.hub.protocol import FRAME_LIMIT

BACKLOG_LIMIT = 8 * 1024 * 1024
"""Characters that may wait for one connection. A client that is further behind is better off catching up by SQL.

All connections share the texts that wait, so a hundred slow clients cost little more memory than one.
"""


class Hangup(Exception):
    """The connection ends, for the reason in its text (none when there is nothing to complain about)."""

    def __init__(self, reason: str = "", *, allow_reconnect: bool = False) -> None:
        super().__init__(reason)
        self.allow_reconnect = allow_reconnect


class Backlog:
    """A bounded queue of written records. Putting never waits, so a slow client delays nobody but itself."""

    def __init__(self) -> None:
        self.wants_progress = False
        self._waiting: deque[str] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._hangup: Hangup | None = None
        self._over = asyncio.Event()

    def put(self, text: str) -> None:
        """Queues written records; when too much waits already, drops all of it and hangs up."""
        if self._hangup:
            return
        if self._size + len(text) > BACKLOG_LIMIT:
            self.hang_up(Hangup("The client reads too slowly; reconnect and catch up.", allow_reconnect=True))
            return
        self._waiting.append(text)
        self._size += len(text)
        self._news.set()

    def hang_up(self, hangup: Hangup) -> None:
        """Ends the connection from outside; what waits is dropped."""
        self._hangup = self._hangup or hangup
        self._waiting.clear()
        self._size = 0
        self._over.set()

    async def take(self) -> str:
        """The next frame to send: as many waiting records as fit into one. Waits for the first."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        frame = [self._waiting.popleft()]
        length = len(frame[0])
        while self._waiting and length + len(self._waiting[0]) <= FRAME_LIMIT:
            frame.append(self._waiting.popleft())
            length += len(frame[-1])
        self._size -= length
        return "".join(frame)

    async def over(self) -> None:
        """Waits for ``hang_up`` and raises its Hangup."""
        await self._over.wait()
        if self._hangup:
            raise self._hangup
