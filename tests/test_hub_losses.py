"""The live hub when updates get lost: whoever listens is sent back to SQL, and never left with an old page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from audit.models import StatusChange
from config.environment import embedded_redis_socket
from monitoring.hub import feed
from monitoring.hub.asgi import Hub
from tests import valkey
from tests.hub_client import (
    HANDSHAKE,
    PATH,
    Client,
    Knock,
    in_thread,
    say_changes,
)

pytest_plugins = ("tests.hub_fixtures",)
pytestmark = pytest.mark.django_db(transaction=True)


MISSED = {"type": 7, "error": "Some updates were missed; reconnect and catch up.", "allowReconnect": True}


async def test_it_sends_everybody_back_to_sql_when_a_message_is_missing(knock: Knock) -> None:
    client = await knock().come_in()
    await say_changes(7, 8)
    await say_changes(0, announcer="a second recorder")
    await say_changes(9)
    assert [event["message"] for event in await client.hear_events(4)] == [
        "number 7",
        "number 8",
        "number 0",
        "number 9",
    ]
    await say_changes(11)
    assert await client.hear_close() == MISSED


async def test_it_notices_that_the_last_change_was_never_heard(knock: Knock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "COMPARE_SECONDS", 0.2)
    await change_in_sql("1000-0")
    client = await knock().come_in()
    await say_changes(0, stream_id="1000-1")
    await client.hear_events(1)
    await change_in_sql("1000-1")
    assert await client.receive_nothing(1.0)
    await change_in_sql("1000-2")
    assert await client.hear_close() == MISSED


async def change_in_sql(stream_id: str) -> None:
    await in_thread(StatusChange.objects.create)(
        task_id=uuid4(), new_status="QUEUED", changed_at=timezone.now(), stream_id=stream_id
    )


async def test_it_refuses_while_the_layer_is_out_of_reach(
    knock: Knock, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LISTEN_SECONDS", 0.3)
    use_layer(settings, f"unix://{tmp_path}/nobody.sock")
    refusal = await knock().refusal()
    assert refusal["status"] == 503
    assert "Redis cannot be reached" in refusal["message"]


async def test_it_recovers_when_the_layer_comes_back(
    knock: Knock, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LISTEN_SECONDS", 1.0)
    stop = await asyncio.to_thread(valkey.start, tmp_path)
    use_layer(settings, f"unix://{embedded_redis_socket(tmp_path)}")
    hub = Hub(PATH)
    before = await knock(hub).come_in()
    await say_changes(0)
    await before.hear_events(1)

    await asyncio.to_thread(stop)
    assert (await knock(hub).refusal())["status"] == 503
    stop = await asyncio.to_thread(valkey.start, tmp_path)
    try:
        after = await come_back(hub, knock)
        await say_changes(2)  # number 1 was said while nobody could hear
        assert await before.hear_close() == MISSED
        assert await after.hear_close() == MISSED
        again = await knock(hub).come_in()
        await say_changes(3)
        assert (await again.hear_events(1))[0]["message"] == "number 3"
        await again.disconnect()
    finally:
        await asyncio.to_thread(stop)


def use_layer(settings: Settings, url: str) -> None:
    layer = settings.CHANNEL_LAYERS["default"]
    settings.CHANNEL_LAYERS = {"default": {**layer, "CONFIG": {**layer["CONFIG"], "hosts": [url]}}}


async def come_back(hub: Hub, knock: Knock) -> Client:
    """Knocks until it is let in, as clients do."""
    for _ in range(20):
        client = knock(hub)
        await client.send_input({"type": "websocket.connect"})
        if (await client.receive_output(timeout=10))["type"] == "websocket.accept":
            await client.say(HANDSHAKE)
            assert await client.hear() == {}
            return client
        await asyncio.sleep(0.25)
    raise AssertionError("it was not let in again")
