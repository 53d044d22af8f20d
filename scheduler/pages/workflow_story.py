"""Everything that a workflow's page tells: its steps in order, the critical path, and the step that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from monitoring.models import Task
from monitoring.pages.task_list import whole_number
from monitoring.statuses import Status
from scheduler.graphs import Analysis
from scheduler.pages.shapes import shape_of, word_of
from scheduler.registry import registry, templates_of
from scheduler.steps import Template
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_readiness import analysis_of, in_words
from scheduler.workflow_states import OVER_WELL, StepStatus

DRAWN_STEPS = 300
"""Of more the graph is not drawn, and the table has several pages."""
DRAWN_LINES = 1_500
"""Of more dependencies nobody could read a graph."""
NAMES_SHOWN = 3
NEIGHBOURS_SHOWN = 20
_OF_A_ROW = (
    "workflow_id", "position", "name", "status", "outcome", "depends_on", "unmet", "next_retry_at", "cancel_asked",
    "attempts", "retryable", "retry_limit", "started_at", "completed_at", "task_id",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """A step in the table, which is also what the graph is drawn from."""

    step: WorkflowStep
    is_critical: bool
    slack_ms: float | None
    """By how much it may take longer before the whole does; None while it is not over."""
    is_drawn: bool

    @property
    def shape(self) -> Status:
        """Of its status."""
        return shape_of(self.step)

    @property
    def word(self) -> str:
        """Of its status."""
        return word_of(self.step)

    @property
    def named(self) -> list[str]:
        """The first of those that it depends on."""
        return list(self.step.depends_on[:NAMES_SHOWN])

    @property
    def unnamed(self) -> int:
        """How many more there are."""
        return max(0, len(self.step.depends_on) - NAMES_SHOWN)


class WorkflowStory:
    """A workflow as an address asks for it: ``step`` chooses one, ``only`` and ``page`` narrow a long table.

    Three queries, however many steps there are: the workflow is at hand, its steps without what is large, the chosen
    one with all of it, and whether its task is known.
    """

    def __init__(self, workflow: Workflow, parameters: QueryDict) -> None:
        self.workflow = workflow
        self.parameters = parameters
        self.steps: Sequence[WorkflowStep] = list(workflow.steps.order_by("position").only(*_OF_A_ROW))
        self.by_name = {step.name: step for step in self.steps}

    @cached_property
    def analysis(self) -> Analysis:
        """Where it stands."""
        return analysis_of(self.steps)

    @property
    def in_words(self) -> str:
        """The analysis as a sentence."""
        return in_words(self.analysis, self.steps)

    @property
    def is_drawn(self) -> bool:
        """Whether a graph of the steps can be read."""
        return can_be_drawn([step.depends_on for step in self.steps])

    # --- The table ------------------------------------------------------------------------------------------------

    @property
    def only(self) -> str:
        """The one status whose steps a long table shows; empty for all."""
        word = self.parameters.get("only", "").upper()
        return word if word in StepStatus.values and not self.is_drawn else ""

    @cached_property
    def counts(self) -> list[tuple[StepStatus, int]]:
        """How many steps are in each status that there is."""
        found = [step.status for step in self.steps]
        return [(status, count) for status in StepStatus if (count := found.count(status))]

    @cached_property
    def listed(self) -> Sequence[WorkflowStep]:
        """The steps of all the table's pages."""
        return [step for step in self.steps if not self.only or step.status == self.only]

    @property
    def pages(self) -> int:
        """How many pages the table has, at least one."""
        return max(1, -(-len(self.listed) // self.size))

    @property
    def page(self) -> int:
        """The page shown."""
        return min(whole_number(self.parameters.get("page"), 1), self.pages)

    @property
    def size(self) -> int:
        """How many steps a page has."""
        return DRAWN_STEPS

    @property
    def rows(self) -> list[Row]:
        """The page's steps."""
        critical = set(self.analysis.critical_path)
        first = (self.page - 1) * self.size
        return [
            Row(
                step=step,
                is_critical=step.name in critical,
                slack_ms=round(self.analysis.slack_ms[step.name]) if step.duration_ms is not None else None,
                is_drawn=self.is_drawn,
            )
            for step in self.listed[first : first + self.size]
        ]

    def link(self, **changes: Any) -> str:
        """The address with other parameters, on the table's first page unless ``page`` is given."""
        query = self.parameters.copy()
        for name, value in {"page": None, **changes}.items():
            query.pop(name, None)
            if value is not None:
                query[name] = str(value)
        return f"{self.path}?{query.urlencode()}"

    @property
    def path(self) -> str:
        """The address without parameters."""
        return reverse("workflow", args=[self.workflow.pk])

    # --- The chosen step ------------------------------------------------------------------------------------------

    @cached_property
    def chosen(self) -> WorkflowStep | None:
        """The step that the address names, else the first that failed, with all that is kept of it."""
        name = self.parameters.get("step", "")
        failed = next((step for step in self.steps if step.status == StepStatus.FAILED), None)
        light = self.by_name.get(name) if name else failed
        if light is None:
            return None
        step = WorkflowStep.objects.filter(pk=light.pk).first()
        if step is not None:
            step.workflow = self.workflow
        return step

    @property
    def unknown(self) -> str:
        """The name in the address that no step has."""
        name = self.parameters.get("step", "")
        return name[:100] if name and name not in self.by_name else ""

    @cached_property
    def has_task(self) -> bool:
        """Whether the task of the chosen step's last attempt is recorded."""
        step = self.chosen
        return bool(step and step.task_id and Task.objects.filter(pk=step.task_id).exists())

    @property
    def template(self) -> Template | None:
        """As the chosen step is declared, as long as the code has it."""
        workflow, step = self.workflow, self.chosen
        made = registry.versions.get(f"{workflow.namespace}.{workflow.name}", {}).get(workflow.version)
        if made is None or step is None:
            return None
        return next((template for template in templates_of(made) if template.name == step.name), None)

    @property
    def holding(self) -> list[WorkflowStep]:
        """Those that the chosen step waits for, some of them."""
        step = self.chosen
        if step is None or step.status != StepStatus.PENDING:
            return []
        waits = (one for one in self._named(step.depends_on) if one.status not in OVER_WELL)
        return list(islice(waits, NEIGHBOURS_SHOWN))

    @property
    def needed(self) -> list[WorkflowStep]:
        """Those that the chosen step depends on, some of them."""
        return self._named(self.chosen.depends_on)[:NEIGHBOURS_SHOWN] if self.chosen else []

    @property
    def following(self) -> list[WorkflowStep]:
        """Those that depend on the chosen step, some of them."""
        return self._named(self.chosen.dependents)[:NEIGHBOURS_SHOWN] if self.chosen else []

    def _named(self, names: Sequence[str]) -> list[WorkflowStep]:
        return [self.by_name[name] for name in names if name in self.by_name]


def can_be_drawn(dependencies: Sequence[Sequence[str]]) -> bool:
    """Whether steps with these dependencies are few enough for a graph that can be read."""
    return len(dependencies) <= DRAWN_STEPS and sum(map(len, dependencies)) <= DRAWN_LINES
