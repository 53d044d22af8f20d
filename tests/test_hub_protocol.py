"""The SignalR JSON hub protocol, spoken well and badly."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.hub import connection, protocol
from tests.hub_client import (
    END,
    HANDSHAKE,
    Knock,
)

pytest_plugins = ("tests.hub_fixtures",)
pytestmark = pytest.mark.django_db(transaction=True)


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
