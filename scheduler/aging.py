"""The kinds of rows of this app that retention deletes for their age."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import F, Q
from django.db.models.lookups import IsNull

from monitoring.archives import columns_of
from monitoring.retention import KeyWalk, Kind, TimeWalk
from scheduler.models import FireState, ScheduledFire
from scheduler.workflow_counts import COUNTED, Counts
from scheduler.workflow_models import Workflow
from scheduler.workflow_states import OVER


def _over(before: datetime) -> Q:
    """Also by their creation, which comes first and has the index; a webhook that is still to be sent keeps them."""
    return Q(status__in=OVER, completed_at__lt=before, created_at__lt=before, webhook_due_at=None)


def _forget(workflows: Sequence[Workflow]) -> None:
    counts = Counts()
    for workflow in workflows:
        counts.forget(workflow)
    counts.write()


def _with_steps(workflow: Workflow) -> dict[str, Any]:
    return {**columns_of(workflow), "steps": [columns_of(step) for step in workflow.steps.all()]}


def _ended(before: datetime) -> Q:
    """Executions that are over, and due times of which nothing was started."""
    # IsNull as in ScheduledFireQuerySet.executions: the task may have been deleted before.
    over = Q(over_at__lt=before) | Q(IsNull(F("task_id"), True)) & ~Q(state__in=(FireState.CLAIMED, FireState.STARTED))
    return Q(due_at__lt=before) & over


KINDS = (
    Kind(
        name="workflows",
        title="Workflows",
        model=Workflow,
        aged_by="completed_at",
        rule="Workflows that are over, by their end, with their steps. Analytics keep them.",
        old=_over,
        walk=partial(TimeWalk, column="created_at"),
        forget=_forget,
        counted=COUNTED,
        document=_with_steps,
    ),
    Kind(
        name="executions",
        title="Schedule executions",
        model=ScheduledFire,
        aged_by="due_at",
        rule="Due times of schedules, by when they were due, once what they started is over.",
        old=_ended,
        walk=KeyWalk,
    ),
)
