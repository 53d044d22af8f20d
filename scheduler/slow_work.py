"""What took long: workflows by handler, other tasks by type, and the steps of workflows.

Sums are made by the database over cells of the rollups; histograms are read for the few rows that are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet, Sum

from monitoring.histograms import Histogram
from monitoring.models import RunCount, StepCount
from monitoring.percentiles import MOST_CELLS
from monitoring.spans import pieces
from monitoring.statuses import RunStatus, Status
from scheduler.handing_over import ENTRY
from scheduler.registry import registry, templates_of
from scheduler.steps import Template
from scheduler.workflow_count_models import Basis, WorkflowCount

MOST_ROWS = 10
ENDS = (RunStatus.COMPLETED, RunStatus.FAILED)
"""What tells how long something takes: not when somebody lost patience. Tasks and workflows have the same words."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which handlers are looked at; all, and tasks of none, if nothing is given."""

    namespace: str = ""
    name: str = ""
    version: str = ""

    @property
    def given(self) -> dict[str, str]:
        """What narrows it."""
        named = {"namespace": self.namespace, "name": self.name, "version": self.version}
        return {name: value for name, value in named.items() if value}

    def has(self, full_name: str) -> bool:
        """Whether a handler ("shop.fulfil@1.0.0") is looked at."""
        short_name, _, version = full_name.partition("@")
        namespace, _, name = short_name.rpartition(".")
        known = {"namespace": namespace, "name": name, "version": version}
        return all(known[part] == value for part, value in self.given.items())


@dataclass(kw_only=True)
class Slow:
    """What took long: a handler's workflows, another type of task, or a step's attempts."""

    task: str
    """The handler with its version, or the type."""
    step: str = ""
    count: int = 0
    failed: int = 0
    completed: int = 0
    timed: int = 0
    run_us: int = 0
    waited: int = 0
    wait_us: int = 0
    retries: int = 0
    retries_done: int = 0
    """How many of them were completed."""
    times: Histogram = field(default_factory=Histogram)

    @property
    def mean_ms(self) -> float:
        """The mean of the measured times."""
        return self.run_us / self.timed / 1000 if self.timed else 0.0

    @property
    def mean_wait_ms(self) -> float | None:
        """None if no wait was measured."""
        return self.wait_us / self.waited / 1000 if self.waited else None

    @property
    def failure_rate(self) -> float:
        """The share that failed of those completed or failed."""
        ended = self.completed + self.failed
        return self.failed / ended if ended else 0.0

    @property
    def retry_rate(self) -> float:
        """The share of attempts that were not the first."""
        return self.retries / self.count if self.count else 0.0

    @property
    def template(self) -> Template | None:
        """The step as the code has it today."""
        short_name, _, version = self.task.partition("@")
        handler = registry.versions.get(short_name, {}).get(version)
        templates = templates_of(handler) if handler else ()
        return next((template for template in templates if template.name == self.step), None)


# --- Workflows and other tasks ------------------------------------------------------------------------------------


def slow_tasks(scope: Scope, begin: datetime) -> list[Slow]:
    """The slowest first, MOST_ROWS at most, with their times."""
    cells = WorkflowCount.objects.filter(pieces(begin, None).cells, basis=Basis.ENDED, **scope.given)
    found: dict[str, Slow] = {}
    columns = ("namespace", "name", "version", "status")
    sums = cells.values_list(*columns).annotate(n=Sum("count"), t=Sum("timed"), us=Sum("run_us"))
    for namespace, name, version, status, count, timed, run_us in sums:
        full_name = f"{namespace}.{name}@{version}"
        _add(found.setdefault(full_name, Slow(task=full_name)), status, count, timed, run_us)
    others = {} if scope.given else _other_types(begin)
    slowest = _slowest([*found.values(), *others.values()])
    _add_workflow_times({slow.task: slow for slow in slowest if slow.task in found}, cells)
    _add_type_times({slow.task: slow for slow in slowest if slow.task in others}, begin)
    return slowest


def _other_types(begin: datetime) -> dict[str, Slow]:
    """Tasks that are no attempts of steps, by type."""
    cells = RunCount.objects.filter(pieces(begin, None).cells, outcome__in=ENDS).exclude(task_type=ENTRY)
    found: dict[str, Slow] = {}
    sums = cells.values_list("task_type", "outcome").annotate(n=Sum("count"), t=Sum("timed"), us=Sum("run_us"))
    for task_type, outcome, count, timed, run_us in sums:
        _add(found.setdefault(task_type, Slow(task=task_type)), outcome, count, timed, run_us)
    return found


def _add(slow: Slow, status: str, count: int, timed: int, run_us: int) -> None:
    slow.count += count
    slow.completed += count if status == RunStatus.COMPLETED else 0
    slow.failed += count if status == RunStatus.FAILED else 0
    if status in ENDS:
        slow.timed += timed
        slow.run_us += run_us


def _slowest(rows: Iterable[Slow]) -> list[Slow]:
    return sorted((row for row in rows if row.count > 0), key=lambda row: (-row.mean_ms, row.task))[:MOST_ROWS]


def _add_workflow_times(wanted: Mapping[str, Slow], cells: QuerySet[WorkflowCount]) -> None:
    names = {name.partition("@")[0].rpartition(".")[2] for name in wanted}
    rows = cells.filter(name__in=names, status__in=ENDS).order_by("-start") if names else cells.none()
    for namespace, name, version, stored in rows.values_list("namespace", "name", "version", "run_histogram")[
        :MOST_CELLS
    ]:
        if slow := wanted.get(f"{namespace}.{name}@{version}"):
            slow.times.merge(Histogram.from_json(stored))


def _add_type_times(wanted: Mapping[str, Slow], begin: datetime) -> None:
    cells = RunCount.objects.filter(pieces(begin, None).cells, task_type__in=wanted, outcome__in=ENDS)
    for task_type, stored in cells.order_by("-start").values_list("task_type", "run_histogram")[:MOST_CELLS]:
        wanted[task_type].times.merge(Histogram.from_json(stored))


# --- Steps --------------------------------------------------------------------------------------------------------


def steps_of(scope: Scope, begin: datetime) -> list[Slow]:
    """Every step that an attempt of ended, without the times; one query."""
    cells = StepCount.objects.filter(pieces(begin, None).cells)
    found: dict[tuple[str, str], Slow] = {}
    sums = cells.values_list("handler", "kind", "status").annotate(
        n=Sum("count"), r=Sum("retries"), t=Sum("timed"), us=Sum("run_us"), w=Sum("waited"), wus=Sum("wait_us")
    )
    for handler, kind, status, count, retries, timed, run_us, waited, wait_us in sums:
        if count > 0 and scope.has(handler):
            step = found.setdefault((handler, kind), Slow(task=handler, step=kind))
            _add(step, status, count, timed, run_us)
            step.waited += waited
            step.wait_us += wait_us
            step.retries += retries
            step.retries_done += retries if status == Status.COMPLETED else 0
    return list(found.values())


def share_of_timeout(step: Slow) -> float:
    """The mean as a share of the time limit, in thousandths; 0 if the code has the step no more."""
    template = step.template
    return step.mean_ms / template.timeout_seconds if template else 0.0


def add_step_times(steps: Sequence[Slow], begin: datetime) -> None:
    """Reads the steps' times; one query."""
    wanted = {(step.task, step.step): step for step in steps}
    cells = StepCount.objects.filter(
        pieces(begin, None).cells,
        handler__in={step.task for step in steps},
        kind__in={step.step for step in steps},
        status__in=ENDS,
    )
    for handler, kind, stored in cells.order_by("-start").values_list("handler", "kind", "run_histogram")[:MOST_CELLS]:
        if step := wanted.get((handler, kind)):
            step.times.merge(Histogram.from_json(stored))
