"""Dependency graphs: orders, cycles, critical paths equal to brute force, and a thousand steps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.graphs import NotAPlan, all_dependents, analyse, dependents, topological_order

DIAMOND = {"reserve": [], "charge": ["reserve"], "pack": ["reserve"], "ship": ["charge", "pack"]}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Graphs without cycles, declared in any order."""
    size = draw(st.integers(0, 8))
    names = [f"s{number}" for number in range(size)]
    edges = {name: draw(st.lists(st.sampled_from(names[:index]), max_size=3)) if index else []
             for index, name in enumerate(names)}  # fmt: skip
    return {name: edges[name] for name in draw(st.permutations(names))}


def chains(graph: dict[str, list[str]]) -> list[list[str]]:
    """Every chain that begins with a step without dependencies, by brute force."""
    followers = dependents(graph)
    found = [[name] for name in graph if not graph[name]]
    for chain in found:
        found += [[*chain, follower] for follower in followers[chain[-1]]]
    return found


@given(graphs())
def test_it_orders_each_step_after_what_it_depends_on(graph: dict[str, list[str]]) -> None:
    order = topological_order(graph)
    assert sorted(order) == sorted(graph)
    assert all(order.index(needed) < order.index(name) for name in graph for needed in graph[name])


@given(graphs(), st.data())
def test_its_critical_path_is_the_longest_of_all_chains(graph: dict[str, list[str]], data: st.DataObject) -> None:
    took = {name: float(data.draw(st.integers(0, 9))) for name in graph}
    found = analyse(graph, took_ms=took)
    every = chains(graph)
    best = max(((sum(took[name] for name in chain), len(chain)) for chain in every), default=(0.0, 0))
    assert (found.critical_path_ms, len(found.critical_path)) == best
    assert found.critical_path in every or not graph
    assert all(before in graph[after] for before, after in pairwise(found.critical_path))
    assert all(found.slack_ms[name] == 0 for name in found.critical_path)


@given(graphs(), st.data())
def test_its_slack_is_what_a_step_may_take_longer(graph: dict[str, list[str]], data: st.DataObject) -> None:
    took = {name: float(data.draw(st.integers(0, 9))) for name in graph}
    found = analyse(graph, took_ms=took)
    for name in graph:
        within = analyse(graph, took_ms={**took, name: took[name] + found.slack_ms[name]})
        beyond = analyse(graph, took_ms={**took, name: took[name] + found.slack_ms[name] + 1})
        assert within.critical_path_ms == found.critical_path_ms
        assert beyond.critical_path_ms == found.critical_path_ms + 1


@given(graphs(), st.data())
def test_every_step_is_completed_ready_blocked_or_under_way(graph: dict[str, list[str]], data: st.DataObject) -> None:
    completed = set(data.draw(st.lists(st.sampled_from(list(graph)), unique=True))) if graph else set()
    found = analyse(graph, completed=completed, took_ms={})
    assert sorted([*found.completed, *found.ready, *found.blocked]) == sorted(graph)
    assert all(set(graph[name]) <= completed for name in found.ready)
    assert all(set(waits) == set(graph[name]) - completed for name, waits in found.blocked.items())


def test_it_orders_ties_by_declaration() -> None:
    assert topological_order({"z": [], "a": [], "m": ["z"]}) == ["z", "a", "m"]
    assert topological_order({"late": ["z"], "a": [], "z": []}) == ["a", "z", "late"]


def test_it_tells_where_a_diamond_stands() -> None:
    took = {"reserve": 100.0, "charge": 900.0, "pack": 400.0, "ship": 50.0}
    found = analyse(DIAMOND, completed=["reserve", "charge"], unready=["pack"], took_ms=took)
    assert (found.ready, found.blocked) == ([], {"ship": ["pack"]})
    assert (found.critical_path, found.critical_path_ms) == (["reserve", "charge", "ship"], 1050.0)
    assert (found.slack_ms["pack"], found.parallelism) == (500.0, 2)


def test_it_finds_everything_that_depends_on_a_step() -> None:
    assert all_dependents(dependents(DIAMOND), ["charge"]) == {"ship"}
    assert all_dependents(dependents(DIAMOND), ["reserve"]) == {"charge", "pack", "ship"}


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        ({"a": ["a"]}, "circle: a → a"),
        ({"start": [], "a": ["start", "c"], "b": ["a"], "c": ["b"], "end": ["c"]}, "circle: a → c → b → a"),
        ({"a": ["ghost"]}, "step 'a' depends on 'ghost', which is no step"),
    ],
)
def test_it_names_what_makes_a_graph_impossible(graph: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(NotAPlan, match=sentence):
        topological_order(graph)


@pytest.mark.parametrize("shape", ["chain", "fan", "ladder"])
def test_it_analyses_a_thousand_steps(shape: str) -> None:
    shapes: dict[str, Callable[[int], list[int]]] = {
        "chain": lambda number: [number - 1] if number else [],
        "fan": lambda number: [] if number == 0 else [0] if number < 999 else list(range(1, 999)),
        "ladder": lambda number: list(range(max(0, number - 5), number)),
    }
    graph = {f"s{number}": [f"s{needed}" for needed in shapes[shape](number)] for number in range(1_000)}
    found = analyse(graph, completed=list(graph)[:500], took_ms=dict.fromkeys(graph, 1.0))
    assert found.critical_path
