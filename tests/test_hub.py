"""The live hub over ASGI: the protocol, what it tells, and what it does with those who do not keep up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from rq import SimpleWorker

from audit.models import StatusChange
from config.environment import channel_prefix, embedded_redis_socket
from monitoring import broker, live
from monitoring.hub import backlog, connection, feed, protocol
from monitoring.hub.asgi import Hub
from monitoring.recorder import Recorder
from tests import valkey
from tests.hub_client import END, HANDSHAKE, PATH, Client, bearer, cast, in_thread

Knock = Callable[..., Client]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def viewer() -> User:
    return cast("viewer", "view_task")


@pytest.fixture
def knock(viewer: User) -> Knock:
    """Makes clients that will be let in, to a hub of their own or a given one."""
    return partial(Client, authorization=bearer(viewer))


async def record() -> None:
    """What a recorder process does with all that was reported so far."""

    def drain() -> None:
        recorder = Recorder()
        recorder.start()
        recorder.drain()

    await in_thread(drain)()


def work() -> None:
    """Runs the jobs that wait, in this process."""
    queue = broker.queue("default")
    SimpleWorker([queue], connection=broker.connection(), serializer="json").work(burst=True, logging_level="ERROR")


async def say_changes(*numbers: int, announcer: str = "a recorder", stream_id: str = "1-0") -> None:
    """Sends messages of one change each through the layer, as a recorder does."""
    for number in numbers:
        event = {
            "task_id": str(uuid4()),
            "stream_id": stream_id,
            "at": "2026-01-02T03:04:05+00:00",
            "status": "QUEUED",
            "task_type": "tests.jobs.echo",
            "handler": "tests.jobs.echo",
            "queue": "default",
            "parameters": "{}",
            "message": f"number {number}",
            "error": None,
        }
        message = {"type": "task.changes", "group": live.CHANGES, "announcer": announcer, "number": number}
        await get_channel_layer().group_send(live.CHANGES, {**message, "events": [event]})


# --- The protocol -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handshake", "complaint"),
    [
        ('{"protocol":"messagepack","version":1}', "protocol 'json'"),
        ('{"protocol":"json","version":2}', "version 1"),
        ('{"protocol":"json"}', "version 1"),
        ("[]", "JSON object"),
        ("nonsense", "must be JSON"),
        ("", "must be JSON"),
        ("x" * 40_000, "at most"),
    ],
)
async def test_it_refuses_a_bad_handshake(knock: Knock, handshake: str, complaint: str) -> None:
    client = knock()
    await client.connect(timeout=10)
    await client.send_to(text_data=handshake + END)
    answer = await client.hear()
    assert answer.keys() == {"error"}
    assert complaint in answer["error"]
    await client.see_the_end()


async def test_it_does_not_wait_long_for_a_handshake(knock: Knock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE_SECONDS", 0.05)
    client = knock()
    await client.connect(timeout=10)
    assert await client.hear() == {"error": "No handshake came within 0.05 seconds."}
    await client.see_the_end()


async def test_it_reads_records_spread_over_frames_and_many_in_one(knock: Knock) -> None:
    client = knock()
    await client.connect(timeout=10)
    for character in json.dumps(HANDSHAKE):
        await client.send_to(text_data=character)
    await client.send_to(text_data=END + '{"type":6}' + END + '{"type":1,"invocationId":"a","target":"WatchProgress",')
    await client.send_to(bytes_data=b'"arguments":[]}' + END.encode())
    assert await client.hear() == {}
    assert await client.hear() == {"type": 3, "invocationId": "a", "result": None}
    await client.disconnect()


async def test_it_answers_what_it_does_not_know_with_an_error(knock: Knock) -> None:
    client = await knock().come_in()
    await client.say(
        {"type": 1, "target": "Nobody", "arguments": []},
        {"type": 1, "invocationId": "b", "target": "DeleteEverything", "arguments": [1]},
        {"type": 4, "invocationId": "c", "target": "Counter", "arguments": []},
        {"type": 5, "invocationId": "c"},
        {"type": 3, "invocationId": "d", "result": None},
        {"type": 99},
        {"type": 1, "invocationId": "\ud800", "target": "\ud800", "arguments": []},
    )
    assert await client.hear() == {
        "type": 3,
        "invocationId": "b",
        "error": "This hub has no method 'DeleteEverything'.",
    }
    assert await client.hear() == {"type": 3, "invocationId": "c", "error": "This hub has no streams."}
    assert (await client.hear())["invocationId"] == "\ud800"
    await client.disconnect()


@pytest.mark.parametrize(
    "garbage",
    [
        b"nonsense",
        b"[1]",
        b"null",
        b"{}",
        b'{"type":"1"}',
        b'{"type":true}',
        b'{"type":1e999}',
        b'{"type":1,"target":5,"arguments":[]}',
        b'{"type":1,"target":"x"}',
        b'{"type":1,"target":"x","arguments":[],"invocationId":7}',
        b"[" * 30_000,
        b'{"type":1' + b"0" * 5_000 + b"}",
        b"\xff\xfe",
        b"\x00",
        b"y" * 40_000,
    ],
)
async def test_it_hangs_up_politely_on_garbage(knock: Knock, garbage: bytes) -> None:
    client = await knock().come_in()
    await client.send_to(bytes_data=garbage + END.encode())
    ended = await client.hear_close()
    assert ended["error"]
    assert ended["allowReconnect"] is False


async def test_it_hangs_up_on_a_message_that_never_ends(knock: Knock) -> None:
    client = await knock().come_in()
    for _ in range(5):
        await client.send_to(text_data="x" * 8_000)
    assert "at most 32,768" in (await client.hear_close())["error"]


async def test_it_answers_a_close_with_a_close(knock: Knock) -> None:
    client = await knock().come_in()
    await client.say({"type": 7})
    assert await client.hear_close() == {"type": 7, "allowReconnect": False}


async def test_it_pings_and_hangs_up_on_who_is_silent(knock: Knock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_SECONDS", 0.05)
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.5)
    client = await knock().come_in()
    for _ in range(15):
        assert await client.hear() == {"type": 6}
        await client.say({"type": 6})
    while (record := await client.hear()) == {"type": 6}:
        pass
    assert record == {"type": 7, "error": "Nothing was heard from the client for 0.5 seconds.", "allowReconnect": False}
    await client.see_the_end()


@given(st.lists(st.text(st.characters(exclude_characters=END, exclude_categories=["Cs"])), max_size=5), st.data())
def test_records_are_the_same_however_they_are_cut_into_frames(records: list[str], data: st.DataObject) -> None:
    wire = "".join(record + END for record in records)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=5)))
    splitter = protocol.Splitter()
    frames = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert [record for frame in frames for record in splitter.split(frame)] == records


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_nothing_but_a_protocol_error_comes_of_reading(record: str) -> None:
    for read in (protocol.read, protocol.read_handshake):
        with contextlib.suppress(protocol.ProtocolError):
            read(record)


def test_frames_are_filled_but_not_overfilled() -> None:
    frames = protocol.pack(["x" * 40_000, "y" * 20_000, "z" * 20_000, "long" * 50_000, "a"])
    assert [len(frame) for frame in frames] == [60_000, 20_000, 200_000, 1]


# --- What it tells ------------------------------------------------------------------------------------------------


async def test_it_tells_of_every_recorded_change_in_order(knock: Knock) -> None:
    client = await knock().come_in()
    done = broker.enqueue("tests.jobs.echo", args=["<b>ü</b>"])
    failed = broker.enqueue("tests.jobs.fail", args=["no such user"])
    later = broker.enqueue("tests.jobs.echo", delay_seconds=3600)
    work()
    broker.cancel(later)
    await record()
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
    await record()
    assert [event["taskId"] for event in await client.hear_events(250)] == ids
    assert client.frames <= 6
    await client.disconnect()


async def test_it_tells_progress_to_those_who_asked_and_only_to_them(knock: Knock) -> None:
    hub = Hub(PATH)
    asking, other = await knock(hub).come_in(), await knock(hub).come_in()
    await asking.say({"type": 1, "target": "WatchProgress", "arguments": []}, {"type": 6})
    task_id = str(uuid4())
    message = {"type": "task.progress", "group": live.PROGRESS, "announcer": "a recorder", "number": 0}
    progress = {"task_id": task_id, "progress": 40.0, "message": "halfway"}
    await asyncio.sleep(0.1)  # until it was read; nothing answers it
    await get_channel_layer().group_send(live.PROGRESS, {**message, "events": [progress]})
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
    knock: Knock, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "BACKLOG_LIMIT", 20_000)
    monkeypatch.setattr(connection, "GOODBYE_SECONDS", 0.05)
    hub = Hub(PATH)
    stuck = Stuck(hub, bearer(viewer))
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


# --- What gets lost -----------------------------------------------------------------------------------------------

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
