"""``python -m chaos.clean [--minutes 60]``: breaks nothing, and counts what is said to be wrong all the same.

A whole Quarterdeck with the demo's traffic (failures, retries, cancellations, delays, schedules, workflows), a steady
load beside it, and a schedule that fires every second. In all that time nothing may be called lost, nothing may be
written by the comparison, for every job reports itself, and nobody may be told that a process or a server is away.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from chaos.__main__ import settled, unbalanced
from chaos.sites import Site

RATE = 8.0
"""Jobs a second: two workers have the demo's jobs to do, too."""
LOOK_SECONDS = 2.0
LIVELY = {"overview: failures", "overview: schedules"}
"""What the demo plays on purpose: waves of failures, and schedules in trouble."""


def play(minutes: float) -> list[str]:
    """Prints what was seen; returns the false alarms in sentences."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-clean-") as directory:
        site = Site(
            Path(directory),
            DEMO="1",
            QUARTERDECK_CALLABLES="chaos.jobs,demo.tasks",
            QUARTERDECK_QUEUES="default,mail,media,reports,payments",
        )
        try:
            site.start()
            site.begin_load(RATE)
            said = _listen(site, minutes * 60)
            site.end_load()
            return _false_alarms(site, said)
        finally:
            site.end()


def _listen(site: Site, seconds: float) -> Counter[str]:
    """In how many looks each thing was said."""
    said: Counter[str] = Counter()
    looks, ends_at = 0, time.monotonic() + seconds
    while time.monotonic() < ends_at:
        said.update(site.says())
        looks += 1
        time.sleep(LOOK_SECONDS)
    print(f"{seconds / 60:.0f} minutes, {looks:,} looks; in how many of them something was said: {_told(said.items())}")
    return said


def _told(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in sorted(counts)) or "none"


def _false_alarms(site: Site, said: Counter[str]) -> list[str]:
    for source in ("demo", "dispatch"):
        site.freeze(source)  # nothing new comes; what waits for a later time may go on waiting
    found = settled(site, but_for=("SCHEDULED", "DEFERRED"))
    print(f"{sum(found['tasks'].values()):,} tasks: {_told(found['tasks'].items())}")
    print(f"{found['accepted']:,} jobs of the load accepted, {found['due']['times']:,} due times of its schedule")
    counts = {
        "tasks were called lost": len(found["lost"]),
        "status changes were written by the comparison": found["by_reconcile"],
        "ledger rows do not balance": unbalanced(site),
        "cells of the rollups differ from the rows": len(found["rollups"]),
        "accepted jobs are not known": len(found["unknown"]),
        "due times have no row": found["due"]["missing"],
        "jobs had their effect twice": found["doubled"],
        "reports were set aside": found["set_aside"],
        **{f"looks heard {words!r}": count for words, count in said.items() if words not in LIVELY},
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def main() -> int:
    """1 if there was a false alarm."""
    parser = argparse.ArgumentParser(prog="chaos.clean", description="Breaks nothing, and counts false alarms.")
    parser.add_argument("--minutes", type=float, default=60)
    alarms = play(parser.parse_args().minutes)
    print("\n".join(f"FALSE ALARM: {alarm}" for alarm in alarms) or "no false alarm")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
