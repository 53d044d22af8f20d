"""One page of a list of tasks: which, in which order, how many there are in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from monitoring import labels, statistics
from monitoring.filters import TaskFilter
from monitoring.models import Task
from monitoring.statuses import Status
from monitoring.stretches import Listing, Stretch, stretches, whole


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
    total: int | None = None,
    rows: QuerySet[Task] | None = None,
) -> Page:
    """The page of the tasks that a TaskFilter with the input ``asked`` finds, sorted as ``ordered`` does.

    ``total`` is how many these are, if the caller knows; ``rows`` says what is read of each task, ``for_list()`` if not
    given. Few queries, whatever their number; raises BadFilter.
    """
    values = TaskFilter(labels.resolved(asked)).values()
    if total is None:
        total = statistics.total_of(values)
    first, last = (number - 1) * size, min(number * size, total)
    tasks: list[Task] = []
    if first < total:  # else no query: the offset may be larger than a database can count
        words = status_words
        listing = Listing(values=values, total=total, sort=sort, descending=descending, status_words=words)
        tasks = _tasks(listing, first, last, Task.objects.for_list() if rows is None else rows)
    return Page(tasks=tasks, total=total, number=number, size=size)


def _tasks(listing: Listing, first: int, last: int, rows: QuerySet[Task]) -> list[Task]:
    found = _read(listing, stretches(listing, first, last), rows)
    if len(found) == last - first:
        return found
    # The recorder has moved tasks since their counts were read: what is skipped has to be stepped over, once.
    return _read(listing, whole(listing, first, last), rows)


def _read(listing: Listing, found: Sequence[Stretch], rows: QuerySet[Task]) -> list[Task]:
    """The ids first, from an index alone: a page would otherwise read every row that it steps over."""
    ids = found[0].ids() if len(found) == 1 else [pk for stretch in found for pk in stretch.ids()]
    return list(listing.in_order(rows.filter(pk__in=ids)))
