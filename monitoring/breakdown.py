"""Tasks counted by what they are: status, provider and type as their producers call them, and how many are new."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum

from monitoring import labels
from monitoring.filters import TaskFilter, as_data
from monitoring.models import LabelCount, Task
from monitoring.statuses import Status
from monitoring.totals import task_totals

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(kw_only=True)
class Breakdown:
    """How many tasks there are of each."""

    by_status: Counter[Status] = field(default_factory=Counter)
    by_provider: Counter[str] = field(default_factory=Counter)
    """Of those that name one."""
    by_shown_type: Counter[str] = field(default_factory=Counter)
    """See labels.SHOWN_TYPE."""
    last_hour: int = 0
    """Created in the last hour."""
    last_day: int = 0
    """Created in the last 24 hours."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.by_status.total()


def breakdown(*, origin_instance: str = "", origin_zone: str = "") -> Breakdown:
    """Of all tasks, or of those with that origin; raises BadFilter.

    Without an origin the rollups tell it; with one, the rows of its tasks do.
    """
    asked = as_data(labels.resolved({"origin_instance": origin_instance, "origin_zone": origin_zone}))
    return _from_rows(TaskFilter(asked).matching()) if asked else _from_rollups()


def _from_rollups() -> Breakdown:
    now = datetime.now(UTC)
    found = Breakdown(
        last_hour=sum(total.count for total in task_totals("status", start=now - HOUR).values()),
        last_day=sum(total.count for total in task_totals("status", start=now - DAY).values()),
    )
    for (task_type, status), total in task_totals("task_type", "status").items():
        found.by_status[Status(status)] += total.count
        found.by_shown_type[labels.shown_type_of("", task_type)] += total.count
    labelled = LabelCount.objects.filter(label__in=("kind", "provider_type"))
    for label, value, task_type, count in labelled.values_list("label", "value", "task_type").annotate(n=Sum("count")):
        if label == "kind":
            found.by_shown_type[labels.shown_type_of("", task_type)] -= count
            found.by_shown_type[value] += count
        else:
            found.by_provider[value] += count
    return _without_empty(found)


def _from_rows(tasks: QuerySet[Task]) -> Breakdown:
    now = datetime.now(UTC)
    groups = tasks.values_list("status", "provider_type", "kind", "task_type").annotate(
        count=Count("pk"),
        last_hour=Count("pk", filter=Q(created_at__gte=now - HOUR)),
        last_day=Count("pk", filter=Q(created_at__gte=now - DAY)),
    )
    found = Breakdown()
    for status, provider, kind, task_type, count, last_hour, last_day in groups:
        found.by_status[Status(status)] += count
        found.by_provider[provider] += count
        found.by_shown_type[labels.shown_type_of(kind, task_type)] += count
        found.last_hour += last_hour
        found.last_day += last_day
    return _without_empty(found)


def _without_empty(found: Breakdown) -> Breakdown:
    del found.by_provider[""]
    found.by_provider = +found.by_provider
    found.by_shown_type = +found.by_shown_type
    return found
