"""The event stream as it is run: real web processes, a slow client, a real browser's EventSource."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.async_api import Page, async_playwright

from audit.trail import Deed, process, write_down
from monitoring import broker
from tests.browser import CHROMIUM, FLAGS, LAUNCH_MS
from tests.event_client import PATH, Event, Reader, fresh_events
from tests.hub_client import bearer, in_thread, record, token_of
from tests.running import wait_for
from tests.web_process import Web, session_cookie

pytest_plugins = ("tests.hub_fixtures",)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[Web]:
    """A web process."""
    one = Web()
    yield one
    one.stop()


def ask(web: Web, path: str, token: str, *, buffer: int | None = None) -> socket.socket:
    """Asks and reads nothing yet."""
    client = socket.socket()
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(20)
    client.connect(("127.0.0.1", web.port))
    lines = (f"GET {path} HTTP/1.1", f"Host: {web.address}", f"Authorization: Bearer {token}", "Connection: close")
    client.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    return client


def memory_mb(web: Web) -> float:
    """What the process holds in memory."""
    told = Path(f"/proc/{web.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in told.splitlines() if line.startswith("VmRSS"))) / 1024


async def test_a_client_that_stalls_gets_the_newest_only_and_delays_nobody(watcher: User) -> None:
    events = fresh_events()
    headers = [(b"host", b"testserver"), (b"authorization", bearer(watcher).encode())]
    scope = {"type": "http", "method": "GET", "path": PATH, "query_string": b"", "headers": headers}
    heard: dict[str, list[str]] = {"quick": [], "stalled": []}
    free = asyncio.Event()

    def client(name: str) -> asyncio.Task[None]:
        async def send(message: dict[str, Any]) -> None:
            if name == "stalled" and len(heard[name]) == 2:  # the retry line and the first batch
                await free.wait()
            heard[name].append(message.get("body", b"").decode())

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError("nobody hangs up")

        return asyncio.create_task(events({**scope}, receive, send))

    tasks = [client("quick"), client("stalled")]
    for number in range(4):
        broker.enqueue("tests.jobs.echo", job_id=f"job-{number}")
        await in_thread(record)()
        async with asyncio.timeout(5):
            while f'"job-{number}"' not in "".join(heard["quick"]):
                await asyncio.sleep(0.02)
    free.set()
    async with asyncio.timeout(5):
        while '"job-3"' not in "".join(heard["stalled"]):
            await asyncio.sleep(0.02)
    texts = [text for text in heard["stalled"] if "event: jobdist" in text]
    assert len(texts) <= 3  # the first batch, the one it stalled at, the newest
    assert len([text for text in heard["quick"] if "event: jobdist" in text]) >= 4
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await in_thread(len)([])


def test_an_answer_waits_in_the_database_and_not_in_memory(web: Web, watcher: User) -> None:
    rows, token = 20_000, token_of(watcher)
    write_down([Deed(action="job.retry", by=process("test"), reason="x" * 1_000) for _ in range(rows)])
    with ask(web, PATH.replace("events", "audit?format=csv&limit=500"), token) as client:
        assert read_all(client).startswith(b"HTTP/1.1 200")
    before = memory_mb(web)
    with ask(web, PATH.replace("events", "audit?format=csv"), token, buffer=4096) as client:
        time.sleep(3)
        grown = memory_mb(web) - before
        client.settimeout(60)
        taken = read_all(client)
    assert grown < 12, f"{grown:.1f} MB of {len(taken) / 2**20:.1f} MB"
    assert len(taken) > rows * 1_000
    assert taken.count(b"job.retry") == rows


def read_all(client: socket.socket) -> bytes:
    taken = bytearray()
    while chunk := client.recv(65_536):
        taken += chunk
    return bytes(taken)


def test_it_streams_over_http(web: Web, watcher: User) -> None:
    reader = Reader()
    events: list[Event] = []
    with ask(web, PATH, token_of(watcher)) as client:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        assert b"content-type: text/event-stream" in head.lower()
        assert b"x-accel-buffering: no" in head.lower()
        assert b"x-request-id: " in head.lower()
        while len(events) < 7:
            # Chunked: sizes stand on lines of their own, which the reader would take for fields without a meaning.
            events += reader.read(client.recv(65_536).decode().replace("\r\n", "\n"))
    assert {event.name for event in events} >= {"overview", "jobdist"}


def test_a_process_with_listeners_stops_soon(watcher: User) -> None:
    web = Web()
    clients = [ask(web, PATH, token_of(watcher)) for _ in range(5)]
    for client in clients:
        assert client.recv(64).startswith(b"HTTP/1.1 200")
    began = time.monotonic()
    web.stop()
    assert time.monotonic() - began < 6
    for client in clients:
        client.close()


# The document's example, with the hub's path.
LISTEN = """
(path) => {
  window.heard = {};
  const source = window.source = new EventSource(path);
  for (const name of ['overview', 'jobdist', 'metrics', 'queues', 'workers', 'latest_jobs', 'latest_queues']) {
    source.addEventListener(name, (event) => {
      const payload = JSON.parse(event.data);
      window.heard[name] = payload;
    });
  }
}
"""


async def until(page: Page, condition: str) -> None:
    """Playwright's own waiting evaluates a text, which the pages' policy forbids."""
    async with asyncio.timeout(20):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.05)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed")
async def test_a_browser_listens_as_the_document_says(watcher: User) -> None:
    web = await asyncio.to_thread(Web)
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=LAUNCH_MS)
            page = await browser.new_page()
            await page.context.add_cookies([await in_thread(session_cookie)(watcher, web)])
            await page.goto(f"http://{web.address}/static/js/hub.js")
            await page.evaluate(LISTEN, PATH)
            await until(page, "Object.keys(heard).length === 7")
            assert await page.evaluate("heard.overview.total_jobs") == 0
            assert await page.evaluate("heard.metrics.throughput") == 0
            await in_thread(broker.enqueue)("tests.jobs.echo")
            await in_thread(record)()
            await until(page, "heard.overview.total_jobs === 1")
            assert await page.evaluate("heard.latest_jobs[0].state") == "waiting"
            web.process.kill()
            web.process.wait()
            await asyncio.to_thread(web.start)
            await in_thread(broker.enqueue)("tests.jobs.echo")
            await in_thread(record)()
            await until(page, "heard.overview.total_jobs === 2")  # it came back by itself
            await browser.close()
    finally:
        await asyncio.to_thread(web.stop)
    assert wait_for(lambda: web.process.poll() is not None, 5)
