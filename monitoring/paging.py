"""One page of a list of tasks: which, in which order, how many there are in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import QuerySet

from monitoring import labels, statistics
from monitoring.filters import TaskFilter
from monitoring.models import Task
from monitoring.orders import ordered
from monitoring.statuses import Status


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of tasks. Past the end it is empty, with the true total."""

    tasks: Sequence[Task]
    total: int
    """How many tasks match, exactly."""
    number: int
    """From 1."""
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, 0 when nothing matches."""
        return -(-self.total // self.size)


def page_of_tasks(
    asked: Mapping[str, Any],
    *,
    sort: str,
    descending: bool,
    number: int,
    size: int,
    status_words: Mapping[Status, str] | None = None,
    rows: QuerySet[Task] | None = None,
) -> Page:
    """The page of the tasks that a TaskFilter with the input ``asked`` finds, sorted as ``ordered`` does.

    ``rows`` says what is read of each task, ``for_list()`` if not given. Three queries at most, five when labels are
    asked for; raises BadFilter.
    """
    asked = labels.resolved(asked)
    total = statistics.total_matching(asked)
    offset = (number - 1) * size
    if offset >= total:  # no query: the offset may be larger than a database can count
        return Page(tasks=[], total=total, number=number, size=size)
    in_order = partial(ordered, sort=sort, descending=descending, status_words=status_words)
    # The ids first, from an index alone: a deep page would otherwise read every row of the pages before it.
    ids = in_order(TaskFilter(asked).matching()).values("pk")[offset : offset + size]
    tasks = in_order((Task.objects.for_list() if rows is None else rows).filter(pk__in=ids))
    return Page(tasks=list(tasks), total=total, number=number, size=size)
