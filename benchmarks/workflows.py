"""What the workflow engine costs per step, beside the same jobs chained by hand in plain RQ; and whether long ones end.

Two forking workers either way. The engine's side also has a recorder and a dispatcher, on the same processors.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from benchmarks.databases import database, postgres_server
from benchmarks.sides import Side
from benchmarks.stage import Stage, stage

WORKFLOWS = 500
STEPS = 8
TARGET_MS = 15
PATIENCE_SECONDS = 1_200
SIDE = "benchmarks.workflow_side"


def run() -> None:
    """Prints each time and the difference per step."""
    for kind in ("sqlite", *(["postgresql"] if postgres_server() else [])):
        with ExitStack() as stack:
            url = stack.enter_context(database(kind))
            here = stack.enter_context(stage(DATABASE_URL=url))
            side = stack.enter_context(here.side(SIDE, "ask"))
            side.ask("prepare")
            _measure(here, side, kind)


def _measure(here: Stage, side: Side, kind: str) -> None:
    steps = WORKFLOWS * STEPS
    with ExitStack() as stack:
        side.ask("chain", WORKFLOWS)
        _begin(here, stack, "bare", "bare")
        found: dict[str, float] = side.ask("wait_bare", steps)
    bare = found["seconds"] * steps / found["over"]
    print(
        f"{kind}: {found['over']:,} of {steps:,} jobs chained by hand ended: {found['seconds']:.1f} s, "
        f"{1000 * bare / steps:.1f} ms each",
        flush=True,
    )
    with ExitStack() as stack:
        _begin(here, stack, "record", "dispatch")
        side.ask("start", "eight", WORKFLOWS)
        _begin(here, stack, "work", "work")
        told: dict[str, Any] = side.ask("wait", PATIENCE_SECONDS)
        extra = 1000 * (told["seconds"] - bare) / steps
        print(
            f"{kind}: {WORKFLOWS} workflows of {STEPS} steps: {told['seconds']:.1f} s, {told['statuses']}; "
            f"{extra:.1f} ms more a step (target ≤ {TARGET_MS})",
            flush=True,
        )
        for shape in ("chain", "fan"):
            side.ask("start", shape, 1)
            told = side.ask("wait", PATIENCE_SECONDS)
            print(f"{kind}: a {shape} of 1,000 steps: {told['seconds']:.1f} s, {told['statuses']}", flush=True)


def _begin(here: Stage, stack: ExitStack, *words: str) -> None:
    for word in words:
        stack.enter_context(here.running("-m", SIDE, word))
