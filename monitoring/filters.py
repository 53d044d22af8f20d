"""The one filter over tasks: the list page, every API, counts and bulk verbs ask with the same object.

Surfaces translate their own parameter names and status words into these fields and translate the errors back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import django_filters
from django.db.models import F, Q, QuerySet
from django.db.models.lookups import GreaterThan, IsNull

from audit import uuids
from monitoring import labels
from monitoring.expressions import OwnJobId
from monitoring.filter_fields import EndFilter, MomentFilter, TrueOrFalseFilter
from monitoring.models import Task
from monitoring.statuses import Status

TEXT_LIMIT = 255
"""The longest name that is ever recorded; a longer one cannot match."""


class BadFilter(ValueError):
    """Values that the filter refuses; ``errors`` maps each field to its sentences."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{field}: {' '.join(sentences)}" for field, sentences in errors.items()))
        self.errors = dict(errors)


class TaskFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter ships no types
    """Tasks by status (any of several), queue, type, labels, time of creation, id, payload, worker and error."""

    status = django_filters.MultipleChoiceFilter(
        choices=Status.choices,
        distinct=False,  # a DISTINCT over whole rows would cost more than the list itself
        error_messages={"invalid_choice": f"%(value)s is not a status. Statuses are {', '.join(Status)}."},
    )
    queue = django_filters.CharFilter(field_name="queue", lookup_expr="exact", max_length=TEXT_LIMIT, strip=False)
    task_type = django_filters.CharFilter(field_name="task_type", lookup_expr="icontains", max_length=TEXT_LIMIT)
    is_recurring = TrueOrFalseFilter(method="filter_is_recurring")
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = EndFilter(field_name="created_at", lookup_expr="lte")
    search = django_filters.CharFilter(method="filter_search", max_length=TEXT_LIMIT)
    id_prefix = django_filters.CharFilter(method="filter_id_prefix", max_length=TEXT_LIMIT)
    types = django_filters.Filter(method="filter_types")
    shown_type = django_filters.CharFilter(method="filter_shown_type", max_length=TEXT_LIMIT)
    origin_instance = django_filters.CharFilter(method="filter_origin_instance", max_length=TEXT_LIMIT)
    origin_zone = django_filters.CharFilter(method="filter_label", max_length=TEXT_LIMIT)
    origin_tenant_id = django_filters.CharFilter(method="filter_label", max_length=TEXT_LIMIT)
    provider_type = django_filters.CharFilter(method="filter_label", max_length=TEXT_LIMIT)
    # Parts of texts, found on PostgreSQL through trigrams (migration 0006); SQLite reads all that the others leave.
    payload = django_filters.CharFilter(field_name="arguments", lookup_expr="icontains", max_length=TEXT_LIMIT)
    job_id = django_filters.CharFilter(method="filter_job_id", max_length=TEXT_LIMIT)
    worker = django_filters.CharFilter(method="filter_label", max_length=TEXT_LIMIT, strip=False)
    error_type = django_filters.CharFilter(method="filter_label", max_length=TEXT_LIMIT)
    error_group = django_filters.CharFilter(field_name="error_group", lookup_expr="exact", max_length=TEXT_LIMIT)

    class Meta:
        model = Task
        fields: list[str] = []

    def __init__(self, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        if data is not None:  # the parent copies each filter and its field, which costs more than the query of a list
            self.base_filters: dict[str, Any] = {
                name: one for name, one in self.declared_filters.items() if name in data
            }
        super().__init__(data, **options)

    def filter_is_recurring(self, queryset: QuerySet[Task], name: str, value: bool) -> QuerySet[Task]:
        """Tasks that a scheduled job made, or those that none did."""
        # Not scheduled_job__isnull: from that Django concludes that the job's row exists, joins it inside, and a task
        # whose job has been deleted is counted but not listed. And not IsNull for the former: SQLite uses no index.
        scheduled_job = F("scheduled_job_id")
        return queryset.filter(GreaterThan(scheduled_job, 0) if value else IsNull(scheduled_job, True))

    def filter_search(self, queryset: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        """Tasks whose id begins with the text if it looks like one, else those whose type contains it."""
        return queryset.filter(id_starts_with(value) if looks_like_id(value) else Q(task_type__icontains=value))

    def filter_id_prefix(self, queryset: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        """Tasks whose id begins with the text."""
        return queryset.filter(id_starts_with(value))

    def filter_types(self, queryset: QuerySet[Task], name: str, value: str | list[str]) -> QuerySet[Task]:
        """Tasks of exactly one of these types."""
        return queryset.filter(task_type__in=[value] if isinstance(value, str) else value)

    def filter_shown_type(self, queryset: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        """Tasks of a declared kind, or of a type with that short name."""
        return queryset.filter(labels.has_shown_type(value))

    def filter_origin_instance(self, queryset: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        """Tasks of an instance."""
        return queryset.filter(labels.comes_from(value))

    def filter_label(self, queryset: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        """Tasks with exactly that text; their index holds those that have any."""
        return queryset.filter(labels.Given(name), **{name: value})

    def filter_job_id(self, queryset: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        """Tasks whose job id of RQ contains the text, in any case.

        Nearly all job ids are the task's own id, and an index of their parts would be the largest of all: it holds the
        other ones only. Whole ids are found all the same; parts of one are looked for in all that other filters leave.
        """
        contains = Q(job_id__icontains=value)
        chosen = contains & ~Q(job_id=OwnJobId("id"))
        if uuids.is_whole(value):
            return queryset.filter(chosen | Q(pk=value))
        return queryset.filter(contains if re.fullmatch(r"[0-9a-fA-F-]*", value) else chosen)

    def values(self) -> dict[str, Any]:
        """What is asked for, by field, without the fields that were left empty; raises BadFilter."""
        if not self.is_valid():
            raise BadFilter({field: [str(message) for message in messages] for field, messages in self.errors.items()})
        return as_data(self.form.cleaned_data)

    def matching(self) -> QuerySet[Task]:
        """The matching tasks, unordered; raises BadFilter."""
        self.values()
        tasks: QuerySet[Task] = self.qs
        return tasks


def narrow(rows: QuerySet[Any], values: Mapping[str, Any]) -> QuerySet[Any]:
    """The rows that match what ``TaskFilter.values`` gave; any rows that have the columns which are asked for.

    Without the form that a TaskFilter makes and checks its input with, which costs more than the query of a list.
    """
    filters = _filters()
    for name, value in values.items():
        rows = filters[name].filter(rows, value)
    return rows


@cache
def _filters() -> Mapping[str, django_filters.Filter]:
    filters: Mapping[str, django_filters.Filter] = TaskFilter().filters
    return filters


def looks_like_id(text: str) -> bool:
    """Whether it has the eight or more hexadecimal digits of an id's beginning.

    Fewer may as well be part of a type's name, and looking for both would read every row.
    """
    return re.fullmatch(r"[0-9a-f]{8,32}", text.lower().replace("-", "")) is not None


def id_starts_with(prefix: str) -> Q:
    """Tasks whose id begins with the hexadecimal prefix: a range of the primary key, none if it is no such prefix."""
    first_and_last = uuids.range_of(prefix)
    return Q(pk__range=first_and_last) if first_and_last else Q(pk__in=[])


def as_data(values: Mapping[str, Any]) -> dict[str, Any]:
    """Filter input without the fields that were not given."""
    return {field: value for field, value in values.items() if value not in (None, "", [])}
