"""The live hub as it is run: real web processes, real clients, a real worker and recorder."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.async_api import Page, async_playwright
from rq import SimpleWorker
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from audit.models import StatusChange
from monitoring import broker, live
from tests.browser import CHROMIUM, FLAGS, LAUNCH_MS
from tests.hub_client import END, HANDSHAKE, PATH, announce, change, in_thread, record, token_of
from tests.web_process import Web, session_cookie

pytest_plugins = ("tests.hub_fixtures",)
pytestmark = pytest.mark.django_db(transaction=True)


def negotiate(web: Web, token: str) -> str:
    """A connection token."""
    request = urllib.request.Request(
        f"http://{web.address}{PATH}/negotiate?negotiateVersion=1",
        method="POST",
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310  # our own process
        ticket: str = json.load(answer)["connectionToken"]
        return ticket


@pytest.fixture(scope="module")
def webs(django_db_setup: None) -> Iterator[tuple[Web, Web]]:
    """Two web processes."""
    with ExitStack() as stack:
        one, other = Web(), Web()
        stack.callback(one.stop)
        stack.callback(other.stop)
        yield one, other


async def come_in(web: Web, query: str) -> ClientConnection:
    """A client that shook hands."""
    client = await connect(f"ws://{web.address}{PATH}?{query}")
    await client.send(json.dumps(HANDSHAKE) + END)
    assert await client.recv() == "{}" + END
    return client


async def hear_events(client: ClientConnection, count: int) -> list[dict[str, Any]]:
    """The next ``count`` events."""
    events: list[dict[str, Any]] = []
    while len(events) < count:
        async with asyncio.timeout(10):
            frame = await client.recv()
        records = [json.loads(record) for record in str(frame).split(END)[:-1]]
        events += [record["arguments"][0] for record in records if record.get("target") == "EverTaskEvent"]
    return events


def work() -> None:
    queue = broker.queue("default")
    SimpleWorker([queue], connection=broker.connection(), serializer="json").work(burst=True, logging_level="ERROR")


async def test_a_connection_has_an_id_as_a_request_has(webs: tuple[Web, Web], watcher: User) -> None:
    address = f"ws://{webs[0].address}{PATH}?access_token={token_of(watcher)}"
    async with connect(address, additional_headers={"X-Request-ID": "from-the-proxy-1"}) as client:
        assert client.response is not None
        assert client.response.headers["X-Request-ID"] == "from-the-proxy-1"
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{webs[0].address}{PATH}")
    assert len(refused.value.response.headers["X-Request-ID"]) == 32


async def test_it_tells_the_same_in_order_through_any_process(webs: tuple[Web, Web], watcher: User) -> None:
    one, other = webs
    token = token_of(watcher)
    ticket = await asyncio.to_thread(negotiate, one, token)
    clients = [await come_in(other, f"id={ticket}"), await come_in(one, f"access_token={token}")]
    ids = [broker.enqueue("tests.jobs.echo", args=[number]) for number in range(20)]
    ids.append(broker.enqueue("tests.jobs.fail"))
    await in_thread(record)()
    work()
    await in_thread(record)()
    expected = [
        (str(change.task_id), change.changed_at.isoformat().replace("+00:00", "Z"))
        for change in await in_thread(list)(StatusChange.objects.order_by("id"))
    ]
    assert len(expected) == 3 * len(ids)
    for client in clients:
        events = await hear_events(client, len(expected))
        assert [(event["taskId"], event["eventDateUtc"]) for event in events] == expected
        assert [event["severity"] for event in events] == ["Information"] * (len(expected) - 1) + ["Error"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.2)
        await client.close()


@pytest.mark.parametrize(
    ("query", "origin", "path", "status"),
    [
        ("", None, PATH, 401),
        ("access_token=nonsense", None, PATH, 401),
        ("id=nonsense", None, PATH, 401),
        ("", "https://elsewhere.example", PATH, 403),
        ("", None, "/elsewhere", 404),
    ],
)
async def test_it_refuses_with_the_status_that_says_why(
    webs: tuple[Web, Web], query: str, origin: str | None, path: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{webs[0].address}{path}?{query}", origin=origin)  # type: ignore[arg-type]  # Origin is str
    response = refused.value.response
    assert response.status_code == status
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert json.loads(response.body)["message"]


def test_it_refuses_negotiation_without_a_login(webs: tuple[Web, Web]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        negotiate(webs[0], "nonsense")
    assert refused.value.code == 401


async def test_it_drops_a_client_that_stopped_reading_and_delays_nobody(webs: tuple[Web, Web], watcher: User) -> None:
    web, _ = webs
    token = token_of(watcher)
    stuck = await asyncio.to_thread(stop_reading, web, token)
    client = await come_in(web, f"access_token={token}")
    messages, events = 60, 100
    for number in range(messages):
        await announce(live.CHANGES, number, *[change(parameters="x" * 4_000)] * events)
        assert len(await hear_events(client, events)) == events
    taken = await asyncio.to_thread(read_to_the_end, stuck)
    sent = messages * events * 4_000
    assert taken < sent / 3, f"{taken:,} of {sent:,} bytes"
    await client.close()


def stop_reading(web: Web, token: str) -> socket.socket:
    """A client that shakes hands and then reads nothing more."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", web.port))
    lines = (
        f"GET {PATH}?access_token={token} HTTP/1.1",
        f"Host: {web.address}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    client.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    assert client.recv(4096).startswith(b"HTTP/1.1 101")
    handshake = (json.dumps(HANDSHAKE) + END).encode()
    client.sendall(bytes([0x81, 0x80 | len(handshake), 0, 0, 0, 0]) + handshake)  # masked with zeros
    assert client.recv(5)
    return client


def read_to_the_end(client: socket.socket) -> int:
    """How many bytes come until the server's end."""
    client.settimeout(15)
    taken = 0
    with client:
        while True:
            try:
                chunk = client.recv(65_536)
            except ConnectionResetError:
                return taken
            if not chunk:
                return taken
            taken += len(chunk)


async def test_it_asks_its_clients_to_come_back_when_it_is_stopped(watcher: User) -> None:
    web = await asyncio.to_thread(Web)
    try:
        client = await come_in(web, f"access_token={token_of(watcher)}")
    finally:
        await asyncio.to_thread(web.stop)
    assert await client.recv() == '{"type":7,"allowReconnect":true}' + END
    with pytest.raises(ConnectionClosed):
        await client.recv()


# --- In a browser -------------------------------------------------------------------------------------------------

LISTEN = """
async (url) => {
  const { connectHub } = await import("/static/js/hub.js");
  window.heard = [];
  const note = (what) => (value) => window.heard.push([what, value]);
  window.hub = connectHub({
    url, onEvents: note("events"), onProgress: note("progress"), onState: note("state"), onReady: note("ready"),
  });
}
"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed")
async def test_a_browser_hears_is_cut_off_comes_back_and_catches_up(watcher: User) -> None:
    web = await asyncio.to_thread(Web)
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=LAUNCH_MS)
            page = await browser.new_page()
            await page.context.add_cookies([await in_thread(session_cookie)(watcher, web)])
            await page.goto(f"http://{web.address}/static/js/hub.js")
            await page.evaluate(LISTEN, PATH)
            await listen_and_be_cut_off(page, web)
            await browser.close()
    finally:
        await asyncio.to_thread(web.stop)


async def listen_and_be_cut_off(page: Page, web: Web) -> None:
    assert (await heard(page, 1)) == [["state", {"state": "connecting", "since": None}]]
    (_, live_state), ready = await heard(page, 2)
    assert live_state["state"] == "live"
    assert ready == ["ready", {"reconnected": False}]

    ids = [broker.enqueue("tests.jobs.echo", args=[number]) for number in range(3)]
    await in_thread(record)()
    ((what, events),) = await heard(page, 1)
    assert (what, [event["taskId"] for event in events]) == ("events", ids)
    progress = {"task_id": ids[0], "progress": 40, "message": "halfway"}
    await announce(live.PROGRESS, 0, progress)
    assert await heard(page, 1) == [["progress", {"taskId": ids[0], "progress": 40, "message": "halfway"}]]

    web.process.kill()
    web.process.wait()
    ((what, cut_off),) = await heard(page, 1)
    assert (what, cut_off["state"]) == ("state", "reconnecting")
    assert cut_off["since"] is not None
    await asyncio.to_thread(web.start)
    (_, live_state), ready = await heard(page, 2)
    assert live_state["state"] == "live"
    assert ready == ["ready", {"reconnected": True}]
    broker.enqueue("tests.jobs.echo")
    await in_thread(record)()
    assert (await heard(page, 1))[0][0] == "events"
    await page.evaluate("hub.close()")


async def heard(page: Page, count: int) -> list[Any]:
    """What the page heard next: takes ``count`` notes, and sees that there are no more for now."""
    async with asyncio.timeout(20):
        while await page.evaluate("heard.length") < count:
            await asyncio.sleep(0.05)
    notes: list[Any] = await page.evaluate(f"heard.splice(0, {count})")
    return json.loads(json.dumps(notes, default=str))  # type: ignore[no-any-return]  # dates as texts
