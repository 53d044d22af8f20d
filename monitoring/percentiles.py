"""How long runs took beyond the mean: the rollup's histograms, merged over a range."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

from monitoring.histograms import Histogram
from monitoring.models import RunCount
from monitoring.spans import DAY, begin_of_day, begin_of_hour, pieces
from monitoring.statuses import RunStatus
from monitoring.trends import Range

MOST_DAYS = 90
"""Longer ranges are told by their newest days."""
MOST_CELLS = 10_000
"""And, where there are very many types and queues, by the newest cells: what a page costs has a limit."""


def run_times(span: Range, now: datetime | None = None) -> dict[str, Histogram]:
    """The run times of the completed runs that ended in a range, by short type; one query, no rows read.

    Only the rollup has histograms, so a range begins with the hour that it begins in.
    """
    now = now or datetime.now(UTC)
    earliest = begin_of_day(now) - MOST_DAYS * DAY
    start = begin_of_hour(max(span.start(now) or earliest, earliest))
    cells = RunCount.objects.filter(pieces(start, None).cells, outcome=RunStatus.COMPLETED).order_by("-start")
    merged: defaultdict[str, Histogram] = defaultdict(Histogram)
    for task_type, stored in cells.values_list("task_type", "run_histogram")[:MOST_CELLS]:
        merged[task_type.rpartition(".")[2]].merge(Histogram.from_json(stored))
    return dict(merged)
