"""Dependency graphs: order, what is ready, what holds the rest up, and the path that decides how long it takes.

Pure: it knows names, what each depends on, and milliseconds. Every function is linear in steps and dependencies, and
none recurses, so a chain of a thousand steps is as safe as a fan of a thousand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

Graph = Mapping[str, Sequence[str]]
"""Each step, in the order of its declaration, with the names of the steps that it depends on."""


class NotAPlan(ValueError):
    """The graph cannot be run; its text says which steps are at fault."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Where a graph stands."""

    ready: list[str]
    """Steps that could start now."""
    blocked: dict[str, list[str]]
    """Each step that waits, with the dependencies that are not over."""
    completed: list[str]
    critical_path: list[str]
    """The chain of steps whose times add up to the most; of equals the one with more steps, then declared first."""
    critical_path_ms: float
    slack_ms: dict[str, float] = field(default_factory=dict)
    """By how much each step may take longer before the whole does."""
    parallelism: int = 0
    """The most steps that stand side by side, at the same distance from the beginning."""


def topological_order(graph: Graph) -> list[str]:
    """Every step after what it depends on, ties by declaration; raises NotAPlan for a cycle or an unknown name."""
    _refuse_unknown(graph)
    declared = {name: index for index, name in enumerate(graph)}
    names = list(graph)
    unmet = {name: len(set(graph[name])) for name in graph}
    followers = dependents(graph)
    free = [declared[name] for name, count in unmet.items() if not count]
    heapify(free)
    order: list[str] = []
    while free:
        name = names[heappop(free)]
        order.append(name)
        for follower in followers[name]:
            unmet[follower] -= 1
            if not unmet[follower]:
                heappush(free, declared[follower])
    if len(order) < len(graph):
        raise NotAPlan(f"steps depend on each other in a circle: {' → '.join(_a_cycle(graph, set(order)))}")
    return order


def dependents(graph: Graph) -> dict[str, list[str]]:
    """Each step with those that depend on it, in the order of their declaration."""
    followers: dict[str, list[str]] = {name: [] for name in graph}
    for name, needed in graph.items():
        for dependency in dict.fromkeys(needed):
            followers[dependency].append(name)
    return followers


def all_dependents(followers: Mapping[str, Collection[str]], names: Collection[str]) -> set[str]:
    """Everything that depends on one of the names, directly or not, without the names themselves."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        for follower in followers[todo.pop()]:
            if follower not in found:
                found.add(follower)
                todo.append(follower)
    return found - set(names)


def analyse(
    graph: Graph, *, completed: Collection[str] = (), unready: Collection[str] = (), took_ms: Mapping[str, float]
) -> Analysis:
    """Where the graph stands once ``completed`` are over well; ``unready`` are under way or over in another way.

    A step that has not been measured counts as 0 ms. Raises NotAPlan.
    """
    order = topological_order(graph)
    over, taken = set(completed), set(unready)
    waiting_for = {
        name: [needed for needed in dict.fromkeys(graph[name]) if needed not in over]
        for name in order
        if name not in over and name not in taken
    }
    before, after = _longest_before(graph, order, took_ms), _longest_after(graph, order, took_ms)
    longest = max((before[name] + after[name] for name in order), default=0.0)
    path = _critical_path(graph, order, took_ms)
    return Analysis(
        ready=[name for name, needed in waiting_for.items() if not needed],
        blocked={name: needed for name, needed in waiting_for.items() if needed},
        completed=[name for name in order if name in over],
        critical_path=path,
        critical_path_ms=sum(took_ms.get(name, 0.0) for name in path),
        slack_ms={name: max(0.0, longest - before[name] - after[name]) for name in order},
        parallelism=_widest_level(graph, order),
    )


def _refuse_unknown(graph: Graph) -> None:
    for name, needed in graph.items():
        for dependency in needed:
            if dependency not in graph:
                raise NotAPlan(f"step {name!r} depends on {dependency!r}, which is no step")


def _a_cycle(graph: Graph, outside: set[str]) -> list[str]:
    """One circle among the steps that no order could be found for: each of them depends on another of them."""
    name = next(name for name in graph if name not in outside)
    path: dict[str, None] = {}
    while name not in path:
        path[name] = None
        name = next(needed for needed in graph[name] if needed not in outside)
    trail = list(path)
    return [*trail[trail.index(name) :], name]


def _longest_before(graph: Graph, order: Sequence[str], took_ms: Mapping[str, float]) -> dict[str, float]:
    """The earliest that each step can begin."""
    begin: dict[str, float] = {}
    for name in order:
        begin[name] = max((begin[needed] + took_ms.get(needed, 0.0) for needed in graph[name]), default=0.0)
    return begin


def _longest_after(graph: Graph, order: Sequence[str], took_ms: Mapping[str, float]) -> dict[str, float]:
    """How long it takes from each step's beginning to the end of all that follows."""
    followers = dependents(graph)
    rest: dict[str, float] = {}
    for name in reversed(order):
        rest[name] = took_ms.get(name, 0.0) + max((rest[follower] for follower in followers[name]), default=0.0)
    return rest


def _critical_path(graph: Graph, order: Sequence[str], took_ms: Mapping[str, float]) -> list[str]:
    """Walks back from the end of the longest chain."""
    weight: dict[str, tuple[float, int]] = {}
    came_from: dict[str, str | None] = {}
    for name in order:
        best = max(graph[name], key=lambda needed: weight[needed], default=None)
        time, steps = weight[best] if best is not None else (0.0, 0)
        weight[name], came_from[name] = (time + took_ms.get(name, 0.0), steps + 1), best
    last = max(order, key=lambda name: weight[name], default=None)
    path: list[str] = []
    while last is not None:
        path.append(last)
        last = came_from[last]
    return path[::-1]


def _widest_level(graph: Graph, order: Sequence[str]) -> int:
    level: dict[str, int] = {}
    width: dict[int, int] = {}
    for name in order:
        level[name] = max((level[needed] + 1 for needed in graph[name]), default=0)
        width[level[name]] = width.get(level[name], 0) + 1
    return max(width.values(), default=0)
