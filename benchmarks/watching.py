"""What 200 clients of the hub, or of the event stream, cost the web process while a hundred jobs a second run.

Everything is real, on this machine's processors: Valkey, recorder, web process, workers, who enqueues, and the clients
in one process. Measured are the web process's processor time and memory (from /proc), and how late clients hear.
MINUTES (1 unless set) says how long each kind is watched, CLIENTS how many there are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles
from typing import Any

from benchmarks.latency import free_port, wait_for
from benchmarks.processes import busy_seconds, megabytes
from benchmarks.stage import QUEUE, ROOT, Stage, stage

RATE = 100
WORKERS = 2
TARGET_MS = 500
LOOKS = 10
"""How often memory is looked at."""


def run() -> None:
    """Watches the hub first, then the event stream; each on a stage of its own."""
    clients, minutes = int(os.environ.get("CLIENTS", "200")), float(os.environ.get("MINUTES", "1"))
    for kind in ("hub", "events"):
        port = free_port()
        settings = {"HOST": "127.0.0.1", "PORT": str(port), "SECURE_SSL_REDIRECT": "0"}
        with stage(**settings) as here, here.side("benchmarks.site") as site:
            cookie = site.ask("prepare")
            with _at_work(here, port) as web:
                _watch(here, web, [kind, str(port), f"{cookie['name']}={cookie['value']}"], clients, 60 * minutes)
            print(f"tasks recorded meanwhile: {site.ask('recorded', QUEUE):,}")


@contextmanager
def _at_work(here: Stage, port: int) -> Iterator[int]:
    """Recorder, web process, workers and who enqueues; yields the web process's id."""
    with ExitStack() as processes:
        processes.enter_context(here.running("manage.py", "record"))
        web = subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=ROOT, env=here.environment)
        processes.callback(web.wait, timeout=15)
        processes.callback(web.terminate)
        wait_for(f"http://127.0.0.1:{port}/")
        load = ["-m", "benchmarks.load"]
        for words in [["enqueue", QUEUE, str(RATE)], *[["work", QUEUE]] * WORKERS]:
            processes.enter_context(here.running(*load, *words))
        yield web.pid


def _watch(here: Stage, web: int, words: list[str], clients: int, seconds: float) -> None:
    watchers = here.start("-m", "benchmarks.watchers", *words, str(clients), str(seconds))
    assert watchers.stdout is not None
    assert json.loads(watchers.stdout.readline()) == "ready"
    began, busy = time.monotonic(), busy_seconds(web)
    memory: list[float] = []
    done = threading.Event()
    looking = threading.Thread(target=_look_at_memory, args=(web, seconds / LOOKS, memory, done))
    looking.start()
    told = json.loads(watchers.stdout.readline())
    share = 100 * (busy_seconds(web) - busy) / (time.monotonic() - began)
    done.set()
    looking.join()
    watchers.communicate(timeout=30)
    _report(words[0], clients, told, share, memory)


def _report(kind: str, clients: int, told: dict[str, Any], share: float, memory: list[float]) -> None:
    print(f"\n{kind}: {clients} clients and one that reads nothing; lost: {told['lost']}")
    for what, delays in told["delays"].items():
        p95 = quantiles(delays, n=20)[-1]
        told_of = f"p50 {median(delays):.0f} ms, p95 {p95:.0f} ms, max {max(delays):.0f} ms of {len(delays):,}"
        print(f"{what}: {told_of} (target p95 ≤ {TARGET_MS} ms)")
    print(f"web process: {share:.0f} % of one processor; all clients took {told['taken'] / 2**20:,.0f} MB")
    print(f"its memory in MB, evenly over the time: {', '.join(f'{megabytes:.0f}' for megabytes in memory)}")


def _look_at_memory(process: int, pause: float, memory: list[float], done: threading.Event) -> None:
    memory.append(megabytes(process))
    while not done.wait(pause):
        memory.append(megabytes(process))
