"""One address of the list of failed jobs, of one queue or of all, newest failure first, or of one error."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from audit.trail import Actor
from monitoring import error_groups
from monitoring.actions import REMOVE, RETRY, Result, narrowed
from monitoring.error_groups import Group
from monitoring.models import LARGE_COLUMNS, Task, TaskQuerySet
from monitoring.operations import begin_operation
from monitoring.pages.selections import WHAT_IT_MEANS
from monitoring.pages.task_list import TaskList
from monitoring.statuses import Status
from monitoring.stored_operations import Operation
from monitoring.wording import error_summary

BY_ERROR = "error"
"""What ``group`` says for the page that groups; else it names one group."""
TRY_FIRST = 5
CANARY = "canary"


class DeadLetterList(TaskList):
    """The failed jobs that the address asks for; ``queue`` is empty for those of all queues."""

    noun = "jobs"
    state = "failed"
    default_size = 20
    sorts = {"newest": "-created"}
    fields = {"group": "error_group"}
    labels = {"group": "Error"}
    tab = "group"
    rows_template = "dead_letters/_rows.html"
    since_column = "completed_at"
    source = "dlq"
    bulk_verbs = {
        "retry": narrowed(RETRY, [Status.FAILED]),
        CANARY: narrowed(RETRY, [Status.FAILED]),
        "remove": narrowed(REMOVE, [Status.FAILED]),
    }
    what_it_means = {
        **WHAT_IT_MEANS,
        CANARY: f"The {TRY_FIRST} oldest are retried and watched. If they succeed, the rest follows; if one of them "
        "fails again, the rest is left as it is.",
    }
    takes_time = (CANARY,)

    def __init__(self, parameters: QueryDict, queue: str = "") -> None:
        self.queue = queue
        self.is_grouped = parameters.get("group") == BY_ERROR
        super().__init__(parameters)

    @property
    def path(self) -> str:
        """The list's address without its parameters."""
        return reverse("queue-dlq", args=[self.queue]) if self.queue else reverse("failures")

    @property
    def rows_path(self) -> str:
        """Where live updates fetch its rows."""
        return f"{self.path}/rows"

    @property
    def counts_path(self) -> str:
        """Where live updates fetch its figures."""
        return f"{self.path}/parts"

    @property
    def tab_groups(self) -> Iterable[tuple[str, str, tuple[Status, ...]]]:
        """The one status that it is about."""
        return [("failed", "Failed", (Status.FAILED,))]

    def read_statuses(self) -> list[str]:
        """Failed, whatever the address says."""
        return [Status.FAILED]

    def read_filter(self) -> QueryDict:
        """As of any list; the page that groups is about all of them."""
        data = super().read_filter()
        if self.is_grouped:
            del data["error_group"]
        return data

    def rows(self) -> TaskQuerySet:
        """Tasks with their errors."""
        others = [column for column in LARGE_COLUMNS if column != "error"]
        return Task.objects.defer(*others)

    def in_order(self) -> Any:
        """All of them, newest failure first."""
        # The condition is that of the indexes of failed tasks.
        return self.filter.matching().filter(error_group__isnull=False).order_by("-completed_at", "-pk")

    @cached_property
    def tasks(self) -> list[Task]:
        """The page's tasks; the ids first, from an index alone, so that deep pages do not read what is before them."""
        if not self.total:
            return []
        chosen = self.in_order().values("pk")[self.first - 1 : self.last]
        return list(self.rows().filter(pk__in=chosen).order_by("-completed_at", "-pk"))

    @cached_property
    def group(self) -> Group | None:
        """The group that the list is of, if it is of one that ever was."""
        name = "" if self.is_grouped else self.parameters.get("group", "")
        return error_groups.group_named(name, self.queue or None) if name and not self.errors else None

    @cached_property
    def groups(self) -> list[Group]:
        """Those with the most failures."""
        return error_groups.groups(self.queue or None)

    @cached_property
    def number_of_groups(self) -> int:
        """How many there are."""
        return error_groups.number_of_groups(self.queue or None)

    @property
    def everything(self) -> int:
        """How many failed jobs there are of any error."""
        return error_groups.number_of_failures(self.queue or None)

    @property
    def verbs(self) -> list[str]:
        """What can be done to those that are ticked."""
        return [word for word in super().verbs if word not in self.takes_time]

    def is_about_all(self, form: QueryDict) -> bool:
        """Also when the form names a group and no job."""
        return super().is_about_all(form) or bool(form.get("group") and not form.getlist("job_id"))

    def button(self, word: str) -> str:
        """As a button says it."""
        return f"Try {TRY_FIRST} first of" if word == CANARY else super().button(word)

    def told(self, name: str, value: str) -> str:
        """A group by what its errors have in common."""
        return self.group.pattern if name == "group" and self.group else value

    def trail_action(self, word: str) -> str:
        """The trail tells these deeds from the same ones of other lists."""
        return "dlq.remove" if word == "remove" else "dlq.retry"

    def act_on_all(self, word: str, *, by: Actor, reason: str) -> list[Result] | Operation:
        """Does the verb to all; of a canary, to a few first."""
        if word != CANARY:
            return super().act_on_all(word, by=by, reason=reason)
        return begin_operation(
            self.bulk_verbs[word], self.filter.values(), by=by, reason=reason, action=self.trail_action(word),
            try_first=TRY_FIRST,
        )  # fmt: skip


def group_as_json(group: Group) -> dict[str, Any]:
    """A group as scripts get it."""
    return {
        "group": group.fingerprint,
        "error_type": group.error_type or None,
        "error": group.pattern,
        "count": group.count,
        "first_seen": group.first_at,
        "last_seen": group.last_at,
        "known_since": group.known_since,
        "last_hours": list(group.hours),
        "example": str(group.example.pk) if group.example else None,
    }


def error_as_json(task: Task) -> dict[str, Any]:
    """What a failed job has more than others."""
    return {"failed_at": task.completed_at, "error": error_summary(task.error), "group": task.error_group}
