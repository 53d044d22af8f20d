"""Clients of the event stream for tests, over ASGI in this process."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from asgiref import testing
from django.conf import settings

from config.asgi import application
from monitoring.events.asgi import Events

PATH = f"/{settings.MONITORING_BASE_PATH}/events"
NAMES = ("overview", "jobdist", "metrics", "queues", "workers", "latest_jobs", "latest_queues")


class Event(NamedTuple):
    """One event as a browser dispatches it."""

    name: str
    data: Any
    id: str


class Reader:
    """Reads the stream as the HTML standard says."""

    def __init__(self) -> None:
        self.rest = ""
        self.last_id = ""
        self.retry_ms: int | None = None
        self.comments = 0

    def read(self, text: str) -> list[Event]:
        """The events that the text completes."""
        *blocks, self.rest = (self.rest + text).split("\n\n")
        return [event for block in blocks if (event := self._event(block))]

    def _event(self, block: str) -> Event | None:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            self.comments += line.startswith(":")
        self.last_id = fields.get("id", self.last_id)
        if "retry" in fields:
            self.retry_ms = int(fields["retry"])
        return Event(fields["event"], json.loads(fields["data"]), self.last_id) if "data" in fields else None


def fresh_events() -> Events:
    """The stream as a web process has it, before Django; each test has an event loop of its own, and so its own."""
    return Events(PATH, application)


_Communicator: Any = testing.ApplicationCommunicator


class Client(_Communicator):  # type: ignore[misc]  # its methods have no types
    """One request to a web process of its own, or to a given one."""

    def __init__(
        self, *, path: str = PATH, query: str = "", method: str = "GET", events: Events | None = None, **headers: str
    ) -> None:
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "root_path": "", "scheme": "http",
            "headers": [(b"host", b"testserver"), *pairs], "client": ["127.0.0.1", 1], "server": ["127.0.0.1", 80],
        }  # fmt: skip
        super().__init__(events or fresh_events(), scope)
        self.reader = Reader()
        self.waiting: list[Event] = []

    async def ask(self) -> dict[str, Any]:
        """Sends the request; the answer's status and headers."""
        await self.send_input({"type": "http.request", "body": b"", "more_body": False})
        start: dict[str, Any] = await self.receive_output(timeout=10)
        start["headers"] = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return start

    async def answer(self) -> dict[str, Any]:
        """Asks for something that has an end, and waits for it."""
        start = await self.ask()
        await self.see_the_end()
        return start

    async def come_in(self) -> Client:
        """Asks, and is let in."""
        start = await self.ask()
        assert start["status"] == 200, start
        return self

    async def hear(self, timeout: float = 10) -> Event:
        """The next event."""
        while not self.waiting:
            part = await self.receive_output(timeout=timeout)
            self.waiting += self.reader.read(part["body"].decode())
            assert part.get("more_body"), "the stream has ended"
        return self.waiting.pop(0)

    async def hear_all(self) -> dict[str, Any]:
        """The first batch: every event once."""
        return {event.name: event.data for event in [await self.hear() for _ in NAMES]}

    async def see_the_end(self) -> None:
        """The stream must end now, by its own will."""
        while (await self.receive_output(timeout=10)).get("more_body"):
            pass
        await self.wait()

    async def leave(self) -> None:
        """Hangs up; the application must end."""
        await self.send_input({"type": "http.disconnect"})
        await self.wait()
