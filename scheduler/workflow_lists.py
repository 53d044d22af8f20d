"""Lists of workflows: which match, in which order, a page at a time; and how many there are.

How many there are is told by the rollup, unless something is asked that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Lower
from django.utils import timezone

from audit import uuids
from monitoring.labels import Given
from monitoring.spans import DAY, HOUR
from scheduler.json_text import to_text
from scheduler.workflow_counts import NAMES, Total, totals
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_states import StepStatus, WorkflowStatus

SORT_COLUMNS = {
    "created": "created_at",
    "started": "started_at",
    "completed": "completed_at",
    "status": "status",
    "name": "name",
}
_LABELS = ("origin_zone", "origin_tenant_id")
"""What most workflows are not given: their indexes hold those that are."""
_EXACT = ("namespace", "name", "version", "origin_instance", *_LABELS, "initiator")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a list is narrowed to; what is empty does not narrow it."""

    namespace: str = ""
    name: str = ""
    version: str = ""
    statuses: Sequence[WorkflowStatus] = ()
    tag: str = ""
    created_from: datetime | None = None
    created_to: datetime | None = None
    search: str = ""
    """A part of the name, or the beginning of the id."""
    origin_instance: str = ""
    origin_zone: str = ""
    origin_tenant_id: str = ""
    initiator: str = ""

    @property
    def is_counted(self) -> bool:
        """Whether the rollup knows all that is asked."""
        return not (self.tag or self.search or self.origin_tenant_id or self.initiator)


@dataclass(frozen=True, kw_only=True)
class WorkflowPage:
    """A page of workflows. Past the end it is empty, with the true total."""

    workflows: Sequence[Workflow]
    total: int
    number: int
    """From 1."""
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, 0 when nothing matches."""
        return -(-self.total // self.size)


@dataclass(frozen=True, kw_only=True)
class WorkflowFigures:
    """How many workflows there are."""

    by_status: Mapping[WorkflowStatus, int]
    total: int
    last_hour: int
    last_day: int
    mean_steps: float


def matching(asked: Asked) -> QuerySet[Workflow]:
    """The workflows that match, unordered."""
    exact = {field: value for field in _EXACT if (value := getattr(asked, field))}
    found = Workflow.objects.filter(*(Given(label) for label in _LABELS if label in exact), **exact)
    if asked.statuses:
        found = found.filter(status__in=asked.statuses)
    if asked.tag:
        found = found.filter(tags__contains=to_text(asked.tag))
    if asked.created_from:
        found = found.filter(created_at__gte=asked.created_from)
    if asked.created_to:
        found = found.filter(created_at__lte=asked.created_to)
    if asked.search:
        found = found.filter(_found_by(asked.search))
    return found


def page_of_workflows(
    asked: Asked,
    *,
    sort: str = "created",
    descending: bool = True,
    number: int,
    size: int,
    status_words: Mapping[WorkflowStatus, str] | None = None,
    rows: QuerySet[Workflow] | None = None,
) -> WorkflowPage:
    """A page of those that match; three queries at most. ``rows`` says what is read of each."""
    found = matching(asked)
    total = total_matching(asked)
    offset = (number - 1) * size
    if offset >= total:  # no query: the offset may be larger than a database can count
        return WorkflowPage(workflows=[], total=total, number=number, size=size)
    ids = _ordered(found, sort, descending, status_words).values("pk")[offset : offset + size]
    wanted = Workflow.objects.all() if rows is None else rows
    page = _ordered(wanted.filter(pk__in=ids), sort, descending, status_words)
    return WorkflowPage(workflows=list(page), total=total, number=number, size=size)


def for_monitoring() -> QuerySet[Workflow]:
    """With what a row of a list shows, in one query, without the large columns."""
    steps = WorkflowStep.objects.filter(workflow=OuterRef("pk"))
    next_up = Q(status=StepStatus.RUNNING) | Q(status=StepStatus.QUEUED) | Q(status=StepStatus.PENDING, unmet=0)
    running_first = Case(When(status=StepStatus.RUNNING, then=0), default=1)
    current = steps.filter(next_up).order_by(running_first, "position").values("name")[:1]
    return Workflow.objects.defer("context", "tags", "reason").annotate(
        current_step=Subquery(current), has_error=Exists(steps.exclude(error=""))
    )


def counts_by_status(asked: Asked) -> dict[WorkflowStatus, int]:
    """How many of those that match are in each status."""
    if asked.is_counted:
        found = {status: total.count for (status,), total in totals("status", **_asked_of_rollup(asked)).items()}
    else:
        found = dict(matching(asked).order_by().values_list("status").annotate(Count("pk")))
    return {status: found.get(status, 0) for status in WorkflowStatus}


def figures(asked: Asked) -> WorkflowFigures:
    """Counts of those that match what the rollup knows; five small queries, however many workflows there are."""
    now, where = timezone.now(), _asked_of_rollup(asked)
    by_status = totals("status", **where)
    total = sum(found.count for found in by_status.values())
    steps = sum(found.steps for found in by_status.values())
    return WorkflowFigures(
        by_status={status: by_status.get((status,), Total()).count for status in WorkflowStatus},
        total=total,
        last_hour=_total(**{**where, "start": now - HOUR}),
        last_day=_total(**{**where, "start": now - DAY}),
        mean_steps=round(steps / total, 2) if total else 0.0,
    )


def total_matching(asked: Asked) -> int:
    """How many match, exactly; rows are counted only where something is asked that the rollup does not know."""
    return _total(**_asked_of_rollup(asked)) if asked.is_counted else matching(asked).count()


def _total(**asked: Any) -> int:
    return sum(found.count for found in totals(**asked).values())


def _asked_of_rollup(asked: Asked) -> dict[str, Any]:
    """What ``totals`` is to be asked."""
    exact = {name: value for name in NAMES if name != "status" and (value := getattr(asked, name))}
    end = asked.created_to + datetime.resolution if asked.created_to else None
    statuses = {"status__in": list(asked.statuses)} if asked.statuses else {}
    return {**exact, **statuses, "start": asked.created_from, "end": end}


def _found_by(text: str) -> Q:
    first_and_last = uuids.range_of(text)
    by_name = Q(name__icontains=text)
    return by_name | Q(pk__range=first_and_last) if first_and_last else by_name


def _ordered(
    found: QuerySet[Workflow], sort: str, descending: bool, status_words: Mapping[WorkflowStatus, str] | None
) -> QuerySet[Workflow]:
    column: Any = F(SORT_COLUMNS[sort])
    if sort == "status" and status_words:
        column = Case(*(When(status=status, then=Value(word)) for status, word in status_words.items()))
    elif sort == "name":
        column = Lower("name")
    nulls_last = True if sort in ("started", "completed") else None
    by_column = column.desc(nulls_last=nulls_last) if descending else column.asc(nulls_last=nulls_last)
    return found.order_by(by_column, "-id" if descending else "id")
