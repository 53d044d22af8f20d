"""Histograms against exact percentiles."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.histograms import Histogram

durations = st.lists(st.floats(min_value=0.001, max_value=1e10), min_size=1, max_size=200)


def exact(values: list[float], percent: float) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


@given(durations, st.floats(min_value=0, max_value=100))
def test_it_is_within_two_percent_of_the_exact_percentile(values: list[float], percent: float) -> None:
    answer = Histogram.of(values).percentile(percent)
    assert answer == pytest.approx(exact(values, percent), rel=0.02)


@given(durations, durations)
def test_merging_is_the_same_as_counting_together(left: list[float], right: list[float]) -> None:
    merged = Histogram.of(left)
    merged.merge(Histogram.of(right))
    assert merged == Histogram.of(left + right)


@given(durations)
def test_it_survives_being_stored(values: list[float]) -> None:
    histogram = Histogram.of(values)
    assert Histogram.from_json(json.loads(json.dumps(histogram.to_json()))) == histogram


def test_it_answers_for_nothing_and_for_zero() -> None:
    assert Histogram().percentile(50) is None
    assert Histogram.of([0, 0.0005]).percentile(99) == 0
