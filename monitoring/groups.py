"""The groups of a list that is sorted by what many tasks share, and how many tasks each has, told by the rollups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import F, Q, Sum
from django.db.models.lookups import In

from monitoring import labels, statistics
from monitoring.expressions import Unindexed
from monitoring.models import LabelCount
from monitoring.statuses import Status

Values = Mapping[str, Any]
"""What a TaskFilter is asked for, validated."""


class Group(NamedTuple):
    """Tasks that stand together in a list, in order of their ids."""

    condition: Q
    length: int
    unindexed: Q | None = None
    """The condition as one to be checked of each task, where that may be faster than to look it up and to sort."""


def by_word(values: Values, column: str, words: Mapping[Status, str], *, descending: bool) -> list[Group]:
    """The groups by status, queue or task_type, whose values ``words`` may replace; none if the rollups do not know."""
    if not statistics.are_counted(values):
        return []
    counts = statistics.counts_by(column, values)
    members: defaultdict[str, list[str]] = defaultdict(list)
    for value in counts:
        members[words.get(value, value)].append(value)  # type: ignore[call-overload]  # a status is a text
    return [
        Group(Q(In(F(column), found)), length, Q(In(Unindexed(column), found)))
        for _, found in sorted(members.items(), reverse=descending)
        if (length := sum(counts[value] for value in found))
    ]


def by_shown_type(values: Values, *, descending: bool) -> list[Group]:
    """The groups by what tasks are called (labels.SHOWN_TYPE); none if the rollups do not know their lengths."""
    kinds = statistics.narrowed(LabelCount.objects.filter(label="kind", count__gt=0), values)
    declared = list(kinds.values_list("value", "task_type").annotate(n=Sum("count")))
    if not values.keys() <= statistics.NAMES | (set() if declared else statistics.SPAN):
        return []
    lengths: Counter[str] = Counter()
    types: defaultdict[str, list[str]] = defaultdict(list)
    for task_type, count in statistics.counts_by("task_type", values).items():
        name = labels.shown_type_of("", task_type)
        types[name].append(task_type)
        lengths[name] += count
    for kind, task_type, count in declared:
        lengths[kind] += count
        lengths[labels.shown_type_of("", task_type)] -= count
    return [
        Group(labels.is_called(name, types[name], are_declared=bool(declared)), length)
        for name, length in sorted(lengths.items(), reverse=descending)
        if length
    ]


def by_next_run(values: Values, total: int, *, descending: bool) -> list[Group]:
    """The tasks whose scheduled jobs run next at the same time, and last those without a next run."""
    if not values.keys() <= statistics.NAMES | {"is_recurring"}:
        return []
    jobs = apps.get_model("scheduler", "ScheduledJob")  # by name: the scheduler stands above this layer
    counts = statistics.narrowed(LabelCount.objects.filter(label="scheduled_job"), values)
    lengths = dict(counts.values_list("value").annotate(n=Sum("count"))) if values.get("is_recurring", True) else {}
    series: defaultdict[datetime, list[int]] = defaultdict(list)
    for pk, next_run_at in jobs._default_manager.values_list("pk", "next_run_at"):
        if next_run_at and lengths.get(str(pk)):
            series[next_run_at].append(pk)
    groups = [
        Group(Q(scheduled_job_id__in=pks), sum(lengths[str(pk)] for pk in pks))
        for _, pks in sorted(series.items(), reverse=descending)
    ]
    rest = total - sum(group.length for group in groups)
    return [*groups, Group(~Q(scheduled_job_id__in=[pk for pks in series.values() for pk in pks]), rest)]
