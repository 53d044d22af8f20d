"""One function per number. Every surface and page takes its figures from here, so they are equal by construction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from monitoring import labels
from monitoring.filters import TaskFilter, looks_like_id
from monitoring.models import Task, TaskCount
from monitoring.spans import pieces
from monitoring.statuses import Status

_NAMES = {"queue", "task_type", "types", "search"}
_ROWS_ONLY = labels.LABELS | {"id_prefix", "payload", "job_id", "worker", "error_type"}
_SPAN = {"created_from", "created_to"}


def counts_by_status(queue: str | None = None) -> dict[Status, int]:
    """How many tasks are in each status now, all of them named, zeros included."""
    return counts_matching({} if queue is None else {"queue": queue})


def counts_matching(asked: Mapping[str, Any]) -> dict[Status, int]:
    """How many of the tasks that a TaskFilter finds are in each status, whichever statuses it asks for.

    ``asked`` is the filter's input; raises BadFilter. The counts are exact and come from the rollup, so they cost the
    same however many tasks there are. Rows are counted for what the rollup does not know only: ids, what recurs, and
    the broken hours at both ends of a span of time. Two queries at most.
    """
    tasks = TaskFilter({name: value for name, value in labels.resolved(asked).items() if name != "status"})
    values = tasks.values()
    names = {name: value for name, value in values.items() if name in _NAMES}
    if values.keys() <= _NAMES | _SPAN and not looks_like_id(values.get("search", "")):
        return _from_rollup(names, values.get("created_from"), values.get("created_to"))
    if values == {**names, "is_recurring": False}:  # nearly all of them: cheaper to count the others
        every, recurring = counts_matching(names), counts_matching({**names, "is_recurring": True})
        return {status: every[status] - recurring[status] for status in Status}
    return _totals(_count_rows(tasks.matching()))


def total_matching(asked: Mapping[str, Any]) -> int:
    """How many tasks a TaskFilter finds, exactly; raises BadFilter.

    Where rows have to be counted, an index alone may do, unlike for the counts by status.
    """
    tasks = TaskFilter(labels.resolved(asked))
    values = tasks.values()
    if values.keys() & _ROWS_ONLY:
        return tasks.matching().count()
    counts = counts_matching(values)
    return sum(counts[status] for status in values.get("status") or Status)


def _from_rollup(names: Mapping[str, str], start: datetime | None, end: datetime | None) -> dict[Status, int]:
    span = pieces(start, end + datetime.resolution if end else None)
    cells: QuerySet[Any] = TaskFilter(names, queryset=TaskCount.objects.filter(span.cells)).matching()
    rows = TaskFilter(names, queryset=Task.objects.filter(span.rows("created_at"))).matching()
    return _totals(_sum_cells(cells), _count_rows(rows))


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
