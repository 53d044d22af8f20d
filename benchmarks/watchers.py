"""Who watches in the watching benchmark: many clients of the hub or of the event stream, in a process of their own.

``python -m benchmarks.watchers hub|events <port> <cookie> <clients> <seconds>`` says "ready" when all are connected
and, after so many seconds, how late what they heard was. All clients take everything; a few look at what they take,
for to parse it all would keep the processors from the server that is measured. One more client connects and never
reads.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from websockets.asyncio.client import connect

LOOKING = 10
END = "\x1e"
HANDSHAKE = f'{{"protocol":"json","version":1}}{END}'
PING = f'{{"type":6}}{END}'
PING_SECONDS = 12.0
NEWEST_JOB = re.compile(rb'event: latest_jobs\ndata: \[\{[^}]*"time": "([^"]+)"')

Delays = dict[str, list[float]]


class Watchers:
    """All of them, and what they heard."""

    def __init__(self, port: int, cookie: str) -> None:
        self.port = port
        self.cookie = cookie
        self.delays: Delays = {}
        self.taken = 0
        self.lost = 0
        self.since = float("inf")

    def note(self, what: str, at_ms: float) -> None:
        """Something that happened then was heard now."""
        now = time.time() * 1000
        if now >= self.since:
            self.delays.setdefault(what, []).append(now - at_ms)

    async def events(self, looks: bool) -> None:
        """A client of the event stream."""
        reader, writer = await self._ask("/monitoring/events")
        await reader.readuntil(b"\r\n\r\n")
        while size := int(await reader.readline(), 16):
            part = await reader.readexactly(size + 2)
            self.taken += size
            if looks and (number := re.search(rb"\nid: (\d+)\n", part)):
                self.note("from the look into SQL and Redis to the client", float(number[1]))
                if newest := NEWEST_JOB.search(part):
                    at = datetime.fromisoformat(newest[1].decode())
                    self.note("from the newest job in it to the client", at.timestamp() * 1000)
        writer.close()

    async def hub(self, looks: bool) -> None:
        """A client of the hub."""
        address = f"ws://127.0.0.1:{self.port}/monitoring/hub"
        headers = {"Cookie": self.cookie}
        async with connect(address, additional_headers=headers, compression=None, max_size=None) as client:
            await client.send(HANDSHAKE)
            pinging = asyncio.create_task(self._ping(client.send))
            async for frame in client:
                self.taken += len(frame)
                if not looks:
                    continue
                for record in str(frame).split(END):
                    if '"EverTaskEvent"' in record:
                        event = json.loads(record)["arguments"][0]
                        at = datetime.fromisoformat(event["eventDateUtc"])
                        self.note("from the status write to the client", at.timestamp() * 1000)
            pinging.cancel()

    async def _ping(self, send: Callable[[str], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await send(PING)

    async def _ask(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {self.cookie}\r\n\r\n".encode())
        return reader, writer


async def watch(kind: str, port: int, cookie: str, clients: int, seconds: float) -> None:
    """Connects, listens, tells."""
    watchers = Watchers(port, cookie)
    client = watchers.events if kind == "events" else watchers.hub
    tasks = []
    for number in range(clients):
        tasks.append(asyncio.create_task(client(number < LOOKING)))
        await asyncio.sleep(0.02)
    stuck = stall(kind, port, cookie)
    await asyncio.sleep(5)
    print(json.dumps("ready"), flush=True)
    watchers.since = time.time() * 1000
    await asyncio.sleep(seconds)
    lost = sum(task.done() for task in tasks)
    print(json.dumps({"delays": watchers.delays, "taken": watchers.taken, "lost": lost}), flush=True)
    stuck.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def stall(kind: str, port: int, cookie: str) -> socket.socket:
    """A client that asks and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    upgrade += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    lines = f"GET /monitoring/{kind} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
    client.sendall(f"{lines}{upgrade if kind == 'hub' else ''}\r\n".encode())
    if kind == "hub":
        client.recv(1024)
        handshake = HANDSHAKE.encode()
        client.sendall(bytes([0x81, 0x80 | len(handshake), 0, 0, 0, 0]) + handshake)  # masked with zeros
    return client


if __name__ == "__main__":
    word, where, session, many, long = sys.argv[1:]
    asyncio.run(watch(word, int(where), session, int(many), float(long)))
