"""``python -m chaos [--short] [name …]``: breaks it in every way, or in those that are named."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.faults import FAULTS, QUIET_SECONDS, Fault, Scene
from chaos.servers import Missing
from chaos.sites import Site

KILLED = "killed"
"""The evidence of jobs that were running in a process that died: those are lost in whatever is killed."""
PATIENCE_SECONDS = 240
"""How long everything may take to come to an end: RQ gives a killed worker's job up after a minute and a half."""


@dataclass(frozen=True)
class Outcome:
    """What came of one fault."""

    scene: Scene
    found: dict[str, Any]
    seconds: float
    """From the end of the load until all was accounted for."""
    mistakes: list[str]

    @property
    def named_after(self) -> list[float]:
        """Seconds until each lost task was named: from its process's last sign of life, or from the fault."""
        return [
            one["named"] - (one["missed"] if one["evidence"] == KILLED else self.scene.broken_at)
            for one in self.found["lost"]
        ]

    def line(self) -> str:
        """A row of the table in the README."""
        found, scene = self.found, self.scene
        heard = f"{max(scene.heard_after):.1f} s" if scene.heard_after else "–"
        lost = Counter(one["evidence"] for one in found["lost"])
        named = ", ".join(f"{count} {evidence}" for evidence, count in sorted(lost.items())) or "0"
        if self.named_after:
            named += f" (after {min(self.named_after):.0f} to {max(self.named_after):.0f} s)"
        return (
            f"{scene.faults} faults, {found['accepted']} jobs: lost and named {named}, "
            f"lost without a name {len(found['unknown'])}, doubled {found['doubled'] + found['due']['doubled']}, "
            f"due times missed {found['due']['missing']} of {found['due']['times']}, said after {heard}, "
            f"settled after {self.seconds:.0f} s"
        )


def play(fault: Fault) -> Outcome:
    """Breaks one, mends it, and waits for the end; raises Missing if this machine cannot."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quarterdeck-chaos-")))
        scene = Scene(directory, stack)
        fault.act(scene)
        time.sleep(QUIET_SECONDS)
        scene.site.end_load()
        began = time.monotonic()
        found = settled(scene.site)
        return Outcome(scene, found, time.monotonic() - began, mistakes_in(fault, scene, found))


def settled(site: Site, *, but_for: Collection[str] = ()) -> dict[str, Any]:
    """The verdict once nothing is unfinished but for tasks in the given statuses, or when patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = site.judge()
        unfinished = found["unfinished"] - sum(found["tasks"].get(status, 0) for status in but_for)
        if (not unfinished and not found["unknown"]) or time.monotonic() > deadline:
            return found
        time.sleep(1)


def mistakes_in(fault: Fault, scene: Scene, found: dict[str, Any]) -> list[str]:
    """Everything that must not be, in sentences."""
    counts = {
        "status changes do not follow from each other": found["broken_chains"],
        "cells of the rollups differ from the rows": len(found["rollups"]),
        "jobs had their effect twice": found["doubled"],
        "completed jobs had none": found["completed_without_effect"],
        "due times have several rows": found["due"]["doubled"],
        "due times have no row": found["due"]["missing"],
        "reports were set aside": found["set_aside"],
        "tasks have not ended": found["unfinished"],
        "accepted jobs are not known": 0 if fault.may_lose else len(found["unknown"]),
        "jobs were lost": 0 if fault.may_lose else sum(one["evidence"] != KILLED for one in found["lost"]),
        "failed jobs have no name for it": found["nameless"],
        "ledger rows do not balance": unbalanced(scene.site),
    }
    mistakes = [f"{count} {what}" for what, count in counts.items() if count]
    if not scene.faults:
        mistakes.append("nothing was broken")
    return [*mistakes, *(f"nobody said {words}; said was {sorted(scene.said)}" for words in scene.silent)]


def unbalanced(site: Site) -> int:
    """Rows of the ledger, as the API tells it, in which something is missing."""
    status, text = site.ask("api/v1/monitoring/ledger?page_size=1000")
    return sum(line["difference"] != 0 for line in json.loads(text)["lines"]) if status == 200 else -1


def main() -> int:
    """Plays what is asked for and prints a line for each; 1 if something was lost, doubled, or not said."""
    parser = argparse.ArgumentParser(prog="chaos", description="Breaks a Quarterdeck of its own, and counts.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(fault.name for fault in FAULTS))
    parser.add_argument("--short", action="store_true", help="only those that CI plays")
    asked = parser.parse_args()
    if unknown := set(asked.names) - {fault.name for fault in FAULTS}:
        parser.error(f"there is no fault called {', '.join(sorted(unknown))}")
    failed = 0
    for fault in FAULTS:
        if (asked.names and fault.name not in asked.names) or (asked.short and not fault.short):
            continue
        print(f"{fault.name}: {fault.what}", flush=True)
        try:
            outcome = play(fault)
        except Missing as what:
            print(f"  left out: this machine lacks {what}", flush=True)
            continue
        print(f"  {outcome.line()}", flush=True)
        for mistake in outcome.mistakes:
            print(f"  FAILED: {mistake}", flush=True)
        failed += bool(outcome.mistakes)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
