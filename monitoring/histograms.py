"""Mergeable histograms of durations whose percentiles are within 2 % of the exact ones.

Buckets are log-spaced: bucket ``i`` holds the values in (γ^(i-1), γ^i] milliseconds with γ = (1 + α) / (1 - α), and is
answered for by 2γ^i / (γ + 1), which is within a relative α of each of them. After C. Masson, J. E. Rim, H. K. Lee,
"DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self

ACCURACY = 0.019
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = math.log(_GAMMA)
SMALLEST_MS = 0.001
ZERO = math.ceil(math.log(SMALLEST_MS) / _LOG_GAMMA) - 1
"""The bucket of everything below a microsecond, answered for by 0."""


def bucket_of(milliseconds: float) -> int:
    """The bucket of a duration."""
    return math.ceil(math.log(milliseconds) / _LOG_GAMMA) if milliseconds >= SMALLEST_MS else ZERO


def value_of(bucket: int) -> float:
    """The duration in milliseconds that answers for a bucket."""
    return 0.0 if bucket <= ZERO else 2 * _GAMMA**bucket / (_GAMMA + 1)


class Histogram:
    """How many durations fell into each bucket."""

    __slots__ = ("buckets",)

    def __init__(self, buckets: Mapping[int, int] | None = None) -> None:
        self.buckets: Counter[int] = Counter(buckets or {})

    @classmethod
    def of(cls, durations: Iterable[float]) -> Self:
        """The histogram of some durations in milliseconds."""
        return cls(Counter(map(bucket_of, durations)))

    @classmethod
    def from_json(cls, stored: Mapping[str, int] | None) -> Self:
        """The histogram as it was stored by ``to_json``."""
        return cls({int(bucket): count for bucket, count in (stored or {}).items()})

    def to_json(self) -> dict[str, int]:
        """Bucket → count, without empty buckets, in order."""
        return {str(bucket): count for bucket, count in sorted(self.buckets.items()) if count}

    def add(self, milliseconds: float, times: int = 1) -> None:
        """Counts one duration so many times; -1 takes it away again."""
        self.buckets[bucket_of(milliseconds)] += times

    def merge(self, other: Self) -> None:
        """Adds the counts of another histogram: the same as having added its durations."""
        self.buckets.update(other.buckets)

    def __len__(self) -> int:
        return sum(self.buckets.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # it changes while counting

    def percentile(self, percent: float) -> float | None:
        """The nearest-rank percentile in milliseconds, within 2 % of the exact one; None when nothing was counted."""
        total = len(self)
        if not total:
            return None
        rank = max(1, math.ceil(total * percent / 100))
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                return value_of(bucket)
        raise AssertionError("the ranks add up to the total")
