"""Writes a long past in parts, two at a time: one process simulates more slowly than a database can write."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import pairwise

from django.db import connections

from demo import history
from demo.history import Simulation
from monitoring.spans import begin_of_hour

WORTH_IT = 50_000
"""Fewer tasks are written sooner than processes are started."""
AT_ONCE = 2


def write(whole: Simulation) -> Iterator[int]:
    """Writes a past, in parts if it is long, and yields how many reports were written with each batch or part.

    The last hundredth is written last: what is last in the tables is then what happened last.
    """
    if whole.tasks < WORTH_IT:
        yield from history.write(whole)
        return
    *parts, last = parts_of(whole)
    connections.close_all()  # a connection cannot be shared with a forked process
    with ProcessPoolExecutor(AT_ONCE, mp_context=multiprocessing.get_context("fork")) as processes:
        for done in as_completed([processes.submit(_write_part, part) for part in parts]):
            yield done.result()
    yield from history.write(last)


def parts_of(whole: Simulation) -> list[Simulation]:
    """The parts of a past, cut where hours begin, each with its share of the tasks."""
    inside = (whole.end - whole.start) * 0.99 / AT_ONCE
    cuts = [begin_of_hour(whole.start + number * inside) for number in range(1, AT_ONCE + 1)]
    spans = list(pairwise([whole.start, *cuts, whole.end]))
    weights = [sum(history.rhythm(hour) for hour in history.hours_of(*span)) for span in spans]
    seeds = [None if whole.seed is None else f"{whole.seed}/{number}" for number in range(len(spans))]
    return [
        Simulation(tasks=tasks, start=start, end=end, now=whole.end, seed=seed)
        for tasks, (start, end), seed in zip(history.shared_out(whole.tasks, weights), spans, seeds, strict=True)
    ]


def _write_part(part: Simulation) -> int:
    try:
        return sum(history.write(part))
    finally:
        connections.close_all()
