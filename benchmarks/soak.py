"""Whether every process keeps its size, and the recorder keeps up, while a hundred jobs a second run for half an hour.

Recorder, web process, dispatcher, operator and two workers, on SQLite; nobody looks. Memory of each is read every
ten seconds; after a warm-up of a sixth of the time, it must not grow. The recorder's lag is asked ten times a second.
MINUTES (30 unless set) says how long.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from statistics import median, quantiles

from benchmarks.latency import free_port, wait_for
from benchmarks.processes import megabytes
from benchmarks.sides import Side
from benchmarks.stage import QUEUE, ROOT, Stage, stage

RATE = 100
LOOK_SECONDS = 10
LAG_SECONDS = 0.1
FLAT_PERCENT = 5
LAG_LIMIT_SECONDS = 1
PARTS = 6
"""Memory in the second part of the time is compared with memory in the last one; the first is the warm-up."""


def run() -> None:
    """Prints how each process's memory went, and the recorder's lag."""
    seconds = 60 * float(os.environ.get("MINUTES", "30"))
    port = free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "SECURE_SSL_REDIRECT": "0"}
    with stage(**settings) as here, here.side("benchmarks.site") as site, ExitStack() as ends:
        site.ask("prepare")
        processes = _start(here, ends)
        wait_for(f"http://127.0.0.1:{port}/")
        ends.enter_context(here.running("-m", "benchmarks.load", "enqueue", QUEUE, str(RATE)))
        memory, lags = _look(site, processes, seconds)
        _report(seconds, memory, lags, site.ask("recorded", QUEUE))


def _start(here: Stage, ends: ExitStack) -> dict[str, int]:
    """Their ids, by name."""
    words = {name: ["manage.py", name] for name in ("record", "serve", "dispatch", "operate")}
    workers = {f"worker {number}": ["-m", "benchmarks.load", "work", QUEUE] for number in (1, 2)}
    found = {}
    for name, command in {**words, **workers}.items():
        log = ends.enter_context((here.data_dir / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=here.environment, stdout=log, stderr=subprocess.STDOUT
        )
        ends.callback(process.wait, timeout=15)
        ends.callback(process.terminate)
        found[name] = process.pid
    return found


def _look(site: Side, processes: dict[str, int], seconds: float) -> tuple[dict[str, list[float]], list[float]]:
    """Each process's megabytes over the time, and the recorder's lags in seconds."""
    memory: dict[str, list[float]] = {name: [] for name in processes}
    lags: list[float] = []
    began = time.monotonic()
    next_look = began
    while (now := time.monotonic()) < began + seconds:
        if now >= next_look:
            next_look += LOOK_SECONDS
            for name, pid in processes.items():
                memory[name].append(megabytes(pid))
        lags.append(site.ask("lag"))
        time.sleep(LAG_SECONDS)
    return memory, lags


def _report(seconds: float, memory: dict[str, list[float]], lags: list[float], recorded: int) -> None:
    print(f"{seconds / 60:.0f} minutes, {recorded:,} tasks recorded ({recorded / seconds:.0f} a second)")
    for name, looks in memory.items():
        part = len(looks) // PARTS
        early, late = median(looks[part : 2 * part]), median(looks[-part:])
        growth = 100 * (late / early - 1)
        print(f"{name}: {early:.1f} MB, in the end {late:.1f} MB, {growth:+.1f} % (target within {FLAT_PERCENT} %)")
    cuts = quantiles(lags, n=100)
    print(
        f"recorder's lag: p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, max {max(lags) * 1000:.0f} ms "
        f"of {len(lags):,} (target p99 ≤ {LAG_LIMIT_SECONDS} s)"
    )
