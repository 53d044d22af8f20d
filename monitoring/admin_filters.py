"""The list filters of tasks in Django's admin. Each asks the one TaskFilter that every surface asks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict

from monitoring.filters import BadFilter, TaskFilter
from monitoring.models import Queue, Task
from monitoring.statuses import Status

QUEUES_OFFERED = 200

Choices = list[tuple[str, str]]


class AskedFilter(SimpleListFilter):
    """A field of TaskFilter. The address may hold any value that it takes, not only those offered."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """The tasks that match; raises IncorrectLookupParameters, on which Django shows the list unfiltered."""
        try:
            return TaskFilter(asked(request.GET, self.parameter_name), queryset=queryset).matching()
        except BadFilter as refusal:
            raise IncorrectLookupParameters from refusal

    def has_output(self) -> bool:
        """Django would leave out a filter without choices, and with it what the address asks for."""
        return True


class StatusFilter(AskedFilter):
    title = parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(status.value, str(status.label)) for status in Status]


class QueueFilter(AskedFilter):
    title = parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(name, name) for name in Queue.objects.order_by("name").values_list("name", flat=True)[:QUEUES_OFFERED]]


class CreatedFromFilter(AskedFilter):
    title = "created since"
    parameter_name = "created_from"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(_day(0), "Today"), (_day(7), "7 days ago"), (_day(30), "30 days ago")]


class CreatedToFilter(AskedFilter):
    title = "created until"
    parameter_name = "created_to"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(_day(1), "Yesterday"), (_day(7), "7 days ago"), (_day(30), "30 days ago")]


FILTERS = (StatusFilter, QueueFilter, CreatedFromFilter, CreatedToFilter)


def asked(parameters: QueryDict, *names: str | None) -> dict[str, Any]:
    """The input of a TaskFilter with those of its fields that an address holds."""
    values: dict[str, Any] = {name: parameters.get(name) for name in names if name}
    if "status" in names:
        values["status"] = [parameters["status"]] if parameters.get("status") else []
    return values


def _day(days_ago: int) -> str:
    today: date = datetime.now(UTC).date()
    return (today - timedelta(days=days_ago)).isoformat()
