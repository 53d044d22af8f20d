"""The workflows that benchmarks run: steps that do nothing, in several shapes."""

from __future__ import annotations

from scheduler.registry import registry
from scheduler.steps import Step, Steps

EIGHT = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"], "f": ["e"], "g": ["e"], "h": ["f", "g"]}
"""Two diamonds, one after the other."""
LONG = 1_000


def nothing(step: Step) -> None:
    """The cheapest step there is."""


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
    registry.finish()
