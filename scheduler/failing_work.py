"""What failed: errors grouped by what they have in common, with the steps that they happen in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Q, QuerySet, Sum

from monitoring.models import ErrorGroup, FailureCount, Span, StepCount, Task
from monitoring.spans import HOUR
from monitoring.statuses import Status
from scheduler.handing_over import ENTRY
from scheduler.slow_work import MOST_ROWS, Scope, Slow


@dataclass(frozen=True, kw_only=True)
class Failing:
    """Tasks that failed with one error."""

    error_type: str
    pattern: str
    count: int
    steps: Sequence[str]
    """Names of steps, and types of tasks that are none."""
    first_at: datetime
    """When the error was first seen at all."""
    last_at: datetime


def errors_of(scope: Scope, steps: Sequence[Slow], begin: datetime) -> list[Failing]:
    """Counted by hours, of which the last one says where to look for the last failure."""
    hours = {"span": Span.HOUR, "start__gte": begin, "count__gt": 0}
    handlers = {step.task for step in steps}
    attempts = StepCount.objects.filter(status=Status.FAILED, **hours)
    if scope.given:
        cells: QuerySet[Any] = attempts.filter(handler__in=handlers)
    else:
        cells = FailureCount.objects.filter(**hours)
    sums = cells.values_list("error_group").annotate(n=Sum("count"), last=Max("start")).order_by("-n", "error_group")
    worst = {group: (count, last) for group, count, last in sums[:MOST_ROWS]}
    affected: defaultdict[str, set[str]] = defaultdict(set)
    of_steps = attempts.filter(error_group__in=worst, handler__in=handlers)
    for group, kind in of_steps.values_list("error_group", "kind").distinct():
        affected[group].add(kind)
    if not scope.given:
        plain = FailureCount.objects.filter(error_group__in=worst, **hours).exclude(task_type=ENTRY)
        for group, task_type in plain.values_list("error_group", "task_type").distinct():
            affected[group].add(task_type)
    last = _last_failures(worst, handlers if scope.given else None)
    groups = ErrorGroup.objects.in_bulk(list(worst))
    return [
        Failing(
            error_type=groups[group].error_type,
            pattern=groups[group].pattern,
            count=count,
            steps=sorted(affected[group])[:MOST_ROWS],
            first_at=groups[group].first_seen_at,
            last_at=last.get(group, hour),
        )
        for group, (count, hour) in worst.items()
        if group in groups
    ]


def _last_failures(worst: Mapping[str, tuple[int, datetime]], handlers: set[str] | None) -> dict[str, datetime]:
    """When each error last happened: one query, a step into an index for each, of the failures of one hour at most."""
    condition = Q(pk__in=[])
    for group, (_, hour) in worst.items():
        condition |= Q(error_group=group, completed_at__gte=hour, completed_at__lt=hour + HOUR)
    failed = Task.objects.filter(condition)
    if handlers is not None:
        failed = failed.filter(handler__in=handlers)
    return dict(failed.values_list("error_group").annotate(last=Max("completed_at")))
