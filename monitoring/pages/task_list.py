"""A task list's address, read and answered: which tasks, in which order, how many."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from audit.trail import Actor
from monitoring import statistics
from monitoring.actions import Result, Verb
from monitoring.filters import BadFilter, TaskFilter
from monitoring.models import Queue, Task, TaskQuerySet
from monitoring.operations import act_on_matching
from monitoring.orders import SORT_COLUMNS, ordered
from monitoring.pages.selections import BULK_VERBS, WHAT_IT_MEANS
from monitoring.paging import page_of_tasks
from monitoring.statuses import Status
from monitoring.stored_operations import Operation

SIZES = (20, 50, 100)
DEFAULT_SORT = "-created"
OF_LIVE_UPDATES = ("ids", "new", "since")
"""Parameters by which rows and figures are fetched: no link has them."""


class TaskList:
    """One address of the list over all queues. Bad filter values leave it empty, with ``errors`` by field.

    Order, page and size are forgiving: junk means the default, a page past the end the last one. What another list
    names differently in its address (``job_list.JobList``) it says by overriding what stands before ``errors``.
    """

    noun = "tasks"
    """What its rows are called."""
    queue = ""
    """The one queue that it is of."""
    state = ""
    """The one state that it is of."""
    default_size = 50
    sorts: Mapping[str, str] = {turn + name: turn + name for name in SORT_COLUMNS for turn in ("", "-")}
    """The address's words for orders, and what each means: a column of SORT_COLUMNS, "-" before it for descending."""
    fields: Mapping[str, str] = {
        name: name
        for name in (
            "status", "search", "queue", "task_type", "is_recurring", "created_from", "created_to", "payload", "job_id",
            "worker", "error_type",
        )
    }  # fmt: skip
    """The address's parameters, and the field of a TaskFilter that each is."""
    labels: Mapping[str, str] = {
        "status": "Status",
        "search": "Id or type",
        "queue": "Queue",
        "task_type": "Type",
        "is_recurring": "Recurring",
        "created_from": "Created from",
        "created_to": "Created to",
        "payload": "Payload",
        "job_id": "Job id",
        "worker": "Worker",
        "error_type": "Error",
    }
    """What the parameters are called on the page."""
    tab = "status"
    """The parameter that the tabs set."""
    form_fields = "tasks/_fields.html"
    rows_template = "tasks/_rows.html"
    since_column = "created_at"
    """What a list that takes new rows is sorted by, greatest first."""
    source = "jobs.bulk"
    """What the trail says of its form's deeds."""
    bulk_verbs: Mapping[str, Verb] = BULK_VERBS
    """What its form can ask for."""
    what_it_means: Mapping[str, str] = WHAT_IT_MEANS
    """What people are told before they do it."""
    takes_time: Collection[str] = ()
    """Those of ``bulk_verbs`` that are never done at once."""

    def __init__(self, parameters: QueryDict) -> None:
        self.parameters = parameters
        self.statuses: list[str] = self.read_statuses()
        self.filter = TaskFilter(self.read_filter(), queryset=self.rows())
        self.sort = self.sorts.get(parameters.get("sort", ""), DEFAULT_SORT)
        self.size = min(whole_number(parameters.get("size"), self.default_size), SIZES[-1])

    @property
    def path(self) -> str:
        """The list's address without its parameters."""
        return reverse("tasks")

    @property
    def rows_path(self) -> str:
        """Where live updates fetch its rows."""
        return reverse("task-rows")

    @property
    def counts_path(self) -> str:
        """Where live updates fetch its figures."""
        return reverse("task-counts")

    @property
    def tab_groups(self) -> Iterable[tuple[str, str, tuple[Status, ...]]]:
        """Its tabs: the word in the address, the label, and the statuses, of which the first lends its shape."""
        return [(status.lower(), status.label, (status,)) for status in Status]

    def rows(self) -> TaskQuerySet:
        """Tasks with what its rows show."""
        return Task.objects.for_list()

    def read_statuses(self) -> list[str]:
        """The statuses that the address asks for; none for any."""
        return [word.upper() for word in self.parameters.getlist("status") if word]

    def read_filter(self) -> QueryDict:
        """What the address asks a TaskFilter for."""
        data = QueryDict(mutable=True)
        for name, field in self.fields.items():
            if name in self.parameters:
                data[field] = self.parameters.get(name, "")
        data.setlist("status", list(self.statuses))
        if self.queue:
            data["queue"] = self.queue
        return data

    def check(self) -> dict[str, list[str]]:
        """What is wrong with what no TaskFilter knows, by parameter."""
        return {}

    @cached_property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong with the filters, by parameter."""
        errors = self.check()
        if errors:
            return errors
        try:
            self.filter.matching()
        except BadFilter as bad:
            parameters = {field: name for name, field in self.fields.items()}
            return {parameters.get(field, field): sentences for field, sentences in bad.errors.items()}
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
        return min(whole_number(self.parameters.get("page"), 1), self.pages)

    @property
    def first(self) -> int:
        """The number of the page's first task, 0 when there is none."""
        return (self.page - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The number of the page's last task."""
        return min(self.page * self.size, self.total)

    def in_order(self) -> Any:
        """Every task that matches; raises BadFilter."""
        return ordered(self.filter.matching(), self.sort.removeprefix("-"), descending=self.sort.startswith("-"))

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
    def verbs(self) -> list[str]:
        """What can be done to any of the tasks that it may show, as forms have it."""
        verbs = self.bulk_verbs.items()
        return [word for word, verb in verbs if not self.statuses or verb.allowed & set(self.statuses)]

    def is_about_all(self, form: QueryDict) -> bool:
        """Whether its form is about all that match, and not about those that are ticked."""
        return form.get("all") == "1"

    def button(self, word: str) -> str:
        """One of ``bulk_verbs`` as a button says it, before the number."""
        return word.capitalize()

    def told(self, name: str, value: str) -> str:
        """A parameter's value as people are told it."""
        return value

    def trail_action(self, word: str) -> str:
        """The trail's word for one of ``bulk_verbs``; empty for the verb's own."""
        return ""

    def act_on_all(self, word: str, *, by: Actor, reason: str) -> list[Result] | Operation:
        """Does one of ``bulk_verbs`` to all that match."""
        verb, action = self.bulk_verbs[word], self.trail_action(word)
        return act_on_matching(verb, self.filter.values(), by=by, reason=reason, action=action)

    @property
    def takes_new_tasks(self) -> bool:
        """Whether a task that is made now belongs on top of what is shown."""
        return self.page == 1 and self.sort == DEFAULT_SORT and not self.errors

    @property
    def oldest_shown(self) -> datetime | None:
        """``since_column`` of the last task on a full page; None while the page has room for any."""
        is_full = self.tasks and self.total > len(self.tasks)
        moment: datetime | None = getattr(self.tasks[-1], self.since_column) if is_full else None
        return moment

    @cached_property
    def queues(self) -> list[str]:
        """The names to choose a queue from, the chosen one among them even if it is unknown."""
        names = list(Queue.objects.values_list("name", flat=True))
        chosen = self.parameters.get("queue", "")
        return names if chosen in names or not chosen else [*names, chosen]

    def link(self, **changes: Any) -> str:
        """The address of this list with other parameters, on its first page unless ``page`` is given."""
        query = self.parameters.copy()
        for name, value in {**dict.fromkeys(OF_LIVE_UPDATES), "page": None, **changes}.items():
            query.pop(name, None)
            if value is not None:
                query[name] = str(value)
        return f"?{query.urlencode()}"

    @property
    def address(self) -> str:
        """The whole address, as it was asked for."""
        query = self.parameters.urlencode()
        return f"{self.path}?{query}" if query else self.path

    @property
    def bulk_address(self) -> str:
        """Where its form is sent: the filters stand in the address, whatever is ticked."""
        return f"{self.path}{self.link(page=self.page)}"

    @property
    def csv(self) -> str:
        """The address of all that matches, as a file."""
        return self.link(format="csv")

    @property
    def cleared(self) -> str:
        """The address without any filter."""
        return self.path


def whole_number(text: str | None, default: int) -> int:
    """The number from 1 up that the text says, else the default."""
    match = re.fullmatch(r"0*([1-9][0-9]{0,17})", text or "")
    return int(match[1]) if match else default
