"""Brings workflows forward: what ended, what that frees, what is started next.

Everything happens in a ``Turn``: one transaction that holds the rows of its workflows locked, so turns on a workflow
come one after another, whoever makes them (the recorder, the dispatcher, an operator). What it costs depends on the
steps that ended and on those that depend on them, never on the size of the workflow. Only after the commit are the
claimed attempts handed to RQ; whoever dies before that has left rows that ``workflow_reconcile`` finds.
No code of a handler's runs here: that is for workers.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from monitoring import bulk
from monitoring.batch import End
from monitoring.signals import task_over
from monitoring.statuses import OVER as TASK_OVER
from monitoring.statuses import Status
from scheduler import handing_over
from scheduler.graphs import all_dependents
from scheduler.steps import default_backoff
from scheduler.workflow_counts import Counts
from scheduler.workflow_models import Workflow, WorkflowStep, step_id_of, task_id_of
from scheduler.workflow_states import GOING_ON, OVER, STEP_OVER, StepOutcome, StepStatus, WorkflowStatus

logger = logging.getLogger("quarterdeck.workflows")

AT_ONCE = 500
LOST = "The attempt ended without a word: its worker was killed, or RQ lost it."
_CLAIMED = (
    "status", "attempts", "run_number", "task_id", "claimed_at", "handed_at", "started_at", "completed_at",
    "next_retry_at", "cancel_asked", "outcome", "retry_after_seconds",
)  # fmt: skip
_CHANGED = ("status", "completed_at", "next_retry_at", "error", "error_type", "attempts", "cancel_asked")
_COUNTED = (
    "status", "updated_at", "started_at", "completed_at", "completed_steps", "failed_steps", "cancelled_steps",
    "active_steps", "webhook_due_at", "webhook_sent_at", "resume_count", "resumed_at",
)  # fmt: skip


class Ending(NamedTuple):
    """The end of an attempt's task, by whatever account."""

    status: str
    error: str
    at: datetime


def listen() -> None:
    """Has the recorder tell us."""
    task_over.connect(apply_ends, dispatch_uid="scheduler.advancing")


def apply_ends(sender: Any, ends: Sequence[End], **kwargs: Any) -> None:
    """Settles the attempts among tasks that are over; nothing at all, without a query, if none is one."""
    endings = {
        end.task.pk: Ending(str(end.change.new_status), end.task.error or end.change.error, end.change.changed_at)
        for end in ends
        if end.task.task_type == handing_over.ENTRY and end.change.new_status in TASK_OVER
    }
    if not endings:
        return
    try:
        settle(endings)
    except (OperationalError, InterfaceError):
        raise  # the recorder tries the batch again
    except Exception:  # no fault of the record's, which must not be held up by it: reconcile tries again
        logger.exception("the ends of %d attempts could not be written to their steps", len(endings))


def settle(endings: dict[UUID, Ending]) -> int:
    """Writes what became of attempts whose tasks are over, and starts what follows; returns how many that were.

    An attempt that is no step's present one has been settled before, or was given up: nothing happens.
    """
    ids = list(endings)
    found = WorkflowStep.objects.in_flight().filter(task_id__in=ids)
    workflow_ids = set(found.values_list("workflow_id", flat=True))
    if not workflow_ids:
        return 0
    with Turn.on(workflow_ids) as turn:
        steps = turn.take(found)
        for step in steps:
            turn.end(step, endings[step.task_id])  # type: ignore[index]  # chosen by it
    return len(steps)


class Turn:
    """One transaction's work on some workflows; see ``on``."""

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self.workflows = {workflow.pk: workflow for workflow in workflows}
        self.now = timezone.now()
        self.changed: list[WorkflowStep] = []
        self.met: Counter[UUID] = Counter()
        self.wanted: list[WorkflowStep] = []
        self.given_up: defaultdict[UUID, list[str]] = defaultdict(list)
        self.counts = Counts()
        for workflow in self.workflows.values():
            self.counts.count(workflow, -1)

    @classmethod
    @contextmanager
    def on(cls, workflow_ids: Collection[UUID]) -> Iterator[Self]:
        """Locks the workflows for the block, and carries out what follows from it at the end."""
        with transaction.atomic():
            turn = cls(row for some in in_parts(sorted(workflow_ids)) for row in _locked(some))
            yield turn
            turn.carry_out()

    def take(self, steps: Any) -> list[WorkflowStep]:
        """Locks steps of these workflows: a worker that would begin or end one waits."""
        rows = steps.select_for_update(of=("self",)).order_by("pk").defer("results", "inputs", "depends_on")
        taken: list[WorkflowStep] = list(rows)
        for step in taken:
            step.workflow = self.workflows[step.workflow_id]
        return taken

    # --- What happens to a step -----------------------------------------------------------------------------------

    def end(self, step: WorkflowStep, ending: Ending) -> None:
        """The task of its attempt is over. What its worker wrote down counts for more than how RQ says it ended."""
        self._note_start(step)
        step.completed_at = step.completed_at or ending.at
        if step.outcome in (StepOutcome.DONE, StepOutcome.SKIPPED):
            self.complete(step)
        elif step.cancel_asked or ending.status == Status.CANCELLED or _was_let_go(step):
            self.cancel(step)
        else:
            self._fail(step, ending)

    def complete(self, step: WorkflowStep, *, status: StepStatus = StepStatus.COMPLETED) -> None:
        """It is over well: what depends on it waits for one step less."""
        workflow = step.workflow
        workflow.active_steps -= _counts_as_active(step)
        workflow.failed_steps -= step.status == StepStatus.FAILED
        workflow.completed_steps += 1
        step.completed_at = step.completed_at or self.now
        step.error = step.error_type = ""
        self._change(step, status)
        self.met.update(step_id_of(workflow.pk, name) for name in step.dependents)

    def cancel(self, step: WorkflowStep) -> None:
        """It will not run, nor will anything that depends on it."""
        step.workflow.active_steps -= _counts_as_active(step)
        step.workflow.cancelled_steps += 1
        step.completed_at = step.completed_at or self.now
        self._change(step, StepStatus.CANCELLED)
        self.give_up_dependents(step)

    def give_up_dependents(self, step: WorkflowStep) -> None:
        """Nothing that depends on it will run."""
        if step.dependents:
            self.given_up[step.workflow_id].append(step.name)

    def retry(self, step: WorkflowStep) -> None:
        """A failed step has all its attempts again."""
        step.workflow.failed_steps -= 1
        step.workflow.active_steps += 1
        step.attempts = 0
        step.completed_at = None
        self._change(step, StepStatus.PENDING)
        self.wanted.append(step)

    def _fail(self, step: WorkflowStep, ending: Ending) -> None:
        workflow = step.workflow
        if step.outcome not in (StepOutcome.FAILED, StepOutcome.HOPELESS):  # its worker could not write it down
            step.error, step.error_type = ending.error or LOST, ""
        hopeless = step.outcome == StepOutcome.HOPELESS or step.attempts >= step.most_attempts
        if hopeless or workflow.status in OVER:
            workflow.active_steps -= 1
            workflow.failed_steps += 1
            self._change(step, StepStatus.FAILED)
            return
        wish = step.retry_after_seconds
        step.next_retry_at = self.now + timedelta(seconds=default_backoff(step.attempts) if wish is None else wish)
        self._change(step, StepStatus.PENDING)
        if not wish and wish is not None:
            self.wanted.append(step)

    def _change(self, step: WorkflowStep, status: StepStatus) -> None:
        step.status = status
        step.cancel_asked = False
        if status != StepStatus.PENDING:
            step.next_retry_at = None
        self.changed.append(step)

    def _note_start(self, step: WorkflowStep) -> None:
        """As the worker does when it begins, in case it could not."""
        workflow = step.workflow
        workflow.started_at = workflow.started_at or step.started_at or self.now
        if workflow.status == WorkflowStatus.PENDING:
            workflow.status = WorkflowStatus.RUNNING

    # --- What follows ---------------------------------------------------------------------------------------------

    def carry_out(self) -> None:
        """Writes the changes, frees and claims what may run now, and ends workflows of which nothing is left to do."""
        bulk.update(WorkflowStep, self.changed, _CHANGED)
        self._give_up()
        self.claim([*self.wanted, *self._freed()])
        for workflow in self.workflows.values():
            workflow.updated_at = self.now
            self._conclude(workflow)
            self.counts.count(workflow, +1)
        bulk.update(Workflow, list(self.workflows.values()), _COUNTED)
        self.counts.write()

    def claim(self, steps: Sequence[WorkflowStep]) -> None:
        """Decides on the next attempts of free steps whose workflows go on; RQ gets them after the commit."""
        claimed = [step for step in steps if _may_start(step.workflow, self.now)]
        for step in claimed:
            decide_on_attempt(step, self.now)
        bulk.update(WorkflowStep, claimed, _CLAIMED)
        if claimed:
            transaction.on_commit(lambda: handing_over.hand_over(claimed), robust=True)

    def after_commit(self, deed: Callable[[], Any]) -> None:
        """Has something done once all this is kept; its failure is logged and changes nothing."""
        transaction.on_commit(deed, robust=True)

    def _freed(self) -> list[WorkflowStep]:
        """Counts down what the dependents of well-ended steps wait for; those that wait for nothing more."""
        for times in sorted(set(self.met.values())):
            ids = [step_id for step_id, count in self.met.items() if count == times]
            for some in in_parts(ids):
                WorkflowStep.objects.filter(pk__in=some).update(unmet=F("unmet") - times)
        freed: list[WorkflowStep] = []
        for some in in_parts(list(self.met)):
            freed += self.take(WorkflowStep.objects.free().filter(pk__in=some))
        for step in freed:
            step.workflow.active_steps += 1
        return freed

    def _give_up(self) -> None:
        """Cancels what depends on cancelled steps. Only here are a workflow's steps all read."""
        for workflow_id, names in self.given_up.items():
            rows = list(WorkflowStep.objects.filter(workflow=workflow_id).only("name", "status", "dependents"))
            waiting = {row.name for row in rows if row.status == StepStatus.PENDING}
            followers = {row.name: [name for name in row.dependents if name in waiting] for row in rows}
            ids = [step_id_of(workflow_id, name) for name in all_dependents(followers, names)]
            for some in in_parts(ids):
                still = WorkflowStep.objects.filter(pk__in=some, status=StepStatus.PENDING)
                count = still.update(status=StepStatus.CANCELLED, completed_at=self.now, next_retry_at=None)
                self.workflows[workflow_id].cancelled_steps += count

    def _conclude(self, workflow: Workflow) -> None:
        if workflow.status == WorkflowStatus.CANCELLED:
            return
        if workflow.active_steps:
            if workflow.status in OVER:
                self._reopen(workflow)
            return
        status = WorkflowStatus.COMPLETED
        if workflow.failed_steps or workflow.cancelled_steps:
            status = WorkflowStatus.FAILED if workflow.failed_steps else WorkflowStatus.CANCELLED
        if workflow.status != status:
            self.close(workflow, status)

    def close(self, workflow: Workflow, status: WorkflowStatus) -> None:
        """It is over, and whoever wanted to know is told."""
        workflow.status = status
        workflow.completed_at = self.now
        workflow.started_at = workflow.started_at or self.now
        if workflow.webhook_url:
            workflow.webhook_due_at, workflow.webhook_sent_at = self.now, None
            transaction.on_commit(lambda: handing_over.ask_for_webhook(workflow), robust=True)

    def _reopen(self, workflow: Workflow) -> None:
        workflow.status = WorkflowStatus.RUNNING
        workflow.completed_at = workflow.webhook_due_at = None
        workflow.resume_count += 1
        workflow.resumed_at = self.now


def _locked(workflow_ids: Collection[UUID]) -> Iterable[Workflow]:
    return Workflow.objects.locked().filter(pk__in=workflow_ids).defer("context", "tags", "description", "reason")


def decide_on_attempt(step: WorkflowStep, now: datetime) -> None:
    """Its next attempt is to be made: the number and the task's id are given here, once."""
    step.status = StepStatus.QUEUED
    step.attempts += 1
    step.run_number += 1
    step.task_id = task_id_of(step.pk, step.run_number)
    step.claimed_at = now
    step.handed_at = step.started_at = step.completed_at = step.next_retry_at = step.retry_after_seconds = None
    step.cancel_asked = False
    step.outcome = StepOutcome.NONE


def in_parts(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """The ids in parts of at most 500: databases bound the parameters of a statement."""
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _may_start(workflow: Workflow, now: datetime) -> bool:
    return workflow.status in GOING_ON and (workflow.run_at is None or workflow.run_at <= now)


def _was_let_go(step: WorkflowStep) -> bool:
    """Its worker found the workflow cancelled, and left it."""
    return step.workflow.status == WorkflowStatus.CANCELLED and not step.outcome


def _counts_as_active(step: WorkflowStep) -> bool:
    return step.status not in STEP_OVER and not step.unmet
