"""Lists of workflows: which match, in which order, a page at a time; and how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Lower
from django.utils import timezone

from audit import uuids
from scheduler.json_text import to_text
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_states import StepStatus, WorkflowStatus

SORT_COLUMNS = {
    "created": "created_at",
    "started": "started_at",
    "completed": "completed_at",
    "status": "status",
    "name": "name",
}
_EXACT = ("namespace", "name", "version", "origin_instance", "origin_zone", "origin_tenant_id", "initiator")


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
    found = Workflow.objects.filter(**exact)
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
    """A page of those that match; two queries at most. ``rows`` says what is read of each."""
    found = matching(asked)
    total = found.count()
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
    """How many of those that match are in each status; one query."""
    found = dict(matching(asked).order_by().values_list("status").annotate(Count("pk")))
    return {status: found.get(status, 0) for status in WorkflowStatus}


def figures(asked: Asked) -> WorkflowFigures:
    """Counts of those that match; two queries, each on an index."""
    found = matching(asked)
    now = timezone.now()
    by_status = counts_by_status(asked)
    recent = found.filter(created_at__gte=now - timedelta(days=1)).aggregate(
        day=Count("pk"), hour=Count("pk", filter=Q(created_at__gte=now - timedelta(hours=1)))
    )
    mean = found.aggregate(mean=Avg("total_steps"))["mean"]
    return WorkflowFigures(
        by_status=by_status,
        total=sum(by_status.values()),
        last_hour=recent["hour"],
        last_day=recent["day"],
        mean_steps=round(float(mean or 0), 2),
    )


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
