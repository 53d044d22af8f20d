"""The task list's address, read and answered: which tasks, in which order, how many."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import QueryDict

from monitoring import statistics
from monitoring.filters import BadFilter, TaskFilter
from monitoring.models import Queue, Task
from monitoring.orders import SORT_COLUMNS
from monitoring.paging import page_of_tasks
from monitoring.statuses import Status

SIZES = (20, 50, 100)
DEFAULT_SIZE = 50
DEFAULT_SORT = "-created"


class TaskList:
    """One address of the list. Bad filter values leave it empty, with ``errors`` by field.

    Order, page and size are forgiving: junk means the default, a page past the end the last one.
    """

    def __init__(self, parameters: QueryDict) -> None:
        self.parameters = parameters
        self.statuses = [word.upper() for word in parameters.getlist("status") if word]
        self.filter = TaskFilter(self._filter_data(), queryset=Task.objects.for_list())
        sort = parameters.get("sort", DEFAULT_SORT)
        self.sort = sort if sort.removeprefix("-") in SORT_COLUMNS else DEFAULT_SORT
        self.size = min(_whole_number(parameters.get("size"), DEFAULT_SIZE), SIZES[-1])

    def _filter_data(self) -> QueryDict:
        data = self.parameters.copy()
        data.setlist("status", list(self.statuses))
        return data

    @cached_property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong with the filters, by field."""
        try:
            self.filter.matching()
        except BadFilter as bad:
            return bad.errors
        return {}

    @property
    def asked(self) -> dict[str, Any]:
        """The filters' values as they were understood, for the form; those with errors are missing."""
        self.filter.is_valid()
        values: dict[str, Any] = self.filter.form.cleaned_data
        return values

    @cached_property
    def counts(self) -> dict[Status, int]:
        """How many tasks match in each status, whichever statuses are chosen."""
        return dict.fromkeys(Status, 0) if self.errors else statistics.counts_matching(self.filter.data)

    @property
    def total(self) -> int:
        """How many tasks match, exactly."""
        return sum(count for status, count in self.counts.items() if not self.statuses or status in self.statuses)

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def page(self) -> int:
        """The page shown: the last one when the address asks for one past the end."""
        return min(_whole_number(self.parameters.get("page"), 1), self.pages)

    @property
    def first(self) -> int:
        """The number of the page's first task, 0 when there is none."""
        return (self.page - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The number of the page's last task."""
        return min(self.page * self.size, self.total)

    @cached_property
    def tasks(self) -> list[Task]:
        """The page's tasks."""
        if not self.total:
            return []
        page = page_of_tasks(
            self.filter.values(),
            sort=self.sort.removeprefix("-"),
            descending=self.sort.startswith("-"),
            number=self.page,
            size=self.size,
            total=self.total,
        )
        return list(page.tasks)

    @property
    def takes_new_tasks(self) -> bool:
        """Whether a task that is made now belongs on top of what is shown."""
        return self.page == 1 and self.sort == DEFAULT_SORT and not self.errors

    @property
    def oldest_shown(self) -> datetime | None:
        """When the last task on a full page was created; None while the page has room for any."""
        return self.tasks[-1].created_at if self.total > len(self.tasks) else None

    @cached_property
    def queues(self) -> list[str]:
        """The names to choose a queue from, the chosen one among them even if it is unknown."""
        names = list(Queue.objects.values_list("name", flat=True))
        chosen = self.parameters.get("queue", "")
        return names if chosen in names or not chosen else [*names, chosen]

    def link(self, **changes: Any) -> str:
        """The address of this list with other parameters, on its first page unless ``page`` is given."""
        query = self.parameters.copy()
        for name, value in {"page": None, **changes}.items():
            query.pop(name, None)
            if value is not None:
                query[name] = str(value)
        return f"?{query.urlencode()}"


def _whole_number(text: str | None, default: int) -> int:
    """The number from 1 up that the text says, else the default."""
    match = re.fullmatch(r"0*([1-9][0-9]{0,17})", text or "")
    return int(match[1]) if match else default
