"""The orders in which lists of tasks are shown. Ids break ties: pages never repeat or skip a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Case, F, QuerySet, Value, When
from django.db.models.expressions import Combinable

from monitoring import labels
from monitoring.expressions import ByCodePoint, Elapsed
from monitoring.models import Task
from monitoring.statuses import Status

SORT_COLUMNS: dict[str, F | Combinable] = {
    "created": F("created_at"),
    "last_run": F("last_run_at"),
    "started": F("last_run_at"),  # the recorder writes both together, and this one has an index
    "completed": F("completed_at"),
    "elapsed": Elapsed("completed_at", "started_at"),
    "next_run": F("scheduled_job__next_run_at"),
    "status": ByCodePoint("status"),
    "task_type": ByCodePoint("task_type"),
    "shown_type": ByCodePoint(labels.SHOWN_TYPE),
    "queue": ByCodePoint("queue"),
}
NULLABLE = frozenset({"last_run", "started", "completed", "elapsed", "next_run"})


def ordered(
    tasks: QuerySet[Task], sort: str, *, descending: bool, status_words: Mapping[Status, str] | None = None
) -> QuerySet[Task]:
    """The tasks by one of SORT_COLUMNS, empty values last, ties broken by id.

    A surface with words of its own for statuses gives them, so that its readers see them in order.
    """
    column: Any = SORT_COLUMNS[sort]
    if sort == "status" and status_words:
        column = ByCodePoint(Case(*(When(status=status, then=Value(word)) for status, word in status_words.items())))
    nulls_last = sort in NULLABLE or None
    by_column = column.desc(nulls_last=nulls_last) if descending else column.asc(nulls_last=nulls_last)
    return tasks.order_by(by_column, "-id" if descending else "id")
