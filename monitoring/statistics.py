"""One function per number. Every surface and page takes its figures from here, so they are equal by construction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum, Value

from monitoring import labels
from monitoring.filters import TaskFilter, looks_like_id, narrow
from monitoring.models import FailureCount, Span, Task, TaskCount
from monitoring.spans import Pieces, pieces
from monitoring.statuses import Status

NAMES = {"queue", "task_type", "types", "search", "status"}
SPAN = {"created_from", "created_to"}


def counts_by_status(queue: str | None = None) -> dict[Status, int]:
    """How many tasks are in each status now, all of them named, zeros included."""
    return counts_matching({} if queue is None else {"queue": queue})


def counts_matching(asked: Mapping[str, Any]) -> dict[Status, int]:
    """How many of the tasks that a TaskFilter finds are in each status, whichever statuses it asks for.

    ``asked`` is the filter's input; raises BadFilter. The counts are exact and come from the rollups where they know
    what is asked (see ``are_counted``), so they cost the same however many tasks there are. Three queries at most.
    """
    tasks = TaskFilter({name: value for name, value in labels.resolved(asked).items() if name != "status"})
    values = tasks.values()
    counts = counts_by("status", values) if are_counted(values) else _count_rows("status", tasks.matching())
    return {status: counts[status] for status in Status}


def total_matching(asked: Mapping[str, Any]) -> int:
    """How many tasks a TaskFilter finds, exactly; raises BadFilter.

    Where rows have to be counted, an index alone may do, unlike for the counts by status.
    """
    return total_of(TaskFilter(labels.resolved(asked)).values())


def total_of(values: Mapping[str, Any]) -> int:
    """The same, of a TaskFilter's values with labels resolved."""
    return counts_by("status", values).total() if are_counted(values) else narrow(Task.objects.all(), values).count()


def are_counted(values: Mapping[str, Any]) -> bool:
    """Whether the rollups know how many tasks a TaskFilter with these values finds.

    They do not know ids and what texts contain, two labels at once, nor when the tasks with a label were created.
    """
    asked = values.keys()
    if looks_like_id(values.get("search", "")):
        return False
    if asked <= NAMES | SPAN or asked <= NAMES | {"error_group"}:
        return True
    return asked <= NAMES | labels.LABELS and len(asked & labels.LABELS) == 1


def counts_by(column: str, values: Mapping[str, Any]) -> Counter[str]:
    """How many of the tasks that a TaskFilter with these values finds have which status, queue or type.

    From the rollups, which must know them; rows are counted for the broken hours at both ends of a span of time only.
    """
    if "error_group" in values:
        return _sum_cells(column, narrowed(_failures(values["error_group"]), values))
    for label in values.keys() & labels.LABELS:
        return _from_label(column, values, label)
    return _from_spans(column, values)


def _from_spans(column: str, values: Mapping[str, Any]) -> Counter[str]:
    span = span_of(values)
    counts = _sum_cells(column, narrowed(TaskCount.objects.filter(span.cells), values))
    if span.broken:
        counts.update(_count_rows(column, narrowed(Task.objects.filter(span.rows("created_at")), values)))
    return counts


def span_of(values: Mapping[str, Any]) -> Pieces:
    """The pieces of the time of creation that a TaskFilter is asked for."""
    end = values.get("created_to")
    return pieces(values.get("created_from"), end + datetime.resolution if end else None)


def _from_label(column: str, values: Mapping[str, Any], label: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for sign, cells in labels.cells_of(label, values[label]):
        counts.update({name: sign * count for name, count in _sum_cells(column, narrowed(cells, values)).items()})
    return counts


def _failures(error_group: str) -> QuerySet[FailureCount]:
    """Tasks with an error group are failed, all of them."""
    cells = FailureCount.objects.filter(span=Span.DAY, error_group=error_group)
    return cells.annotate(status=Value(Status.FAILED.value))


def narrowed(rows: QuerySet[Any], values: Mapping[str, Any]) -> QuerySet[Any]:
    """The tasks, or cells of a rollup, with the names that are among a TaskFilter's values."""
    names = {name: value for name, value in values.items() if name in NAMES}
    return narrow(rows, names)


def _sum_cells(column: str, cells: QuerySet[Any]) -> Counter[str]:
    return Counter(dict(cells.values_list(column).annotate(total=Sum("count", default=0))))


def _count_rows(column: str, rows: QuerySet[Task]) -> Counter[str]:
    if column != "status":
        return Counter(dict(rows.values_list(column).annotate(total=Count("pk"))))
    # FILTERs instead of GROUP BY: to group, SQLite walks the index of statuses and looks up every task there is.
    return Counter(rows.aggregate(**{status: Count("pk", filter=Q(status=status)) for status in Status}))
