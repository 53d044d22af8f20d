"""Finds what a crash left lying, and what has come due: a turn every second, by any number of dispatchers.

At whatever point a process dies, SQL says how far it had come, and a row that waits for someone dead is found by one of
these looks. Each of them is idempotent; two who make the same one at once do it once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from django.utils import timezone

from monitoring import broker, starts
from monitoring.models import Task
from monitoring.statuses import OVER as TASK_OVER
from monitoring.statuses import Status
from scheduler import handing_over, workflow_counts
from scheduler.advancing import LOST, Ending, Turn, settle
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_states import StepOutcome, StepStatus

logger = logging.getLogger("quarterdeck.workflows")

SEVERAL = 500
"""As many rows as one look takes at once."""
GRACE = timedelta(seconds=3)
"""Whoever claimed or ended an attempt has that long to go on with it."""
TURN_SECONDS = 1.0
LOOK_AT_TASKS_SECONDS = 10.0
FOLD_SECONDS = 10.0
LOOK_AT_REDIS_SECONDS = 30.0


class Reconciler:
    """Makes the looks, each as often as it is worth what it costs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.next_turn = self.next_tasks = self.next_redis = self.next_fold = clock()

    def turn(self) -> float:
        """Does what there is to do, once a second; returns the seconds until there may be more.

        Redis may be away: what it has to hear waits for a later turn.
        """
        at = self.clock()
        if at < self.next_turn:
            return self.next_turn - at
        self.next_turn = at + TURN_SECONDS
        now = timezone.now()
        done = [start_free(now), settle_written(now), hand_over_left(now), ask_for_webhooks(now)]
        if at >= self.next_tasks:
            self.next_tasks = at + LOOK_AT_TASKS_SECONDS
            done.append(settle_recorded(now))
        if at >= self.next_redis:
            self.next_redis = at + LOOK_AT_REDIS_SECONDS
            done.append(look_at_redis(now))
        if at >= self.next_fold and workflow_counts.fold() < workflow_counts.FOLDED_AT_ONCE:
            self.next_fold = at + FOLD_SECONDS
        if max(done) >= SEVERAL:
            self.next_turn = at
            return 0.0
        return TURN_SECONDS


def start_free(now: datetime) -> int:
    """Steps whose backoff or whose workflow's time has come, and any that was freed but not claimed."""
    found = WorkflowStep.objects.startable(now)
    ids = list(found.values_list("pk", flat=True)[:SEVERAL])
    if not ids:
        return 0
    workflow_ids = set(WorkflowStep.objects.filter(pk__in=ids).values_list("workflow_id", flat=True))
    with Turn.on(workflow_ids) as turn:
        turn.wanted += turn.take(found.filter(pk__in=ids))
    return len(ids)


def settle_written(now: datetime) -> int:
    """Attempts whose outcome is written and whose task's end was not reported: their worker died right after."""
    found = WorkflowStep.objects.in_flight().exclude(outcome=StepOutcome.NONE).filter(completed_at__lt=now - GRACE)
    rows = found.values_list("task_id", "outcome", "completed_at")[:SEVERAL]
    endings: dict[UUID, Ending] = {}
    for task_id, outcome, at in rows:
        is_well = outcome in (StepOutcome.DONE, StepOutcome.SKIPPED)
        endings[cast("UUID", task_id)] = Ending(Status.COMPLETED if is_well else Status.FAILED, "", at or now)
    return settle(endings)


def settle_recorded(now: datetime) -> int:
    """Attempts whose task is recorded as over, though nobody settled them."""
    steps = WorkflowStep.objects.in_flight().filter(claimed_at__lt=now - GRACE)
    tasks = Task.objects.over().filter(pk__in=steps.values("task_id"))
    rows = tasks.values_list("pk", "status", "error", "updated_at")[:SEVERAL]
    return settle({task_id: Ending(status, error, at) for task_id, status, error, at in rows})


def hand_over_left(now: datetime) -> int:
    """Claimed attempts that RQ is not known to have."""
    left = WorkflowStep.objects.filter(status=StepStatus.QUEUED, handed_at__isnull=True, claimed_at__lt=now - GRACE)
    steps = list(left.select_related("workflow").defer("results", "inputs")[:SEVERAL])
    if steps:
        handing_over.hand_over(steps)
    return len(steps)


def ask_for_webhooks(now: datetime) -> int:
    """Ends that are to be told and that nobody was asked to tell."""
    due = list(Workflow.objects.filter(webhook_due_at__lt=now - GRACE).defer("context")[:SEVERAL])
    for workflow in due:
        handing_over.ask_for_webhook(workflow)
    return len(due)


def puts_back(task_ids: Collection[UUID]) -> set[UUID]:
    """Of tasks whose jobs are gone, those that ``look_at_redis`` hands over again: attempts that had not begun."""
    waiting = WorkflowStep.objects.filter(task_id__in=task_ids, status=StepStatus.QUEUED)
    return {task_id for task_id in waiting.values_list("task_id", flat=True) if task_id}


def look_at_redis(now: datetime) -> int:
    """Attempts that Redis holds no more, or says are over: it lost its data, or a worker had no hooks."""
    done, after = 0, None
    while True:
        steps = _handed(now, after)
        if not steps:
            return done
        after = steps[-1].claimed_at
        done += _compare(steps, now)
        if len(steps) < SEVERAL:
            return done


def _handed(now: datetime, after: datetime | None) -> list[WorkflowStep]:
    found = WorkflowStep.objects.in_flight().filter(handed_at__lt=now - 10 * GRACE)
    if after is not None:
        found = found.filter(claimed_at__gt=after)
    return list(found.order_by("claimed_at").defer("results", "inputs", "depends_on", "dependents")[:SEVERAL])


def _compare(steps: Sequence[WorkflowStep], now: datetime) -> int:
    try:
        said = starts.statuses([str(step.task_id) for step in steps])
    except broker.BrokerError as error:
        logger.warning("attempts could not be compared with Redis: %s", error)
        return 0
    endings: dict[UUID, Ending] = {}
    missing = []
    for step, status in zip(steps, said, strict=True):
        task_id = cast("UUID", step.task_id)  # an attempt in flight has one
        if status in TASK_OVER:
            endings[task_id] = Ending(str(status), LOST, now)
        elif status is None and step.status == StepStatus.QUEUED:
            missing.append(step.pk)
        elif status is None and _must_be_over(step, now):
            endings[task_id] = Ending(Status.FAILED, LOST, now)
    WorkflowStep.objects.filter(pk__in=missing, status=StepStatus.QUEUED).update(handed_at=None)
    return settle(endings) + len(missing)


def _must_be_over(step: WorkflowStep, now: datetime) -> bool:
    """A worker may still be at an attempt that Redis has forgotten, but not for longer than it may take."""
    longest = timedelta(seconds=step.timeout_seconds + 60)
    return step.started_at is not None and step.started_at + longest < now
