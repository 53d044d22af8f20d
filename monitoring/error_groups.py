"""Tasks that are failed now, by error: how many, since when, is it getting worse, and one to look at.

Counts come from the rollup, the first and the last failure from both ends of an index: it costs the same however many
tasks there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Max, OuterRef, QuerySet, Subquery, Sum

from monitoring.models import ErrorGroup, FailureCount, Span, Task
from monitoring.spans import HOUR, begin_of_hour

SPARK_HOURS = 48
MOST_GROUPS = 100
"""A page shows no more: the others are few failures each."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The tasks that are failed now with one error."""

    fingerprint: str
    error_type: str
    pattern: str
    count: int
    first_at: datetime | None
    """When the first of those that are failed now failed; None if all were dealt with a moment ago."""
    known_since: datetime
    """When the error was first seen at all."""
    example: Task | None
    """The one that failed last: its type, its queue and when that was."""
    hours: Sequence[int]
    """How many failed in each of the last SPARK_HOURS hours, the present one last."""

    @property
    def last_at(self) -> datetime | None:
        """When the last of them failed."""
        return self.example.completed_at if self.example else None

    @property
    def most_an_hour(self) -> int:
        """In the worst of these hours."""
        return max(self.hours)


def groups(
    queue: str | None = None, *, limit: int = MOST_GROUPS, newest_first: bool = False, only: str = ""
) -> list[Group]:
    """The groups of one queue or of all, most failures first, or those whose last failure is newest; four queries.

    ``only`` names one group, which is told even when nothing of it is left.
    """
    now = datetime.now(UTC)
    cells = FailureCount.objects.filter(**({} if queue is None else {"queue": queue}))
    counts = _counts(cells, limit, newest_first=newest_first, only=only)
    if not counts:
        return []
    hours = _hours(cells.filter(error_group__in=counts), now)
    rows = {row.pk: row for row in _with_ends(ErrorGroup.objects.filter(pk__in=counts), queue)}
    examples = Task.objects.only("task_type", "queue", "completed_at").in_bulk(
        [row.last for row in rows.values() if row.last]
    )
    found = [
        _group(rows[name], count, hours[name], examples.get(rows[name].last))
        for name, count in counts.items()
        if name in rows
    ]
    if newest_first:
        found.sort(key=lambda group: group.last_at or group.known_since, reverse=True)
    return found


def group_named(fingerprint: str, queue: str | None = None) -> Group | None:
    """One group, None if no error ever was of it; four queries."""
    return next(iter(groups(queue, only=fingerprint)), None)


def number_of_groups(queue: str | None = None) -> int:
    """How many groups there are; one query."""
    cells = FailureCount.objects.filter(**({} if queue is None else {"queue": queue}))
    return int(_totals(cells).count())


def number_of_failures(queue: str | None = None, *, fingerprint: str = "") -> int:
    """How many tasks are failed now, of one group or of all; one query."""
    asked = ({} if queue is None else {"queue": queue}) | ({"error_group": fingerprint} if fingerprint else {})
    return int(FailureCount.objects.filter(span=Span.DAY, **asked).aggregate(total=Sum("count", default=0))["total"])


def _totals(cells: QuerySet[FailureCount]) -> Any:
    totals = cells.filter(span=Span.DAY, count__gt=0).values_list("error_group")
    return totals.annotate(total=Sum("count"), newest=Max("start"))


def _counts(cells: QuerySet[FailureCount], limit: int, *, newest_first: bool, only: str) -> dict[str, int]:
    if only:
        return {only: sum(total for _, total, _ in _totals(cells.filter(error_group=only)))}
    order = ("-newest", "-total") if newest_first else ("-total", "-newest")
    return {name: total for name, total, _ in _totals(cells).order_by(*order, "error_group")[:limit]}


def _hours(cells: QuerySet[FailureCount], now: datetime) -> defaultdict[str, list[int]]:
    last = begin_of_hour(now)
    hours: defaultdict[str, list[int]] = defaultdict(lambda: [0] * SPARK_HOURS)
    recent = cells.filter(span=Span.HOUR, start__gt=last - SPARK_HOURS * HOUR, start__lte=last, count__gt=0)
    for name, start, total in recent.values_list("error_group", "start").annotate(total=Sum("count")):
        hours[name][SPARK_HOURS - 1 - (last - start) // timedelta(hours=1)] += total
    return hours


def _with_ends(rows: QuerySet[ErrorGroup], queue: str | None) -> Any:
    """With the first and the last failure of each, each a step into an index."""
    failed = Task.objects.filter(error_group=OuterRef("pk"))
    if queue is not None:
        failed = failed.filter(queue=queue)
    first, last = failed.order_by("completed_at", "pk"), failed.order_by("-completed_at", "-pk")
    return rows.annotate(first_at=Subquery(first.values("completed_at")[:1]), last=Subquery(last.values("pk")[:1]))


def _group(row: Any, count: int, hours: Sequence[int], example: Task | None) -> Group:
    return Group(
        fingerprint=row.pk, error_type=row.error_type, pattern=row.pattern, count=count, first_at=row.first_at,
        known_since=row.first_seen_at, example=example, hours=hours,
    )  # fmt: skip
