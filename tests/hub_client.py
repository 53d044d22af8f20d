"""Clients of the live hub for tests, over ASGI in this process, and what there is for them to hear."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.testing.websocket import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Permission, User

from audit.tokens import AccessToken
from monitoring import live
from monitoring.hub.asgi import Hub
from monitoring.recorder import Recorder

in_thread = database_sync_to_async
"""Runs what uses SQL from an async test; its connection does not stay open behind it, as with sync_to_async."""

END = "\x1e"
PATH = f"/{settings.MONITORING_BASE_PATH}/hub"
HANDSHAKE = {"protocol": "json", "version": 1}


def cast(name: str, *permissions: str) -> User:
    """A member of the cast, with permissions of its own: the groups do not outlive a test that commits."""
    user = User.objects.create(username=name)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def token_of(user: User, lifetime: timedelta = timedelta(minutes=5)) -> str:
    """An access token."""
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=lifetime)
    return str(token)


def bearer(user: User) -> str:
    """The Authorization header."""
    return f"Bearer {token_of(user)}"


class Client(WebsocketCommunicator):  # type: ignore[misc]  # channels ships no types
    """Speaks records; what it heard and did not ask for yet waits in ``records``."""

    def __init__(self, hub: Hub | None = None, *, query: str = "", path: str = PATH, **headers: str) -> None:
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        super().__init__(hub or Hub(PATH), f"{path}?{query}", headers=[(b"host", b"testserver"), *pairs])
        self.scope["extensions"] = {"websocket.http.response": {}}
        self.records: deque[dict[str, Any]] = deque()
        self.frames = 0

    async def refusal(self) -> dict[str, Any]:
        """Knocks, and returns the start of the answer that refuses, with its body's message."""
        await self.send_input({"type": "websocket.connect"})
        start: dict[str, Any] = await self.receive_output(timeout=10)
        assert start["type"] == "websocket.http.response.start", start
        body = await self.receive_output()
        start["message"] = json.loads(body["body"])["message"]
        start["headers"] = dict(start["headers"])
        await self.wait()
        return start

    async def come_in(self) -> Client:
        """Connects and shakes hands."""
        is_accepted, _ = await self.connect(timeout=10)
        assert is_accepted
        await self.say(HANDSHAKE)
        assert await self.hear() == {}
        return self

    async def say(self, *records: dict[str, Any]) -> None:
        """Sends the records in one frame."""
        await self.send_to(text_data="".join(json.dumps(record) + END for record in records))

    async def hear(self) -> dict[str, Any]:
        """The next record."""
        while not self.records:
            frame: str = await self.receive_from(timeout=10)
            assert frame.endswith(END)
            self.frames += 1
            self.records.extend(json.loads(record) for record in frame.split(END)[:-1])
        return self.records.popleft()

    async def hear_events(self, count: int) -> list[dict[str, Any]]:
        """The arguments of the next ``count`` invocations of EverTaskEvent."""
        events = []
        for _ in range(count):
            record = await self.hear()
            assert record.keys() == {"type", "target", "arguments"}, record
            assert (record["type"], record["target"], len(record["arguments"])) == (1, "EverTaskEvent", 1)
            events.append(record["arguments"][0])
        return events

    async def hear_close(self) -> dict[str, Any]:
        """The close record that must come next, and after it the WebSocket's own close."""
        record = await self.hear()
        assert record["type"] == 7, record
        await self.see_the_end()
        return record

    async def see_the_end(self) -> None:
        """The WebSocket's close must come next, and the application must end without an error."""
        assert (await self.receive_output(timeout=10))["type"] == "websocket.close"
        await self.wait()


Knock = Callable[..., Client]
"""Makes clients that will be let in (the fixture ``knock``)."""


def record() -> None:
    """What a recorder process does with all that was reported so far."""
    recorder = Recorder()
    recorder.start()
    recorder.drain()


def change(text: str = "", *, stream_id: str = "1-0", parameters: str = "{}") -> dict[str, Any]:
    """A status change as it is announced."""
    return {
        "task_id": str(uuid4()),
        "stream_id": stream_id,
        "at": "2026-01-02T03:04:05+00:00",
        "status": "QUEUED",
        "task_type": "tests.jobs.echo",
        "handler": "tests.jobs.echo",
        "queue": "default",
        "parameters": parameters,
        "message": text,
        "error": None,
    }


async def announce(group: str, number: int, *events: dict[str, Any], announcer: str = "a recorder") -> None:
    """Sends a message through the channel layer, as a recorder does."""
    kind = "task.changes" if group == live.CHANGES else "task.progress"
    message = {"type": kind, "group": group, "announcer": announcer, "number": number, "events": list(events)}
    await get_channel_layer().group_send(group, message)


async def say_changes(*numbers: int, announcer: str = "a recorder", stream_id: str = "1-0") -> None:
    """Announces messages of one change each."""
    for number in numbers:
        await announce(live.CHANGES, number, change(f"number {number}", stream_id=stream_id), announcer=announcer)
