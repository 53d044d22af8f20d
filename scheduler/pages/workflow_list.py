"""The list of workflows as an address asks for it: which, in which order, how many."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from monitoring.pages.list_links import Link
from monitoring.pages.task_list import SIZES, whole_number
from scheduler.pages.shapes import WORKFLOW_SHAPES
from scheduler.registry import registry
from scheduler.workflow_lists import Asked, counts_by_status, for_monitoring, page_of_workflows
from scheduler.workflow_models import Workflow
from scheduler.workflow_states import WorkflowStatus

LABELS = {"search": "Id or name", "handler": "Handler", "initiator": "Started by", "status": "Status"}
"""The address's parameters, and what they are called on the page."""
TEXT_LIMIT = 255


class WorkflowList:
    """One address of the list, newest first. Bad filter values leave it empty, with ``errors`` by parameter.

    Page and size are forgiving: junk means the default, a page past the end the last one.
    """

    noun = "workflows"
    tab = "status"

    def __init__(self, parameters: QueryDict) -> None:
        self.parameters = parameters
        self.size = min(whole_number(parameters.get("size"), SIZES[1]), SIZES[-1])
        self.errors = self._check()

    def _check(self) -> dict[str, str]:
        texts = {name: self.parameters.get(name, "").strip() for name in ("search", "handler", "initiator")}
        errors = {
            name: f"Must have {TEXT_LIMIT} characters at most, and no NUL among them."
            for name, text in texts.items()
            if len(text) > TEXT_LIMIT or "\x00" in text
        }
        if texts["handler"] and "." not in texts["handler"]:
            errors["handler"] = "Must be a namespace and a name, like shop.fulfil_order."
        known = [word for word in self.parameters.getlist("status") if word]
        if wrong := [word for word in known if word.upper() not in WorkflowStatus.values]:
            words = ", ".join(status.lower() for status in WorkflowStatus)
            errors["status"] = f"{wrong[0][:100]} is not a status. Statuses are {words}."
        return errors

    @property
    def statuses(self) -> list[WorkflowStatus]:
        """The statuses that the address asks for; none for any."""
        words = [word.upper() for word in self.parameters.getlist("status")]
        return [WorkflowStatus(word) for word in words if word in WorkflowStatus.values]

    @property
    def asked(self) -> dict[str, Any]:
        """What narrows it, but for the status."""
        namespace, _, name = self.parameters.get("handler", "").strip().rpartition(".")
        return {
            "namespace": namespace,
            "name": name,
            "search": self.parameters.get("search", "").strip(),
            "initiator": self.parameters.get("initiator", "").strip(),
        }

    @cached_property
    def counts(self) -> dict[WorkflowStatus, int]:
        """How many match in each status, whichever statuses are chosen."""
        return dict.fromkeys(WorkflowStatus, 0) if self.errors else counts_by_status(Asked(**self.asked))

    @property
    def total(self) -> int:
        """How many match, exactly."""
        chosen = self.statuses
        return sum(count for status, count in self.counts.items() if not chosen or status in chosen)

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def page(self) -> int:
        """The page shown."""
        return min(whole_number(self.parameters.get("page"), 1), self.pages)

    @property
    def first(self) -> int:
        """The number of the page's first workflow, 0 when there is none."""
        return (self.page - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The number of the page's last workflow."""
        return min(self.page * self.size, self.total)

    @cached_property
    def workflows(self) -> list[Workflow]:
        """The page's workflows, each with its ``current_step`` and ``has_error``."""
        if not self.total:
            return []
        asked = Asked(**self.asked, statuses=self.statuses)
        return list(page_of_workflows(asked, number=self.page, size=self.size, rows=for_monitoring()).workflows)

    # --- Ways to other lists --------------------------------------------------------------------------------------

    def link(self, **changes: Any) -> str:
        """The address of this list with other parameters, on its first page unless ``page`` is given."""
        query = self.parameters.copy()
        for name, value in {"page": None, **changes}.items():
            query.pop(name, None)
            if value is not None:
                query[name] = str(value)
        return f"?{query.urlencode()}"

    @property
    def path(self) -> str:
        """The address without any filter."""
        return reverse("workflows")

    @property
    def tabs(self) -> list[Link]:
        """One per status, with exact counts, and one for all."""
        everything = Link(
            label="All", href=self.link(status=None), count=sum(self.counts.values()), is_current=not self.statuses
        )
        return [
            everything,
            *(
                Link(
                    label=str(status.label),
                    status=WORKFLOW_SHAPES[status],
                    href=self.link(status=status.lower()),
                    count=count,
                    is_current=status in self.statuses,
                )
                for status, count in self.counts.items()
            ),
        ]

    @property
    def chips(self) -> list[Link]:
        """The filters in use, but for one status, which its tab tells; each link removes one."""
        return [
            Link(label=f"{label}: {', '.join(values)}", href=self.link(**{name: None}))
            for name, label in LABELS.items()
            if (values := [value for value in self.parameters.getlist(name) if value.strip()])
            and (name in self.errors or name != self.tab or len(values) > 1)
        ]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with the filters: their names and sentences."""
        return [(LABELS[name], sentence) for name, sentence in self.errors.items()]

    @property
    def handlers(self) -> list[str]:
        """The names to choose a handler from, the chosen one among them even if it is not registered any more."""
        names = sorted(registry.versions)
        chosen = self.parameters.get("handler", "").strip()
        return names if chosen in names or not chosen else [*names, chosen]
