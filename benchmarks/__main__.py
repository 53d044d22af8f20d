"""``python -m benchmarks [name …]``: runs the named benchmarks, or all of them, and prints what they measured."""

from __future__ import annotations

import sys
import time
from importlib import import_module

NAMES = ("recording", "recorder", "dispatching", "latency")
APART = (
    "endpoints", "operations", "pausing", "pruning", "reconciling", "watching", "workflows", "workflow_chaos", "soak",
    "fuzz",
)  # fmt: skip
"""Run when named only: they take long."""


def main(names: list[str]) -> int:
    """Runs them one after another; 2 if a name is unknown."""
    if unknown := [name for name in names if name not in (*NAMES, *APART)]:
        print(f"no benchmark is called {unknown[0]!r}; there are {', '.join((*NAMES, *APART))}.", file=sys.stderr)
        return 2
    for name in names or NAMES:
        print(f"\n== {name}", flush=True)
        started = time.perf_counter()
        import_module(f"benchmarks.{name}").run()
        print(f"({time.perf_counter() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
