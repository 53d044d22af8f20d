"""The workflows that benchmarks run: steps that do nothing, in several shapes."""

from __future__ import annotations

import os

from scheduler.registry import registry
from scheduler.steps import Step, Steps

EIGHT = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"], "f": ["e"], "g": ["e"], "h": ["f", "g"]}
"""Two diamonds, one after the other."""
LONG = 1_000
EFFECTS = "QUARTERDECK_BENCHMARK_EFFECTS"
"""Names the file to which each attempt of ``leave_a_line`` adds a line."""


def nothing(step: Step) -> None:
    """The cheapest step there is."""


def leave_a_line(step: Step) -> None:
    """An effect that can be counted: one write, which the system adds to the file whole."""
    with open(os.environ[EFFECTS], "a") as effects:  # noqa: PTH123  # appending is what matters
        effects.write(f"{step.key} {step.attempt}\n")


def declare() -> None:
    """Registers them."""
    shapes: dict[str, dict[str, list[str]]] = {
        "eight": EIGHT,
        "chain": {f"s{number}": [f"s{number - 1}"] if number else [] for number in range(LONG)},
        "fan": {"begin": []}
        | {f"w{number}": ["begin"] for number in range(LONG)}
        | {"end": [f"w{number}" for number in range(LONG)]},
    }
    for name, graph in shapes.items():
        steps = Steps(name, namespace="benchmarks")
        for step, after in graph.items():
            steps.step(nothing, name=step, after=after)
    effects = Steps("effects", namespace="benchmarks")
    for step, after in EIGHT.items():
        effects.step(leave_a_line, name=step, after=after, retry_limit=50, backoff=[0.2])
    registry.finish()
