"""One function per number. Every surface and page takes its figures from here, so they are equal by construction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from monitoring.filters import TaskFilter, looks_like_id
from monitoring.models import Task, TaskCount
from monitoring.statuses import Status

_HOUR = timedelta(hours=1)
_NAMES = {"queue", "task_type", "search"}
_SPAN = {"created_from", "created_to"}
_NOTHING = Q(pk__in=[])
"""Matches no row, and Django knows: it sends no query."""


def counts_by_status(queue: str | None = None) -> dict[Status, int]:
    """How many tasks are in each status now, all of them named, zeros included."""
    return counts_matching({} if queue is None else {"queue": queue})


def counts_matching(asked: Mapping[str, Any]) -> dict[Status, int]:
    """How many of the tasks that a TaskFilter finds are in each status, whichever statuses it asks for.

    ``asked`` is the filter's input; raises BadFilter. The counts are exact and come from the rollup, so they cost the
    same however many tasks there are. Rows are counted for what the rollup does not know only: ids, what recurs, and
    the broken hours at both ends of a span of time. Two queries at most.
    """
    tasks = TaskFilter({name: value for name, value in asked.items() if name != "status"})
    values = tasks.values()
    names = {name: value for name, value in values.items() if name in _NAMES}
    if values.keys() <= _NAMES | _SPAN and not looks_like_id(values.get("search", "")):
        return _from_rollup(names, values.get("created_from"), values.get("created_to"))
    if values == {**names, "is_recurring": False}:  # nearly all of them: cheaper to count the others
        every, recurring = counts_matching(names), counts_matching({**names, "is_recurring": True})
        return {status: every[status] - recurring[status] for status in Status}
    return _totals(_count_rows(tasks.matching()))


def _from_rollup(names: Mapping[str, str], start: datetime | None, end: datetime | None) -> dict[Status, int]:
    whole_hours, broken_hours = _split(start, end)
    cells: QuerySet[Any] = TaskFilter(names, queryset=TaskCount.objects.filter(whole_hours)).matching()
    rows = TaskFilter(names, queryset=Task.objects.filter(broken_hours)).matching()
    return _totals(_sum_cells(cells), _count_rows(rows))


def _split(start: datetime | None, end: datetime | None) -> tuple[Q, Q]:
    """A span of time as conditions: on cells, for the whole hours inside it, and on tasks, for what is left."""
    first = _hour_of(start - datetime.resolution) + _HOUR if start else None
    last = _hour_of(end) if end else None
    if first and last and first >= last:
        return _NOTHING, Q(created_at__gte=start, created_at__lte=end)
    whole, broken = Q(), _NOTHING
    if first:
        whole, broken = whole & Q(hour__gte=first), broken | Q(created_at__gte=start, created_at__lt=first)
    if last:
        whole, broken = whole & Q(hour__lt=last), broken | Q(created_at__gte=last, created_at__lte=end)
    return whole, broken


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _sum_cells(cells: QuerySet[TaskCount]) -> Iterable[tuple[str, int]]:
    return cells.values_list("status").annotate(total=Sum("count"))


def _count_rows(rows: QuerySet[Task]) -> Iterable[tuple[str, int]]:
    # FILTERs instead of GROUP BY: to group, SQLite walks the index of statuses and looks up every task there is.
    return rows.aggregate(**{status: Count("pk", filter=Q(status=status)) for status in Status}).items()


def _totals(*parts: Iterable[tuple[str, int]]) -> dict[Status, int]:
    totals: Counter[str] = Counter()
    for part in parts:
        totals.update(dict(part))
    return {status: totals[status] for status in Status}
