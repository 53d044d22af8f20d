"""What the live hub tells, and what it does with those who do not keep up."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from pytest_django import Settings
from rq import SimpleWorker

from audit.models import StatusChange
from config.environment import channel_prefix
from monitoring import broker, live
from monitoring.hub import backlog, connection
from monitoring.hub.asgi import Hub
from tests.hub_client import (
    END,
    HANDSHAKE,
    PATH,
    Knock,
    announce,
    bearer,
    in_thread,
    record,
    say_changes,
)

pytest_plugins = ("tests.hub_fixtures",)
pytestmark = pytest.mark.django_db(transaction=True)


def work() -> None:
    """Runs the jobs that wait, in this process."""
    queue = broker.queue("default")
    SimpleWorker([queue], connection=broker.connection(), serializer="json").work(burst=True, logging_level="ERROR")


async def test_it_tells_of_every_recorded_change_in_order(knock: Knock) -> None:
    client = await knock().come_in()
    done = broker.enqueue("tests.jobs.echo", args=["<b>ü</b>"])
    failed = broker.enqueue("tests.jobs.fail", args=["no such user"])
    later = broker.enqueue("tests.jobs.echo", delay_seconds=3600)
    work()
    broker.cancel([later])
    await in_thread(record)()
    events = await client.hear_events(8)
    told = [(event["taskId"], event["severity"], event["message"]) for event in events]
    assert told[:2] + told[3:] == [
        (done, "Information", "Task queued"),
        (failed, "Information", "Task queued"),
        (done, "Information", "Task is running"),
        (done, "Information", "Task completed successfully"),
        (failed, "Information", "Task is running"),
        (failed, "Error", "Task failed: ValueError: no such user"),
        (later, "Warning", "Task cancelled"),
    ]
    assert told[2][:2] == (later, "Information")
    assert told[2][2].startswith("Task scheduled for ")
    assert await client.receive_nothing()
    await client.disconnect()

    changes = await in_thread(list)(StatusChange.objects.order_by("id"))
    assert [event["eventDateUtc"] for event in events] == [
        change.changed_at.isoformat().replace("+00:00", "Z") for change in changes
    ]
    assert events[0] == {
        "taskId": done,
        "eventDateUtc": events[0]["eventDateUtc"],
        "severity": "Information",
        "taskType": "tests.jobs.echo",
        "taskHandlerType": "tests.jobs.echo",
        "taskParameters": '{"args":["<b>ü</b>"],"kwargs":{}}',
        "message": "Task queued",
        "exception": None,
    }
    assert events[6]["exception"].endswith("ValueError: no such user\n")


async def test_it_sends_many_changes_in_few_frames(knock: Knock) -> None:
    client = await knock().come_in()
    ids = [broker.enqueue("tests.jobs.echo", args=[number]) for number in range(250)]
    client.frames = 0
    await in_thread(record)()
    assert [event["taskId"] for event in await client.hear_events(250)] == ids
    assert client.frames <= 6
    await client.disconnect()


async def test_it_tells_progress_to_those_who_asked_and_only_to_them(knock: Knock) -> None:
    hub = Hub(PATH)
    asking, other = await knock(hub).come_in(), await knock(hub).come_in()
    await asking.say({"type": 1, "invocationId": "w", "target": "WatchProgress", "arguments": []})
    assert await asking.hear() == {"type": 3, "invocationId": "w", "result": None}
    task_id = str(uuid4())
    progress = {"task_id": task_id, "progress": 40.0, "message": "halfway"}
    await announce(live.PROGRESS, 0, progress)
    assert await asking.hear() == {
        "type": 1,
        "target": "TaskProgress",
        "arguments": [{"taskId": task_id, "progress": 40.0, "message": "halfway"}],
    }
    assert await other.receive_nothing(0.2)
    await asking.disconnect()
    await other.disconnect()


async def test_it_survives_messages_of_the_layer_that_nobody_can_read(knock: Knock, settings: Settings) -> None:
    client = await knock().come_in()
    await get_channel_layer().group_send(live.CHANGES, {"type": "task.changes", "nonsense": True})
    await get_channel_layer().group_send(live.CHANGES, {"kind": "of no type"})
    prefix = settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"]
    broker.connection().publish(f"{prefix}__group__changes", b"\xff not msgpack")
    await say_changes(0)
    assert (await client.hear_events(1))[0]["message"] == "number 0"
    await client.disconnect()


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("redis://host:6379/3", "quarterdeck.3"),
        ("rediss://user:word@host/?db=4", "quarterdeck.4"),
        ("unix:///run/valkey.sock?db=2", "quarterdeck.2"),
        ("unix:///run/5", "quarterdeck.0"),
        ("redis://host", "quarterdeck.0"),
    ],
)
def test_sites_in_other_databases_of_the_same_redis_are_not_heard(url: str, prefix: str) -> None:
    assert channel_prefix(url) == prefix


# --- Those who do not keep up -------------------------------------------------------------------------------------


class Stuck:
    """A client that shakes hands and then takes nothing more: sending to it waits for ever."""

    def __init__(self, hub: Hub, header: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self.handshake = iter(
            [
                {"type": "websocket.connect"},
                {"type": "websocket.receive", "text": json.dumps(HANDSHAKE) + END},
            ]
        )
        headers = [(b"host", b"testserver"), (b"authorization", header.encode())]
        scope = {"type": "websocket", "path": PATH, "query_string": b"", "headers": headers}
        self.life = asyncio.create_task(hub(scope, self.receive, self.send))

    async def receive(self) -> dict[str, Any]:
        if message := next(self.handshake, None):
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message.get("type") == "websocket.send" and message["text"] != "{}" + END:
            await asyncio.Event().wait()


async def test_it_drops_a_client_that_falls_behind_and_delays_nobody(
    knock: Knock, watcher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "BACKLOG_LIMIT", 20_000)
    monkeypatch.setattr(connection, "GOODBYE_SECONDS", 0.05)
    hub = Hub(PATH)
    stuck = Stuck(hub, bearer(watcher))
    client = await knock(hub).come_in()
    for number in range(100):
        await say_changes(number)
        assert (await client.hear_events(1))[0]["message"] == f"number {number}"
    await asyncio.wait_for(stuck.life, timeout=5)
    *_, goodbye, end = stuck.sent
    assert json.loads(goodbye["text"].strip(END)) == {
        "type": 7,
        "error": "The client reads too slowly; reconnect and catch up.",
        "allowReconnect": True,
    }
    assert end["type"] == "websocket.close"
    await client.disconnect()


async def test_it_asks_to_come_back_when_the_server_stops(knock: Knock) -> None:
    client = await knock().come_in()
    client.future.cancel()
    assert await client.hear() == {"type": 7, "allowReconnect": True}
    assert client.output_queue.get_nowait()["type"] == "websocket.close"
