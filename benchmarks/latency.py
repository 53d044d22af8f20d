"""How long after RQ's status write the row in a browser shows it, at a hundred jobs a second.

Everything is real: Valkey, recorder, web process and Chromium with the task list open, all on this machine's
processors. Most jobs are no-ops beside the list. The watched ones, ten a second, stand on it: rows of a hundred queued
tasks that are started and, 0.4 s later, finished. The clock starts at the outbox entry's id, which Redis took from its
clock as it wrote the status, and stops when the row with that status, or a later one, stands in the page.
"""

from __future__ import annotations

import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

from benchmarks.sides import Side
from benchmarks.stage import QUEUE, Stage, stage

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WATCHED = "watched"
PAGES = 3
ROWS = 100
JOB_SECONDS = 0.4
WATCHED_WORKERS = 4
RATE = 100
NO_OP_WORKERS = 2
TARGET_MS = 300
# A change in the last moments before a page is left may be seen too late to count.
SETTLING_MS = 2_000
RANKS = {"QUEUED": 0, "RUNNING": 1, "COMPLETED": 2}
HEAR = """
window.heard = [];
window.WebSocket = class extends WebSocket {
  constructor(...address) {
    super(...address);
    this.addEventListener("message", ({ data }) => {
      for (const record of data.split("\\x1e").filter(Boolean)) {
        const { target, arguments: [event] = [] } = JSON.parse(record);
        if (target === "EverTaskEvent") window.heard.push([Date.parse(event.eventDateUtc), Date.now()]);
      }
    });
  }
};
"""
WATCH = """() => {
  window.seen = [];
  const note = (row) => window.seen.push([row.dataset.task, row.dataset.status, Date.now()]);
  new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      if (type === "attributes") note(target);
      for (const node of addedNodes) if (node.matches?.("tr[data-task]")) note(node);
    }
  }).observe(document.getElementById("task-table"), {
    subtree: true, childList: true, attributes: true, attributeFilter: ["data-status"],
  });
  return [Date.now(), [...document.querySelectorAll("tr[data-task]")].map((row) => row.dataset.task)];
}"""


def run() -> None:
    """Prints the percentiles of the way to the hub's event and of the way to the row."""
    if CHROMIUM is None:
        print("not measured: no Chromium is installed (Debian: apt-get install chromium).")
        return
    port = free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "SECURE_SSL_REDIRECT": "0"}
    with stage(**settings, QUARTERDECK_QUEUES=f"{QUEUE},{WATCHED}") as here, here.side("benchmarks.site") as site:
        cookie = site.ask("prepare")
        with ExitStack() as processes:
            _start(here, processes, ["manage.py", "record"], ["manage.py", "serve"])
            wait_for(f"http://127.0.0.1:{port}/")
            site.ask("enqueue", WATCHED, PAGES * ROWS, JOB_SECONDS)
            _wait_until_recorded(site)
            no_ops = RATE - WATCHED_WORKERS / JOB_SECONDS
            load = ["-m", "benchmarks.load"]
            _start(here, processes, [*load, "enqueue", QUEUE, str(no_ops)], *[[*load, "work", QUEUE]] * NO_OP_WORKERS)
            visits = _visit(here, processes, f"http://127.0.0.1:{port}", cookie)
        _report(site, visits)


def _start(here: Stage, processes: ExitStack, *commands: list[str]) -> None:
    for command in commands:
        processes.enter_context(here.running(*command))


def _visit(here: Stage, processes: ExitStack, address: str, cookie: dict[str, str]) -> list[dict[str, Any]]:
    """Opens the list's pages one after another while their tasks are worked; what was seen on each, and when."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": address}])
        context.add_init_script(HEAR)
        page, visits = context.new_page(), []
        for number in range(1, PAGES + 1):
            page.goto(f"{address}/monitoring/tasks?queue={WATCHED}&sort=created&size={ROWS}&page={number}")
            page.locator("#live[data-state=live]").wait_for()
            page.wait_for_timeout(500)  # it catches up once; that is not what is measured
            since, rows = page.evaluate(WATCH)
            if number == 1:
                _start(here, processes, *[["-m", "benchmarks.load", "work", WATCHED]] * WATCHED_WORKERS)
            page.wait_for_timeout(1000 * ROWS * JOB_SECONDS / WATCHED_WORKERS)
            seen, heard, until = page.evaluate("[window.seen, window.heard, Date.now()]")
            visits.append({"since": since, "until": until, "rows": rows, "seen": seen, "heard": heard})
        browser.close()
    return visits


# --- What it comes to ---------------------------------------------------------------------------------------------


def _report(site: Side, visits: list[dict[str, Any]]) -> None:
    changes = site.ask("changes", WATCHED)
    done = [at for _, status, at in site.ask("changes", QUEUE) if status == "COMPLETED"]
    seconds = sum(visit["until"] - visit["since"] for visit in visits) / 1000
    during = sum(visit["since"] <= at <= visit["until"] for visit in visits for at in done)
    print(f"load: {during / seconds:.0f} no-op jobs/s beside {WATCHED_WORKERS / JOB_SECONDS:.0f} watched ones")
    heard = [now - at for visit in visits for at, now in visit["heard"] if at >= visit["since"]]
    rows = [delay for visit in visits for delay in _delays(changes, visit)]
    _print_percentiles("to the hub's event in the browser", heard)
    _print_percentiles("to the row", [delay for delay in rows if delay is not None], f" (target p95 ≤ {TARGET_MS} ms)")
    print(f"changes of rows that were never shown: {rows.count(None)} of {len(rows)}")


def _delays(changes: Iterable[tuple[str, str, float]], visit: dict[str, Any]) -> list[float | None]:
    """From each change to the first sight of that status or a later one; None for a change that was not seen."""
    delays: list[float | None] = []
    rows = set(visit["rows"])
    for task, status, at in changes:
        if task in rows and visit["since"] <= at <= visit["until"] - SETTLING_MS:
            sights = (now for seen, shown, now in visit["seen"] if seen == task and RANKS[shown] >= RANKS[status])
            first = min((now for now in sights if now >= at - 1), default=None)
            delays.append(None if first is None else first - at)
    return delays


def _print_percentiles(what: str, delays: list[float], target: str = "") -> None:
    assert len(delays) > 100, f"only {len(delays)} changes were measured {what}"
    p95 = quantiles(delays, n=20)[-1]
    print(f"{what}: p50 {median(delays):.0f} ms, p95 {p95:.0f} ms, max {max(delays):.0f} ms of {len(delays)}{target}")


# --- Waiting ------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(address: str) -> None:
    """Returns once the web process answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310  # our own http address
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError(f"the web process did not answer at {address} within 30 s")


def _wait_until_recorded(site: Side) -> None:
    deadline = time.monotonic() + 30
    while site.ask("recorded", WATCHED) < PAGES * ROWS:
        if time.monotonic() > deadline:
            raise RuntimeError("the recorder did not record the watched tasks within 30 s")
        time.sleep(0.2)
