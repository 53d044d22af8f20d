"""How long it takes from an operator's "pause" until the last of eight workers has acknowledged.

Eight real worker processes of ours listen to the queue. First they wait for jobs, then each runs a long job of another
queue. Each round pauses at a random moment, waits for the eighth acknowledgement and resumes.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import quantiles

from benchmarks.stage import Stage, stage

WORKERS = 8
ROUNDS = 40
TARGET_MS = 2_000


def run() -> None:
    """Prints the percentiles, idle and busy."""
    with stage(QUARTERDECK_QUEUES="mail,other", SECURE_SSL_REDIRECT="0") as here:
        _measure(here)


def _measure(here: Stage) -> None:
    with ExitStack() as processes:
        side = processes.enter_context(here.side("benchmarks.pausing_side"))
        token = side.ask("prepare")
        for _ in range(WORKERS):
            processes.enter_context(here.running("manage.py", "work", "--grace", "0.5"))
        while side.ask("listening") < WORKERS:
            time.sleep(0.1)
        _tell("idle", [side.ask("measure", token, WORKERS) for _ in range(ROUNDS)])
        side.ask("keep_busy", WORKERS)
        _tell("busy", [side.ask("measure", token, WORKERS) for _ in range(ROUNDS)])


def _tell(state: str, taken: list[float]) -> None:
    cuts = quantiles(taken, n=20, method="inclusive")
    verdict = "met" if cuts[18] <= TARGET_MS else "missed"
    print(
        f"{WORKERS} {state} workers, POST pause to the last acknowledgement, {len(taken)} rounds: "
        f"p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms (target {TARGET_MS} ms: {verdict}), longest {max(taken):.0f} ms",
        flush=True,
    )
